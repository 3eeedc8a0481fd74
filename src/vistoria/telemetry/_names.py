"""How a model is called in telemetry: OpenTelemetry's names for providers and operations."""

from collections.abc import Mapping
from typing import NamedTuple

# Of conventions for generative AI 1.37 and later. A provider that is not listed goes by its own
# name, which they allow.
_KNOWN: Mapping[str, tuple[str, str]] = {
    "gemini": ("gcp.gen_ai", "generate_content"),
    "openai": ("openai", "chat"),
}

OPERATION = "gen_ai.operation.name"
PROVIDER = "gen_ai.provider.name"
REQUEST_MODEL = "gen_ai.request.model"
RESPONSE_MODEL = "gen_ai.response.model"
ERROR = "error.type"
TASK = "vistoria.task"


class Named(NamedTuple):
    """A model: who provides it, its name there, and what asking it is called."""

    provider: str
    model: str
    operation: str

    @classmethod
    def of(cls, name: str) -> "Named":
        """From `provider:model`."""
        prefix, _, model = name.partition(":")
        provider, operation = _KNOWN.get(prefix, (prefix, "generate_content"))
        return cls(provider, model or prefix, operation)

    @property
    def attributes(self) -> dict[str, str]:
        """What every metric and span of it bears."""
        return {
            OPERATION: self.operation,
            PROVIDER: self.provider,
            REQUEST_MODEL: self.model,
        }
