"""Samples drawn for review: their design, their units, the sheets written for them."""

import json
import secrets
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, TypeAlias

from vistoria.errors import UserError
from vistoria.ledger._manifest import transaction
from vistoria.ledger._runs import now
from vistoria.records import Answer

Unit: TypeAlias = Literal["observation", "asset", "pair"]
Purpose: TypeAlias = Literal["development", "calibration", "certification"]
Method: TypeAlias = Literal["simple", "stratified", "chosen"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleSpec:
    """How a sample is drawn.

    `unit`: what is drawn; a pair is an asset before and after. `method`: "chosen" is not random.
    `by_field`: whose machine labels are the strata. `fields`: the definitions of the fields to
    review, as JSON values. `domain`: the part of the run that is sampled. `strata`: name → units
    in the population; `suspicious_from`: the suspicion from which a unit is in the stratum
    "suspicious", whatever its label.
    """

    run_id: int
    unit: Unit
    purpose: Purpose
    method: Method
    by_field: str | None
    seed: int
    fields: Sequence[Mapping[str, Any]]
    domain: Mapping[str, Any]
    strata: Mapping[str, int]
    suspicious_from: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample(SampleSpec):
    """A sample as the ledger keeps it."""

    sample_id: int
    drawn_at: str

    @property
    def population(self) -> int:
        """Units that it was drawn from."""
        return sum(self.strata.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class SampledUnit:
    """A unit of a sample. `item`: its number, from 1 in the order of drawing. `probability`: of
    being drawn; None when it was chosen. `ordinals` and `labels`: the photos, and what the machine
    said when the sample was drawn; one entry per part, which is one, or two for a pair."""

    item: int
    unit: str
    stratum: str
    probability: float | None
    batch: int
    ordinals: tuple[tuple[int, ...], ...]
    labels: tuple[Answer, ...]


class Sheet(NamedTuple):
    """A sample written down for reviewers. `token` stands in each of its rows."""

    token: str
    sample_id: int
    labels_shown: bool
    conflicts_only: bool
    written_at: str


def add_sample(db: sqlite3.Connection, spec: SampleSpec, units: Sequence[SampledUnit]) -> Sample:
    """Stores a sample with its first batch."""
    with transaction(db):
        cursor = db.execute(
            "INSERT INTO samples (run_id, unit, purpose, method, by_field, seed, fields, domain, "
            "strata, suspicious_from, drawn_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (spec.run_id, spec.unit, spec.purpose, spec.method, spec.by_field, spec.seed,
             _json(list(spec.fields)), _json(spec.domain), _json(list(spec.strata.items())),
             spec.suspicious_from, now()),
        )  # fmt: skip
        assert cursor.lastrowid is not None
        number = cursor.lastrowid
        _insert_units(db, number, units)
    return sample(db, number)


def add_units(db: sqlite3.Connection, sample_id: int, units: Sequence[SampledUnit]) -> None:
    """Stores a further batch of a sample."""
    with transaction(db):
        _insert_units(db, sample_id, units)


def _insert_units(db: sqlite3.Connection, sample_id: int, units: Sequence[SampledUnit]) -> None:
    db.executemany(
        "INSERT INTO sample_units VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (sample_id, u.item, u.unit, u.stratum, u.probability, u.batch, _json(u.ordinals),
             _json(list(u.labels)))
            for u in units
        ],
    )  # fmt: skip


_COLUMNS = (
    "sample_id, run_id, unit, purpose, method, by_field, seed, fields, domain, strata, "
    "suspicious_from, drawn_at"
)


def samples(db: sqlite3.Connection) -> tuple[Sample, ...]:
    """Every sample, oldest first."""
    rows = db.execute(f"SELECT {_COLUMNS} FROM samples ORDER BY sample_id")
    return tuple(_sample(row) for row in rows)


def sample(db: sqlite3.Connection, sample_id: int | None) -> Sample:
    """The sample of that number, or the last; raises UserError where there is none."""
    known = samples(db)
    if not known:
        raise UserError("no sample was drawn yet; draw one with `vistoria sample`")
    for found in known:
        if found.sample_id == (known[-1].sample_id if sample_id is None else sample_id):
            return found
    numbers = ", ".join(str(one.sample_id) for one in known)
    raise UserError(f"there is no sample {sample_id}; there are {numbers}")


def units(db: sqlite3.Connection, sample_id: int) -> tuple[SampledUnit, ...]:
    """The units of a sample, in the order of drawing."""
    rows = db.execute(
        "SELECT item, unit, stratum, probability, batch, ordinals, labels FROM sample_units "
        "WHERE sample_id = ? ORDER BY item",
        (sample_id,),
    )
    return tuple(
        SampledUnit(
            item=item, unit=unit, stratum=stratum, probability=probability, batch=batch,
            ordinals=tuple(tuple(part) for part in json.loads(ordinals)),
            labels=tuple(json.loads(labels)),
        )
        for item, unit, stratum, probability, batch, ordinals, labels in rows
    )  # fmt: skip


def add_sheet(
    db: sqlite3.Connection, sample_id: int, *, labels_shown: bool, conflicts_only: bool
) -> Sheet:
    """A new sheet of a sample, with a token of its own."""
    sheet = Sheet(secrets.token_hex(4), sample_id, labels_shown, conflicts_only, now())
    db.execute("INSERT INTO sheets VALUES (?, ?, ?, ?, ?)", sheet)
    return sheet


def find_sheet(db: sqlite3.Connection, token: str) -> Sheet | None:
    """The sheet of that token, if this ledger wrote it."""
    row = db.execute("SELECT * FROM sheets WHERE token = ?", (token,)).fetchone()
    return row and Sheet(row[0], row[1], bool(row[2]), bool(row[3]), row[4])


def note_use(db: sqlite3.Connection, sample_id: int, used_for: str) -> None:
    """Notes that the labels of a sample were used, e.g. for "training"."""
    db.execute("INSERT INTO sample_uses VALUES (?, ?, ?)", (sample_id, used_for, now()))


def uses(db: sqlite3.Connection, sample_id: int) -> tuple[str, ...]:
    """What the labels of a sample were used for besides its purpose."""
    rows = db.execute(
        "SELECT DISTINCT used_for FROM sample_uses WHERE sample_id = ? ORDER BY 1", (sample_id,)
    )
    return tuple(row[0] for row in rows)


def _sample(row: Sequence[Any]) -> Sample:
    return Sample(
        sample_id=row[0], run_id=row[1], unit=row[2], purpose=row[3], method=row[4],
        by_field=row[5], seed=row[6], fields=tuple(json.loads(row[7])), domain=json.loads(row[8]),
        strata=dict(json.loads(row[9])), suspicious_from=row[10], drawn_at=row[11],
    )  # fmt: skip


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
