"""The page: charts and Jinja templates in one file that asks for nothing from outside."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from itertools import pairwise
from math import ceil, floor
from typing import Any

from vistoria.errors import MissingExtra
from vistoria.report import charts
from vistoria.report.charts import Drawing, Mark
from vistoria.report.document import (
    AgreementShown,
    ChangeShown,
    FieldAnswers,
    Places,
    Report,
)
from vistoria.truth import Interval

_TINY = 1e-9


def render(report: Report) -> str:
    """The report as one HTML file. Raises MissingExtra without Altair, vl-convert or Jinja."""
    template = _environment().get_template("report.html.j2")
    page: str = template.render(report=report, drawn=_drawn(report), edges=_edges(report.places))
    return page


def _drawn(report: Report) -> Mapping[str, Any]:
    """Every chart, by what it shows."""
    run, unit = report.run, f"{report.population.unit}s"
    corrected = [field for field in report.fields if field.right is not None]
    return {
        "failed": _when(run.failed, lambda: charts.bars(
            dict(sorted(run.failed.items(), key=lambda pair: -pair[1])),
            "Photos without an answer, by reason", title="photos",
        )),
        "right": _when(corrected, lambda: _right(corrected)),
        "fields": {
            field.field: _field(field, unit)
            for field in report.fields
            if any(not one.answer.startswith("(") for one in field.answers)
        },
        "agreements": _when(report.agreements, lambda: _agreements(report.agreements)),
        "places": _when(report.places and report.places.cells, lambda: _map(report.places)),
        "changes": _when(report.changes, lambda: _changes(report.changes)),
    }  # fmt: skip


def _when(wanted: object, draw: Callable[[], Drawing]) -> Drawing | None:
    return draw() if wanted else None


def _right(fields: Sequence[FieldAnswers]) -> Drawing:
    marks = [_mark(_words(field.field), field.right) for field in fields]
    spoken = "Share of answers that are right, by question, with intervals"
    return charts.intervals(marks, spoken, title="right", percent=True, zero=False)


def _field(field: FieldAnswers, unit: str) -> Drawing:
    marks = [
        _mark(one.answer.replace("_", " "), one.corrected, raw=one.machine, truth=one.truth)
        for one in field.answers
        if not one.answer.startswith("(")  # "does not apply" would dwarf what does
    ]
    spoken = f"{_words(field.field)}: how many {unit} have each answer; figures in the table below"
    return charts.intervals(marks, spoken, title=unit)


def _agreements(agreements: Sequence[AgreementShown]) -> Drawing:
    marks = [
        _mark(f"{_words(one.field)}: {one.first}, {one.second}", one.raw) for one in agreements
    ]
    if len({(one.first, one.second) for one in agreements}) == 1:
        marks = [_mark(_words(one.field), one.raw) for one in agreements]
    spoken = "Share of answers on which two readers agree, by question"
    return charts.intervals(marks, spoken, title="the same answer", percent=True, zero=False)


def _changes(changes: Sequence[ChangeShown]) -> Drawing:
    marks = [
        _mark(_words(one.field), one.corrected, raw=one.machine, truth=one.truth)
        for one in changes
    ]  # fmt: skip
    return charts.intervals(marks, "Assets that changed, by question", title="assets that changed")


def _map(shown: Places | None) -> Drawing:
    assert shown is not None
    spoken = f"Map: share of {shown.unit}s whose {_words(shown.field)} is {shown.answer}, by cell"
    return charts.hexagons(shown.cells, spoken, _edges(shown))


def _edges(shown: Places | None) -> tuple[float, ...]:
    """What parts the colours of a map: even steps over what there is, at round shares."""
    if shown is None:
        return ()
    known = [
        cell.corrected.estimate
        for cell in shown.cells
        if cell.corrected is not None and cell.corrected.estimate is not None
    ]
    low, high = (min(known), max(known)) if known else (0.0, 1.0)
    step = next(
        s for s in (0.01, 0.02, 0.05, 0.1, 0.2) if s * charts.STEPS >= high - low or s == 0.2
    )
    start = min(floor(low / step), round(1 / step) - charts.STEPS) * step
    return tuple(round(start + step * n, 2) for n in range(1, charts.STEPS))


def _mark(
    label: str, found: Interval | None, *, raw: float | None = None, truth: float | None = None
) -> Mark:
    if found is None:
        return Mark(label, raw=raw, truth=truth)
    return Mark(label, found.low, found.estimate, found.high, raw, truth)


def _environment() -> Any:
    try:
        from jinja2 import Environment, PackageLoader, StrictUndefined  # noqa: PLC0415 - an extra
        from markupsafe import Markup  # noqa: PLC0415
    except ImportError:
        raise MissingExtra("reports", "report") from None
    found = Environment(
        loader=PackageLoader("vistoria.report"), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    filters = {
        "count": _count, "share": _share, "points": _points, "counts": _counts, "words": _words,
        "day": _day, "usd": _usd, "level": _level, "bare": _bare, "svg": Markup, "pairs": pairwise,
    }  # fmt: skip
    found.filters.update(filters)
    return found


def _count(value: float) -> str:
    return f"{round(value):,}".replace(",", "\u202f")


def _share(value: float | None) -> str:
    """`95.4 %`; what is very near to all or nothing does not become it."""
    if value is None:
        return "not known"
    text = f"{100 * value:.1f}"
    near = {"100.0": "> 99.9", "0.0": "< 0.1"}
    if text in near and not (value <= _TINY or value >= 1 - _TINY):
        text = near[text]
    return f"{text.removesuffix('.0') if value in (0, 1) else text}\u202f%"


def _level(confidence: float) -> str:
    return f"{round(100 * confidence, 2):g}\u202f%"


def _points(found: Interval | None) -> str:
    """`92.0–97.5 %`."""
    if found is None:
        return "not known"
    return f"{100 * found.low:.1f}–{100 * found.high:.1f}\u202f%"


def _counts(found: Interval | None) -> str:
    """The whole numbers that an interval of counts holds: `52–70`."""
    if found is None:
        return "not known"
    low, high = ceil(found.low - _TINY), floor(found.high + _TINY)
    if low > high:
        low, high = floor(found.low), ceil(found.high)
    return _count(low) if low == high else f"{_count(low)}–{_count(high)}"


def _words(name: str) -> str:
    return name.replace("_", " ")


def _day(moment: str) -> str:
    """`22 November 2026`, in UTC."""
    when = datetime.fromisoformat(moment)
    return f"{when.day} {when:%B %Y}"


def _usd(amount: float | None) -> str:
    if amount is None:
        return "price not known"
    return f"${amount:,.2f}" if amount >= 1 or not amount else f"${amount:.2g}"


def _bare(text: str) -> str:
    """What stands in brackets, without them."""
    return text.strip("()")
