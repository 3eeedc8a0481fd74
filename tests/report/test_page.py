"""The page as a file: nothing from outside, nothing unescaped, readable by everybody."""

import re
from dataclasses import replace
from html.parser import HTMLParser
from importlib.resources import files
from itertools import pairwise
from pathlib import Path

import pytest

from tests.report.conftest import Street
from vistoria.report import Contents, Report, render
from vistoria.report.charts import Mark, intervals
from vistoria.truth import Interval

HOSTILE = '<script>alert("x")</script> & "poles"'


class Elements(HTMLParser):
    """Every element with its attributes, and every text that is read."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def of(self, *tags: str) -> list[dict[str, str | None]]:
        """The attributes of these elements."""
        return [attrs for tag, attrs in self.found if tag in tags]


@pytest.fixture(scope="module")
def elements(page: Path) -> Elements:
    """The page's elements."""
    return Elements(page.read_text())


def test_nothing_is_asked_from_outside(elements: Elements) -> None:
    assert not elements.of("script", "iframe", "object", "embed", "form", "base")
    for tag, attrs in elements.found:
        for name in ("src", "href", "xlink:href", "srcset", "action", "data"):
            value = attrs.get(name)
            assert value is None or value.startswith(("#", "data:")), (tag, name, value)
    [policy] = [a for a in elements.of("meta") if a.get("http-equiv")]
    assert "default-src 'none'" in (policy["content"] or "")


def test_what_people_and_models_wrote_is_text(report: Report) -> None:
    field = report.fields[0]
    answers = (replace(field.answers[0], answer=HOSTILE), *field.answers[1:])
    told = replace(
        report, title=HOSTILE, fields=(replace(field, answers=answers), *report.fields[1:]),
        run=replace(report.run, source=HOSTILE),
    )  # fmt: skip
    page = render(told)
    assert "<script" not in page
    assert page.count("&lt;script&gt;") >= 4, "title twice, source, table; and the chart"


def test_headings_have_no_gaps(page: Path) -> None:
    levels = [int(level) for level in re.findall(r"<h([1-6])\b", page.read_text())]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))


def test_every_chart_speaks_and_has_a_table(page: Path) -> None:
    text = page.read_text()
    for figure in re.findall(r"<figure.*?</figure>", text, re.DOTALL):
        assert re.search(r'role="img" aria-label="[^"]{10,}"', figure)
        assert figure.count("<svg") == figure.count('<svg aria-hidden="true"') == 2
    for part in re.split(r"<figure", text)[1:]:
        assert "<table>" in part.split("</section>")[0].split("</article>")[0]
    assert text.count("<table>") == text.count("<caption")
    assert text.count("<img") == len(re.findall(r"<img[^>]+alt=\"[^\"]+\"", text))


def test_charts_take_their_colours_from_the_page(page: Path) -> None:
    colours = re.findall(r'(?:fill|stroke)="(#[0-9a-f]{3,6})"', page.read_text())
    assert not colours


@pytest.mark.parametrize("scheme", ["light", "dark", "print"])
def test_colours_can_be_told_apart(scheme: str) -> None:
    """Text 4.5 to 1, marks 3 to 1 against the paper (WCAG 2.2)."""
    css = (files("vistoria.report") / "templates" / "style.css").read_text()
    block = css.split({"light": ":root {", "dark": "dark) {", "print": "@media print {"}[scheme])[1]
    colours = dict(re.findall(r"--(\w+): (#[0-9a-f]{3,6})", block.split("}")[0]))
    paper = luminance(colours["paper"])
    for name in ("ink", "soft", "accent", "warn"):
        for ground in (paper, luminance(colours["card"])):
            assert contrast(luminance(colours[name]), ground) >= 4.5, name
    for name in ("raw", "truth", "map5"):
        assert contrast(luminance(colours[name]), paper) >= 3, name
    steps = [luminance(colours[f"map{n}"]) for n in range(1, 6)]
    assert steps == sorted(steps, reverse=scheme != "dark")


def luminance(colour: str) -> float:
    """Relative luminance, as WCAG defines it."""
    digits = colour[1:] if len(colour) == 7 else "".join(c * 2 for c in colour[1:])
    parts = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(a: float, b: float) -> float:
    """From 1 to 21."""
    return (max(a, b) + 0.05) / (min(a, b) + 0.05)


def test_the_first_screen_says_how_many_how_sure_at_what_cost(page: Path) -> None:
    first = page.read_text().split("<nav")[0]
    assert "400 assets" in first
    assert re.search(r"pole <span class=\"nowrap\">\d+–?\d*</span>", first)
    assert re.search(r"\d\u202f% right", first)
    assert "no paid calls" in first
    assert "A simulated reviewer answered here, not a person." in first
    assert "Here the truth is known." in first


def test_unreviewed_runs_say_so_at_once(fresh: Street) -> None:
    report = replace(fresh.report(), taught=None)
    page = render(report)
    assert "Not known yet" in page
    assert "Nothing is corrected." in page
    assert "Not a finding." in page
    assert "image truncated" in page
    assert "Corrected counts" not in page


def test_paid_runs_say_what_they_cost(report: Report) -> None:
    cost = {**report.run.cost, "usd": 12.5, "requests": 1200, "lost_calls": 2}
    page = render(replace(report, run=replace(report.run, cost=cost)))
    assert "$12.50" in page
    assert "$10.42 per 1,000 photos" in page
    unknown = render(replace(report, run=replace(report.run, cost={**cost, "usd": None})))
    assert "Price not known" in unknown


def test_pictures_are_inside_the_file(fresh: Street) -> None:
    page = render(fresh.report(wanted=Contents(thumbnail=lambda _: b"jpeg", attribution="© A & B")))
    assert 'src="data:image/jpeg;base64,' in page
    assert "© A &amp; B" in page
    assert "holds pictures of conflicts only" in page


def test_a_chart_without_an_estimate_still_has_its_limits() -> None:
    interval = Interval(None, 0.0, 12.0, 0.95, "m")
    row = Mark("rare", interval.low, None, interval.high, raw=2)
    drawn = intervals([row], "how many", title="rows")
    assert "rare" in drawn.wide
    assert 'stroke="var(--accent)"' in drawn.wide
