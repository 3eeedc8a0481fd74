"""The page in a real browser: quiet, alone, wide and narrow, light and dark, and on paper."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from vistoria.errors import ConfigError, UserError
from vistoria.report import find_browser, print_pdf


@dataclass
class Visit:
    """An opened page, what it said and what it asked for."""

    page: Page
    said: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium as the system has it; `make test` installs it or says how."""
    with sync_playwright() as play:
        opened = play.chromium.launch(
            executable_path=find_browser(), args=["--no-sandbox", "--disable-gpu"]
        )
        yield opened
        opened.close()


def visit(browser: Browser, file: Path, width: int, scheme: str = "light") -> Visit:
    """Opens the file."""
    context = browser.new_context(
        viewport={"width": width, "height": 900},
        color_scheme="dark" if scheme == "dark" else "light",
    )
    found = Visit(context.new_page())
    found.page.on("console", lambda message: found.said.append(message.text))
    found.page.on("pageerror", lambda error: found.said.append(str(error)))
    found.page.on("request", lambda request: found.asked.append(request.url))
    found.page.goto(file.as_uri())
    return found


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "light"), (1280, "dark")])
def test_it_opens_quietly_and_alone(
    browser: Browser, page: Path, tmp_path: Path, width: int, scheme: str
) -> None:
    found = visit(browser, page, width, scheme)
    found.page.screenshot(path=tmp_path / "page.png", full_page=True)
    assert found.said == []
    assert found.asked == [page.as_uri()]
    assert found.page.evaluate("document.documentElement.scrollWidth") == width, "no sideways"
    with Image.open(tmp_path / "page.png") as picture:
        corner = picture.convert("L").getpixel((2, 2))
        assert isinstance(corner, int)
        assert (corner > 200) == (scheme == "light")
    found.page.context.close()


def test_each_width_shows_its_own_charts(browser: Browser, page: Path) -> None:
    for width, shown, hidden in ((1280, ".wide", ".narrow"), (390, ".narrow", ".wide")):
        found = visit(browser, page, width)
        charts = found.page.locator(f"figure {shown} svg")
        assert charts.count() > 5
        assert all(one.is_visible() for one in charts.all())
        assert not found.page.locator(f"figure {hidden}").first.is_visible()
        for one in charts.all():
            box = one.bounding_box()
            assert box is not None
            assert box["x"] >= 0
            assert box["x"] + box["width"] <= width
        found.page.context.close()


def test_no_text_of_a_chart_is_cut_off(browser: Browser, page: Path) -> None:
    found = visit(browser, page, 1280)
    outside = found.page.evaluate(
        """() => [...document.querySelectorAll('figure .wide svg')].flatMap(svg => {
          const all = svg.getBoundingClientRect()
          return [...svg.querySelectorAll('text')].filter(text => {
            const box = text.getBoundingClientRect()
            return box.left < all.left - 6 || box.right > all.right + 12
          }).map(text => text.textContent)
        })"""
    )
    assert outside == []
    found.page.context.close()


def test_the_page_is_printed(page: Path, tmp_path: Path) -> None:
    target = tmp_path / "report.pdf"
    print_pdf(page, target)
    data = target.read_bytes()
    assert data.startswith(b"%PDF-")
    assert len(data) > 20_000
    assert list(tmp_path.iterdir()) == [target]


def test_no_browser_says_what_to_install(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConfigError, match=r"(?s)apt install chromium.*looked at chromium"):
        print_pdf(page, tmp_path / "report.pdf")
    with pytest.raises(ConfigError, match="no browser 'firefox'"):
        find_browser("firefox")


def test_a_browser_that_prints_nothing_is_named(page: Path, tmp_path: Path) -> None:
    fake = tmp_path / "browser"
    fake.write_text("#!/bin/sh\necho 'cannot open display' >&2\nexit 1\n")
    fake.chmod(0o755)
    with pytest.raises(UserError, match="printed nothing: cannot open display"):
        print_pdf(page, tmp_path / "report.pdf", str(fake))
    assert not (tmp_path / "report.pdf").exists()
