"""What Google's error answers say, and what to do about them, whichever service answered.

An error body is `{"error": {"code", "message", "status", "details": [...]}}`; of the details,
google.rpc.ErrorInfo gives a stable reason with facts, google.rpc.RetryInfo the time to wait.
BigQuery and Cloud Storage often leave the details out, and name the permission in the message.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from vistoria.errors import (
    AccessDenied,
    RateLimited,
    TransientError,
    UserError,
    VistoriaError,
)

if TYPE_CHECKING:
    from google.api_core.exceptions import GoogleAPICallError

__all__ = [
    "Problem",
    "cause",
    "permission_in",
    "problem_of",
    "read_problem",
    "role_for",
    "translated",
]

CAUSES: Mapping[str, str] = {
    "SERVICE_DISABLED": (
        "the API {service} is off in {consumer}; enable it at {activationUrl} or with `gcloud "
        "services enable {service} --project {project}`, and try again in a few minutes"
    ),
    "IAM_PERMISSION_DENIED": (
        "the account you run as lacks {permission} on {resource}; grant it {role}"
    ),
    "CONSUMER_INVALID": "there is no {consumer}, or you may not use it; check `project`",
    "CONSUMER_SUSPENDED": "{consumer} is suspended; see the Cloud console",
    "USER_PROJECT_DENIED": (
        "the account you run as may not charge {consumer}; grant it "
        "roles/serviceusage.serviceUsageConsumer there"
    ),
    "BILLING_DISABLED": (
        "billing is off in {consumer}; turn it on at https://console.cloud.google.com/billing"
    ),
    "ACCESS_TOKEN_EXPIRED": "your sign-in has ended; run `gcloud auth application-default login`",
    "CREDENTIALS_MISSING": (
        "the request went out without credentials; run `gcloud auth application-default login`"
    ),
    "ACCESS_TOKEN_TYPE_UNSUPPORTED": (
        "Google takes no such credentials here; run `gcloud auth application-default login`"
    ),
    "QUOTA_IS_ZERO": (
        "the quota {quota_metric} is 0 in {quota_location}; raise it at "
        "https://console.cloud.google.com/iam-admin/quotas?project={project}, or choose another "
        "region"
    ),
    "API_KEY_INVALID": (
        "the API key is not valid; make one at https://aistudio.google.com/apikey and set "
        "GEMINI_API_KEY"
    ),
    "API_KEY_SERVICE_BLOCKED": "the API key may not call {service}; widen its restrictions",
    "ACCOUNT_STATE_INVALID": "the account behind the credentials is off or deleted",
}
"""google.rpc.ErrorInfo reason → what to do."""

# The narrowest predefined role that holds a permission; the longest prefix wins.
_ROLES: Mapping[str, str] = {
    "aiplatform.": "roles/aiplatform.user",
    "analyticshub.": "roles/analyticshub.subscriptionOwner",
    "bigquery.": "roles/bigquery.dataViewer",
    "bigquery.jobs.": "roles/bigquery.jobUser",
    "bigquery.datasets.create": "roles/bigquery.user",
    "bigquery.readsessions.": "roles/bigquery.readSessionUser",
    "bigquery.tables.create": "roles/bigquery.dataEditor",
    "bigquery.tables.update": "roles/bigquery.dataEditor",
    "storage.": "roles/storage.objectViewer",
    "storage.objects.create": "roles/storage.objectUser",
    "storage.objects.delete": "roles/storage.objectUser",
    "serviceusage.services.enable": "roles/serviceusage.serviceUsageAdmin",
    "serviceusage.": "roles/serviceusage.serviceUsageConsumer",
    "iam.serviceAccounts.": "roles/iam.serviceAccountTokenCreator",
}
_PERMISSION = re.compile(
    r"\b((?:aiplatform|analyticshub|bigquery|storage|serviceusage|iam)"
    r"\.(?!googleapis|gserviceaccount)[a-zA-Z]+\.[a-zA-Z]+)\b"
)
_KEY = re.compile(r"(api_key:|AIza)[\w.-]{8,}")  # Google repeats the key that it refuses


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """A read error answer. `facts` are those of its ErrorInfo; `wait` is in seconds."""

    said: str
    state: str = ""
    reason: str = ""
    facts: Mapping[str, str]
    wait: float | None = None


def read_problem(status: int, body: bytes) -> Problem:
    """What an error body says, whatever its form: a proxy may answer in HTML."""
    try:
        document = json.loads(body)
        error = (document[0] if isinstance(document, list) else document)["error"]
        said = str(error["message"])
    except (ValueError, LookupError, TypeError):
        text = " ".join(body[:300].decode("utf-8", "replace").split())
        error, said = {}, f"HTTP {status} {text}"
    details = [entry for entry in error.get("details") or () if isinstance(entry, dict)]
    info = _detail(details, "ErrorInfo")
    delay = _detail(details, "RetryInfo").get("retryDelay")
    return Problem(
        said=_shortened(said),
        state=str(error.get("status") or ""),
        reason=_reason(info, error),
        facts=_facts(info.get("metadata"), said),
        wait=_duration(delay) if isinstance(delay, str) else None,
    )


def problem_of(error: "GoogleAPICallError") -> Problem:
    """What an error of Google's client libraries says, over REST or gRPC."""
    content = getattr(error.response, "content", None)
    if isinstance(content, bytes) and content:
        return read_problem(int(error.code or 0), content)
    said = error.message or str(error)
    delays = [getattr(entry, "retry_delay", None) for entry in error.details or ()]
    return Problem(
        said=_shortened(said),
        state=error.grpc_status_code.name if error.grpc_status_code else "",
        reason=error.reason or "",
        facts=_facts(error.metadata, said),
        wait=next((delay.seconds for delay in delays if delay), None),
    )


