"""Write what a run came to where people work: files, databases, services.

TARGET's scheme or suffix decides how, or --to: labels.parquet, gs://bucket/labels.csv,
results.duckdb, poles.geojson, bigquery://project.dataset, https://host/hook … Without TARGET the
publishers are listed. The same command again sends only what the target lacks, and completes what a
crash cut short; docs/publishers.md has the columns.

--dashboards FOLDER writes views for BigQuery and Looker Studio, a dbt source file and a map for
kepler.gl over what was published.

Examples:
    vistoria publish labels.parquet
    vistoria publish results/ --to parquet
    vistoria publish bigquery://my-project.poles --run 3
    vistoria publish --dashboards dashboards/ -o dataset=my-project.poles
"""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from vistoria import registry
from vistoria.cli import _settings
from vistoria.cli._command import Command
from vistoria.cli._errors import FAILED
from vistoria.cli._talk import (
    as_json,
    is_quiet,
    note,
    put_json,
    put_table,
    quiet,
    say,
    warnings_shown,
)
from vistoria.errors import UserError
from vistoria.ledger import Ledger
from vistoria.project import Project
from vistoria.publishers import Advance, PublisherOptions, Receipt

_EVERY = 0.5  # seconds between two looks at the progress


@click.command("publish", cls=Command, help=__doc__)
@click.argument("target", required=False)
@click.option("--to", "name", metavar="NAME", help="The publisher, where TARGET does not tell.")
@click.option("--run", "number", type=int, metavar="N", help="A run by number [default: the last].")
@click.option("-o", "--option", "values", multiple=True, metavar="KEY=VALUE",
              help="An option of the publisher; may be repeated.")  # fmt: skip
@click.option("--attribution", metavar="TEXT", help="Whose pictures they are [default: known].")
@click.option("--dashboards", type=click.Path(file_okay=False, path_type=Path), metavar="FOLDER",
              help="Write views, a dbt source and a map over what was published.")  # fmt: skip
@_settings.ledger
@_settings.project
@quiet
@as_json
@click.pass_context
def command(context: click.Context, /, target: str | None, as_json: bool, **given: Any) -> None:
    """See the top of this file."""
    values = _pairs(given["values"])
    if given["dashboards"] is not None:
        _write_dashboards(given["dashboards"], values, as_json=as_json)
        return
    if target is None:
        _list(as_json=as_json)
        return
    receipt = _publish(_settings.load(context), target, values, given)
    if as_json:
        put_json(asdict(receipt))
    else:
        _tell(receipt)
    if receipt.failed:
        context.exit(FAILED)


def _publish(
    project: Project, target: str, values: dict[str, str], given: dict[str, Any]
) -> Receipt:
    from vistoria.publishers._edition import Edition  # noqa: PLC0415 - pyarrow, when needed
    from vistoria.publishers._opening import open_publisher  # noqa: PLC0415

    options = PublisherOptions(
        store=project.images.store, google=project.google.settings, values=values
    )
    name, publisher = open_publisher(target, options, given["name"])
    with Ledger(project.run.ledger, create=False) as ledger:
        run = ledger.run(given["number"])
        edition = Edition(ledger, run, attribution=given["attribution"])
        note("publish", f"run {run.run_id}: {run.task} by {run.model}, edition {edition.version}")
        note("to", f"{publisher.address} ({name}{'' if given['name'] else ', as its name says'})")
        with warnings_shown(), _counted() as advance:
            return publisher.publish(edition, advance)


def _tell(receipt: Receipt) -> None:
    rows = ", ".join(f"{name} {count:,}" for name, count in receipt.rows.items())
    state = "written" if receipt.written else "there already; nothing was sent"
    say(f"edition {receipt.version} {state}: {rows or 'no rows'}")
    if receipt.failed:
        refused = ", ".join(f"{reason} {count:,}" for reason, count in receipt.failed.items())
        say(f"refused for good: {refused}", fg="yellow")


def _list(*, as_json: bool) -> None:
    kinds = []
    for name in registry.names("publishers"):
        module = registry.load("publishers", name)
        kinds.append({
            "publisher": name, "writes": (module.__doc__ or "").partition("\n")[0],
            "schemes": module.SCHEMES, "suffixes": module.SUFFIXES, "extra": module.EXTRA,
        })  # fmt: skip
    if as_json:
        put_json({"publishers": kinds})
        return
    put_table(
        ("publisher", "addresses", "writes", "extra"),
        [
            (
                kind["publisher"],
                ", ".join([*(f"{s}://" for s in kind["schemes"]), *kind["suffixes"]]),
                kind["writes"],
                kind["extra"],
            )
            for kind in kinds
        ],
    )


def _write_dashboards(folder: Path, values: dict[str, str], *, as_json: bool) -> None:
    from vistoria.publishers._dashboards import write_dashboards  # noqa: PLC0415

    files = write_dashboards(folder, values)
    if as_json:
        put_json({"files": [str(file) for file in files]})
    else:
        for file in files:
            say(str(file))


def _pairs(given: tuple[str, ...]) -> dict[str, str]:
    found = {}
    for text in given:
        key, equals, value = text.partition("=")
        if not (key and equals):
            raise UserError(f"-o {text!r} is not of the form KEY=VALUE")
        found[key.strip()] = value
    return found


@contextmanager
def _counted() -> Iterator[Advance]:
    """Says on a terminal how many rows went out, table by table."""
    sent: dict[str, int] = {}
    looked, shown = 0.0, not is_quiet() and sys.stderr.isatty()

    def advance(what: str, rows: int) -> None:
        nonlocal looked
        sent[what] = sent.get(what, 0) + rows
        if shown and time.monotonic() > looked + _EVERY:
            looked = time.monotonic()
            click.echo(f"\r\x1b[K  {what}: {sent[what]:,} rows", err=True, nl=False)

    try:
        yield advance
    finally:
        if shown:
            click.echo("\r\x1b[K", err=True, nl=False)
