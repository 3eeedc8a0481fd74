"""Reads a filled sheet into decisions, after checking every cell; undoes decisions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Literal

from vistoria.errors import AnswerInvalid, UserError
from vistoria.labels import COUNTED, canonical, named
from vistoria.ledger import Ledger, Sample, Sheet
from vistoria.records import Decision, Value
from vistoria.review._sampling import sample_fields
from vistoria.review._sheet import ReadRow
from vistoria.task import Field
from vistoria.task.answer import Question, applies, parse, question

_SHOWN = 20  # problems listed
_PARTS = {"": 0, "before": 0, "after": 1}
_UNCLEAR, _NOT = "?", {"-", "n/a", "(does not apply)"}
_WORDS: Mapping[str, Value] = {"yes": True, "no": False, "true": True, "false": False}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What a sheet came to: `decisions` not made before, `same` ones that were, `empty` cells."""

    sample: Sample
    decisions: tuple[Decision, ...]
    same: int
    empty: int


class _ProblemError(Exception):
    """A cell cannot be taken; the text says why."""


def check_sheet(
    ledger: Ledger,
    rows: Sequence[ReadRow],
    reviewer: str,
    *,
    label_seen: bool = False,
    adjudicates: bool = False,
) -> Reading:
    """Decisions of `reviewer`, from a sheet of this ledger.

    Raises UserError with every problem (unknown items, values that are not allowed, doubles, a
    sheet of another ledger): then nothing of the sheet may be recorded. Cells filled as before make
    no new decision.
    """
    if not reviewer.strip():
        raise UserError("name the reviewer: --reviewer ana")
    sheet = _sheet_of(ledger, rows)
    sample = ledger.reviews.sample(sheet.sample_id)
    fields, problems = sample_fields(sample), list[str]()
    items = {str(unit.item): unit for unit in ledger.reviews.units(sample)}
    template = Decision(
        sample_id=sample.sample_id, item=0, part=0, field="", verdict="value", value=None,
        reviewer=reviewer.strip(), adjudicates=adjudicates or sheet.conflicts_only,
        label_seen=label_seen or sheet.labels_shown, decided_at=_now(),
    )  # fmt: skip
    found: list[Decision] = []
    seen: dict[tuple[str, str], int] = {}
    for row in rows:
        double = seen.setdefault((row.item, row.part), row.line)
        if row.item not in items:
            problems.append(f"line {row.line}: sample {sample.sample_id} has no item {row.item!r}")
        elif _PARTS.get(row.part, 2) >= len(items[row.item].labels):
            problems.append(f"line {row.line}: item {row.item} has no part {row.part!r}")
        elif double != row.line:
            problems.append(f"line {row.line}: item {row.item} stands in line {double} too")
        else:
            at = replace(template, item=int(row.item), part=_PARTS[row.part])
            found += _row(row, fields, at, problems)
    _refuse(problems)
    return _new(ledger, sample, found, len(rows) * len(fields))


def record(ledger: Ledger, reading: Reading) -> None:
    """Adds the decisions of a sheet."""
    ledger.reviews.append(reading.decisions)


def undo(
    ledger: Ledger, sample: Sample, reviewer: str, item: int | None = None, field: str | None = None
) -> int:
    """Takes back what a reviewer decided about a sample (an item, a field); returns how many
    decisions. They stay in the ledger, with a retraction after them."""
    mine = [
        one
        for one in ledger.reviews.standing(sample)
        if one.reviewer == reviewer
        and item in (None, one.item)
        and field in (None, one.field)
    ]  # fmt: skip
    if not mine:
        known = sorted({one.reviewer for one in ledger.reviews.standing(sample)})
        raise UserError(
            f"{reviewer!r} decided nothing there that stands; reviewers of sample "
            f"{sample.sample_id}: {', '.join(known) or 'none'}"
        )
    now = _now()
    ledger.reviews.append(
        [replace(one, verdict="retracted", value=None, decided_at=now) for one in mine]
    )
    return len(mine)


