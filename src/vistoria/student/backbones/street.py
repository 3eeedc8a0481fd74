"""The bundled street model as a backbone: what its last layers see, without its answers.

Any graph in the form of `onnx:` serves likewise: one whose heads are linear layers (Gemm) on
features. What goes into those layers, side by side, is the embedding.
"""

from importlib.resources import files
from pathlib import Path
from typing import Any

from vistoria.errors import ConfigError
from vistoria.student._graph import FLOAT, bare, digest, parse, pruned
from vistoria.student._packages import onnx
from vistoria.student.backbones.backbone import EMBEDDING, IMAGE, Backbone

__all__ = ["file_backbone", "has_heads", "head_inputs", "headed_backbone", "street_backbone"]


def street_backbone() -> Backbone:
    """The features of `onnx:street`; they come from drawn streets, not real ones."""
    graph = (files("vistoria.models") / "street" / "street.onnx").read_bytes()
    return headed_backbone("street", graph)


def headed_backbone(name: str, graph: bytes) -> Backbone:
    """The features that the heads of a graph in the form of `onnx:` rest on.

    Raises ConfigError where the graph takes no pixels or its heads are not linear.
    """
    model = parse(graph, name)
    (taken,) = model.graph.input
    shape = [d.dim_value for d in taken.type.tensor_type.shape.dim]
    if taken.type.tensor_type.elem_type != 2 or len(shape) != 4 or shape[3] != 3:
        raise ConfigError(f"{name!r} does not take uint8 pixels of N × height × width × 3")
    features = head_inputs(model)
    if not features:
        raise ConfigError(
            f"{name!r} has no head that is a linear layer on features; name an image encoder "
            "with its option output instead"
        )
    model = pruned(model, features)
    helper = onnx().helper
    model.graph.node.append(helper.make_node("Concat", features, [EMBEDDING], axis=1))
    model.graph.output.append(helper.make_tensor_value_info(EMBEDDING, FLOAT, ["batch", None]))
    _renamed_input(model, taken.name)
    model = bare(model)
    return Backbone(
        name=name, version=digest(model), graph=model.SerializeToString(),
        width=shape[2], height=shape[1],
    )  # fmt: skip


def head_inputs(model: Any) -> list[str]:
    """The tensors that the linear layers before the graph's outputs take, in order, each once."""
    maker = {out: node for node in model.graph.node for out in node.output}
    found: list[str] = []
    for output in model.graph.output:
        name = output.name
        while (node := maker.get(name)) is not None and node.op_type in _BETWEEN:
            name = node.input[0]
        if node is not None and node.op_type == "Gemm" and node.input[0] not in found:
            found.append(node.input[0])
    return found


_BETWEEN = frozenset({"Softmax", "Sigmoid", "Slice", "Div", "Cast", "Identity", "Squeeze", "Split"})


def _renamed_input(model: Any, old: str) -> None:
    for node in model.graph.node:
        for at, name in enumerate(node.input):
            if name == old:
                node.input[at] = IMAGE
    model.graph.input[0].name = IMAGE


def has_heads(path: Path) -> bool:
    """Whether a file is in the form of `onnx:`, with its description in it."""
    model = parse(path.read_bytes(), path.name)
    return any(entry.key == "vistoria" for entry in model.metadata_props)


def file_backbone(path: Path) -> Backbone:
    """The same from a file, such as an earlier student."""
    return headed_backbone(path.stem, path.read_bytes())
