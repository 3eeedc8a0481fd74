"""`gemini`: what each failure means, who must act, and how long to wait."""

import time
from email.utils import formatdate
from typing import Any

import pytest

from tests.contracts.models import EVERY_KIND, jpeg
from tests.models._gemini import PHOTO, opened, outcome
from tests.servers.gemini import KEY, GeminiServer
from vistoria import errors
from vistoria.errors import ConfigError, ObservationError, VistoriaError
from vistoria.models.gemini import open_model
from vistoria.records import Picture, Reply

pytestmark = pytest.mark.anyio

STORED = Picture(uri="gs://photos/gone.jpg")


@pytest.mark.parametrize(
    ("fault", "kind", "said"),
    [
        ("bad_image", errors.RequestRejected, "Unable to process input image"),
        ("bad_key", errors.AccessDenied, "https://aistudio.google.com/apikey"),
        ("place", errors.AccessDenied, "User location is not supported"),
        ("too_many_states", errors.TaskError, "too many states"),
        ("service_disabled", errors.AccessDenied, "overview?project=proj-1"),
        ("iam_denied", errors.AccessDenied, "roles/aiplatform.user"),
        ("consumer_invalid", errors.AccessDenied, "no projects/proj-1"),
        ("billing_disabled", errors.AccessDenied, "https://console.cloud.google.com/billing"),
        ("payer_denied", errors.AccessDenied, "roles/serviceusage.serviceUsageConsumer"),
        ("unexplained_403", errors.AccessDenied, "does not have permission"),
        ("suspended", errors.AccessDenied, "'api_key:…' has been suspended"),
        ("precondition", errors.RequestRejected, "Precondition check failed"),
        ("retired", errors.UserError, "knows no model 'gemini-3.5-flash-lite'"),
        ("quota", errors.RateLimited, "exceeded your current quota"),
        ("internal", errors.TransientError, "internal error"),
        ("overloaded", errors.TransientError, "overloaded"),
        ("deadline", errors.TransientError, "Deadline"),
        ("proxy", errors.TransientError, "502 Bad Gateway"),
        ("reset", errors.TransientError, "no answer from 127.0.0.1"),
        ("cut", errors.TransientError, "no answer from 127.0.0.1"),
        ("malformed", errors.TransientError, "cut or malformed"),
        ("no_candidates", errors.TransientError, "without candidates"),
        ("null_candidates", errors.TransientError, "without candidates"),
        ("empty", errors.TransientError, "empty"),
        ("other", errors.AnswerEmpty, "OTHER"),
        ("safety", errors.ImageRefused, "SAFETY"),
        ("prohibited", errors.ImageRefused, "PROHIBITED_CONTENT"),
        ("recitation", errors.ImageRefused, "RECITATION"),
        ("spii", errors.ImageRefused, "SPII"),
        ("blocked", errors.ImageRefused, "SAFETY"),
        ("image_safety", errors.ImageRefused, "IMAGE_SAFETY"),
        ("max_tokens", errors.AnswerTruncated, "max_output_tokens"),
    ],
)
async def test_each_failure_says_who_must_act(
    server: GeminiServer, fault: str, kind: type[VistoriaError], said: str
) -> None:
    server.fault(fault)
    model = opened(server)
    try:
        (found,) = await model.ask(EVERY_KIND, [PHOTO])
        assert isinstance(found, ObservationError), "only a picture's own failure is returned"
    except (errors.TransientError, errors.UserError) as error:
        found = error  # type: ignore[assignment]
    await model.aclose()
    assert type(found) is kind
    assert said in str(found)
    assert KEY not in str(found)


