"""Tiny random image encoders, built on the spot: a ViT with attention, and a small convolution."""

from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

SIDE, PATCH, WIDTH = 32, 8, 24
TOKENS = (SIDE // PATCH) ** 2


def vit(*, pooled: bool = True, cls: bool = True, fixed: bool = True) -> onnx.ModelProto:
    """`pixel_values` (N, 3, 32, 32) → `last_hidden_state` (N, tokens, 24), and `pooler_output`."""
    dice = np.random.default_rng(1)
    held: list[onnx.TensorProto] = []
    nodes: list[onnx.NodeProto] = []

    def value(name: str, array: NDArray[np.generic]) -> str:
        held.append(numpy_helper.from_array(np.asarray(array), name))
        return name

    def random(name: str, *shape: int) -> str:
        return value(name, (dice.normal(0, 0.3, shape)).astype(np.float32))

    def add(kind: str, inputs: list[str], output: str, **more: Any) -> str:
        nodes.append(helper.make_node(kind, inputs, [output], **more))
        return output

    def normal(source: str, name: str) -> str:
        scale = value(f"{name}.w", np.ones(WIDTH, np.float32))
        shift = value(f"{name}.b", np.zeros(WIDTH, np.float32))
        return add("LayerNormalization", [source, scale, shift], name, axis=-1)

    patches = add(
        "Conv", ["pixel_values", random("patch.w", WIDTH, 3, PATCH, PATCH)], "patches",
        strides=[PATCH, PATCH],
    )  # fmt: skip
    flat = add("Reshape", [patches, value("flat", np.array([0, WIDTH, TOKENS]))], "flatter")
    tokens = add("Transpose", [flat], "tokens", perm=[0, 2, 1])
    if cls:
        one = add("ReduceMean", [tokens, value("axis", np.array([1]))], "mean", keepdims=1)
        first = add("Mul", [one, value("zero", np.zeros((), np.float32))], "none")
        first = add("Add", [first, random("cls", 1, 1, WIDTH)], "first")
        tokens = add("Concat", [first, tokens], "all", axis=1)
    tokens = add("Add", [tokens, random("place", 1, TOKENS + cls, WIDTH)], "placed")
    calm = normal(tokens, "norm1")
    q, k, v = (add("MatMul", [calm, random(f"{n}.w", WIDTH, WIDTH)], n) for n in ("q", "k", "v"))
    turned = add("Transpose", [k], "turned", perm=[0, 2, 1])
    scores = add("Softmax", [add("MatMul", [q, turned], "raw")], "scores", axis=-1)
    tokens = add("Add", [tokens, add("MatMul", [scores, v], "mixed")], "attended")
    last = normal(tokens, "last_hidden_state")
    outputs = [helper.make_tensor_value_info(last, 1, ["batch", TOKENS + cls, WIDTH])]
    if pooled:
        index = value("index", np.array(0))
        add("Gather", [last, index], "pooler_output", axis=1)
        outputs.append(helper.make_tensor_value_info("pooler_output", 1, ["batch", WIDTH]))
    side = SIDE if fixed else "side"
    taken = helper.make_tensor_value_info("pixel_values", 1, ["batch", 3, side, side])
    graph = helper.make_graph(nodes, "vit", [taken], outputs, held)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)


def convolution() -> onnx.ModelProto:
    """`input` (N, 3, 32, 32) → `features` (N, 24, 8, 8), as timm's models without a head."""
    dice = np.random.default_rng(2)
    weight = numpy_helper.from_array(dice.normal(0, 0.3, (24, 3, 4, 4)).astype(np.float32), "w")
    nodes = [
        helper.make_node("Conv", ["input", "w"], ["made"], strides=[4, 4]),
        helper.make_node("Relu", ["made"], ["features"]),
    ]
    taken = helper.make_tensor_value_info("input", TensorProto.FLOAT, ["batch", 3, 32, 32])
    given = helper.make_tensor_value_info("features", TensorProto.FLOAT, ["batch", 24, 8, 8])
    graph = helper.make_graph(nodes, "conv", [taken], [given], [weight])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
