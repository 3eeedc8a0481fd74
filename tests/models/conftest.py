"""Servers, and no key, project or proxy of the person who runs the tests."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.servers.gemini import GeminiServer
from tests.servers.token import TokenServer


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


@pytest.fixture
def server() -> Iterator[GeminiServer]:
    """Gemini, both ways, that takes any token."""
    with GeminiServer() as running:
        yield running


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[tuple[GeminiServer, Any]]:
    """Vertex AI, and the token server behind the credentials of this machine."""
    with TokenServer() as tokens, GeminiServer(tokens=tokens) as running:
        key_file = tokens.service_account(tmp_path)
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(key_file))
        monkeypatch.setenv("GOOGLE_VERTEX_BASE_URL", running.url)
        yield running, tokens
