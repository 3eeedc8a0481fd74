"""Google's error bodies, in the forms that users have reported."""

from collections.abc import Mapping
from typing import Any

_TYPE = "type.googleapis.com/google.rpc."


def body(
    status: int, state: str, message: str, *details: Mapping[str, Any]
) -> tuple[int, dict[str, Any]]:
    """Status and body."""
    error: dict[str, Any] = {"code": status, "message": message, "status": state}
    if details:
        error["details"] = list(details)
    return status, {"error": error}


def info(reason: str, **facts: str) -> dict[str, Any]:
    """A google.rpc.ErrorInfo."""
    return {
        "@type": f"{_TYPE}ErrorInfo",
        "reason": reason,
        "domain": "googleapis.com",
        "metadata": facts,
    }


_CONSUMER = "projects/proj-1"
_SERVICE = "aiplatform.googleapis.com"
_ACTIVATION = (
    "https://console.developers.google.com/apis/api/aiplatform.googleapis.com/overview"
    "?project=proj-1"
)
_RESOURCE = "projects/proj-1/locations/global/publishers/google/models/gemini-3.5-flash-lite"

BODIES: Mapping[str, tuple[int, dict[str, Any]]] = {
    "bad_image": body(
        400,
        "INVALID_ARGUMENT",
        "Unable to process input image. Please retry or report in "
        "https://developers.generativeai.google/guide/troubleshooting",
    ),
    "bad_key": body(
        400,
        "INVALID_ARGUMENT",
        "API key not valid. Please pass a valid API key.",
        info("API_KEY_INVALID", service="generativelanguage.googleapis.com"),
        {
            "@type": f"{_TYPE}LocalizedMessage",
            "locale": "en-US",
            "message": "API key not valid. Please pass a valid API key.",
        },
    ),
    "no_key": body(
        403,
        "PERMISSION_DENIED",
        "Method doesn't allow unregistered callers (callers without established identity). "
        "Please use API Key or other form of API consumer identity to call this API.",
    ),
    "token_expired": body(
        401,
        "UNAUTHENTICATED",
        "Request had invalid authentication credentials. Expected OAuth 2 access token, login "
        "cookie or other valid authentication credential. See "
        "https://developers.google.com/identity/sign-in/web/devconsole-project.",
        info("ACCESS_TOKEN_EXPIRED", service=_SERVICE, method="PredictionService.GenerateContent"),
    ),
    "service_disabled": body(
        403,
        "PERMISSION_DENIED",
        "Vertex AI API has not been used in project proj-1 before or it is disabled. Enable it by "
        f"visiting {_ACTIVATION} then retry. If you enabled this API recently, wait a few minutes "
        "for the action to propagate to our systems and retry.",
        info(
            "SERVICE_DISABLED",
            service=_SERVICE,
            consumer=_CONSUMER,
            activationUrl=_ACTIVATION,
            serviceTitle="Vertex AI API",
            containerInfo="proj-1",
        ),
    ),
    "iam_denied": body(
        403,
        "PERMISSION_DENIED",
        "Permission 'aiplatform.endpoints.predict' denied on resource "
        f"'//aiplatform.googleapis.com/{_RESOURCE}' (or it may not exist).",
        {
            **info(
                "IAM_PERMISSION_DENIED",
                permission="aiplatform.endpoints.predict",
                resource=_RESOURCE,
            ),
            "domain": "aiplatform.googleapis.com",
        },
    ),
    "consumer_invalid": body(
        403,
        "PERMISSION_DENIED",
        "Permission denied on resource project proj-1.",
        info("CONSUMER_INVALID", consumer=_CONSUMER, service=_SERVICE, containerInfo="proj-1"),
    ),
    "billing_disabled": body(
        403,
        "PERMISSION_DENIED",
        "This API method requires billing to be enabled. Please enable billing on project #proj-1.",
        info("BILLING_DISABLED", consumer=_CONSUMER, service=_SERVICE),
    ),
    "payer_denied": body(
        403,
        "PERMISSION_DENIED",
        "Caller does not have required permission to use project proj-1. Grant the caller the "
        "roles/serviceusage.serviceUsageConsumer role.",
        info("USER_PROJECT_DENIED", consumer=_CONSUMER, service=_SERVICE),
    ),
    "suspended": body(
        403,
        "PERMISSION_DENIED",
        "Permission denied: Consumer 'api_key:AIza-a-key-of-mine' has been suspended.",
        info("CONSUMER_SUSPENDED", consumer=_CONSUMER, service=_SERVICE),
    ),
    "precondition": body(400, "FAILED_PRECONDITION", "Precondition check failed."),
    "unexplained_403": body(403, "PERMISSION_DENIED", "The caller does not have permission"),
    "store_denied": body(
        403,
        "PERMISSION_DENIED",
        "Permission denied while accessing input file. Learn more about providing the appropriate "
        "credentials: https://cloud.google.com/vertex-ai/docs/general/access-control",
    ),
    "store_permission": body(
        403,
        "PERMISSION_DENIED",
        "service-1@gcp-sa-aiplatform.iam.gserviceaccount.com does not have storage.objects.get "
        "access to the Google Cloud Storage object.",
        info("IAM_PERMISSION_DENIED", permission="storage.objects.get", resource="photos"),
    ),
    "store_missing": body(404, "NOT_FOUND", "No such object: photos/gone.jpg"),
    "store_missing_400": body(
        400, "INVALID_ARGUMENT", "The file gs://photos/gone.jpg does not exist."
    ),
    "provisioning": body(
        400,
        "FAILED_PRECONDITION",
        "Service agents are being provisioned "
        "(https://cloud.google.com/vertex-ai/docs/general/access-control#service-agents). Service "
        "agents are needed to read the Cloud Storage file provided. So please try again in a few "
        "minutes.",
    ),
    "place": body(400, "FAILED_PRECONDITION", "User location is not supported for the API use."),
    "too_many_states": body(
        400,
        "INVALID_ARGUMENT",
        "The specified schema produces a constraint that has too many states for serving. Typical "
        "causes of this error are schemas with lots of text.",
    ),
    "retired": body(
        404,
        "NOT_FOUND",
        "This model models/gemini-2.5-flash is no longer available to new users. Please update "
        "your code to use a newer model for the latest features and improvements.",
    ),
    "elsewhere": body(
        404,
        "NOT_FOUND",
        "Publisher Model `projects/proj-1/locations/europe-west2/publishers/google/models/"
        "gemini-embedding-2` was not found or your project does not have access to it.",
    ),
    "quota": body(
        429,
        "RESOURCE_EXHAUSTED",
        "You exceeded your current quota, please check your plan and billing details. Please "
        "retry in 37.2s.",
        {
            "@type": f"{_TYPE}QuotaFailure",
            "violations": [
                {
                    "quotaMetric": "generativelanguage.googleapis.com/generate_content_requests",
                    "quotaId": "GenerateRequestsPerMinutePerProjectPerModel-FreeTier",
                }
            ],
        },
        {"@type": f"{_TYPE}RetryInfo", "retryDelay": "37s"},
    ),
    "exhausted": body(
        429,
        "RESOURCE_EXHAUSTED",
        "Resource exhausted. Please try again later. Please refer to "
        "https://cloud.google.com/vertex-ai/generative-ai/docs/error-code-429 for more details.",
    ),
    "quota_zero": body(
        429,
        "RESOURCE_EXHAUSTED",
        "Quota exceeded for aiplatform.googleapis.com/generate_content_requests_per_minute_per_"
        "project_per_base_model with base model: gemini-3.5-flash-lite. Please submit a quota "
        "increase request.",
        info(
            "RATE_LIMIT_EXCEEDED",
            service=_SERVICE,
            consumer="projects/123456",
            quota_metric=(
                "aiplatform.googleapis.com/generate_content_requests_per_minute_per_project_per_"
                "base_model"
            ),
            quota_limit="GenerateContentRequestsPerMinutePerProjectPerBaseModel",
            quota_limit_value="0",
            quota_location="us-central1",
        ),
    ),
    "internal": body(500, "INTERNAL", "An internal error has occurred. Please retry."),
    "overloaded": body(503, "UNAVAILABLE", "The model is overloaded. Please try again later."),
    "deadline": body(504, "DEADLINE_EXCEEDED", "Deadline expired before operation could complete."),
}
