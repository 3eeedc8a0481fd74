"""The sections of a project: one class each, with its keys, their types and defaults."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import (
    BaseModel,
    BeforeValidator,
    ByteSize,
    ConfigDict,
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    StrictBool,
    StrictFloat,
    StrictInt,
)

from vistoria import records
from vistoria.google_account import GoogleSettings

_SECRET = re.compile(r"(key|token|secret|password|credentials?|store)$", re.IGNORECASE)
_PASSWORD = re.compile(r"(://)[^/@\s]+@")


def _split(value: object) -> object:
    if not isinstance(value, str):
        return value
    return tuple(part.strip() for part in value.split(",") if part.strip())


def _pairs(value: object) -> object:
    if not isinstance(value, str):
        return value
    pairs = [part.partition("=") for part in value.split(",") if part.strip()]
    if not all(equals for _, equals, _ in pairs):
        raise ValueError("write a table as key=value,key=value")
    return {key.strip(): given.strip() for key, _, given in pairs}


_Names: TypeAlias = Annotated[tuple[str, ...], BeforeValidator(_split)]


def masked(key: str, value: Any) -> Any:
    """`value`, or `***` if the key names a secret; passwords in addresses are masked too."""
    if isinstance(value, dict):
        return {inner: masked(inner, item) for inner, item in value.items()}
    if value and _SECRET.search(key):
        return "***"
    return _PASSWORD.sub(r"\1***@", value) if isinstance(value, str) else value


class Section(BaseModel):
    """Base of the sections: frozen, and strict about unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    def __repr_args__(self) -> Iterator[tuple[str | None, Any]]:
        """Keep secrets out of logs and tracebacks."""
        for name, value in super().__repr_args__():
            yield name, masked(name or "", value)


class SourceSection(Section):
    """`[source]`: which rows; see `sources.SourceOptions` and `sources.Selection`.

    `max_bytes_billed` may have a unit: "50 GiB".
    """

    address: str | None = None
    table: str | None = None
    query: str | None = None
    dialect: Literal["bigquery"] | None = None
    parameters: Annotated[
        dict[str, StrictBool | StrictInt | StrictFloat | str], BeforeValidator(_pairs)
    ] = {}
    max_bytes_billed: ByteSize | None = None
    profile: str | None = None
    columns: Annotated[dict[str, str], BeforeValidator(_pairs)] = {}
    where: str | None = None
    limit: PositiveInt | None = None
    sample: PositiveInt | None = None
    seed: int = 0


class ImagesSection(Section):
    """`[images]`: `records.ImageSettings`, and options for the object store (`store`)."""

    max_side: PositiveInt | None = None
    crop: bool = False
    crop_margin: NonNegativeFloat = 0.2
    max_bytes: PositiveInt = 50_000_000
    max_pixels: PositiveInt = 200_000_000
    verify: bool = False
    known_by: Literal["address", "content"] = "address"
    store: Annotated[dict[str, Any], BeforeValidator(_pairs)] = {}

    @property
    def settings(self) -> records.ImageSettings:
        """What is to be done to images."""
        return records.ImageSettings(**self.model_dump(exclude={"store"}))


class TaskSection(Section):
    """`[task]`: a ready task or a file, and which of its fields (none: all)."""

    name: str | None = None
    fields: _Names = ()


class ModelSection(Section):
    """`[model]`: `provider:model`, and any option of that model; the model checks them."""

    model_config = ConfigDict(extra="allow")

    name: str | None = None

    @property
    def options(self) -> dict[str, Any]:
        """Everything but the name."""
        return dict(self.model_extra or {})


class RunSection(Section):
    """`[run]`: the ledger, how hard to work and how much to spend.

    `concurrency`: calls at once (None: what the model takes). `retries`: tries after the first.
    `max_failure_rate`: stop when a larger share of observations fails (None: never).
    `confirm_above`, `confirm_cost`: ask before a run over more observations, or of a higher
    estimate, than this. `patience`: seconds for which a service that answers nothing is waited
    for. `budget`: what the run may spend at most, "25 USD", "5M tokens" or both; `prices`: a file
    of prices that go before ours. `ambiguous`: "ask" again or "skip" what a killed run had asked.
    `telemetry`: metrics and traces by OpenTelemetry (None: if OTEL_… variables say where to).
    `batch`: ask in batch jobs, cheaper and within a day or so; `wait` for them; `poll`: seconds
    between two looks at them, at the most.
    """

    ledger: Path = Path(".vistoria/ledger.sqlite")
    concurrency: PositiveInt | None = None
    retries: NonNegativeInt = 8
    max_failure_rate: Annotated[float, Field(ge=0, le=1)] | None = None
    confirm_above: NonNegativeInt = 1_000
    confirm_cost: str = "1 USD"
    patience: NonNegativeFloat = 3_600.0
    requests_per_minute: PositiveFloat | None = None
    tokens_per_minute: PositiveFloat | None = None
    budget: str | None = None
    prices: Path | None = None
    ambiguous: Literal["ask", "skip"] = "ask"
    telemetry: bool | None = None
    batch: bool = False
    wait: bool = True
    poll: PositiveFloat = 60.0


class FunctionsSection(Section):
    """`[functions]`: how events are answered. `max_age`: seconds for which an event is left for
    another try after transient failures; `timeout`: seconds that a delivery waits for its answer;
    `dead_letter`: the Pub/Sub topic that is told of images which failed for good.
    """

    max_age: NonNegativeFloat = 86_400.0
    timeout: PositiveFloat = 240.0
    dead_letter: str | None = None


class GoogleSection(Section):
    """`[google]`: `google_account.GoogleSettings`."""

    project: str | None = None
    region: str | None = None
    location: str | None = None
    customer: str | None = None
    impersonate: str | None = None
    endpoints: Annotated[dict[str, str], BeforeValidator(_pairs)] = {}

    @property
    def settings(self) -> GoogleSettings:
        """Whose account, and where."""
        return GoogleSettings(**self.model_dump())
