"""What Gemini's error answers mean, and who must act; see `vistoria.google_problem`."""

import re
from dataclasses import replace

from vistoria.errors import (
    AccessDenied,
    ConfigError,
    ImageForbidden,
    TaskError,
    TransientError,
    UserError,
    VistoriaError,
    image_missing,
)
from vistoria.google_problem import CAUSES, Problem, cause, read_problem
from vistoria.models._gemini_family import embedding_facts, retired
from vistoria.models._http import Answer, common_error, retry_after

_BAD_KEY = re.compile(r"api key (not valid|not found|expired)|valid api key", re.IGNORECASE)
_ACCOUNT = re.compile(
    r"aiplatform|generativelanguage|vertexai|agent platform|project|organi[sz]ation|billing"
    r"|api key|publisher model|location is not supported",
    re.IGNORECASE,
)
_STORE = re.compile(
    r"storage\.|gs://|input file|cloud storage|bucket|no such object|file ?uri", re.IGNORECASE
)
_MISSING = re.compile(r"no such object|not found|does not exist|not exist", re.IGNORECASE)
_FORBIDDEN = re.compile(r"permission|forbidden|not authori[sz]ed|access", re.IGNORECASE)
_MODEL = re.compile(r"model|endpoint", re.IGNORECASE)

# Refusals of what goes along with every picture: no picture can be answered until it changes.
_SETTINGS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), advice)
    for pattern, advice in (
        (r"thinking", "set the option thinking to what it takes, or to 'default'"),
        (r"media.?resolution", "set the option media_resolution to what it takes"),
        (r"temperature|top_?[pk]|penalty", "remove the option temperature"),
        (r"max_?output_?tokens", "lower the option max_output_tokens"),
        (r"unknown name|cannot find field", "upgrade vistoria, or choose another model"),
    )
)
_SCHEMA = re.compile(
    r"too many states|nesting depth|response_?(json_?)?schema|schema (is|in|at)", re.IGNORECASE
)


def google_error(answer: Answer, *, model: str, uri: str, by_reference: bool) -> VistoriaError:
    """The error that an answer of status ≥ 300 stands for.

    `model`: its plain name. `uri`: of the image; `by_reference` if Google was to fetch it.
    """
    problem = read_problem(answer.status, answer.body)
    if problem.wait is None:
        problem = replace(problem, wait=retry_after(answer.headers))
    found: VistoriaError | None = None
    if answer.status == 400:
        found = _bad_request(problem, model, uri, by_reference)
    elif answer.status == 401:
        found = AccessDenied(f"Google refuses the credentials: {cause(problem)}")
    elif answer.status == 403:
        if by_reference and _about_picture(problem, uri):
            found = _forbidden(problem, uri)
        else:
            found = AccessDenied(f"Google denies access: {cause(problem)}")
    elif problem.reason == "QUOTA_IS_ZERO":
        found = AccessDenied(f"Google grants nothing: {cause(problem)}")
    elif answer.status == 404:
        found = _not_found(problem, model, uri, by_reference)
    return found or common_error(answer, f"Google: {problem.said}", problem.wait)


def _bad_request(
    problem: Problem, model: str, uri: str, by_reference: bool
) -> VistoriaError | None:
    at_way_in = _bad_way_in(problem)
    if at_way_in is not None:
        return at_way_in
    if by_reference and _STORE.search(problem.said):
        if _MISSING.search(problem.said):
            return image_missing(uri, f"Google: {problem.said}")
        if _FORBIDDEN.search(problem.said):
            return ImageForbidden(f"Google: {problem.said}")
    return _bad_setting(problem.said, model)


def _bad_way_in(problem: Problem) -> VistoriaError | None:
    said = problem.said
    if problem.reason.startswith("API_KEY") or _BAD_KEY.search(said):
        known = problem.reason in CAUSES
        return AccessDenied(
            cause(problem) if known else f"{CAUSES['API_KEY_INVALID']}\n  Google: {said}"
        )
    if "agents are being provisioned" in said:
        # A project's first call by reference; Google makes the reader of its buckets meanwhile.
        return TransientError(f"Google: {said}", retry_after=problem.wait or 60.0)
    if problem.state == "FAILED_PRECONDITION" and _ACCOUNT.search(said):
        return AccessDenied(f"Google denies access: {cause(problem)}")
    return None


def _bad_setting(said: str, model: str) -> VistoriaError | None:
    for pattern, advice in _SETTINGS:
        if pattern.search(said):
            return ConfigError(f"{model} refuses a setting: {said}\n  {advice}")
    if _SCHEMA.search(said):
        return TaskError(f"{model} refuses the form of the task's answers: {said}")
    return None


def _about_picture(problem: Problem, uri: str) -> bool:
    """Whether a refusal is about one picture, so that others may still be answered.

    Google doesn't always say. Taking a refusal of the account for one of the picture costs a few
    calls until too many failures stop the run; the other way round, one picture would stop it.
    """
    if problem.reason == "SERVICE_DISABLED":
        return False
    if problem.facts.get("permission", "").startswith("storage."):
        return True
    if uri in problem.said or _STORE.search(problem.said):
        return True
    return problem.reason not in CAUSES and not _ACCOUNT.search(problem.said)


def _forbidden(problem: Problem, uri: str) -> ImageForbidden:
    bucket = "/".join(uri.split("/", 3)[:3])
    return ImageForbidden(
        f"Google may not read the image: {problem.said}\n  grant roles/storage.objectViewer on "
        f"{bucket} to the account you run as and to the project's Vertex AI service agent, "
        "service-PROJECT_NUMBER@gcp-sa-aiplatform.iam.gserviceaccount.com"
    )


def _not_found(problem: Problem, model: str, uri: str, by_reference: bool) -> VistoriaError:
    if by_reference and not _MODEL.search(problem.said):
        return image_missing(uri, f"Google: {problem.said}")
    end = retired(model)
    if model in embedding_facts():
        return UserError(
            f"Google has no {model!r} here: {problem.said}\n  set the option location to where it "
            "answers, such as us-central1"
        )
    if end is None:
        return UserError(
            f"Google knows no model {model!r} here: {problem.said}\n  `vistoria models` lists some"
        )
    closing = f", closed to new projects since {end.since}" if end.since else ""
    ending = f", ends {end.until}" if end.until else ""
    return UserError(
        f"{model} is retired or closed to you{closing}{ending}; use 'gemini:{end.use}' instead"
        f"\n  Google: {problem.said}"
    )
