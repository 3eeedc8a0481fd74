"""`gemini`: Vertex AI and the Developer API, keys and credentials, and which is taken when."""

import asyncio
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.contracts.models import EVERY_KIND
from tests.models._gemini import PHOTO, opened, outcome
from tests.servers.gemini import KEY, GeminiServer
from tests.servers.token import TokenServer
from vistoria import errors
from vistoria.errors import ConfigError, VistoriaError
from vistoria.google_account import GoogleAccount, GoogleSettings
from vistoria.models._gemini_service import Access, find_service
from vistoria.models.gemini import open_model
from vistoria.opening import open_model as open_by_project
from vistoria.project import load_project
from vistoria.records import Picture, Reply

pytestmark = pytest.mark.anyio


async def test_vertex_fetches_stored_pictures_by_itself(cloud: tuple[GeminiServer, Any]) -> None:
    server, tokens = cloud
    model = open_model("", {"labels": {"team": "poles"}})
    assert model.capabilities.image.by_reference == {"gs"}
    reply = await outcome(model, Picture(uri="gs://photos/1.png"))
    assert isinstance(reply, Reply)
    (sent,) = server.sent
    assert sent.path == (
        "/v1/projects/proj-1/locations/global/publishers/google/models/"
        "gemini-3.5-flash-lite:generateContent"
    )
    assert sent.headers["Authorization"].removeprefix("Bearer ") in tokens.valid
    assert "x-goog-user-project" not in sent.headers
    assert sent.body["labels"] == {"team": "poles"}
    assert sent.body["contents"][0]["parts"][1] == {
        "fileData": {"mimeType": "image/png", "fileUri": "gs://photos/1.png"}
    }
    assert server.billed == {"gs://photos/1.png": 1}


async def test_one_token_serves_many_calls(cloud: tuple[GeminiServer, Any]) -> None:
    server, tokens = cloud
    model = open_model("", {})
    for _ in range(3):
        await model.ask(EVERY_KIND, [PHOTO])
    await model.aclose()
    assert len(tokens.granted) == 1
    assert len(server.billed) == 1


async def test_a_token_that_ends_soon_is_renewed_but_not_each_time(
    cloud: tuple[GeminiServer, Any],
) -> None:
    server, tokens = cloud
    tokens.lifetime = 60  # google-auth calls it stale from 225 s before its end
    model = open_model("", {})
    for _ in range(3):
        await model.ask(EVERY_KIND, [PHOTO])
    await model.aclose()
    assert len(tokens.granted) == 1
    assert server.billed.total() == 3


async def test_a_token_refused_at_once_means_no_access(cloud: tuple[GeminiServer, Any]) -> None:
    server, _ = cloud
    server.fault("token_expired")
    error = await outcome(open_model("", {}))
    assert isinstance(error, errors.AccessDenied)
    assert "gcloud auth application-default login" in str(error)


async def test_a_token_refused_later_is_replaced(
    cloud: tuple[GeminiServer, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    server, tokens = cloud
    model = open_model("", {})
    await model.ask(EVERY_KIND, [PHOTO])
    tokens.valid.clear()
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now + 1800)
    with pytest.raises(errors.TransientError, match="token"):
        await model.ask(EVERY_KIND, [PHOTO])
    assert isinstance((await model.ask(EVERY_KIND, [PHOTO]))[0], Reply)
    monkeypatch.undo()
    await model.aclose()
    assert len(tokens.granted) == 2
    assert server.billed.total() == 2


@pytest.mark.parametrize(
    ("status", "kind", "said"),
    [
        (400, errors.AccessDenied, "gcloud auth application-default login"),
        (503, errors.TransientError, "sign-in"),
    ],
)
async def test_sign_in_that_fails_says_who_must_act(
    cloud: tuple[GeminiServer, Any],
    monkeypatch: pytest.MonkeyPatch,
    status: int,
    kind: type[VistoriaError],
    said: str,
) -> None:
    _, tokens = cloud
    monkeypatch.setattr(time, "sleep", lambda _: None)  # google-auth waits between its tries
    tokens.refusals.extend([status] * 9)
    error = await outcome(open_model("", {}))
    assert isinstance(error, kind)
    assert said in str(error)


async def test_calls_at_once_share_one_sign_in_and_its_failure(
    cloud: tuple[GeminiServer, Any],
) -> None:
    _, tokens = cloud
    tokens.refusals.extend([400] * 20)
    model = open_model("", {})
    calls = [model.ask(EVERY_KIND, [PHOTO]) for _ in range(20)]
    failed = await asyncio.gather(*calls, return_exceptions=True)
    assert {type(error) for error in failed} == {errors.SignInFailed}
    assert len(tokens.refusals) > 10
    tokens.refusals.clear()
    calls = [model.ask(EVERY_KIND, [PHOTO]) for _ in range(20)]
    await asyncio.gather(*calls)
    await model.aclose()
    assert len(tokens.granted) == 1


async def test_without_credentials_it_says_how_to_sign_in(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "none.json"))
    error = await outcome(open_model("", {"project": "proj-1"}))
    assert isinstance(error, errors.AccessDenied)
    assert "gcloud auth application-default login" in str(error)


