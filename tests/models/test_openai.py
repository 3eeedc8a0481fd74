"""`openai`: what is sent to a compatible server, and what its answers mean."""

import base64
import logging
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from tests.contracts.models import EVERY_KIND, ModelContract, jpeg
from tests.servers.openai import KEY, MODEL, OpenAIServer
from vistoria import errors
from vistoria.errors import ConfigError, ObservationError, UnknownName, VistoriaError
from vistoria.models.openai import OpenAI, open_model
from vistoria.records import Picture, Reply, Usage

pytestmark = pytest.mark.anyio

PHOTO = Picture(uri="/photos/1.jpg", data=jpeg(1), mime_type="image/jpeg")


@pytest.fixture
def chat() -> Iterator[OpenAIServer]:
    """A server of chat completions."""
    with OpenAIServer() as running:
        running.fallback_schema = EVERY_KIND.json_schema
        yield running


class TestContract(ModelContract):
    provider = "openai"
    name = MODEL

    @pytest.fixture
    def options(self, chat: OpenAIServer) -> Mapping[str, Any]:
        return {"base_url": f"{chat.url}/v1", "api_key": KEY}


def opened(chat: OpenAIServer, name: str = MODEL, **options: Any) -> OpenAI:
    return open_model(name, {"base_url": f"{chat.url}/v1", "api_key": KEY, **options})


async def outcome(model: OpenAI, picture: Picture = PHOTO, **how: Any) -> Any:
    """What asking comes to: a reply, or the error returned or raised."""
    try:
        (found,) = await model.ask(EVERY_KIND, [picture], **how)
    except VistoriaError as error:
        found = error  # type: ignore[assignment]
    finally:
        await model.aclose()
    return found


async def test_sends_prompt_schema_and_picture(chat: OpenAIServer) -> None:
    await outcome(opened(chat, detail="low"), correction="material is wrong")
    (sent,) = chat.sent
    assert sent.headers["Authorization"] == f"Bearer {KEY}"
    url = f"data:image/jpeg;base64,{base64.b64encode(jpeg(1)).decode()}"
    assert sent.body == {
        "model": MODEL,
        "temperature": 0.0,
        "max_tokens": 2048,
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "answer", "strict": True, "schema": EVERY_KIND.json_schema},
        },
        "messages": [
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": EVERY_KIND.prompt},
                    {"type": "image_url", "image_url": {"url": url, "detail": "low"}},
                    {"type": "text", "text": "material is wrong"},
                ],
            }
        ],
    }


async def test_sends_addresses_if_the_server_shall_fetch(chat: OpenAIServer) -> None:
    model = opened(chat, by_reference=True, temperature="default", max_output_tokens=99)
    assert model.capabilities.image.by_reference == {"http", "https"}
    address = 'https://photos.example/1.jpg?name="a"'
    assert isinstance(await outcome(model, Picture(uri=address)), Reply)
    assert chat.sent[0].body["messages"][0]["content"][1]["image_url"] == {"url": address}
    assert "temperature" not in chat.sent[0].body
    assert chat.sent[0].body["max_tokens"] == 99


async def test_reply_tells_tokens_and_the_model_that_answered(chat: OpenAIServer) -> None:
    reply = await outcome(opened(chat))
    assert isinstance(reply, Reply)
    assert reply.model_version == "qwen3-vl-8b"
    assert reply.usage.input_tokens == chat.tokens["input"]
    assert reply.usage.output_tokens + reply.usage.thinking_tokens == chat.tokens["output"]
    assert (reply.usage.thinking_tokens, reply.usage.cached_tokens) == (5, 11)
    EVERY_KIND.parse(reply.answer)


async def test_a_server_without_response_format_is_asked_once_with_it(
    chat: OpenAIServer, caplog: pytest.LogCaptureFixture
) -> None:
    chat.schemas = False
    model = opened(chat)
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            (reply,) = await model.ask(EVERY_KIND, [PHOTO])
            assert isinstance(reply, Reply)
            EVERY_KIND.parse(reply.answer)
    await model.aclose()
    assert ["response_format" in sent.body for sent in chat.sent] == [True, False, False, False]
    assert "prompt alone" in caplog.text


async def test_the_limit_goes_by_the_name_that_the_server_wants(chat: OpenAIServer) -> None:
    chat.new_limit = True
    assert isinstance(await outcome(opened(chat)), Reply)
    assert "max_tokens" not in chat.sent[1].body
    assert chat.sent[1].body["max_completion_tokens"] == 2048


