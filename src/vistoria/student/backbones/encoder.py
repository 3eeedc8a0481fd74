"""Any ONNX image encoder as a backbone: its preprocessing becomes part of the graph.

Encoders take float pixels, normalised in ways of their own, and give features in shapes of their
own. What is done before and after is said in options, read from the files that come with a model
(`hub`), or taken from the graph where only one reading is possible; it is never guessed.
"""

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import numpy as np
from pydantic import BeforeValidator

from vistoria.errors import ConfigError, UnknownName
from vistoria.options import Options, read_options
from vistoria.student._graph import FLOAT, bare, constant, digest, opset, parse, pruned
from vistoria.student._packages import onnx
from vistoria.student.backbones.backbone import EMBEDDING, IMAGE, Backbone

__all__ = ["EncoderOptions", "encoder_backbone", "encoder_options", "file_encoder"]


def _numbers(given: object) -> object:
    if isinstance(given, str):
        return tuple(float(part) for part in given.split(","))
    return given


_Three = Annotated[tuple[float, float, float], BeforeValidator(_numbers)]


class EncoderOptions(Options):
    """How an encoder wants its pixels, and which of its outputs counts.

    `mean`, `std`: per channel, of pixels from 0 to 1. `width`, `height`: where the graph leaves
    them open. `output`: the name of the output; needed where there are several. `pooling`: of
    (N, tokens, D) "mean", "cls" (the first token) or "skip" (mean of all but the first `prefix`);
    of (N, D, h, w) always the mean. `layout`: of its input.
    """

    mean: _Three = (0.5, 0.5, 0.5)
    std: _Three = (0.5, 0.5, 0.5)
    width: int | None = None
    height: int | None = None
    output: str | None = None
    pooling: Literal["mean", "cls", "skip"] | None = None
    prefix: int = 1
    layout: Literal["nchw", "nhwc"] | None = None


def file_encoder(path: Path, options: Mapping[str, Any]) -> Backbone:
    """The encoder in a file; raises ConfigError where it cannot serve as one."""
    read = encoder_options(options)
    return encoder_backbone(path.stem, parse(_whole(path), path.name), read)


def encoder_options(options: Mapping[str, Any]) -> EncoderOptions:
    """Options as they were given; raises UnknownName or ConfigError."""
    return read_options(EncoderOptions, options, "encoder")


def _whole(path: Path) -> bytes:
    """The graph with weights that lie in a file beside it taken in."""
    package = onnx()
    try:
        with _real(path) as file:
            whole: bytes = package.load(str(file)).SerializeToString()
    except FileNotFoundError as error:
        raise ConfigError(
            f"{path.name} keeps its weights in another file, which is missing: {error}"
        ) from None
    except Exception as error:
        raise ConfigError(f"{path.name} is not an ONNX model: {str(error)[:300]}") from error
    return whole


@contextmanager
def _real(path: Path) -> Iterator[Path]:
    """A file beside which its weights lie as files: `onnx` reads none through links, of which the
    cache of a hub is made."""
    parts = list(path.parent.glob(f"{path.name}*"))
    if len(parts) < 2 or not any(part.is_symlink() for part in parts):
        yield path
        return
    with tempfile.TemporaryDirectory() as folder:
        for part in parts:
            shutil.copyfile(part, Path(folder) / part.name)
        yield Path(folder) / path.name


class _Input(NamedTuple):
    name: str
    layout: str
    width: int
    height: int


def encoder_backbone(name: str, model: Any, options: EncoderOptions) -> Backbone:
    """An encoder with its preprocessing before it and its pooling after it, as one graph.

    Raises ConfigError where an option is missing that cannot be told from the graph.
    """
    if opset(model) < 13:
        raise ConfigError(f"{name!r} uses ONNX operators of before version 13; convert it first")
    taken = _input(name, model, options)
    output = _output(name, model, options)
    rank = _rank(output)
    for one in [one for one in model.graph.input if one.name != taken.name]:
        model.graph.input.remove(one)
    model = pruned(model, [output.name])
    _check_whole(name, model, taken)
    package = onnx()
    model = package.compose.add_prefix(model, "encoder/")
    graph = model.graph
    before, values = _before(f"encoder/{taken.name}", taken, options)
    after, more = _after(name, f"encoder/{output.name}", rank, options)
    kept = list(graph.node)
    del graph.node[:], graph.input[:], graph.output[:], graph.value_info[:]
    graph.node.extend([*before, *kept, *after])
    graph.initializer.extend([*values, *more])
    make = package.helper.make_tensor_value_info
    shape = ["batch", taken.height, taken.width, 3]
    graph.input.append(make(IMAGE, package.TensorProto.UINT8, shape))
    graph.output.append(make(EMBEDDING, FLOAT, ["batch", None]))
    model = bare(model)
    found = Backbone(
        name=name, version=digest(model), graph=model.SerializeToString(),
        width=taken.width, height=taken.height,
    )  # fmt: skip
    if found.dimensions < 2:
        raise ConfigError(f"{name!r} gives {found.dimensions} number per picture, not features")
    return found