async def test_a_person_pays_by_the_project(
    cloud: tuple[GeminiServer, Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    server, tokens = cloud
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tokens.person(tmp_path)))
    # google-auth knows no other endpoint for persons.
    monkeypatch.setattr(
        "google.oauth2.credentials._GOOGLE_OAUTH2_TOKEN_ENDPOINT", f"{tokens.url}/token"
    )
    await outcome(open_model("", {"project": "proj-9", "location": "europe-west4"}))
    (sent,) = server.sent
    assert sent.path.startswith("/v1/projects/proj-9/locations/europe-west4/publishers/google/")
    assert sent.headers["x-goog-user-project"] == "proj-9"
    assert tokens.granted[0]["grant_type"] == "refresh_token"


async def test_a_tuned_model_goes_by_its_resource(cloud: tuple[GeminiServer, Any]) -> None:
    server, _ = cloud
    resource = "projects/proj-2/locations/us-central1/endpoints/1234567890"
    assert isinstance(await outcome(open_model(resource, {})), Reply)
    assert server.sent[0].path == f"/v1/{resource}:generateContent"


async def test_vertex_takes_a_key_too(server: GeminiServer) -> None:
    model = opened(server, vertex=True)
    assert isinstance(await outcome(model, Picture(uri="gs://photos/1.jpg")), Reply)
    path = "/v1/publishers/google/models/gemini-3.5-flash-lite:generateContent"
    assert server.sent[0].path == path


@pytest.mark.parametrize(
    ("options", "environment", "url"),
    [
        ({}, {"GEMINI_API_KEY": "k"}, "https://generativelanguage.googleapis.com/v1beta/models/m"),
        (
            {"vertex": True},
            {"GEMINI_API_KEY": "k"},
            "https://aiplatform.googleapis.com/v1/publishers/google/models/m",
        ),
        (
            {},
            {"GOOGLE_CLOUD_PROJECT": "p-1"},
            (
                "https://aiplatform.googleapis.com/v1/projects/p-1/locations/global/publishers/google"
                "/models/m"
            ),
        ),
        (
            {},
            {
                "GOOGLE_GENAI_USE_VERTEXAI": "true",
                "GOOGLE_API_KEY": "k",
                "GOOGLE_CLOUD_PROJECT": "p-1",
                "GOOGLE_CLOUD_LOCATION": "us-central1",
            },
            (
                "https://us-central1-aiplatform.googleapis.com/v1/projects/p-1/locations/us-central1"
                "/publishers/google/models/m"
            ),
        ),
        (
            {"project": "p-1", "location": "eu"},
            {"GOOGLE_API_KEY": "k"},
            (
                "https://aiplatform.eu.rep.googleapis.com/v1/projects/p-1/locations/eu/publishers"
                "/google/models/m"
            ),
        ),
        (
            {},
            {
                "GOOGLE_GENAI_USE_ENTERPRISE": "0",
                "GOOGLE_GENAI_USE_VERTEXAI": "1",
                "GOOGLE_API_KEY": "k",
                "GOOGLE_CLOUD_PROJECT": "p-1",
            },
            "https://generativelanguage.googleapis.com/v1beta/models/m",
        ),
    ],
)
async def test_the_service_is_found_as_google_genai_does(
    options: Mapping[str, Any],
    environment: Mapping[str, str],
    url: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    with TokenServer() as tokens:
        key_file = tokens.service_account(tmp_path)
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(key_file))
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        target = await find_service("m", Access(**options)).target()
    assert target.url == f"{url}:generateContent"


