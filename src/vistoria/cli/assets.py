"""Show what several photos of an asset come to: one answer, how sure, and where they disagree.

One row per asset and snapshot: for each field its answer, the share of photos that say so, whether
they conflict, and a confidence where people reviewed at least 20 whole assets for calibration
(`vistoria sample --unit asset --purpose calibration`). FILE ends in .csv, .parquet or .jsonl;
without it, or with -, CSV goes to stdout.

Examples:
    vistoria assets assets.parquet
    vistoria assets --conflicts
    vistoria assets --fields material --conflicts --json
"""

import sys
from pathlib import Path
from typing import Any

import click

from vistoria.assets import AssetConflict, asset_answers, asset_table, conflicts
from vistoria.cli import _settings
from vistoria.cli._command import Command
from vistoria.cli._talk import as_json, put_json, put_table, quiet, say
from vistoria.cli._writing import format_of, write
from vistoria.labels import named
from vistoria.ledger import Ledger
from vistoria.result import shown
from vistoria.review import fit_curves


@click.command("assets", cls=Command, help=__doc__)
@click.argument("file", required=False, default="-", metavar="[FILE]")
@click.option("--run", "number", type=int, metavar="N", help="A run by number [default: the last].")
@click.option("--fields", "names", metavar="A,B", help="Only these fields.")
@click.option("--conflicts", "disputed", is_flag=True, help="Assets whose photos disagree.")
@_settings.ledger
@_settings.project
@quiet
@as_json
@click.pass_context
def command(context: click.Context, /, file: str, as_json: bool, **given: Any) -> None:
    """See the top of this file."""
    path = _settings.load(context).run.ledger
    names = [name.strip() for name in (given["names"] or "").split(",") if name.strip()]
    with Ledger(path, create=False) as ledger:
        assets = asset_answers(ledger, ledger.run(given["number"]), names)
        if given["disputed"]:
            found = conflicts(ledger, assets)
        else:
            table = asset_table(assets, fit_curves(ledger, assets))
    if given["disputed"]:
        if as_json:
            put_json([{"answer_text": named(c.answer)} | _row(c) for c in found])
        else:
            put_table(
                ("asset", "snapshot", "field", "answer", "photos say"),
                [(c.asset_id, c.snapshot_id, c.field, named(c.answer), _votes(c)) for c in found],
            )
        return
    if as_json:
        put_json(table.to_pylist())
    elif file == "-":
        write(sys.stdout.buffer, "csv", table.schema, table.to_batches())
    else:
        count = write(Path(file), format_of(file), table.schema, table.to_batches())
        say(f"{count:,} assets of run {assets.run.run_id} in {shown(Path(file))}")


def _row(conflict: AssetConflict) -> dict[str, Any]:
    names = ("asset_id", "snapshot_id", "field", "answer", "share", "votes", "uris")
    return {name: getattr(conflict, name) for name in names}


def _votes(conflict: AssetConflict) -> str:
    return ", ".join(f"{answer} {count}" for answer, count in conflict.votes.items())
