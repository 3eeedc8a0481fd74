"""A student as one ONNX file: pixels in, answers with calibrated confidence out.

The file holds backbone, heads, calibration and, in its metadata under `vistoria`, what the outputs
mean. It runs as `model = "onnx:student.onnx"` and in plain onnxruntime (docs/student.md). Where the
backbone is an embedding model behind a service, the file holds the heads, takes its numbers, and
runs as `model = "probe:student.onnx"`.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from vistoria.errors import UserError
from vistoria.student._graph import FLOAT, bare, constant, digest, opset, parse
from vistoria.student._packages import onnx
from vistoria.student.backbones.backbone import EMBEDDING, IMAGE, Backbone, EmbeddingModel
from vistoria.student.heads import Head
from vistoria.student.targets import NOTHING

__all__ = ["Described", "head_document", "student_graph", "write_student"]

FORMAT = 2
_KEY = "vistoria"
_LOWEST = 13  # of the standard operators: Softmax over one axis, and the rest that is used here
_IR = 8  # of files of heads alone: what goes with those operators, and what BigQuery reads


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """What is written into a student's metadata. `taken`: what it takes, see `Backbone.taken`.
    `heads`: see `head_document`. `about`: further JSON values: task, teacher, division of rows,
    measured accuracy, how it was made."""

    name: str
    taken: Mapping[str, Any]
    heads: Sequence[Mapping[str, Any]]
    about: Mapping[str, Any]


def head_document(head: Head, *, trained: bool, abstain_below: float | None) -> dict[str, Any]:
    """A head for the metadata. `abstain_below`: the confidence under which its answer should not
    be taken for granted; None where none was certified."""
    asked = head.target.field
    document: dict[str, Any] = {
        "name": asked.name, "kind": asked.kind, "form": head.form, "trained": trained,
        "classes": list(head.target.classes), "choices": list(asked.choices),
        "nothing": NOTHING if NOTHING in head.target.classes else None,
        "temperature": round(head.temperature, 4), "abstain_below": abstain_below,
    }  # fmt: skip
    if head.form == "value":
        document |= {
            "tolerance": head.tolerance, "integer": asked.integer,
            "minimum": asked.minimum, "maximum": asked.maximum, "unit": asked.unit,
        }  # fmt: skip
    return document


def student_graph(backbone: Backbone | EmbeddingModel, heads: Mapping[str, Head]) -> Any:
    """Backbone and heads in one graph; each field is an output of that name. On an embedding model
    the graph is the heads alone, and takes `embedding` (N, dimensions).

    Raises UserError where the backbone's operators are too old to go with the heads.
    """
    if isinstance(backbone, EmbeddingModel):
        return bare(_with_heads(_numbers(backbone.dimensions), heads))
    model = parse(backbone.graph, backbone.name)
    if opset(model) < _LOWEST:
        raise UserError(
            f"backbone {backbone.name!r} uses version {opset(model)} of the ONNX operators; convert"
            f" it to {_LOWEST} or later: onnx.version_converter.convert_version(model, {_LOWEST})"
        )
    package = onnx()
    model = package.compose.add_prefix(model, "backbone/")
    graph = model.graph
    names = {f"backbone/{IMAGE}": IMAGE, f"backbone/{EMBEDDING}": EMBEDDING}
    for node in graph.node:
        for held in (node.input, node.output):
            for at, name in enumerate(held):
                held[at] = names.get(name, name)
    graph.input[0].name = IMAGE
    del graph.output[:]
    return bare(_with_heads(model, heads))


def _numbers(dimensions: int) -> Any:
    """A graph that takes an embedding and does nothing with it yet."""
    package = onnx()
    taken = package.helper.make_tensor_value_info(EMBEDDING, FLOAT, ["batch", dimensions])
    graph = package.helper.make_graph([], "student", [taken], [])
    versions = [package.helper.make_opsetid("", _LOWEST)]
    return package.helper.make_model(graph, opset_imports=versions, ir_version=_IR)


def _with_heads(model: Any, heads: Mapping[str, Head]) -> Any:
    """The same graph with a head, and an output, for each field."""
    graph = model.graph
    for name, head in heads.items():
        nodes, values, width = _head_nodes(name, head)
        graph.node.extend(nodes)
        graph.initializer.extend(values)
        info = onnx().helper.make_tensor_value_info(name, FLOAT, ["batch", width])
        graph.output.append(info)
    del graph.value_info[:]
    graph.name = "student"
    return model


def _head_nodes(name: str, head: Head) -> tuple[list[Any], list[Any], int]:
    make = onnx().helper.make_node
    own = f"{name}/"
    values = [constant(f"{own}weight", head.weight), constant(f"{own}bias", head.bias)]
    last = {"classes": "Softmax", "set": "Sigmoid"}.get(head.form)
    linear = make("Gemm", [EMBEDDING, f"{own}weight", f"{own}bias"], [f"{own}scores"], f"{own}gemm")
    if last:
        axis = {"axis": 1} if last == "Softmax" else {}
        done = make(last, [f"{own}scores"], [name], f"{own}last", **axis)
        return [linear, done], values, head.weight.shape[1]
    bound = head.target.field
    low = -3.4e38 if bound.minimum is None else bound.minimum
    high = 3.4e38 if bound.maximum is None else bound.maximum
    values += [
        constant(f"{own}low", float(low)), constant(f"{own}high", float(high)),
        constant(f"{own}tolerance", -float(head.tolerance)), constant(f"{own}one", 1.0),
        constant(f"{own}least", -30.0), constant(f"{own}most", 30.0),
        constant(f"{own}halves", np.array([1, 1], np.int64)),
    ]  # fmt: skip
    nodes = [
        linear,
        make("Split", [f"{own}scores", f"{own}halves"], [f"{own}number", f"{own}log"], axis=1),
        make("Clip", [f"{own}number", f"{own}low", f"{own}high"], [f"{own}bounded"]),
        make("Clip", [f"{own}log", f"{own}least", f"{own}most"], [f"{own}calm"]),
        make("Exp", [f"{own}calm"], [f"{own}error"]),
        make("Div", [f"{own}tolerance", f"{own}error"], [f"{own}ratio"]),
        make("Exp", [f"{own}ratio"], [f"{own}beyond"]),
        make("Sub", [f"{own}one", f"{own}beyond"], [f"{own}sure"]),
        make("Concat", [f"{own}bounded", f"{own}sure"], [name], axis=1),
    ]
    for number, node in enumerate(nodes[1:]):
        node.name = f"{own}{number}"
    return nodes, values, 2


def write_student(model: Any, described: Described, path: Path) -> str:
    """Writes the file, whole or not at all; returns the student's version."""
    version = digest(model)
    document = {
        "format": FORMAT, "name": described.name, "version": version,
        "input": dict(described.taken),
        "heads": [dict(head) for head in described.heads], **described.about,
    }  # fmt: skip
    del model.metadata_props[:]
    entry = model.metadata_props.add()
    entry.key, entry.value = _KEY, json.dumps(document, sort_keys=True, ensure_ascii=False)
    onnx().checker.check_model(model)
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.tmp")
    draft.write_bytes(model.SerializeToString())
    draft.replace(path)
    return version