def _sheet_of(ledger: Ledger, rows: Sequence[ReadRow]) -> Sheet:
    tokens = {row.sheet for row in rows}
    if len(tokens) != 1:
        raise UserError(f"rows of several sheets in one file: {', '.join(sorted(tokens))}")
    [token] = tokens
    sheet = ledger.reviews.sheet(token)
    if sheet is None:
        raise UserError(
            f"sheet {token!r} was not written for this ledger ({ledger.path}): name the ledger or "
            "project that it belongs to"
        )
    return sheet


def _row(
    row: ReadRow, fields: Sequence[Field], at: Decision, problems: list[str]
) -> list[Decision]:
    values: dict[str, Value] = {}
    found: list[Decision] = []
    for field in fields:
        text = row.cells.get(field.name, "")
        doubtful = {one.field for one in found if one.verdict == "unclear"}
        if not text and doubtful & field.only_if.keys():
            text = _UNCLEAR  # who cannot tell a pole cannot tell of what it is made
        try:
            decided = _cell(text, field, values)
        except _ProblemError as problem:
            problems.append(f"line {row.line}, {field.name}: {problem}")
            continue
        if decided is not None:
            verdict, value = decided
            if verdict == "value":
                values[field.name] = value
            found.append(replace(at, field=field.name, verdict=verdict, value=value))
    return found


def _cell(
    text: str, field: Field, values: Mapping[str, Value]
) -> tuple[Literal["value", "unclear"], Value] | None:
    """Verdict and value, or None for an empty cell; `values`: what was said of earlier fields."""
    conditions = tuple(field.only_if.items())
    known = field.only_if.keys() <= values.keys()
    ruled_out = bool(conditions) and known and not applies(conditions, values)
    if ruled_out:  # nobody has to write that the material of a sign does not apply
        if text and text.casefold() not in _NOT:
            wanted = ", ".join(f"{n} is {' or '.join(map(named, v))}" for n, v in conditions)
            raise _ProblemError(f"got {text!r}, but it applies only where {wanted}")
        return "value", None
    if not text:
        return None
    if text == _UNCLEAR:
        return "unclear", None
    if text.casefold() in _NOT and text not in field.choices:
        if not field.optional and (known or not conditions):
            raise _ProblemError("it applies here, so it needs an answer; ? for cannot tell")
        return "value", None
    return "value", _value(text, field)


def _value(text: str, field: Field) -> Value:
    assert field.kind in COUNTED
    given: object = text
    if field.kind == "boolean":
        given = _WORDS.get(text.casefold(), text)
    elif field.kind == "choices":
        parts = [part.strip() for part in text.split("+")]
        given = [] if text.casefold() == "(none)" else parts
    try:
        return parse((_unconditional(field),), {field.name: given})[field.name]
    except AnswerInvalid:
        raise _ProblemError(f"got {text!r}; allowed: {field.allowed}") from None


def _unconditional(field: Field) -> Question:
    return question(field)._replace(conditions=(), optional=False)


def _new(ledger: Ledger, sample: Sample, found: Sequence[Decision], cells: int) -> Reading:
    """Leaves out what the reviewer has said already."""
    before = {_said(one) for one in ledger.reviews.standing(sample)}
    fresh = tuple(one for one in found if _said(one) not in before)
    return Reading(
        sample=sample, decisions=fresh, same=len(found) - len(fresh), empty=cells - len(found)
    )


def _said(one: Decision) -> tuple[object, ...]:
    return (
        one.item, one.part, one.field, one.reviewer, one.verdict, canonical(one.value),
        one.adjudicates, one.label_seen, one.simulated,
    )  # fmt: skip


def _refuse(problems: Sequence[str]) -> None:
    if problems:
        more = len(problems) - _SHOWN
        rest = f"\n  and {more} more" if more > 0 else ""
        listed = "".join(f"\n  {problem}" for problem in problems[:_SHOWN])
        raise UserError(f"the sheet was not taken; nothing of it is recorded:{listed}{rest}")


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
