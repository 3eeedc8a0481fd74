"""Review sheets: a row per thing to look at, as CSV or JSON lines, and read back."""

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vistoria.errors import UserError
from vistoria.labels import named
from vistoria.ledger import Ledger, Sample, SampledUnit, Sheet
from vistoria.records import Observation
from vistoria.review._sampling import sample_fields
from vistoria.review._verdicts import verdicts
from vistoria.task import Field

_FIXED = ("sheet", "item", "part", "photos", "map")
_PARTS = {1: ("",), 2: ("before", "after")}


@dataclass(frozen=True, slots=True, kw_only=True)
class SheetRow:
    """One thing to look at: `part` is "", or of a pair "before" and "after". `said`: on a sheet of
    conflicts, field → what each reviewer said."""

    item: int
    part: str
    photos: tuple[Observation, ...]
    labels: Mapping[str, str]
    said: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadRow:
    """A row of a sheet that came back. `line`: in the file; `cells`: column → text."""

    line: int
    sheet: str
    item: str
    part: str
    cells: Mapping[str, str]


def sheet_rows(ledger: Ledger, sample: Sample, sheet: Sheet, batch: int = 1) -> list[SheetRow]:
    """What a sheet holds: the units from `batch` on, or only those that reviewers disagree on."""
    disputed: dict[tuple[int, int], dict[str, str]] = {}
    if sheet.conflicts_only:
        for one in verdicts(ledger, sample):
            if one.state == "conflict":
                said = ", ".join(f"{who}: {what}" for who, what in one.said)
                disputed.setdefault((one.unit.item, one.part), {})[one.field] = said
    return [
        row
        for unit in ledger.reviews.units(sample)
        if unit.batch >= batch
        for part, row in enumerate(_rows(ledger, unit, sheet, disputed))
        if not sheet.conflicts_only or (unit.item, part) in disputed
    ]


def _rows(
    ledger: Ledger,
    unit: SampledUnit,
    sheet: Sheet,
    disputed: Mapping[tuple[int, int], Mapping[str, str]],
) -> Iterator[SheetRow]:
    for part, name in enumerate(_PARTS[len(unit.labels)]):
        labels = unit.labels[part] if sheet.labels_shown else {}
        yield SheetRow(
            item=unit.item,
            part=name,
            photos=tuple(ledger.observations(unit.ordinals[part])),
            labels={field: named(value) for field, value in labels.items()},
            said=disputed.get((unit.item, part), {}),
        )


def write_sheet(path: Path, sample: Sample, sheet: Sheet, rows: Sequence[SheetRow]) -> None:
    """Writes CSV, or JSON lines where the name ends in .jsonl; answers are left empty."""
    names = [field.name for field in sample_fields(sample)]
    lines = [_line(row, sheet, names) for row in rows]
    if path.suffix == ".jsonl":
        text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
        path.write_text(text, encoding="utf-8")
        return
    columns = list(lines[0]) if lines else [*_FIXED, *names, "note"]
    with path.open("w", encoding="utf-8-sig", newline="") as file:  # spreadsheets want the mark
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(lines)


def _line(row: SheetRow, sheet: Sheet, names: Sequence[str]) -> dict[str, str]:
    line = {
        "sheet": sheet.token,
        "item": str(row.item),
        "part": row.part,
        "photos": " ".join(photo.image.uri for photo in row.photos),
        "map": next((photo.map_url for photo in row.photos if photo.map_url), ""),
    }
    if sheet.labels_shown:
        line |= {f"machine {name}": row.labels.get(name, "") for name in names}
    if sheet.conflicts_only:
        line |= {f"said {name}": row.said.get(name, "") for name in names}
    return line | dict.fromkeys(names, "") | {"note": ""}


def guide(fields: Sequence[Field]) -> Iterator[str]:
    """How to fill a sheet, line by line."""
    yield "Leave empty what you have not looked at. ? means that one cannot tell from the photos."
    for field in fields:
        conditions = " and ".join(
            f"{name} is {' or '.join(named(value) for value in values)}"
            for name, values in field.only_if.items()
        )
        only = f"; only if {conditions}, else leave it empty or write -" if conditions else ""
        help_text = f" {' '.join(field.help.split())}" if field.help else ""
        yield f"{field.name}: {_allowed(field)}{only}.{help_text}"


def _allowed(field: Field) -> str:
    match field.kind:
        case "boolean":
            return "yes or no"
        case "choices":
            return f"any of {', '.join(field.choices)}, joined by +; (none) for none"
        case "choice":
            return " or ".join(field.choices)
        case _:
            return field.allowed


def read_sheet(path: Path) -> list[ReadRow]:
    """The rows of a CSV or JSON lines file; raises UserError where it is no sheet."""
    if not path.exists():
        raise UserError(f"there is no sheet {str(path)!r}")
    text = path.read_text(encoding="utf-8-sig")
    rows = _jsonl(text, path) if path.suffix == ".jsonl" else _csv(text)
    missing = {"sheet", "item"} - set(rows[0][1]) if rows else {"rows"}
    if missing:
        raise UserError(
            f"{str(path)!r} has no {' and no '.join(sorted(missing))}: is it a review sheet of "
            "`vistoria sample`?"
        )
    return [
        ReadRow(
            line=line, sheet=cells.get("sheet", ""), item=cells.get("item", ""),
            part=cells.get("part", ""),
            cells={k: v for k, v in cells.items() if k not in _FIXED and k != "note"},
        )
        for line, cells in rows
    ]  # fmt: skip


def _csv(text: str) -> list[tuple[int, dict[str, str]]]:
    first = text.partition("\n")[0]
    delimiter = max(",;\t", key=first.count)  # spreadsheets of many countries write semicolons
    reader = csv.DictReader(text.splitlines(keepends=True), delimiter=delimiter)
    return [
        (reader.line_num, {str(k): (v or "").strip() for k, v in row.items() if k is not None})
        for row in reader
    ]


def _jsonl(text: str, path: Path) -> list[tuple[int, dict[str, str]]]:
    rows = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as error:
            raise UserError(f"{path}:{number}: not JSON: {error}") from None
        if not isinstance(row, dict):
            raise UserError(f"{path}:{number}: expected an object, one row of the sheet")
        rows.append((number, {key: _cell(value) for key, value in row.items()}))
    return rows


def _cell(value: Any) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case list():
            return " + ".join(map(str, value)) or "(none)"
        case _:
            return str(value).strip()
