"""`gemini`: what is sent, and what comes back; against a server that speaks its protocol."""

import base64
from collections.abc import Mapping
from typing import Any

import pytest

from tests.contracts.models import EVERY_KIND, ModelContract, jpeg
from tests.models._gemini import opened, outcome
from tests.servers.gemini import KEY, GeminiServer
from vistoria.errors import ConfigError, UnknownName, VistoriaError
from vistoria.models.gemini import listing, open_model
from vistoria.records import Picture, Reply, Usage

pytestmark = pytest.mark.anyio


class TestContract(ModelContract):
    provider = "gemini"

    @pytest.fixture
    def options(self, server: GeminiServer) -> Mapping[str, Any]:
        return {"base_url": server.url, "api_key": KEY}


async def test_sends_prompt_schema_settings_and_picture(server: GeminiServer) -> None:
    await outcome(opened(server))
    (sent,) = server.sent
    assert sent.path == "/v1beta/models/gemini-3.5-flash-lite:generateContent"
    assert sent.headers["x-goog-api-key"] == KEY
    assert sent.body == {
        "contents": [
            {
                "role": "user",
                "parts": [
                    {"text": EVERY_KIND.prompt},
                    {
                        "inlineData": {
                            "mimeType": "image/jpeg",
                            "data": base64.b64encode(jpeg(1)).decode(),
                        }
                    },
                ],
            }
        ],
        "generationConfig": {
            "responseMimeType": "application/json",
            "responseJsonSchema": EVERY_KIND.json_schema,
            "mediaResolution": "MEDIA_RESOLUTION_LOW",
            "thinkingConfig": {"thinkingLevel": "MINIMAL"},
            "maxOutputTokens": 2048,
        },
    }


async def test_sends_what_was_wrong_when_it_asks_again(server: GeminiServer) -> None:
    await outcome(opened(server), correction='material: got "wod"')
    assert server.sent[0].body["contents"][0]["parts"][2] == {"text": 'material: got "wod"'}


@pytest.mark.parametrize(
    ("name", "options", "settings", "config"),
    [
        (
            "gemini-2.5-flash",
            {},
            {"thinking": 0, "media_resolution": "medium", "temperature": 0.0},
            {"thinkingConfig": {"thinkingBudget": 0}, "temperature": 0.0},
        ),
        (
            "gemini-2.5-pro",
            {"temperature": 0.5, "thinking": 512},
            {"thinking": 512, "media_resolution": "medium", "temperature": 0.5},
            {"thinkingConfig": {"thinkingBudget": 512}, "temperature": 0.5},
        ),
        (
            "gemini-3.8-flash",
            {"media_resolution": "high"},
            {"thinking": "low", "media_resolution": "high", "temperature": None},
            {
                "thinkingConfig": {"thinkingLevel": "LOW"},
                "mediaResolution": "MEDIA_RESOLUTION_HIGH",
            },
        ),
        (
            "gemini-3.1-flash-lite",
            {"thinking": "default", "max_output_tokens": "300"},
            {"thinking": "default", "media_resolution": "low", "temperature": None},
            {"maxOutputTokens": 300},
        ),
    ],
)
async def test_suits_the_family_unless_told_otherwise(
    server: GeminiServer, name: str, options: Any, settings: Any, config: Mapping[str, Any]
) -> None:
    model = opened(server, name, **options)
    assert model.settings == settings
    assert isinstance(await outcome(model), Reply)
    sent = server.sent[0].body["generationConfig"]
    assert sent.items() >= config.items()
    assert ("thinkingConfig" in sent) == (settings["thinking"] != "default")
    assert ("temperature" in sent) == (settings["temperature"] is not None)


async def test_large_pictures_travel_too(server: GeminiServer) -> None:
    large = Picture(uri="/1.jpg", data=jpeg(1) + bytes(5_000_000), mime_type="image/jpeg")
    assert isinstance(await outcome(opened(server), large), Reply)


async def test_text_that_is_no_json_is_for_the_engine_to_judge(server: GeminiServer) -> None:
    server.fault("not_json")
    reply = await outcome(opened(server))
    assert reply.answer == "The pole is made of wood."
    assert reply.usage.output_tokens > 0


async def test_thoughts_are_billed_but_no_part_of_the_answer(server: GeminiServer) -> None:
    server.fault("thoughts")
    server.version = "gemini-3.5-flash-lite-001"
    reply = await outcome(opened(server))
    EVERY_KIND.parse(reply.answer)
    assert reply.model_version == "gemini-3.5-flash-lite-001"
    assert reply.usage.thinking_tokens == 33
    assert reply.usage.cached_tokens == 7
    spent = reply.usage.output_tokens + reply.usage.thinking_tokens
    assert server.tokens == {"input": reply.usage.input_tokens, "output": spent}


@pytest.mark.parametrize("fault", ["safety", "blocked", "max_tokens", "no_candidates"])
async def test_what_a_failure_cost_is_known(server: GeminiServer, fault: str) -> None:
    server.fault(fault)
    error = await outcome(opened(server))
    assert isinstance(error.usage, Usage)
    assert error.usage.input_tokens == server.tokens["input"] > 0
    assert error.usage.output_tokens == server.tokens["output"]


@pytest.mark.parametrize(
    ("options", "kind", "said"),
    [
        ({"temperatur": 0}, UnknownName, "did you mean 'temperature'"),
        ({"media_resolution": "ultra"}, ConfigError, "'low', 'medium' or 'high'"),
        ({"temperature": 0.2}, ConfigError, "ignores temperature"),
        ({"max_output_tokens": 0}, ConfigError, "max_output_tokens"),
        ({"labels": {"team": "poles"}}, ConfigError, "Vertex AI"),
        ({"vertex": True, "project": "p-1", "labels": {"Team": "x"}}, ConfigError, "'Team'"),
        ({"vertex": False, "project": "p-1"}, ConfigError, "vertex = false"),
        ({"project": "p-1", "location": "evil.com/"}, ConfigError, "evil.com/"),
        ({"project": "../p"}, ConfigError, "../p"),
        ({"base_url": "localhost:80"}, ConfigError, "http or https"),
        ({"project": "p-1", "api_key": KEY}, ConfigError, "exclude each other"),
    ],
)
def test_options_are_checked_before_anything_is_sent(
    options: Mapping[str, Any], kind: type[VistoriaError], said: str, monkeypatch: Any
) -> None:
    monkeypatch.setenv("GEMINI_API_KEY", KEY)
    with pytest.raises(kind) as caught:
        open_model("", options)
    assert said in str(caught.value)


def test_a_name_that_is_no_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GEMINI_API_KEY", KEY)
    with pytest.raises(ConfigError, match="no name of a Gemini model"):
        open_model("../x", {})


def test_every_listed_model_opens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GEMINI_API_KEY", KEY)
    for name in listing():
        assert open_model(name.removeprefix("gemini:"), {}).name == name