def translated(error: "GoogleAPICallError") -> VistoriaError:
    """The error of ours that an error of Google's client libraries stands for."""
    problem, code = problem_of(error), int(error.code or 0)
    if code == 401:
        return AccessDenied(f"Google refuses the credentials: {cause(problem)}")
    if problem.reason == "QUOTA_IS_ZERO":
        return AccessDenied(f"Google grants nothing: {cause(problem)}")
    if problem.reason in ("rateLimitExceeded", "jobRateLimitExceeded") or code == 429:
        return RateLimited(f"Google: {problem.said}", retry_after=problem.wait)
    if code == 403:
        return AccessDenied(f"Google denies access: {cause(problem)}")
    if code >= 500 or code == 408:
        return TransientError(f"Google: {problem.said}", retry_after=problem.wait)
    return UserError(f"Google: {problem.said}")


def cause(problem: Problem) -> str:
    """What to do, where Google gave its reason, then what it said."""
    reason = problem.reason
    if reason not in CAUSES and problem.facts.get("permission"):
        reason = "IAM_PERMISSION_DENIED"
    advice = CAUSES.get(reason)
    if advice is None:
        return problem.said
    facts = problem.facts
    service = facts.get("service", "")
    added = {
        "activationUrl": f"https://console.cloud.google.com/apis/library/{service}",
        "project": facts.get("consumer", "").removeprefix("projects/") or "PROJECT",
        "role": role_for(facts.get("permission", "")),
    }
    return f"{advice.format_map(_Facts({**added, **facts}))}\n  Google: {problem.said}"


def role_for(permission: str) -> str:
    """The narrowest predefined role that holds a permission."""
    fitting = [prefix for prefix in _ROLES if permission.startswith(prefix)]
    return _ROLES[max(fitting, key=len)] if fitting else f"a role that holds {permission}"


def permission_in(said: str) -> str | None:
    """The permission that a message names, e.g. "bigquery.jobs.create"."""
    found = _PERMISSION.search(said)
    return found[1] if found else None


class _Facts(dict[str, str]):
    def __missing__(self, key: str) -> str:
        return f"the {key}"


def _facts(given: Any, said: str) -> Mapping[str, str]:
    facts = {str(key): str(value) for key, value in given.items()} if given else {}
    if "permission" not in facts and (permission := permission_in(said)):
        facts["permission"] = permission
    return facts


def _reason(info: Mapping[str, Any], error: Mapping[str, Any]) -> str:
    facts = info.get("metadata")
    if isinstance(facts, dict) and facts.get("quota_limit_value") == "0":
        return "QUOTA_IS_ZERO"  # RATE_LIMIT_EXCEEDED, and waiting won't help
    return str(info.get("reason") or _legacy_reason(error))


def _legacy_reason(error: Mapping[str, Any]) -> str:
    """The reason as BigQuery and Cloud Storage give it, without details."""
    errors = error.get("errors")
    first = errors[0] if isinstance(errors, list) and errors else {}
    reason = str(first.get("reason") or "") if isinstance(first, dict) else ""
    return {"accessNotConfigured": "SERVICE_DISABLED"}.get(reason, reason)


def _shortened(said: str) -> str:
    return _KEY.sub(r"\1…", said if len(said) <= 600 else said[:599] + "…")


def _detail(details: list[dict[str, Any]], kind: str) -> dict[str, Any]:
    return next((e for e in details if str(e.get("@type")).endswith(f"google.rpc.{kind}")), {})


def _duration(text: str) -> float | None:
    found = re.fullmatch(r"(\d+(?:\.\d+)?)s", text)
    return float(found[1]) if found else None
