"""Write a page about a run: what it found, how sure that is, what it cost.

FILE (default: report.html) is one file that anyone can open, print and pass on: it asks for nothing
from a network and holds no photo unless --thumbnails puts small ones beside conflicts. A name that
ends in .pdf is printed by Chromium or Chrome. Counts are corrected where a random sample was
reviewed (`vistoria sample`, `vistoria decide`); where none was, the page says so.

Examples:
    vistoria report
    vistoria report march.pdf --run 3 --title "Poles of the north, March"
    vistoria report --map leaning=yes --thumbnails
    vistoria report --json | jq '.fields[0].answers'
"""

import io
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click

from vistoria.cli import _settings
from vistoria.cli._command import Command
from vistoria.cli._talk import as_json, note, put_json, quiet, say
from vistoria.errors import UserError
from vistoria.images import Images
from vistoria.ledger import Ledger
from vistoria.records import ImageForm, ImageRef, ImageSettings
from vistoria.report import Contents, Report, find_browser, print_pdf, read_report, render
from vistoria.report.conflicts import Thumbnail
from vistoria.result import shown

_PAGE = "report.html"
_SIDE = 320  # pixels of a small picture's longer side
_JPEG = ImageForm(kind="encoded", mime_types=frozenset({"image/jpeg"}))


@click.command("report", cls=Command, help=__doc__)
@click.argument("file", required=False, type=click.Path(dir_okay=False, path_type=Path))
@click.option("--run", "number", type=int, metavar="N", help="A run by number [default: the last].")
@click.option("--sample", type=int, metavar="N",
              help="Whose reviews correct the counts [default: the sample with most].")  # fmt: skip
@click.option("--title", metavar="TEXT", help="In place of task and model.")
@click.option("--map", "mapped", metavar="FIELD=ANSWER",
              help="What the map shows [default: the commonest answer].")  # fmt: skip
@click.option("--resolution", type=click.IntRange(0, 15), metavar="0-15",
              help="Of the map's H3 cells [default: as fine as can be read].")  # fmt: skip
@click.option("--confidence", type=click.FloatRange(50, 100, max_open=True), default=95.0,
              metavar="PERCENT", help="Of the intervals [default: 95].")  # fmt: skip
@click.option("--thumbnails", is_flag=True, help="Small pictures beside conflicts.")
@click.option("--attribution", metavar="TEXT", help="Whose pictures they are [default: known].")
@click.option("--browser", metavar="FILE", envvar="VISTORIA_BROWSER",
              help="What prints a PDF [default: Chromium or Chrome].")  # fmt: skip
@_settings.ledger
@_settings.project
@quiet
@as_json
@click.pass_context
def command(context: click.Context, /, file: Path | None, as_json: bool, **given: Any) -> None:
    """See the top of this file."""
    project = _settings.load(context)
    printed = file is not None and file.suffix.lower() == ".pdf"
    browser = find_browser(given["browser"]) if printed else None
    with Ledger(project.run.ledger, create=False) as ledger:
        wanted = Contents(
            sample=given["sample"], title=given["title"], mapped=_pair(given["mapped"]),
            confidence=given["confidence"] / 100, resolution=given["resolution"],
            thumbnail=thumbnails(Images(project.images.store)) if given["thumbnails"] else None,
            attribution=given["attribution"],
        )  # fmt: skip
        report = read_report(ledger, ledger.run(given["number"]), wanted)
    if file is not None or not as_json:
        file = file or Path(_PAGE)
        write_report(report, file, browser)
        say(f"{shown(file)}: {report.title}")
        if report.population.note:
            note("note", report.population.note)
    if as_json:
        put_json(report.document())


def write_report(report: Report, file: Path, browser: str | None = None) -> None:
    """As a page, or printed where the name ends in .pdf; the file appears only when complete."""
    page = render(report)
    if file.suffix.lower() != ".pdf":
        part = file.with_name(f".{file.name}.part")
        part.write_text(page, encoding="utf-8")
        part.replace(file)
        return
    with TemporaryDirectory() as folder:
        html = Path(folder) / _PAGE
        html.write_text(page, encoding="utf-8")
        print_pdf(html, file, browser)


def thumbnails(images: Images) -> Thumbnail:
    """Small JPEGs of the whole images, without what cameras write into them."""
    return partial(_small, images)


def _small(images: Images, image: ImageRef) -> bytes:
    from PIL import Image  # noqa: PLC0415 - 60 ms, where pictures are wanted

    picture = images.load(image, _JPEG, ImageSettings(max_side=_SIDE))
    assert picture.data is not None
    with Image.open(io.BytesIO(picture.data)) as opened:
        found = io.BytesIO()
        opened.convert("RGB").save(found, "JPEG", quality=72, optimize=True)
        return found.getvalue()


def _pair(text: str | None) -> tuple[str, str] | None:
    if text is None:
        return None
    field, equals, answer = text.partition("=")
    if not (field and equals and answer):
        raise UserError(f"--map {text!r} is not of the form FIELD=ANSWER, such as leaning=yes")
    return field, answer
