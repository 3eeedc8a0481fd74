"""What a report says: every figure of it, as frozen data that becomes JSON as it stands."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from typing import Any, Literal, TypeAlias

from vistoria.truth import Interval

Unit: TypeAlias = Literal["photo", "asset"]
"""What is counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFacts:
    """What was run. `assets`: how many different ones, 0 where the source names none; `cost`: as
    in `vistoria status --json`; `settings` and `selection`: what could change an answer."""

    run: int
    task: str
    task_fingerprint: str
    model: str
    model_versions: tuple[str, ...]
    source: str
    profile: str
    selection: Mapping[str, Any]
    settings: Mapping[str, Any]
    started_at: str
    state: str
    total: int
    answered: int
    pending: int
    failed: Mapping[str, int]
    assets: int
    snapshots: Mapping[str, int]
    snapshot_names: Mapping[str, str]
    first_photo: str | None
    last_photo: str | None
    input_tokens: int
    output_tokens: int
    cost: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerCount:
    """One answer of one field. `machine`: how many rows the machine gave it; `corrected`: how many
    there are, from reviews; `precision`: of the machine's, the share that are right; `recall`: of
    those there are, the share that it found; `truth`: what is so, where a town was made up."""

    answer: str
    machine: int
    corrected: Interval | None = None
    precision: Interval | None = None
    recall: Interval | None = None
    truth: int | None = None

    @property
    def held(self) -> bool | None:
        """Whether the corrected interval holds the truth; None where one is not known."""
        if self.corrected is None or self.truth is None:
            return None
        return self.corrected.low - 1e-6 <= self.truth <= self.corrected.high + 1e-6

    @property
    def off(self) -> int | None:
        """By how much the machine's count misses the truth."""
        return None if self.truth is None else self.machine - self.truth


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbers:
    """How the machine's answers to a field of numbers spread."""

    answered: int
    minimum: float
    maximum: float
    mean: float


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldAnswers:
    """A field's answers over `rows` units.

    `reviewed`: how many of them people looked at, 0 where nothing is corrected; `right`: of the
    machine's answers ("does not apply" is none) the share that are right, from `judged` of them;
    `hidden`: the share of units that could be `hidden_answer` without machine or reviewer having
    noticed; `note`: why it is not counted answer by answer, where it is not.
    """

    field: str
    kind: str
    rows: int
    reviewed: int = 0
    answers: tuple[AnswerCount, ...] = ()
    numbers: Numbers | None = None
    right: Interval | None = None
    judged: int = 0
    hidden: float | None = None
    hidden_answer: str | None = None
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Population:
    """What the answers speak of: `units` photos or assets of `scope`, and the sample that corrects
    them, if there is one. `open`: drawn but not looked at yet; `note`: why nothing is corrected."""

    unit: Unit
    units: int
    scope: str
    sample: int | None = None
    method: str = ""
    purpose: str = ""
    by_field: str | None = None
    reviewed: int = 0
    open: int = 0
    conflicts: int = 0
    reviewers: tuple[str, ...] = ()
    simulated: bool = False
    label_seen: bool = False
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateShown:
    """A certificate as it was issued; `document` holds what it is bound to."""

    certificate: int
    sample: int
    sentence: str
    issued_at: str
    reviewed: int
    simulated: bool
    document: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class AgreementShown:
    """How far two readers agree on a field: a person and the machine, or two people."""

    field: str
    first: str
    second: str
    of: int
    raw: Interval
    kappa: Interval
    ac1: Interval
    alpha: Interval
    specific: Mapping[str, Interval]
    quantity: float | None
    allocation: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """A hexagon: its H3 id, its ring of (longitude, latitude), `rows` in it, `machine`: the share
    that the machine calls it, `reviewed` rows, and the corrected share; None where no person
    looked."""

    cell: str
    ring: tuple[tuple[float, float], ...]
    rows: int
    machine: float
    reviewed: int
    corrected: Interval | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Where `answer` of `field` is found, by H3 cell of `resolution`; `nowhere`: rows without a
    place, which are not on the map."""

    field: str
    answer: str
    unit: Unit
    resolution: int
    cells: tuple[Cell, ...]
    nowhere: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Flip:
    """Assets that went from one answer to another: `machine` says so of so many; `corrected`: how
    many did, with `shown` False where the interval contains 0."""

    before: str
    after: str
    machine: int
    corrected: Interval | None = None
    shown: bool = False
    truth: int | None = None

    @property
    def pair(self) -> tuple[str, str]:
        """Both answers."""
        return self.before, self.after


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeShown:
    """What changed between two snapshots, in `field`, over `assets` seen in both. `gone` and
    `new`: assets seen in one of them only, which may mean that nobody drove past."""

    field: str
    before: str
    after: str
    assets: int
    gone: int
    new: int
    machine: int
    reviewed: int = 0
    corrected: Interval | None = None
    shown: bool = False
    flips: tuple[Flip, ...] = ()
    truth: int | None = None
    simulated: bool = False
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Photo:
    """A photo of a conflict; `picture`: a data address of a small JPEG, where wanted."""

    observation: str
    answer: str
    captured_at: str | None
    picture: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Conflict:
    """Photos of one asset and snapshot that say different things, or people that do (`by`)."""

    by: Literal["photos", "people"]
    unit: str
    field: str
    snapshot: str | None
    photos: tuple[Photo, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Conflicts:
    """The first of `total` conflicts among `assets` that have several photos; `attribution` of the
    pictures, where they are shown."""

    total: int
    assets: int
    shown: tuple[Conflict, ...]
    attribution: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Taught:
    """How counts did against a truth that is known: of `counts`, the machine's equal it in
    `machine_right`, corrected intervals hold it in `held`."""

    counts: int
    machine_right: int
    held: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """A method, in plain words."""

    title: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Everything that a report says. `confidence` of each interval; `simulated`: a made-up reviewer
    answered; `taught`: where the truth is known."""

    title: str
    made_at: str
    vistoria: str
    ledger: str
    confidence: float
    run: RunFacts
    population: Population
    fields: tuple[FieldAnswers, ...]
    certificates: tuple[CertificateShown, ...] = ()
    agreements: tuple[AgreementShown, ...] = ()
    places: Places | None = None
    changes: tuple[ChangeShown, ...] = ()
    conflicts: Conflicts | None = None
    notes: tuple[Note, ...] = ()
    simulated: bool = False
    taught: Taught | None = None

    def document(self) -> dict[str, Any]:
        """All of it, as JSON values."""
        found = _plain(self)
        assert isinstance(found, dict)
        return found


def _plain(value: object) -> object:
    if is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    return value
