"""Models as points: what 1,000 images cost, against how right they are; drawn by Altair."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from vistoria.errors import MissingExtra, UserError
from vistoria.student.evaluation import Evaluation

__all__ = ["SUFFIXES", "draw"]

SUFFIXES = (".svg", ".png", ".pdf", ".html", ".json")
_PANELS = ("free", "US$ per 1,000 images (logarithmic)", "price unknown")
_WIDTHS, _HEIGHT = (170, 400, 170), 320


def draw(evaluations: Sequence[Evaluation], name: str, path: Path) -> None:
    """Writes accuracy with its 95 % limits against cost, for one field, in the form of the suffix.

    What costs nothing, and what has no known price, has a panel of its own: a logarithmic axis has
    no place for either. Raises UserError where no model was judged on the field or the suffix is
    none of SUFFIXES, MissingExtra without Altair.
    """
    if path.suffix not in SUFFIXES:
        raise UserError(f"a picture ends in {', '.join(SUFFIXES)}, not {path.suffix!r}")
    points = [_point(one, name) for one in evaluations if name in one.fields]
    if not points:
        raise UserError(f"no model was judged on field {name!r}")
    try:
        import altair  # noqa: PLC0415 - of the extra `report`
    except ImportError:
        raise MissingExtra("pictures", "report") from None
    panels: list[Any] = []
    for title, width in zip(_PANELS, _WIDTHS, strict=True):
        if own := [one for one in points if one["panel"] == title]:
            height = {
                "scale": altair.Scale(domain=[_floor(points), 1], nice=False),
                "axis": altair.Axis(
                    format="%", title="" if panels else "accuracy", labels=not panels
                ),
            }
            panels.append(_panel(altair, own, _across(altair, title, own), height, width))
    heading = altair.Title(
        f"{name}: accuracy against cost", subtitle="with 95 % limits, as reviewed"
    )
    chart = altair.hconcat(*panels, title=heading, background="white").configure_view(stroke="#ccc")
    chart.save(str(path), inline=path.suffix == ".html", scale_factor=2)


def _point(one: Evaluation, name: str) -> dict[str, Any]:
    scored = one.fields[name]
    panel = _PANELS[2] if one.cost is None else _PANELS[1] if one.cost else _PANELS[0]
    found = {
        "model": one.model, "short": one.model[-40:], "panel": panel,
        "cost": one.cost / 10**12 if one.cost else 0, "accuracy": scored.share_right,
        "low": scored.share_right, "high": scored.share_right, "units": scored.units,
    }  # fmt: skip
    known = scored.accuracy
    if known is None or known.estimate is None:  # of a chosen sample: no limits
        return found
    return found | {"accuracy": known.estimate, "low": known.low, "high": known.high}


def _floor(points: Sequence[dict[str, Any]]) -> float:
    """Where the axis of accuracy begins: a round number below the lowest limit."""
    lowest: float = min(one["low"] for one in points)
    return max(0.0, int(lowest * 20 - 0.5) / 20)


def _panel(
    altair: Any,
    points: Sequence[dict[str, Any]],
    across: Any,
    height: Mapping[str, Any],
    width: int,
) -> Any:
    base = altair.Chart(altair.Data(values=list(points))).encode(
        x=across, y=altair.Y("accuracy:Q", **height), color=altair.Color("model:N", legend=None),
        tooltip=["model:N", "accuracy:Q", "cost:Q", "units:Q"],
    )  # fmt: skip
    limits = base.mark_rule(strokeWidth=2).encode(y=altair.Y("low:Q", **height), y2="high:Q")
    dot = base.mark_point(filled=True, size=90, opacity=1)
    name = base.mark_text(align="left", dx=9, dy=-8).encode(text="short:N")
    return (limits + dot + name).properties(width=width, height=_HEIGHT)


def _across(altair: Any, title: str, points: Sequence[dict[str, Any]]) -> Any:
    if title != _PANELS[1]:
        axis = altair.Axis(labels=False, ticks=False)
        return altair.X("model:N", title=title, axis=axis)
    costs = [one["cost"] for one in points]
    domain = [min(costs) / 2, max(costs) * 4]  # room for a name at the right
    return altair.X(
        "cost:Q", title=title, scale=altair.Scale(type="log", domain=domain, nice=False),
        axis=altair.Axis(format="~g", tickCount=5),
    )  # fmt: skip
