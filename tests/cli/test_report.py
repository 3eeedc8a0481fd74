"""`vistoria report`: a page, a PDF or JSON about a run; `echo:` answers."""

import json
import sys
from pathlib import Path

import pytest

from tests.cli.running import Vistoria, run, words


@pytest.fixture
def labelled(table: str, vistoria: Vistoria) -> None:
    """A run over the table."""
    assert vistoria(*run(table)).exit_code == 0


@pytest.mark.usefixtures("labelled")
def test_a_page_is_written(vistoria: Vistoria) -> None:
    result = vistoria("report")
    assert result.exit_code == 0, result.stderr
    assert result.stdout == ""
    assert "report.html: Street asset, labelled by echo" in result.stderr
    assert "Draw a sample: vistoria sample" in words(result.stderr)
    page = Path("report.html").read_text()
    assert "<h1>Street asset, labelled by echo</h1>" in page
    assert "120 of 120 photos were answered" in page
    assert [path.name for path in Path().glob("*report*")] == ["report.html"]


@pytest.mark.usefixtures("labelled")
def test_json_holds_every_figure_and_writes_no_page(vistoria: Vistoria) -> None:
    result = vistoria("report", "--json", "--confidence", "90", "--title", "Mine")
    document = json.loads(result.stdout)
    assert (document["title"], document["confidence"]) == ("Mine", 0.9)
    assert document["run"]["total"] == 120
    assert document["places"] is None, "no row has a place"
    assert not Path("report.html").exists()


@pytest.mark.usefixtures("labelled")
def test_both_at_once(vistoria: Vistoria) -> None:
    result = vistoria("report", "r.html", "--json")
    assert json.loads(result.stdout)["run"]["run"] == 1
    assert Path("r.html").exists()


@pytest.mark.usefixtures("labelled")
def test_a_pdf_by_its_name(vistoria: Vistoria) -> None:
    result = vistoria("report", "r.pdf")
    assert result.exit_code == 0, result.stderr
    assert Path("r.pdf").read_bytes().startswith(b"%PDF-")


@pytest.mark.usefixtures("labelled")
def test_without_a_browser_it_says_what_to_install(vistoria: Vistoria) -> None:
    result = vistoria("report", "r.pdf", "--browser", "nonesuch")
    assert result.exit_code == 2
    assert "apt install chromium" in result.stderr
    assert not Path("r.pdf").exists()


@pytest.mark.usefixtures("labelled")
@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("--map", "leaning"), "--map 'leaning' is not of the form FIELD=ANSWER"),
        (("--sample", "3"), "no sample was drawn yet"),
        (("--run", "7"), "the ledger has no run 7"),
        (("--confidence", "100"), "--confidence"),
    ],
)
def test_what_cannot_be_is_refused(
    vistoria: Vistoria, flags: tuple[str, ...], message: str
) -> None:
    result = vistoria("report", *flags)
    assert result.exit_code == 2
    assert message in result.stderr
    assert not Path("report.html").exists()


@pytest.mark.usefixtures("labelled")
@pytest.mark.parametrize("package", ["altair", "vl_convert", "jinja2"])
def test_a_missing_package_names_the_extra(
    vistoria: Vistoria, monkeypatch: pytest.MonkeyPatch, package: str
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    from vistoria.report import charts

    charts._altair.cache_clear()
    result = vistoria("report")
    assert result.exit_code == 2
    assert "pip install 'vistoria[report]'" in result.stderr
