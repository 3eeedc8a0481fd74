"""Which versions are another model than the one asked for."""

import pytest

from vistoria.engine import others


@pytest.mark.parametrize(
    ("model", "version", "other"),
    [
        ("gemini:gemini-2.5-flash", "gemini-2.5-flash", False),
        ("gemini:gemini-2.5-flash", "gemini-2.5-flash-001", False),
        ("gemini:gemini-2.5-flash", "gemini-2.5-flash-preview-05-20", False),
        ("gemini:gemini-2.5-flash", "models/gemini-2.5-flash", False),
        ("gemini:publishers/google/models/gemini-2.5-flash", "gemini-2.5-flash", False),
        ("gemini:gemini-2.5-flash", "gemini-3.5-flash-lite", True),
        ("gemini:gemini-2.5-flash", "gemini-2.5-flash-lite", True),
        ("gemini:gemini-3.5-flash-lite", "gemini-3.5-flash", True),
        ("openai:gpt-4o", "gpt-4o-2024-08-06", False),
        ("onnx:street", "street 1", False),
        ("onnx:models/mine.onnx", "sha256:0a1b", False),
        ("onnx:small.onnx", "small-877e86d184a2", False),
        ("onnx:pole-2.onnx", "pole-2-877e86d184a2", False),
        ("gemini:projects/1/locations/us-central1/endpoints/7", "gemini-2.5-flash", False),
    ],
)
def test_a_version_of_the_model_is_no_other(model: str, version: str, other: bool) -> None:
    assert others(model, [version]) == ((version,) if other else ())
