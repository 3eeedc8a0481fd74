"""Write the table of a run to a file.

One row per observation, one column per field; failures are rows too, with their reason. FILE ends
in .csv, .parquet or .jsonl. Without FILE, or with -, the rows go to stdout: as a table on a
terminal, else as CSV. Lists are JSON in CSV.

Examples:
    vistoria export labels.parquet
    vistoria export --run 2 --only failed failures.csv
    vistoria export --format jsonl - | head -3
"""

import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import click
import pyarrow as pa
import pyarrow.compute as pc

from vistoria.cli import _settings
from vistoria.cli._command import Command
from vistoria.cli._talk import cell, put_table, quiet, say
from vistoria.cli._writing import FORMATS, format_of, write
from vistoria.ledger import Ledger, Run
from vistoria.result import shown

_SHOWN = 30  # rows of a table on a terminal


@click.command("export", cls=Command, help=__doc__)
@click.argument("file", required=False, default="-", metavar="[FILE]")
@click.option("--run", "number", type=int, metavar="N", help="A run by number [default: the last].")
@click.option("--only", type=click.Choice(["answered", "failed"]), help="Only these rows.")
@click.option(
    "--format", "form", type=click.Choice([*FORMATS, "table"]),
    help="In place of what FILE's name says.",
)  # fmt: skip
@_settings.ledger
@_settings.project
@quiet
@click.pass_context
def command(
    context: click.Context, /, file: str, number: int | None, only: str | None, form: str | None
) -> None:
    """See the top of this file."""
    with Ledger(_settings.load(context).run.ledger, create=False) as ledger:
        run = ledger.run(number)
        schema, rows = ledger.schema(run), _rows(ledger, run, only)
        if file != "-":
            count = write(Path(file), form or format_of(file), schema, rows)
            say(f"{count:,} rows of run {run.run_id} in {shown(Path(file))}")
        elif form == "table" or (form is None and sys.stdout.isatty()):
            _show(ledger, run, rows)
        else:
            write(sys.stdout.buffer, form or "csv", schema, rows)


def _rows(ledger: Ledger, run: Run, only: str | None) -> Iterator[pa.RecordBatch]:
    for batch in ledger.batches(run):
        yield batch if only is None else batch.filter(pc.equal(batch["status"], only))


def _show(ledger: Ledger, run: Run, batches: Iterator[pa.RecordBatch]) -> None:
    """The first rows, with the labels of each in one column: a task may have many fields."""
    fields = [field.name for field in ledger.fields(run.question_id)]
    rows = [row for batch in islice(batches, 1) for row in batch.to_pylist()]
    put_table(
        ("observation", "status", "labels"),
        [
            (
                row["observation_id"],
                row["reason"] or row["status"],
                ", ".join(f"{name} {cell(row[name])}" for name in fields if row[name] is not None),
            )
            for row in rows[:_SHOWN]
        ],
    )
    if len(rows) > _SHOWN:
        say(f"the first {_SHOWN} rows; all: vistoria export labels.parquet")
