"""The backbone in 8 bits, and what that changes: never taken on trust, always measured."""

import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vistoria.errors import ObservationError, UserError
from vistoria.student._graph import digest, parse
from vistoria.student._packages import onnx
from vistoria.student.backbones.backbone import IMAGE, Backbone, EmbeddingModel, Floats
from vistoria.student.measure import answers_of
from vistoria.student.targets import fitting

if TYPE_CHECKING:
    from vistoria.student.student import Student

__all__ = ["Quantised", "quantised"]

_CALIBRATION, _COMPARED = 128, 400
_BATCH = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantised:
    """What 8 bits changed on `rows` test rows: `same`, field → share of equal answers; `worst`,
    the largest change of a confidence; bytes before and after."""

    rows: int
    same: Mapping[str, float]
    worst: float
    before: int
    after: int

    def document(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "rows": self.rows, "same_answers": {k: round(v, 4) for k, v in self.same.items()},
            "largest_change_of_confidence": round(self.worst, 4),
            "bytes_before": self.before, "bytes_after": self.after,
        }  # fmt: skip


def quantised(student: "Student") -> tuple[Backbone, Quantised]:
    """The student's backbone in 8 bits. Raises UserError where there is nothing to quantise."""
    whole = student.backbone
    if isinstance(whole, EmbeddingModel):
        raise UserError(
            f"backbone {whole.name!r} computes at its service: nothing is here to put into 8 bits; "
            "leave out --int8"
        )
    model = parse(whole.graph, whole.name)
    kinds = {node.op_type for node in model.graph.node}
    if kinds & {"QLinearConv", "QuantizeLinear", "DynamicQuantizeLinear", "MatMulInteger"}:
        raise UserError(f"backbone {whole.name!r} is in 8 bits already; leave out --int8")
    if not kinds & {"Conv", "MatMul", "Gemm"}:
        raise UserError(f"backbone {whole.name!r} has nothing to put into 8 bits")
    frames = _frames(student, whole)
    small = _smaller(whole, frames[:_CALIBRATION], convolutional="Conv" in kinds)
    return small, _difference(student, whole, small, frames)


def _frames(student: "Student", backbone: Backbone) -> NDArray[np.uint8]:
    """Pictures of test rows, and of others where those are few."""
    order = np.argsort(student.rows.part != 2, kind="stable")[: max(_COMPARED, _CALIBRATION)]
    found = []
    for i in order.tolist():
        try:
            picture = student.load(student.rows.images[i], backbone.form)
        except ObservationError:
            continue
        if picture.pixels is not None:
            found.append(picture.pixels)
    if not found:
        raise UserError("no picture could be read to calibrate 8 bits on")
    return np.stack(found)


def _smaller(backbone: Backbone, frames: NDArray[np.uint8], *, convolutional: bool) -> Backbone:
    """Convolutions with ranges taken from `frames`; the matrix products of a transformer with
    weights in 8 bits and ranges taken as it runs, which keeps its outliers."""
    from onnxruntime.quantization import (  # noqa: PLC0415 - of the extra, with onnx
        QuantFormat,
        QuantType,
        quantize_dynamic,
        quantize_static,
    )

    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "whole.onnx", Path(folder) / "small.onnx"
        source.write_bytes(backbone.graph)
        if convolutional and not _attends(backbone):
            quantize_static(
                str(source), str(target), _Reader(frames), quant_format=QuantFormat.QDQ,
                per_channel=True, weight_type=QuantType.QInt8, activation_type=QuantType.QUInt8,
                op_types_to_quantize=["Conv"],
            )  # fmt: skip
        else:
            quantize_dynamic(
                str(source), str(target), weight_type=QuantType.QInt8,
                op_types_to_quantize=["MatMul", "Gemm"],
            )  # fmt: skip
        model = onnx().load(str(target))
    del model.metadata_props[:]
    return Backbone(
        name=backbone.name, version=digest(model), graph=model.SerializeToString(),
        width=backbone.width, height=backbone.height,
    )  # fmt: skip


def _attends(backbone: Backbone) -> bool:
    """Whether it is a transformer: its one convolution cuts the picture into patches."""
    nodes = parse(backbone.graph, backbone.name).graph.node
    return len([node for node in nodes if node.op_type == "Conv"]) <= 1


class _Reader:
    """Hands out frames in equal batches, as onnxruntime's calibration asks for them."""

    def __init__(self, frames: NDArray[np.uint8]) -> None:
        size = min(_BATCH, len(frames))
        whole = len(frames) // size * size
        self._batches: Iterator[NDArray[np.uint8]] = iter(frames[:whole].reshape(
            -1, size, *frames.shape[1:]
        ))  # fmt: skip

    def get_next(self) -> dict[str, NDArray[np.uint8]] | None:
        """The next batch, or None."""
        batch = next(self._batches, None)
        return None if batch is None else {IMAGE: batch}

    def set_range(self, start_index: int, end_index: int) -> None:
        """Asked for by no calibration used here."""
        raise NotImplementedError


def _difference(
    student: "Student", whole: Backbone, small: Backbone, frames: NDArray[np.uint8]
) -> Quantised:
    frames = frames[:_COMPARED]
    full, less = _vectors(whole, frames), _vectors(small, frames)
    same, worst = {}, 0.0
    for name, fitted in student.learned.fields.items():
        said, sure = answers_of(fitted.head, fitted.head.outputs(full))
        now, less_sure = answers_of(fitted.head, fitted.head.outputs(less))
        pairs = zip(said, now, strict=True)
        same[name] = float(np.mean([fitting(a, b, fitted.head.tolerance) for a, b in pairs]))
        worst = max(worst, float(np.abs(sure - less_sure).max()))
    return Quantised(
        rows=len(frames), same=same, worst=worst,
        before=len(whole.graph), after=len(small.graph),
    )  # fmt: skip


def _vectors(backbone: Backbone, frames: NDArray[np.uint8]) -> Floats:
    parts = [frames[at : at + _BATCH] for at in range(0, len(frames), _BATCH)]
    return np.concatenate([backbone.run(part) for part in parts])
