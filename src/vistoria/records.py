"""Frozen data that travels between rooms; no behaviour."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Value: TypeAlias = "str | float | int | bool | list[str] | list[dict[str, float | str]] | None"
"""The answer of one field; None means "does not apply"."""

Answer: TypeAlias = Mapping[str, Value]
"""Field name → value."""


class Box(NamedTuple):
    """A rectangle in pixels of the upright image; `right` and `bottom` are exclusive."""

    left: float
    top: float
    right: float
    bottom: float


@dataclass(frozen=True, slots=True)
class ImageRef:
    """Where an image is.

    `version` tells whether the bytes behind the address changed (object generation, ETag, or
    size and modification time of a file); `box` marks the asset in the image.
    """

    uri: str
    version: str | None = None
    box: Box | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """One row of a source: a picture of something at a place and time."""

    observation_id: str
    image: ImageRef
    asset_id: str | None = None
    asset_type: str | None = None
    latitude: float | None = None
    longitude: float | None = None
    captured_at: datetime | None = None
    heading: float | None = None
    snapshot_id: str | None = None
    map_url: str | None = None


OBSERVATION_COLUMNS: Mapping[str, str] = {
    "observation_id": "string",
    "uri": "string",
    "version": "string",
    "box_left": "double",
    "box_top": "double",
    "box_right": "double",
    "box_bottom": "double",
    "asset_id": "string",
    "asset_type": "string",
    "latitude": "double",
    "longitude": "double",
    "captured_at": "timestamp[us, UTC]",
    "heading": "double",
    "snapshot_id": "string",
    "map_url": "string",
}
"""The columns, in order, and Arrow types of every batch that a source yields."""

RESULT_COLUMNS: frozenset[str] = frozenset(
    "observation_id uri asset_id asset_type latitude longitude captured_at heading snapshot_id "
    "map_url status reason detail model model_version answered_at sha256".split()
)
"""The columns of a run's table besides its fields, which may not bear these names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageForm:
    """The form in which a model wants its images.

    `kind`: "none" (the address is enough, nothing is read), "encoded" (a JPEG, PNG … file in
    memory) or "pixels" (uint8 RGB of exactly `width` × `height`).
    `by_reference`: address schemes that the model's service fetches by itself.
    `mime_types`: encodings accepted as they are; others are re-encoded as JPEG.
    `max_bytes`: the largest encoded image that the service takes by value.
    """

    kind: Literal["none", "encoded", "pixels"]
    by_reference: frozenset[str] = frozenset()
    mime_types: frozenset[str] = frozenset({"image/jpeg", "image/png", "image/webp"})
    width: int | None = None
    height: int | None = None
    max_bytes: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageSettings:
    """What the user wants done to images before a model sees them.

    `max_side`: downscale so that the longer side is at most this many pixels.
    `crop`: cut to the observation's box, widened on each side by `crop_margin` times its size.
    `known_by`: images that are not read here are known by their "address", or by the "content",
    whose checksum their store is asked for.
    `verify`: decode also those JPEG files that are handed over as they are, to find damage within
    them; else only what is missing or out of place is found.
    """

    max_side: int | None = None
    crop: bool = False
    crop_margin: float = 0.2
    max_bytes: int = 50_000_000
    max_pixels: int = 200_000_000
    verify: bool = False
    known_by: Literal["address", "content"] = "address"


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """An image made ready for a model.

    By reference (`data` and `pixels` None), encoded (`data`), or decoded (`pixels`, uint8,
    height × width × 3, RGB). `width` and `height` are of what is handed over, if known;
    `sha256` is of the original bytes, if they were seen; `checksum` what their store says of them.
    """

    uri: str
    mime_type: str | None = None
    data: bytes | None = None
    pixels: "NDArray[np.uint8] | None" = None
    width: int | None = None
    height: int | None = None
    sha256: bytes | None = None
    checksum: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Charge:
    """What a service's bill for one call depends on, besides the text and the picture.

    `output_tokens`: the most that an answer may have, thinking included. `media_resolution`: how
    finely a picture is sampled, where that can be chosen. `regional`: of an endpoint bound to a
    region, which some services price higher. `prompted`: the task's text goes along with the
    picture, and is billed.
    """

    output_tokens: int
    media_resolution: str | None = None
    regional: bool = False
    prompted: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchLimits:
    """The most that one batch job of a service may hold: `rows`, and `bytes` of its file."""

    rows: int
    bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What the engine must know about a model; it never asks for the model's name.

    `batch_size`: pictures per call, 1 for a service. `concurrency`: calls at once to begin with.
    `local`: computes in this process, so `concurrency` is bound by cores, not by a service.
    `blocking`: also has `answer`, which computes in the thread that calls it (`models.Blocking`).
    `service`: names what is limited together: model, account and endpoint. `charge`: what decides
    the price of a call; None where there is none to pay. `resolutions`: values of the model's
    option `media_resolution`, the finest first, if it has one. `sign_in`: what calls are signed
    with, a Google account or a key, where that is known. `batch`: it has `batches`, which
    answers many rows later at a lower price (`models.Batching`); None where it has not. `easy`: it
    has `easy`, which answers some pictures of that form here (`models.Cascading`), and about
    `handed_over` is the share of the rest. `billed_as`: whose prices hold, if not its own name's.
    """

    image: ImageForm
    batch_size: int = 1
    concurrency: int = 16
    local: bool = False
    blocking: bool = False
    service: str = ""
    charge: Charge | None = None
    resolutions: tuple[str, ...] = ()
    sign_in: Literal["google", "key"] | None = None
    batch: BatchLimits | None = None
    easy: ImageForm | None = None
    billed_as: str = ""
    handed_over: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Tokens billed for one call; `output_tokens` excludes `thinking_tokens`."""

    input_tokens: int = 0
    output_tokens: int = 0
    thinking_tokens: int = 0
    cached_tokens: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What a model said about one picture.

    `answer`: JSON text still to be parsed, or values that fit the task already.
    `confidence`: field → calibrated probability, for models that have one.
    `model_version`: the version that answered, which may differ from the one asked for.
    """

    answer: "str | dict[str, Value]"
    model_version: str
    usage: Usage = Usage()
    confidence: Mapping[str, float] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """The outcome of asking a model about one observation, as the ledger keeps it.

    `tries` counts calls including retries and the re-ask; `usage` is their sum; times are
    seconds since the epoch and seconds. `identity` names what the model saw, 64 bits; `copied`
    tells that the same image had been answered before and was not asked about again.
    """

    ordinal: int
    run_id: int
    question_id: int
    status: Literal["answered", "failed"]
    reason: str | None = None
    retryable: bool = False
    detail: str | None = None
    answer: Answer | None = None
    confidence: Mapping[str, float] | None = None
    model_version: str | None = None
    usage: Usage = Usage()
    sha256: bytes | None = None
    identity: int | None = None
    copied: bool = False
    tries: int = 1
    started_at: float = 0.0
    seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What a reviewer said about one field of a sampled unit.

    `part`: 0, or 1 for the later half of a pair. `verdict`: a "value", "unclear" (a person cannot
    tell), or "retracted" (undone). `value`: None where the field does not apply. `simulated`: made
    up from a known truth, not by a person. `adjudicates`: settles a disagreement. `label_seen`: the
    reviewer saw the machine's label before. `decided_at`: ISO 8601, UTC.
    """

    sample_id: int
    item: int
    part: int
    field: str
    verdict: Literal["value", "unclear", "retracted"]
    value: Value
    reviewer: str
    simulated: bool = False
    adjudicates: bool = False
    label_seen: bool = False
    decided_at: str = ""
