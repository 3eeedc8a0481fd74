"""Label every photo of a source with the answers to a task.

SOURCE is a folder of photos, or a table with their addresses: CSV, Parquet, JSON lines, DuckDB.
Each answer and each failure is recorded as it comes. The same command again goes on where it
stopped and asks nothing twice.

Exit code 0: every observation is answered. 1: some failed, or the run was stopped. 2: something
must be changed first. 130: interrupted.

Examples:
    vistoria run photos/ --task road_sign --model onnx:street
    vistoria run town.duckdb --table cropped_observations_all --task street_asset --sample 100
    vistoria run table.csv --column uri=photo_url --task mine.toml --model gemini:gemini-2.5-flash
"""

import json
import sys
from collections.abc import Mapping
from typing import Any

import click

from vistoria.cli import _settings
from vistoria.cli._command import Command
from vistoria.cli._ending import exit_code, show_ending
from vistoria.cli._sizing import Sized, SizeOption, choose_size, within_budget
from vistoria.cli._talk import put_json, quiet, warnings_shown
from vistoria.cli._work import confirm, planned, work
from vistoria.engine import Choice
from vistoria.events import Event, Settled, Sink, ignore
from vistoria.ledger import Ledger
from vistoria.progress import Display
from vistoria.records import Attempt, Observation


@click.command("run", cls=Command, help=__doc__)
@_settings.everything
@_settings.only
@click.option(
    "--size",
    type=SizeOption(),
    metavar="auto[:N]",
    help="Find the smallest pictures with the same labels, on N of them [default: 60].",
)
@click.option("--fresh", is_flag=True, help="Ask everything again, in a run of its own.")
@click.option("--yes", is_flag=True, envvar="VISTORIA_YES", help="Do not ask before a large run.")
@click.option("--json", "output", flag_value="json", help="The summary as one JSON document.")
@click.option("--ndjson", "output", flag_value="ndjson", help="One JSON line per observation.")
@_settings.display
@quiet
@click.pass_context
def command(context: click.Context, /, **given: Any) -> None:
    """See the top of this file."""
    output = given["output"]
    display = _beside(output, given["display"])
    choice = Choice.parse(given["only"], fresh=given["fresh"])
    sized = _sized(context, given, display)
    project = _settings.load(context, flags=sized.settings if sized else {})
    with planned(project, choice, display) as (job, ledger, plan):
        if not given["yes"]:
            confirm(job, ledger, plan, project.run)
        kept = within_budget(job, ledger, plan.run) if sized else job
        result = work(kept, ledger, plan, display, _lines(ledger) if output == "ndjson" else ignore)
    show_ending(result)
    if output == "json":
        put_json(result.document() | ({"size": sized.document()} if sized else {}))
    context.exit(exit_code(result))


def _sized(context: click.Context, given: Mapping[str, Any], display: Display) -> Sized | None:
    """The size found with --size auto."""
    if given["size"] is None:
        return None
    if given["only"] or given["fresh"]:
        raise click.UsageError("--size auto goes with neither --only nor --fresh", context)
    with warnings_shown():
        return choose_size(context, given["size"], display)


def _beside(output: str | None, display: Display) -> Display:
    """No bar among the lines of data, when both go to the same terminal."""
    both = output == "ndjson" and sys.stdout.isatty()
    return "none" if both and display == "auto" else display


def _lines(ledger: Ledger) -> Sink:
    """Writes a line of JSON for each settled observation."""

    def listen(event: Event) -> None:
        if isinstance(event, Settled):
            found = ledger.observations([attempt.ordinal for attempt in event.attempts])
            for observation, attempt in zip(found, event.attempts, strict=True):
                click.echo(json.dumps(_line(observation, attempt), ensure_ascii=False))

    return listen


def _line(observation: Observation, attempt: Attempt) -> dict[str, Any]:
    return {
        "observation_id": observation.observation_id,
        "uri": observation.image.uri,
        "status": attempt.status,
        "reason": attempt.reason,
        "detail": attempt.detail,
        "labels": attempt.answer,
        "confidence": attempt.confidence,
        "model_version": attempt.model_version,
    }
