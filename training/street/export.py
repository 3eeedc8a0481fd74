"""Writes the network as one int8 ONNX file that carries its own description."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import numpy_helper
from onnxruntime.quantization import (
    CalibrationDataReader,
    CalibrationMethod,
    QuantFormat,
    QuantType,
    quantize_static,
)
from onnxruntime.quantization.shape_inference import quant_pre_process

from training.street.heads import HEADS, HEIGHT, WIDTH
from training.street.nets import StreetNet

__all__ = ["described", "exported", "fingerprint", "quantised", "warmed"]

METADATA_KEY = "vistoria"


def exported(net: StreetNet, path: Path) -> None:
    """The network in float32, batch norm folded, dynamic batch."""
    frames = torch.zeros(4, HEIGHT, WIDTH, 3, dtype=torch.uint8)
    program = torch.onnx.export(
        net.eval().to(memory_format=torch.contiguous_format),
        (frames,),
        dynamo=True,
        dynamic_shapes=({0: torch.export.Dim("batch", min=1, max=4096)},),
        input_names=["image"],
        output_names=[*(head.name for head in HEADS), "box"],
        opset_version=20,
        verbose=False,
    )
    assert program is not None
    program.save(str(path))
    quant_pre_process(str(path), str(path), skip_symbolic_shape=True)
    model = onnx.load(path)
    _bare(model)
    onnx.save(model, path)


def quantised(source: Path, frames: NDArray[np.uint8], path: Path) -> None:
    """The same with the convolutions of both trunks in int8, calibrated on `frames`.

    Everything after the trunks, the geometry of the box above all, stays in float32: int8 there
    costs several points on small signs.
    """
    model = onnx.load(source)
    trunks = [
        node for node in model.graph.node if node.op_type == "Conv" and ".trunk." in node.input[1]
    ]
    after = {node.output[0] for node in trunks}
    sums = [n for n in model.graph.node if n.op_type == "Add" and after & set(n.input)]
    gates = [n for n in model.graph.node if n.op_type == "Relu"]
    quantize_static(
        str(source),
        str(path),
        _Reader(frames),
        quant_format=QuantFormat.QDQ,
        per_channel=True,
        weight_type=QuantType.QInt8,
        activation_type=QuantType.QUInt8,
        nodes_to_quantize=[node.name for node in (*trunks, *sums, *gates)],
        calibrate_method=CalibrationMethod.MinMax,
    )
    model = onnx.load(path)
    _enter_as_bytes(model)
    _bare(model)
    onnx.save(model, path)


def warmed(path: Path, temperatures: Mapping[str, float]) -> None:
    """Divide the logits of each head by its temperature, inside the last layers."""
    model = onnx.load(path)
    for stage, layer in ((1, "glance.answers"), (2, "closer.answers")):
        heat = np.concatenate(
            [
                np.full(len(head.classes), temperatures.get(head.name, 1.0), np.float32)
                for head in HEADS
                if head.stage == stage
            ]
        )
        for part, shape in (("weight", (-1, 1)), ("bias", (-1,))):
            (held,) = (one for one in model.graph.initializer if one.name == f"{layer}.{part}")
            cooler = numpy_helper.to_array(held) / heat.reshape(shape)
            held.CopyFrom(numpy_helper.from_array(cooler, held.name))
    onnx.save(model, path)


def fingerprint(path: Path) -> str:
    """Of the network itself, whatever is written about it."""
    model = onnx.load(path)
    del model.metadata_props[:]
    return hashlib.sha256(model.SerializeToString(deterministic=True)).hexdigest()[:12]


def described(path: Path, about: Mapping[str, object]) -> None:
    """Put the model's description into the file."""
    model = onnx.load(path)
    del model.metadata_props[:]
    model.producer_name, model.producer_version, model.doc_string = "vistoria", "", ""
    entry = model.metadata_props.add()
    entry.key, entry.value = METADATA_KEY, json.dumps(about, sort_keys=True)
    onnx.checker.check_model(model)
    onnx.save(model, path)


class _Reader(CalibrationDataReader):
    """Hands out frames in equal batches: a ragged last one breaks some calibrators."""

    def __init__(self, frames: NDArray[np.uint8], batch: int = 16) -> None:
        whole = len(frames) // batch * batch
        self._batches: Iterator[NDArray[np.uint8]] = iter(
            np.split(frames[:whole], whole // batch) if whole else [frames]
        )

    def get_next(self) -> dict[str, NDArray[np.uint8]] | None:
        batch = next(self._batches, None)
        return None if batch is None else {"image": batch}


def _enter_as_bytes(model: onnx.ModelProto) -> None:
    """Let the first convolutions take the bytes of the image as they are.

    The quantiser turns bytes into floats and those into the same bytes again.
    """
    graph = model.graph
    made_by = {out: node for node in graph.node for out in node.output}
    values = {one.name: one for one in graph.initializer}
    for quantise in [node for node in graph.node if node.op_type == "QuantizeLinear"]:
        scale = made_by.get(quantise.input[0])
        cast = made_by.get(scale.input[0]) if scale and scale.op_type in {"Div", "Mul"} else None
        if scale is None or cast is None or cast.op_type != "Cast":
            continue
        exact = np.array(1 / 255, np.float32)
        values[quantise.input[1]].CopyFrom(numpy_helper.from_array(exact, quantise.input[1]))
        for node in graph.node:
            for at, name in enumerate(node.input):
                if name == quantise.output[0]:
                    node.input[at] = cast.input[0]
        for node in (quantise, scale, cast):
            graph.node.remove(node)


def _bare(model: onnx.ModelProto) -> None:
    """Drop what only debugging needs: stack traces, shapes between nodes, unused values."""
    used = {name for node in model.graph.node for name in node.input}
    for one in [one for one in model.graph.initializer if one.name not in used]:
        model.graph.initializer.remove(one)
    for node in model.graph.node:
        del node.metadata_props[:]
        node.doc_string = ""
    del model.graph.value_info[:]
    del model.graph.metadata_props[:]
    del model.metadata_props[:]
