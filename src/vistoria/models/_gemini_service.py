"""Where Gemini is called: Vertex AI, or the Developer API. The choice follows google-genai's."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Literal, NamedTuple, Protocol

from vistoria.errors import ConfigError
from vistoria.google_account import GoogleAccount, GoogleSettings
from vistoria.models._http import base_url

_RESOURCE = re.compile(r"projects/(?P<project>[^/]+)/locations/(?P<location>[^/]+)/.+")
_MODEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]*")
_LOCATION = re.compile(r"[a-z0-9-]+")
_PROJECT = re.compile(r"[a-z0-9.:-]+")


class Target(NamedTuple):
    """Where to post a request, and what to send along."""

    url: str
    headers: Mapping[str, str]


class Service(Protocol):
    """A place that serves Gemini."""

    by_reference: frozenset[str]
    """Address schemes of images that it fetches by itself."""
    account: str
    """Who is billed and limited, and where."""
    regional: bool
    """Bound to a region, which costs more for newer models."""
    sign_in: Literal["google", "key"]
    batch: bool
    """Takes batch jobs: those belong to a Cloud project."""

    async def target(self) -> Target:
        """Where to post; raises AccessDenied or TransientError if there is no way in."""

    def refused(self, headers: Mapping[str, str]) -> bool:
        """The service answered 401 to these headers: whether trying again may help."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """What options say about the way in; what is None comes from the environment."""

    vertex: bool | None = None
    project: str | None = None
    location: str | None = None
    api_key: str | None = field(default=None, repr=False)
    base_url: str | None = None
    impersonate: str | None = None


def shared_options(google: GoogleSettings, given: Mapping[str, Any]) -> dict[str, Any]:
    """The project's `[google]` settings as options, unless `given` options lead elsewhere."""
    if given.get("api_key") or str(given.get("vertex")).lower() in ("false", "0"):
        return {}
    shared = {
        "project": google.project,
        "location": google.region,
        "impersonate": google.impersonate,
        "base_url": google.endpoints.get("aiplatform"),
    }
    return {name: value for name, value in shared.items() if value is not None}


def find_service(model: str, access: Access, method: str = "generateContent") -> Service:
    """The service for a model, named plainly or by its resource; raises ConfigError."""
    if _on_vertex(model, access):
        return _vertex(model, access, method)
    if access.project or access.location or access.impersonate:
        raise ConfigError("`project` and `location` mean Vertex AI, but vertex = false was set")
    return _developer(model, access, method)


def _on_vertex(model: str, access: Access) -> bool:
    if access.vertex is not None:
        return access.vertex
    if access.project or access.location or _RESOURCE.fullmatch(model):
        return True
    for switch in ("GOOGLE_GENAI_USE_ENTERPRISE", "GOOGLE_GENAI_USE_VERTEXAI"):
        if given := os.environ.get(switch):
            return given.lower() in ("true", "1")
    if access.api_key or _key_of_environment():
        return False
    places = ("GOOGLE_CLOUD_PROJECT", "GOOGLE_APPLICATION_CREDENTIALS", "GOOGLE_VERTEX_BASE_URL")
    if any(os.environ.get(place) for place in places):
        return True
    raise ConfigError(
        "no way to reach Gemini: for Vertex AI set `project` (and run `gcloud auth "
        "application-default login`), for the Developer API set GEMINI_API_KEY",
        looked_at=(
            "options vertex, project, location, api_key",
            "GOOGLE_GENAI_USE_ENTERPRISE, GOOGLE_GENAI_USE_VERTEXAI",
            "GEMINI_API_KEY, GOOGLE_API_KEY",
            ", ".join(places),
        ),
    )


def _key_of_environment() -> str | None:
    return os.environ.get("GOOGLE_API_KEY") or os.environ.get("GEMINI_API_KEY") or None


def _plain(model: str) -> str:
    name = model.removeprefix("publishers/google/").removeprefix("models/")
    if not _MODEL.fullmatch(name):
        raise ConfigError(f"{model!r} is no name of a Gemini model; try 'gemini-3.5-flash-lite'")
    return name


