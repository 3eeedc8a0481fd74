"""When a student's answer may stand without asking its teacher: thresholds that were certified.

`vistoria cascade` learns them on rows drawn from the whole table and writes them beside the student
as `<student>.cascade.json`. They hold for one student, one teacher and its versions, the fields of
one task, and the part of the world that the rows were drawn from; elsewhere the teacher answers.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from vistoria.errors import ConfigError
from vistoria.records import Observation, Value

__all__ = ["Audit", "Domain", "Rule", "read_rule", "score"]

FORMAT = 1
_EDGE = 0.02  # degrees that a row may lie outside of where the sample lay: about 2 km


def score(values: Mapping[str, Value], confidence: Mapping[str, float]) -> float:
    """How sure an answer is: as sure as its least sure field. Fields that do not apply do not
    count."""
    sure = [confidence[name] for name, value in values.items() if value is not None]
    return min(sure, default=0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Domain:
    """Where a rule holds; what is None or empty restricts nothing. `bounds`: south, west, north,
    east."""

    snapshots: tuple[str, ...] = ()
    asset_types: tuple[str, ...] = ()
    bounds: tuple[float, float, float, float] | None = None

    def holds(self, row: Observation) -> bool:
        """Whether a row is like those that the rule was certified on."""
        if self.snapshots and row.snapshot_id not in self.snapshots:
            return False
        if self.asset_types and row.asset_type not in self.asset_types:
            return False
        if self.bounds is None or row.latitude is None or row.longitude is None:
            return True
        south, west, north, east = self.bounds
        return (
            south - _EDGE <= row.latitude <= north + _EDGE
            and west - _EDGE <= row.longitude <= east + _EDGE
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """`threshold`: the score from which answers are kept. `classes`: field → class → the score
    from which that class is kept. `fields`: name → fingerprint of those certified together.
    `audit`: share of kept answers that the teacher is asked about nevertheless; `alarms`: for 0,
    1, 2 … differences, the number of audits up to which they prove that the rule no longer holds.
    `kept`: share of rows that were kept in the sample; `certificate`: what was shown, and on what.
    """

    student: str
    teacher: str
    versions: tuple[str, ...]
    fields: Mapping[str, str]
    threshold: float
    classes: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    tolerances: Mapping[str, float] = field(default_factory=dict)
    domain: Domain = field(default_factory=Domain)
    kept: float
    audit: float = 0.02
    alarms: tuple[int, ...] = ()
    certificate: Mapping[str, Any] = field(default_factory=dict)

    def keeps(self, values: Mapping[str, Value], confidence: Mapping[str, float]) -> bool:
        """Whether an answer stands."""
        sure = score(values, confidence)
        if sure < self.threshold:
            return False
        for name, limits in self.classes.items():
            value = values.get(name)
            key = str(value).lower() if isinstance(value, bool) else str(value)
            if sure < limits.get(key, 0.0):
                return False
        return True

    def write(self, path: Path) -> None:
        """As JSON, whole or not at all."""
        draft = path.with_name(f".{path.name}.tmp")
        text = json.dumps({"format": FORMAT, **asdict(self)}, indent=2, ensure_ascii=False)
        draft.write_text(text, encoding="utf-8")
        draft.replace(path)


class Audit:
    """Counts how the teacher judges kept answers; see `Rule.alarms`. Once it rang it stays so."""

    def __init__(self, alarms: Sequence[int]) -> None:
        self._alarms = alarms
        self.audited = 0
        self.wrong: dict[str, int] = {}
        self.rang = ""

    def note(self, differs: Mapping[str, bool]) -> None:
        """One audited answer: field → whether the teacher says otherwise."""
        self.audited += 1
        for name, wrong in differs.items():
            count = self.wrong[name] = self.wrong.get(name, 0) + wrong
            limit = self._alarms[min(count, len(self._alarms) - 1)] if self._alarms else 0
            if wrong and self.audited <= limit and not self.rang:
                self.rang = f"{count} of {self.audited} audited answers to {name!r} differ"


def read_rule(path: Path) -> Rule:
    """The rule in a file; raises ConfigError where there is none."""
    if not path.is_file():
        raise ConfigError(
            "the student has no certified thresholds yet: run `vistoria cascade STUDENT.onnx "
            "--teacher MODEL` first",
            looked_at=(str(path.absolute()),),
        )
    try:
        given = json.loads(path.read_text(encoding="utf-8"))
        if given.pop("format") != FORMAT:
            raise ValueError("it has another format")
        domain = given.pop("domain")
        bounds = domain["bounds"]
        return Rule(
            domain=Domain(
                snapshots=tuple(domain["snapshots"]), asset_types=tuple(domain["asset_types"]),
                bounds=None if bounds is None else tuple(bounds),
            ),
            versions=tuple(given.pop("versions")), alarms=tuple(given.pop("alarms")), **given,
        )  # fmt: skip
    except (ValueError, LookupError, TypeError) as error:
        raise ConfigError(f"{path} holds no thresholds of a cascade: {error}") from None
