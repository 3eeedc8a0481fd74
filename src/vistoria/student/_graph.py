"""Small operations on ONNX graphs; `onnx` is of the extra `student`."""

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from vistoria.errors import ConfigError
from vistoria.student._packages import onnx

__all__ = ["bare", "digest", "opset", "parse", "pruned"]

FLOAT, BYTES = 1, 2  # onnx.TensorProto.FLOAT, UINT8


def parse(graph: bytes, name: str) -> Any:
    """The model in these bytes; raises ConfigError when there is none."""
    package = onnx()
    try:
        model = package.load_model_from_string(graph)
        package.checker.check_model(model)
    except Exception as error:
        raise ConfigError(f"{name!r} is not an ONNX model: {str(error)[:300]}") from error
    return model


def opset(model: Any) -> int:
    """The version of the standard operators that a model uses."""
    return max((o.version for o in model.opset_import if o.domain in ("", "ai.onnx")), default=0)


def pruned(model: Any, outputs: Sequence[str]) -> Any:
    """The same model with nothing in it that these tensors do not depend on; its outputs are left
    empty, for the caller to name."""
    graph = model.graph
    maker = {out: node for node in graph.node for out in node.output}
    wanted, left = set(), list(outputs)
    while left:
        name = left.pop()
        if name in wanted:
            continue
        wanted.add(name)
        if node := maker.get(name):
            left += [given for given in node.input if given]
    kept = [node for node in graph.node if wanted & set(node.output)]
    values = [one for one in graph.initializer if one.name in wanted]
    del graph.node[:], graph.initializer[:], graph.output[:], graph.value_info[:]
    graph.node.extend(kept)
    graph.initializer.extend(values)
    return model


def bare(model: Any) -> Any:
    """Without domains that no node uses, notes and metadata."""
    used = {node.domain for node in model.graph.node} | {""}
    kept = [one for one in model.opset_import if one.domain in used]
    del model.opset_import[:], model.metadata_props[:], model.graph.metadata_props[:]
    model.opset_import.extend(kept)
    for node in model.graph.node:
        del node.metadata_props[:]
        node.doc_string = ""
    model.producer_name, model.producer_version, model.doc_string = "vistoria", "", ""
    return model


def digest(model: Any) -> str:
    """12 hex digits of what a model computes, whatever is written about it."""
    copy = type(model)()
    copy.CopyFrom(model)
    del copy.metadata_props[:]
    return hashlib.sha256(copy.SerializeToString(deterministic=True)).hexdigest()[:12]


def constant(name: str, value: Any) -> Any:
    """A named value for a graph, as float32 unless it is of integers."""
    array = np.asarray(value)
    if array.dtype.kind == "f":
        array = array.astype(np.float32)
    return onnx().numpy_helper.from_array(array, name)