@pytest.mark.parametrize(
    ("fault", "kind", "said"),
    [
        ("bad_image", errors.RequestRejected, "unsupported image"),
        ("policy", errors.ImageRefused, "safety system"),
        ("too_large", errors.ImageTooLarge, "Too Large"),
        ("forbidden", errors.AccessDenied, "OPENAI_API_KEY"),
        ("no_credit", errors.AccessDenied, "add credit"),
        ("limit", errors.RateLimited, "Rate limit"),
        ("internal", errors.TransientError, "had an error"),
        ("ollama", errors.TransientError, "unexpectedly stopped"),
        ("proxy", errors.TransientError, "502 Bad Gateway"),
        ("reset", errors.TransientError, "no answer from"),
        ("cut", errors.TransientError, "no answer from"),
        ("choiceless", errors.TransientError, "malformed"),
        ("length", errors.AnswerTruncated, "max_output_tokens"),
        ("filter", errors.ImageRefused, "content filter"),
        ("refusal", errors.ImageRefused, "I can't help"),
        ("empty", errors.AnswerEmpty, "answered nothing"),
    ],
)
async def test_each_failure_says_who_must_act(
    chat: OpenAIServer, fault: str, kind: type[VistoriaError], said: str
) -> None:
    chat.fault(fault)
    model = opened(chat)
    try:
        (found,) = await model.ask(EVERY_KIND, [PHOTO])
        assert isinstance(found, ObservationError)
    except (errors.TransientError, errors.UserError) as error:
        found = error  # type: ignore[assignment]
    await model.aclose()
    assert type(found) is kind
    assert said in str(found)


@pytest.mark.parametrize("fault", ["length", "filter", "refusal", "empty"])
async def test_what_a_failure_cost_is_known(chat: OpenAIServer, fault: str) -> None:
    chat.fault(fault)
    error = await outcome(opened(chat))
    assert isinstance(error.usage, Usage)
    assert error.usage.input_tokens == chat.tokens["input"] > 0


@pytest.mark.parametrize(("told", "wait"), [(None, None), ("7", 7.0), ("250ms", 0.25)])
async def test_waits_as_long_as_it_is_told(
    chat: OpenAIServer, told: str | None, wait: float | None
) -> None:
    chat.fault("limit", retry_after=told)
    error = await outcome(opened(chat))
    assert isinstance(error, errors.RateLimited)
    assert error.retry_after == wait


async def test_text_that_is_no_json_is_for_the_engine_to_judge(chat: OpenAIServer) -> None:
    chat.fault("not_json")
    assert (await outcome(opened(chat))).answer == "It is a wooden pole."


async def test_a_temperature_that_the_model_refuses(chat: OpenAIServer) -> None:
    chat.cold = True
    error = await outcome(opened(chat))
    assert isinstance(error, ConfigError)
    assert "temperature = 'default'" in str(error)


@pytest.mark.parametrize(
    ("name", "options", "kind", "said"),
    [
        ("qwen9", {}, errors.UserError, "knows no model 'qwen9'"),
        (MODEL, {"api_key": "sk-wrong"}, errors.AccessDenied, "Incorrect API key"),
    ],
)
async def test_what_the_person_must_mend(
    chat: OpenAIServer, name: str, options: Any, kind: type[VistoriaError], said: str
) -> None:
    error = await outcome(opened(chat, name, **options))
    assert type(error) is kind
    assert said in str(error)
    assert "sk-wrong" not in str(error)


async def test_an_address_without_v1_is_explained(chat: OpenAIServer) -> None:
    error = await outcome(opened(chat, base_url=chat.url))
    assert isinstance(error, ConfigError)
    assert "/v1" in str(error)


async def test_the_environment_says_where_and_with_what_key(
    chat: OpenAIServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", f"{chat.url}/v1/")
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    assert isinstance(await outcome(open_model(MODEL, {})), Reply)


def test_options_are_checked() -> None:
    with pytest.raises(ConfigError, match="needs a model"):
        open_model("", {})
    with pytest.raises(ConfigError, match="needs a key"):
        open_model(MODEL, {})
    with pytest.raises(UnknownName, match="did you mean 'base_url'"):
        open_model(MODEL, {"baseurl": "x"})
    with pytest.raises(ConfigError, match="http or https"):
        open_model(MODEL, {"base_url": "localhost:8000"})
