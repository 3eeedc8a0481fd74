"""A simulated reviewer, who knows the truth and errs at a stated rate; always marked as such."""

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from vistoria.errors import UserError
from vistoria.labels import canonical, plain
from vistoria.ledger import Ledger, Sample
from vistoria.records import Decision, Value
from vistoria.review._decisions import Reading, _new, _now
from vistoria.review._sampling import sample_fields
from vistoria.task import Field

_DIGITS = 12


def simulate(
    ledger: Ledger,
    sample: Sample,
    truth: Mapping[str, Mapping[str, Any]],
    *,
    error_rate: float,
    reviewer: str = "simulated",
    seed: int = 0,
) -> Reading:
    """Decisions about every unit of a sample; with the probability `error_rate` each is another
    allowed answer, by a hash of seed, reviewer, unit and field.

    `truth`: observation id → field → what is true. Of an asset, what is true of most of its photos.
    Raises UserError where the truth lacks a photo or a field.
    """
    if not 0 <= error_rate < 1:
        raise UserError(f"error rate {error_rate!r} is not a share from 0 to 1")
    found = []
    now = _now()
    fields = sample_fields(sample)
    for unit in ledger.reviews.units(sample):
        for part, ordinals in enumerate(unit.ordinals):
            known = [_known(truth, o.observation_id) for o in ledger.observations(ordinals)]
            for field in fields:
                right = _most([_value(row, field) for row in known])
                chance = _chance(f"{seed}:{reviewer}:{unit.unit}:{part}:{field.name}")
                value = _other(field, right, chance) if chance[0] < error_rate else right
                found.append(
                    Decision(
                        sample_id=sample.sample_id, item=unit.item, part=part, field=field.name,
                        verdict="value", value=value, reviewer=reviewer, simulated=True,
                        decided_at=now,
                    )
                )  # fmt: skip
    return _new(ledger, sample, found, len(found))


def _known(truth: Mapping[str, Mapping[str, Any]], observation_id: str) -> Mapping[str, Any]:
    if observation_id not in truth:
        raise UserError(f"the truth says nothing about photo {observation_id!r}")
    return truth[observation_id]


def _value(row: Mapping[str, Any], field: Field) -> Value:
    if field.name not in row:
        raise UserError(f"the truth has no column {field.name!r}")
    value: Value = row[field.name]
    return value


def _most(values: Sequence[Value]) -> Value:
    [(text, _)] = Counter(canonical(value) for value in values).most_common(1)
    return plain(text)


def _chance(text: str) -> tuple[float, int]:
    """A number from 0 to 1, and another one to choose by."""
    digits = hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
    return int(digits[:_DIGITS], 16) / 16**_DIGITS, int(digits[_DIGITS:], 16)


def _other(field: Field, right: Value, chance: tuple[float, int]) -> Value:
    """Another allowed answer; where there is none, that the field does not apply."""
    allowed: list[Value] = []
    if field.kind == "boolean":
        allowed = [True, False]
    elif field.kind == "choice":
        allowed = list(field.choices)
    elif field.kind == "number" and isinstance(right, int | float):
        allowed = [right + 10]
    others = [value for value in allowed if canonical(value) != canonical(right)]
    return others[chance[1] % len(others)] if others else None
