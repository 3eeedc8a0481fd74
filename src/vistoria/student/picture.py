"""Models as points: what 1,000 images cost, against how right they are. Plain SVG."""

from collections.abc import Sequence
from html import escape
from math import log10

from vistoria.student.evaluation import Evaluation

__all__ = ["picture"]

_WIDTH, _HEIGHT, _LEFT, _BOTTOM, _TOP, _RIGHT = 720, 420, 70, 60, 40, 170
_BELOW = "US$ per 1,000 images (logarithmic; free at the left)"
_COLOURS = ("#1b6ca8", "#c8553d", "#2e8b57", "#8e5ea2", "#b8860b", "#5f6b6d")


def picture(evaluations: Sequence[Evaluation], name: str) -> str:
    """An SVG of accuracy with its limits against cost, for one field; models whose price is not
    known stand at the right edge, those that cost nothing at the left."""
    shown = [one for one in evaluations if name in one.fields]
    known = [one.cost / 10**12 for one in shown if one.cost]
    low, high = (log10(min(known)) - 0.3, log10(max(known)) + 0.3) if known else (-3.0, 0.0)
    floor = min((_limits(one, name)[1] for one in shown), default=0.0)
    bottom = max(0.0, floor - 0.03)
    parts = [_axes(name, bottom, low, high)]
    for number, one in enumerate(shown):
        x = _x(one, low, high)
        parts.append(_point(one, name, x, bottom, _COLOURS[number % len(_COLOURS)]))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" '
        f'font-family="sans-serif" font-size="12">{"".join(parts)}</svg>\n'
    )


def _limits(one: Evaluation, name: str) -> tuple[float, float, float]:
    scored = one.fields[name]
    if scored.accuracy is None or scored.accuracy.estimate is None:
        return scored.share_right, scored.share_right, scored.share_right
    return scored.accuracy.estimate, scored.accuracy.low, scored.accuracy.high


def _x(one: Evaluation, low: float, high: float) -> float:
    wide = _WIDTH - _LEFT - _RIGHT
    if one.cost is None:
        return _LEFT + wide
    if one.cost == 0:
        return _LEFT + 12
    return _LEFT + 40 + (wide - 80) * (log10(one.cost / 10**12) - low) / max(high - low, 1e-9)


def _y(value: float, bottom: float) -> float:
    tall = _HEIGHT - _BOTTOM - _TOP
    return _TOP + tall * (1 - (value - bottom) / max(1 - bottom, 1e-9))


def _axes(name: str, bottom: float, low: float, high: float) -> str:
    base, right = _HEIGHT - _BOTTOM, _WIDTH - _RIGHT
    lines = [
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="white"/>',
        f'<text x="{_LEFT}" y="22" font-size="15">{escape(name)}: accuracy against cost</text>',
        f'<path d="M{_LEFT} {_TOP}V{base}H{right}" fill="none" stroke="#444"/>',
        f'<text x="{(_LEFT + right) / 2}" y="{_HEIGHT - 12}" text-anchor="middle">{_BELOW}</text>',
    ]
    for step in range(5):
        value = bottom + (1 - bottom) * step / 4
        y = _y(value, bottom)
        lines.append(
            f'<path d="M{_LEFT} {y:.1f}H{right}" stroke="#ddd"/>'
            f'<text x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{value:.0%}</text>'
        )
    for power in range(-6, 5):
        if low <= power <= high:
            x = _LEFT + 40 + (right - _LEFT - 80) * (power - low) / (high - low)
            lines.append(
                f'<text x="{x:.1f}" y="{base + 18}" text-anchor="middle">{10.0**power:g}</text>'
            )
    return "".join(lines)


def _point(one: Evaluation, name: str, x: float, bottom: float, colour: str) -> str:
    middle, low, high = (_y(value, bottom) for value in _limits(one, name))
    price = "price unknown" if one.cost is None else ""
    return (
        f'<g stroke="{colour}" fill="{colour}"><path d="M{x:.1f} {low:.1f}V{high:.1f}" '
        f'stroke-width="2"/><circle cx="{x:.1f}" cy="{middle:.1f}" r="5"/>'
        f'<text x="{x + 9:.1f}" y="{middle + 4:.1f}" stroke="none">{escape(one.model[-40:])} '
        f"{price}</text></g>"
    )