@pytest.mark.parametrize(
    ("fault", "kind", "said"),
    [
        ("store_denied", errors.ImageForbidden, "roles/storage.objectViewer on gs://photos "),
        ("store_permission", errors.ImageForbidden, "gcp-sa-aiplatform"),
        ("unexplained_403", errors.ImageForbidden, "does not have permission"),
        ("store_missing", errors.ImageMissing, "No such object"),
        ("store_missing_400", errors.ImageMissing, "does not exist"),
        ("provisioning", errors.TransientError, "being provisioned"),
        ("iam_denied", errors.AccessDenied, "roles/aiplatform.user"),
        ("service_disabled", errors.AccessDenied, "enable it at"),
        ("retired", errors.UserError, "knows no model"),
        ("bad_image", errors.RequestRejected, "Unable to process"),
    ],
)
async def test_a_picture_that_google_may_not_fetch_stops_no_run(
    cloud: tuple[GeminiServer, Any], fault: str, kind: type[VistoriaError], said: str
) -> None:
    server, _ = cloud
    server.fault(fault, "gs://photos/gone.jpg")
    found = await outcome(open_model("", {}), STORED)
    assert type(found) is kind
    assert said in str(found)


async def test_says_which_model_takes_a_retired_ones_place(server: GeminiServer) -> None:
    server.fault("retired")
    error = await outcome(opened(server, "gemini-2.5-flash"))
    assert isinstance(error, errors.UserError)
    assert "use 'gemini:gemini-3.5-flash-lite' instead" in str(error)
    assert "2027-03-31" in str(error)


async def test_says_which_setting_a_model_refuses(server: GeminiServer) -> None:
    error = await outcome(opened(server, "gemini-3.8-flash", thinking="minimal"))
    assert isinstance(error, ConfigError)
    assert "MINIMAL is not supported" in str(error)
    assert "set the option thinking" in str(error)


async def test_a_wrong_key_is_the_persons_to_mend(server: GeminiServer) -> None:
    error = await outcome(opened(server, api_key="wrong"))
    assert isinstance(error, errors.AccessDenied)
    assert "API key is not valid" in str(error)


@pytest.mark.parametrize("on_vertex", [False, True])
async def test_an_unknown_model_is_the_persons_to_mend(
    cloud: tuple[GeminiServer, Any], on_vertex: bool
) -> None:
    server, _ = cloud
    model = open_model("gemini-9", {}) if on_vertex else opened(server, "gemini-9")
    error = await outcome(model, STORED if on_vertex else PHOTO)
    assert type(error) is errors.UserError
    assert "knows no model 'gemini-9'" in str(error)


@pytest.mark.parametrize(
    ("fault", "header", "wait"),
    [
        ("quota", None, 37.0),
        ("exhausted", None, None),
        ("exhausted", "12", 12.0),
        ("exhausted", "0.5", 0.5),
        ("overloaded", "3", 3.0),
        ("exhausted", "in a while", None),
        ("exhausted", "-1", None),
    ],
)
async def test_waits_as_long_as_it_is_told(
    server: GeminiServer, fault: str, header: str | None, wait: float | None
) -> None:
    server.fault(fault, retry_after=header)
    error = await outcome(opened(server))
    assert isinstance(error, errors.TransientError)
    assert error.retry_after == wait


async def test_waits_until_the_date_it_is_told(server: GeminiServer) -> None:
    server.fault("exhausted", retry_after=formatdate(time.time() + 30, usegmt=True))
    error = await outcome(opened(server))
    assert isinstance(error, errors.RateLimited)
    assert error.retry_after == pytest.approx(30, abs=2)


async def test_a_service_that_does_not_answer_in_time(server: GeminiServer) -> None:
    server.fault("slow", seconds=0.5)
    error = await outcome(opened(server, timeout=0.1))
    assert isinstance(error, errors.TransientError)
    assert "within 0.1 s" in str(error)


async def test_a_service_that_is_not_there() -> None:
    error = await outcome(open_model("", {"base_url": "http://127.0.0.1:9", "api_key": KEY}))
    assert isinstance(error, errors.TransientError)
    assert "127.0.0.1:9" in str(error)


async def test_faults_go_away(server: GeminiServer) -> None:
    server.fault("overloaded", jpeg(1), times=1)
    model = opened(server)
    with pytest.raises(errors.TransientError):
        await model.ask(EVERY_KIND, [PHOTO])
    assert isinstance(await outcome(model), Reply)