def _check_whole(name: str, model: Any, taken: _Input) -> None:
    """Raises ConfigError where the output needs more than pixels."""
    left = {given for node in model.graph.node for given in node.input}
    made = {out for node in model.graph.node for out in node.output}
    made |= {one.name for one in model.graph.initializer} | {taken.name, ""}
    if missing := sorted(left - made):
        raise ConfigError(
            f"{name!r} also needs {', '.join(missing)}: it is no image encoder by itself. Name the "
            "vision part, e.g. onnx/vision_model.onnx"
        )


def _input(name: str, model: Any, options: EncoderOptions) -> _Input:
    """The input that takes pixels."""
    initial = {one.name for one in model.graph.initializer}
    pictures = [
        one for one in model.graph.input
        if one.name not in initial and len(one.type.tensor_type.shape.dim) == 4
    ]  # fmt: skip
    if len(pictures) != 1 or pictures[0].type.tensor_type.elem_type != FLOAT:
        kinds = ", ".join(one.name for one in model.graph.input) or "nothing"
        raise ConfigError(f"{name!r} does not take one batch of float pixels; it takes {kinds}")
    sizes = [d.dim_value for d in pictures[0].type.tensor_type.shape.dim]
    layout = options.layout or ("nhwc" if sizes[3] == 3 and sizes[1] != 3 else "nchw")
    height, width = (sizes[1], sizes[2]) if layout == "nhwc" else (sizes[2], sizes[3])
    height, width = height or options.height or 0, width or options.width or 0
    if not (height and width):
        raise ConfigError(f"{name!r} takes any size; say which: options width and height")
    return _Input(pictures[0].name, layout, width, height)


def _output(name: str, model: Any, options: EncoderOptions) -> Any:
    outputs = {one.name: one for one in model.graph.output}
    if options.output is not None:
        if options.output not in outputs:
            raise UnknownName("output of the encoder", options.output, tuple(outputs))
        return outputs[options.output]
    for usual in ("image_embeds", "pooler_output"):
        if usual in outputs:
            return outputs[usual]
    if len(outputs) == 1:
        return next(iter(outputs.values()))
    raise ConfigError(
        f"{name!r} has several outputs: {', '.join(outputs)}; choose one with the option output"
    )


def _rank(output: Any) -> int:
    return len(output.type.tensor_type.shape.dim)


def _before(target: str, taken: _Input, options: EncoderOptions) -> tuple[list[Any], list[Any]]:
    """From bytes to what the encoder takes: (x / 255 - mean) / std as one product and one sum."""
    make = onnx().helper.make_node
    mean, std = np.array(options.mean), np.array(options.std)
    values = [constant("scale", 1 / (255 * std)), constant("shift", -mean / std)]
    nodes = [
        make("Cast", [IMAGE], ["pixels"], "before/cast", to=FLOAT),
        make("Mul", ["pixels", "scale"], ["scaled"], "before/scale"),
    ]
    if taken.layout == "nhwc":
        return [*nodes, make("Add", ["scaled", "shift"], [target], "before/shift")], values
    nodes += [
        make("Add", ["scaled", "shift"], ["shifted"], "before/shift"),
        make("Transpose", ["shifted"], [target], "before/turn", perm=[0, 3, 1, 2]),
    ]
    return nodes, values


def _after(
    name: str, source: str, rank: int, options: EncoderOptions
) -> tuple[list[Any], list[Any]]:
    """From what the encoder gives to one row of numbers per picture."""
    make = onnx().helper.make_node
    if rank == 2:
        return [make("Identity", [source], [EMBEDDING], "after/same")], []
    if rank == 4:
        pooled = make("GlobalAveragePool", [source], ["pooled"], "after/pool")
        return [pooled, make("Flatten", ["pooled"], [EMBEDDING], "after/flat", axis=1)], []
    if rank != 3:
        raise ConfigError(f"{name!r} gives a tensor of {rank} dimensions; options output, pooling")
    if options.pooling is None:
        raise ConfigError(
            f"{name!r} gives features per token; choose with the option pooling: mean, cls (the "
            "first token) or skip (the mean without the first, `prefix` of them)"
        )
    if options.pooling == "cls":
        values = [constant("first", np.array(0, np.int64))]
        return [make("Gather", [source, "first"], [EMBEDDING], "after/first", axis=1)], values
    skipped = options.prefix if options.pooling == "skip" else 0
    values = [
        constant("from", np.array([skipped], np.int64)),
        constant("to", np.array([2**31 - 1], np.int64)),
        constant("axis", np.array([1], np.int64)),
    ]
    # ReduceMean takes its axes as an attribute before version 18 and as an input since.
    nodes = [
        make("Slice", [source, "from", "to", "axis"], ["kept"], "after/slice"),
        make("Transpose", ["kept"], ["turned"], "after/turn", perm=[0, 2, 1]),
        make("GlobalAveragePool", ["turned"], ["pooled"], "after/pool"),
        make("Flatten", ["pooled"], [EMBEDDING], "after/flat", axis=1),
    ]
    return nodes, values
