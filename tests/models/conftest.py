"""No key, project or proxy of the person who runs the tests reaches a model."""

import os

import pytest


@pytest.fixture
def anyio_backend() -> str:
    """Models run on asyncio, since aiohttp does."""
    return "asyncio"


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.startswith(("GOOGLE_", "GEMINI_", "OPENAI_", "CLOUDSDK_", "VISTORIA_")):
            monkeypatch.delenv(name)
        if name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
