"""The page of a sheet in a real browser: filled in, reloaded, saved, and read back."""

from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from tests.labelled import POLE, add_run, poles
from vistoria.ledger import Ledger
from vistoria.report import find_browser
from vistoria.review import (
    Wish,
    check_sheet,
    draw_sample,
    page,
    read_sheet,
    record,
    sheet_rows,
    verdicts,
)


def answer(opened: Page, item: int) -> None:
    """A pole of wood for odd items, a sign for even ones; questions appear when they apply."""
    form = opened.locator("article").nth(item - 1)
    assert not form.locator("[name=material]").is_visible()
    form.locator("[name=asset]").select_option("pole" if item % 2 else "sign")
    assert form.locator("[name=material]").is_visible() == bool(item % 2)
    if item % 2:
        form.locator("[name=material]").select_option("wood")
        form.locator("[name=leaning]").select_option("?")


def test_a_page_is_filled_in_and_read_back(ledger: Ledger, tmp_path: Path) -> None:
    sample = draw_sample(ledger, add_run(ledger, poles(40)), POLE, Wish(size=4))
    sheet = ledger.reviews.add_sheet(sample)
    file, saved = tmp_path / "page.html", tmp_path / "answers.jsonl"
    file.write_text(page(sample, sheet, sheet_rows(ledger, sample, sheet), None))
    said: list[str] = []
    asked: list[str] = []
    with sync_playwright() as play:
        browser = play.chromium.launch(
            executable_path=find_browser(), args=["--no-sandbox", "--disable-gpu"]
        )
        opened = browser.new_page()
        opened.on("console", lambda message: said.append(message.text))
        opened.on("pageerror", lambda error: said.append(str(error)))
        opened.on("request", lambda request: asked.append(request.url))
        opened.goto(file.as_uri())
        for item in range(1, 4):
            answer(opened, item)
        opened.reload()
        assert opened.locator("#count").inner_text() == "3 of 4 done"
        with opened.expect_download() as download:
            opened.click("#save")
        download.value.save_as(saved)
        browser.close()
    assert said == []
    assert {url for url in asked if not url.startswith("blob:")} == {file.as_uri()}
    record(ledger, check_sheet(ledger, read_sheet(saved), "ana"))
    found = {(one.unit.item, one.field): one for one in verdicts(ledger, sample)}
    assert [found[i, "asset"].value for i in (1, 2, 3)] == ["pole", "sign", "pole"]
    assert found[1, "leaning"].unclear
    assert found[2, "material"].value is None
    assert {found[4, name].state for name in ("asset", "material", "leaning")} == {"open"}