def _developer(model: str, access: Access, method: str) -> Service:
    key = access.api_key or _key_of_environment()
    if not key:
        raise ConfigError(
            "the Developer API needs a key: get one at https://aistudio.google.com/apikey",
            looked_at=("option api_key", "GEMINI_API_KEY, GOOGLE_API_KEY"),
        )
    base = _base(access, "GOOGLE_GEMINI_BASE_URL", "https://generativelanguage.googleapis.com")
    # It reads only files uploaded to itself, so nothing goes by reference.
    return _Keyed(f"{base}/v1beta/models/{_plain(model)}:{method}", key, frozenset())


def _vertex(model: str, access: Access, method: str) -> Service:
    project = access.project or os.environ.get("GOOGLE_CLOUD_PROJECT") or None
    location = access.location or os.environ.get("GOOGLE_CLOUD_LOCATION") or "global"
    if access.api_key and (access.project or access.location):
        raise ConfigError("`api_key` and `project` or `location` exclude each other; keep one")
    path = model
    if found := _RESOURCE.fullmatch(model):
        project, location = found["project"], found["location"]
    else:
        path = f"publishers/google/models/{_plain(model)}"
    if not _LOCATION.fullmatch(location):
        raise ConfigError(f"location must be like 'global' or 'us-central1', got {location!r}")
    if project and not _PROJECT.fullmatch(project):
        raise ConfigError(f"project must be a project's id or number, got {project!r}")
    key = access.api_key or (None if project else _key_of_environment())
    host = "aiplatform.googleapis.com" if key else _host(location)
    base = _base(access, "GOOGLE_VERTEX_BASE_URL", f"https://{host}") + "/v1"
    if key:
        return _Keyed(f"{base}/{path}:{method}", key, frozenset({"gs"}))
    account = GoogleAccount(GoogleSettings(project=project, impersonate=access.impersonate))
    return _Vertex(base, f"{path}:{method}", location, project, account)


class _Vertex:
    """Vertex AI of a Cloud project, with the credentials found on this machine."""

    by_reference = frozenset({"gs"})
    sign_in: Literal["google", "key"] = "google"
    batch = True

    def __init__(
        self, base: str, path: str, location: str, project: str | None, account: GoogleAccount
    ) -> None:
        self.account = f"{base} {project or ''} {location}"
        self.regional = location != "global"
        self._base, self._path, self._location = base, path, location
        self._credentials = account
        self._url: str | None = None

    async def target(self) -> Target:
        if self._url is None:
            self._url = f"{self._base}/{await self._resource()}"
        return Target(self._url, await self._credentials.headers())

    async def _resource(self) -> str:
        if self._path.startswith("projects/"):
            return self._path
        if project := await self._credentials.project():
            return f"projects/{project}/locations/{self._location}/{self._path}"
        raise ConfigError(
            "Vertex AI needs a Cloud project, and your credentials belong to none",
            looked_at=("option project", "GOOGLE_CLOUD_PROJECT", "the credentials"),
        )

    def refused(self, headers: Mapping[str, str]) -> bool:
        return self._credentials.refused(headers)


class _Keyed:
    """The Developer API, or Vertex AI in "express mode": a key instead of a project."""

    batch = False

    def __init__(self, url: str, key: str, by_reference: frozenset[str]) -> None:
        self.by_reference = by_reference
        self.sign_in: Literal["google", "key"] = "key"
        self.regional = False
        # Keys are told apart, but not kept where events and messages could show them.
        self.account = f"{url.partition('/v1')[0]} {sha256(key.encode()).hexdigest()[:8]}"
        self._target = Target(url, {"x-goog-api-key": key})

    async def target(self) -> Target:
        return self._target

    def refused(self, headers: Mapping[str, str]) -> bool:  # noqa: ARG002 - a key stays a key
        return False


def _host(location: str) -> str:
    if location == "global":
        return "aiplatform.googleapis.com"
    if location in ("us", "eu"):
        return f"aiplatform.{location}.rep.googleapis.com"
    return f"{location}-aiplatform.googleapis.com"


def _base(access: Access, variable: str, default: str) -> str:
    """Without version and path, which are appended, as google-genai does."""
    if access.base_url:
        return base_url(access.base_url, "option base_url")
    return base_url(os.environ.get(variable) or default, variable)
