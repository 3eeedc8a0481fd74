"""Charts as SVG: drawn by Altair, coloured by the page, so that they follow light and dark.

Every colour here is a stand-in that becomes a variable of the page's style sheet; a chart is drawn
twice, for wide and for narrow pages, because text in a picture that shrinks cannot be read.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from vistoria.errors import MissingExtra
from vistoria.report.document import Cell

_VARIABLES = {
    "ink": "#010101", "soft": "#020202", "line": "#030303", "accent": "#040404",
    "raw": "#050505", "truth": "#060606", "paper": "#070707", "unseen": "#080808",
    "map1": "#090909", "map2": "#0a0a0a", "map3": "#0b0b0b", "map4": "#0c0c0c", "map5": "#0d0d0d",
}  # fmt: skip
WIDTHS = {"wide": 640, "narrow": 340}
_FONT = "Liberation Sans, Arial, sans-serif"
_LETTER = {"wide": 7.1, "narrow": 7.2}  # pixels that a letter of a label takes, about
STEPS = 5


@dataclass(frozen=True, slots=True)
class Mark:
    """A row of a chart: an interval (`low`, `middle`, `high`), the machine's own figure (`raw`) and
    what is true, each where it is known."""

    label: str
    low: float | None = None
    middle: float | None = None
    high: float | None = None
    raw: float | None = None
    truth: float | None = None


@dataclass(frozen=True, slots=True)
class Drawing:
    """A chart in both widths, and what a reader who cannot see it should hear."""

    wide: str
    narrow: str
    spoken: str


def intervals(
    rows: Sequence[Mark], spoken: str, *, title: str, percent: bool = False, zero: bool = True
) -> Drawing:
    """Intervals one below the other. `percent`: values are shares; `zero`: the axis begins at 0."""
    return _both(lambda form: _intervals(rows, form, title, percent, zero), spoken)


def bars(rows: Mapping[str, int], spoken: str, *, title: str) -> Drawing:
    """Counts as bars, in the order given."""
    marks = [{"label": label, "value": value} for label, value in rows.items()]

    def draw(form: str) -> Any:
        base = _altair().Chart(_altair().Data(values=marks)).encode(y=_rows(list(rows), form))
        bar = base.mark_bar(height=12, color=_VARIABLES["raw"], cornerRadiusEnd=2).encode(
            x=_axis("value", title, form, percent=False, zero=True)
        )
        number = base.mark_text(align="left", dx=5, color=_VARIABLES["ink"]).encode(
            x="value:Q", text=_altair().Text("value:Q", format=",")
        )
        return _sized(bar + number, form, list(rows))

    return _both(draw, spoken)


def hexagons(cells: Sequence[Cell], spoken: str, edges: Sequence[float]) -> Drawing:
    """The cells of a map, coloured by their corrected share: `edges` part the colours; grey where
    no person looked. Narrow and wide differ in size only."""
    shrink = _shrink(cells)
    shapes = [
        {
            "type": "Feature",
            "properties": {"ink": _VARIABLES[_shade(cell, edges)]},
            "geometry": {
                "type": "Polygon",
                "coordinates": [[[lng * shrink, lat] for lng, lat in (*cell.ring, cell.ring[0])]],
            },
        }
        for cell in cells
    ]
    return _both(lambda form: _map(shapes, form), spoken)


def _map(shapes: Sequence[Mapping[str, Any]], form: str) -> Any:
    alt = _altair()
    width = {"wide": 520, "narrow": WIDTHS["narrow"] - 10}[form]
    data = alt.Data(values=list(shapes))
    drawn = alt.Chart(data, width=width, height=int(width * 0.85)).mark_geoshape(
        stroke=_VARIABLES["paper"], strokeWidth=1.2
    )
    drawn = drawn.encode(fill=alt.Fill("properties.ink:N", scale=None))
    return drawn.project(type="identity", reflectY=True)


def _shade(cell: Cell, edges: Sequence[float]) -> str:
    if cell.corrected is None or cell.corrected.estimate is None:
        return "unseen"
    return f"map{1 + sum(cell.corrected.estimate >= edge for edge in edges)}"


def _shrink(cells: Sequence[Cell]) -> float:
    """By how much a degree of longitude is shorter than one of latitude, here."""
    from math import cos, radians  # noqa: PLC0415

    return cos(radians(sum(cell.ring[0][1] for cell in cells) / max(1, len(cells))))


def _intervals(rows: Sequence[Mark], form: str, title: str, percent: bool, zero: bool) -> Any:
    alt = _altair()
    marks = [
        {"label": r.label, "low": r.low, "value": r.middle, "high": r.high, "raw": r.raw,
         "truth": r.truth}
        for r in rows
    ]  # fmt: skip
    labels = [row.label for row in rows]
    axis = _axis("low", title, form, percent=percent, zero=zero)
    base = alt.Chart(alt.Data(values=marks)).encode(y=_rows(labels, form))
    span = base.mark_rule(strokeWidth=7, strokeCap="round", opacity=0.32,
                          color=_VARIABLES["accent"])  # fmt: skip
    span = span.encode(x=axis, x2="high:Q").transform_filter("isValid(datum.low)")
    middle = base.mark_point(filled=True, size=58, color=_VARIABLES["accent"], opacity=1)
    middle = middle.encode(x="value:Q").transform_filter("isValid(datum.value)")
    raw = base.mark_tick(thickness=2, size=15, color=_VARIABLES["raw"], opacity=1)
    raw = raw.encode(x="raw:Q").transform_filter("isValid(datum.raw)")
    truth = base.mark_point(shape="diamond", size=62, strokeWidth=1.8, opacity=1,
                            color=_VARIABLES["truth"])  # fmt: skip
    truth = truth.encode(x="truth:Q").transform_filter("isValid(datum.truth)")
    return _sized(span + raw + middle + truth, form, labels)


def _rows(labels: Sequence[str], form: str) -> Any:
    alt = _altair()
    limit = 170 if form == "wide" else 128
    axis = alt.Axis(
        title=None, labelLimit=limit, ticks=False, domain=False, labelPadding=8,
        minExtent=min(limit, 12 + int(max(map(len, labels), default=1) * _LETTER[form])),
    )  # fmt: skip
    return alt.Y("label:N", sort=list(labels), axis=axis)


def _axis(column: str, title: str, form: str, *, percent: bool, zero: bool) -> Any:
    alt = _altair()
    axis = alt.Axis(
        title=title, format="%" if percent else "~s", tickCount=5 if form == "wide" else 3,
        domain=False, ticks=False, labelFlush=False,
    )  # fmt: skip
    return alt.X(f"{column}:Q", axis=axis, scale=alt.Scale(zero=zero, nice=True))


def _sized(chart: Any, form: str, labels: Sequence[str]) -> Any:
    taken = _rows(labels, form).to_dict()["axis"]["minExtent"] + 30
    return chart.properties(
        width=WIDTHS[form] - taken, height=_altair().Step(26 if form == "wide" else 24)
    )


def _both(draw: Any, spoken: str) -> Drawing:
    wide, narrow = (_svg(draw(form)) for form in WIDTHS)
    return Drawing(wide, narrow, spoken)


def _svg(chart: Any) -> str:
    try:
        import vl_convert  # noqa: PLC0415 - of the extra `report`
    except ImportError:
        raise MissingExtra("charts", "report") from None
    dressed = chart.configure(**_style()).properties(
        background="transparent", autosize={"type": "pad", "contains": "padding"}
    )
    svg: str = vl_convert.vegalite_to_svg(dressed.to_dict(validate=False))
    for name, stand_in in _VARIABLES.items():
        svg = svg.replace(f'"{stand_in}"', f'"var(--{name})"')
    # The page says what a chart shows; its parts are no words.
    return re.sub(r"<svg ", '<svg aria-hidden="true" focusable="false" ', svg, count=1)


def _style() -> dict[str, Any]:
    ink, soft, line = _VARIABLES["ink"], _VARIABLES["soft"], _VARIABLES["line"]
    axis = {
        "labelColor": ink, "labelFont": _FONT, "labelFontSize": 12, "titleColor": soft,
        "titleFont": _FONT, "titleFontSize": 12, "titleFontWeight": "normal", "gridColor": line,
        "titlePadding": 8, "titleAnchor": "start",
    }  # fmt: skip
    return {
        "view": {"stroke": None},
        "axis": axis,
        "axisY": {"grid": False, "labelFontSize": 12.5},
        "axisX": {"labelColor": soft},
        "text": {"font": _FONT, "fontSize": 12},
        "font": _FONT,
    }


@cache
def _altair() -> Any:
    try:
        import altair  # noqa: PLC0415 - of the extra `report`
    except ImportError:
        raise MissingExtra("charts", "report") from None
    return altair