def test_without_any_way_in_it_lists_where_it_looked() -> None:
    with pytest.raises(ConfigError) as caught:
        open_model("", {})
    assert "GEMINI_API_KEY" in str(caught.value)
    assert "GOOGLE_CLOUD_PROJECT" in str(caught.value)


def test_vertex_without_google_auth_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "google.auth", None)
    with pytest.raises(errors.MissingExtra, match=r"vistoria\[gemini\]"):
        open_model("", {"project": "p-1"})


async def test_a_proxy_of_the_environment_is_used(
    server: GeminiServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", server.url)
    model = open_model("", {"base_url": "http://gemini.example", "api_key": KEY})
    assert isinstance(await outcome(model), Reply)
    assert server.sent[0].headers["Host"] == "gemini.example"


async def test_the_projects_google_settings_stand_below_its_own_options(
    cloud: tuple[GeminiServer, Any], tmp_path: Path
) -> None:
    server, _ = cloud
    path = tmp_path / "vistoria.toml"
    path.write_text(
        '[google]\nproject = "proj-7"\nregion = "europe-west4"\n[model]\nname = "gemini:"\n'
    )
    assert isinstance(await outcome(open_by_project(load_project(path, {}))), Reply)
    assert server.sent[0].path.startswith("/v1/projects/proj-7/locations/europe-west4/")
    own = load_project(path, {}, {"model.location": "us-central1"})
    assert isinstance(await outcome(open_by_project(own)), Reply)
    assert server.sent[1].path.startswith("/v1/projects/proj-7/locations/us-central1/")
    keyed = load_project(path, {}, {"model.api_key": KEY, "model.base_url": server.url})
    assert isinstance(await outcome(open_by_project(keyed)), Reply)
    assert server.sent[2].path.startswith("/v1beta/models/")


async def test_googles_own_variables_keep_their_order(
    server: GeminiServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "proj-7")
    monkeypatch.setenv("GEMINI_API_KEY", KEY)
    monkeypatch.setenv("GOOGLE_GEMINI_BASE_URL", server.url)
    project = load_project(flags={"model.name": "gemini:"})
    assert project.google.project == "proj-7"
    assert isinstance(await outcome(open_by_project(project)), Reply)
    assert server.sent[0].path.startswith("/v1beta/models/"), (
        "a key goes before, as in google-genai"
    )


async def test_impersonation_asks_for_the_other_accounts_token(
    cloud: tuple[GeminiServer, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    server, tokens = cloud
    monkeypatch.setattr("google.auth.iam._IAM_ENDPOINT", tokens.url + "/impersonate/{}")
    model = open_model("", {"project": "proj-1", "impersonate": "labels@proj-1.iam"})
    assert isinstance(await outcome(model), Reply)
    assert tokens.impersonated == ["labels@proj-1.iam"]
    assert server.sent[0].headers["Authorization"].removeprefix("Bearer ") in tokens.valid
    tokens.may_impersonate = False
    error = await outcome(open_model("", {"project": "proj-1", "impersonate": "x@proj-1.iam"}))
    assert isinstance(error, errors.SignInFailed)
    assert "roles/iam.serviceAccountTokenCreator" in str(error)


async def test_colab_asks_the_person(
    cloud: tuple[GeminiServer, Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    _, tokens = cloud
    key_file = tokens.service_account(tmp_path)
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS")
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path / "none"))
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    asked = []

    def authenticate_user(**how: Any) -> None:
        asked.append(how)
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(key_file))

    colab, auth = ModuleType("google.colab"), ModuleType("google.colab.auth")
    auth.authenticate_user = authenticate_user  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "google.colab", colab)
    monkeypatch.setitem(sys.modules, "google.colab.auth", auth)
    account = GoogleAccount(GoogleSettings(project="proj-1"))
    with pytest.raises(errors.SignInMissing, match="authenticate_user"):
        await account.headers()  # in a thread, from where the browser can't be asked
    assert not asked
    account.credentials()
    assert asked == [{"project_id": "proj-1"}]
    monkeypatch.setenv("VERTEX_PRODUCT", "COLAB_ENTERPRISE")
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS")
    with pytest.raises(errors.SignInMissing, match="gcloud auth"):
        GoogleAccount().credentials()
    assert len(asked) == 1
