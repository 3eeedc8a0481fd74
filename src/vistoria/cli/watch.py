"""Label what is new in a source, again and again.

SOURCE is a folder, a bucket (gs://bucket/path) or a table. Each look reads its rows and asks only
about those that are new or whose image has changed: an image that was labelled before is known by
its content, wherever it lies now, so that a new snapshot with the same pictures costs nothing.
Ctrl-C ends it; the same command goes on.

Exit code, with --once: as of vistoria run. Needs pip install 'vistoria[gemini]' for a bucket.

Examples:
    vistoria watch photos/ --task road_sign --model onnx:street
    vistoria watch gs://incoming/photos --every 1h --yes --budget "5 USD"
    vistoria watch bigquery://project.imagery.cropped_observations_latest --once
"""

import re
import time
from typing import Any

import click

from vistoria.cli import _settings
from vistoria.cli._command import Command
from vistoria.cli._ending import exit_code, show_ending
from vistoria.cli._errors import INTERRUPTED
from vistoria.cli._reading import announce
from vistoria.cli._talk import as_json, note, put_json, quiet, say, warnings_shown
from vistoria.cli._work import confirm, described, progress, work
from vistoria.engine import Choice, plan_to_come
from vistoria.errors import TransientError
from vistoria.job import open_job
from vistoria.ledger import Ledger, News
from vistoria.pricing import load_prices
from vistoria.progress import Display
from vistoria.project import Project
from vistoria.result import Result

_UNITS = {"s": 1.0, "m": 60.0, "h": 3_600.0, "d": 86_400.0}


class _Period(click.ParamType[float]):
    name = "period"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Seconds; "10m", "1h", "30s", "1d" or a number of seconds."""
        found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smhd]?)", str(value).strip())
        if found is None or not float(found[1]):
            self.fail(f"{value!r} is no period; write 30s, 10m, 1h or 1d", param, ctx)
        return float(found[1]) * _UNITS[found[2] or "s"]


@click.command("watch", cls=Command, help=__doc__)
@_settings.everything
@click.option(
    "--every", type=_Period(), default="10m", metavar="PERIOD", envvar="VISTORIA_WATCH_EVERY",
    help="From the end of one look to the next, e.g. 30s, 1h, 1d [default: 10m].",
)  # fmt: skip
@click.option("--once", is_flag=True, help="Look once, and end.")
@click.option("--yes", is_flag=True, envvar="VISTORIA_YES", help="Do not ask before a large run.")
@as_json
@_settings.display
@quiet
@click.pass_context
def command(
    context: click.Context, /, every: float, once: bool, yes: bool, as_json: bool, display: Display
) -> None:
    """See the top of this file."""
    project = _by_content(context)
    while True:
        code = 0
        try:
            code = _look(project, display, yes=yes, as_json=as_json)
        except TransientError as error:
            if once:
                raise
            note("later", str(error), fg="yellow")
        if once or code == INTERRUPTED:
            context.exit(code)
        time.sleep(every)


def _by_content(context: click.Context) -> Project:
    """The project; images are known by content, unless it says otherwise."""
    project = _settings.load(context)
    if project.origin("images.known_by") != "default":
        return project
    return _settings.load(context, flags={"images.known_by": "content"})


def _look(project: Project, display: Display, *, yes: bool, as_json: bool) -> int:
    """One look at the source; the exit code of what was asked."""
    with warnings_shown():
        job = open_job(project)
        note("source", described(job.source))
        announce(job.source, job.selection, job.limits.prices or load_prices())
        with Ledger(job.ledger) as ledger:
            run = plan_to_come(ledger, job.source, job.selection, job.ask).run
            before = ledger.scope(run).ordinals
            with progress(display) as emit:
                plan = job.plan(ledger, Choice(), emit)
            news = ledger.news(plan.run, before)
            _tell(news, plan.pending)
            if plan.pending and not yes:
                confirm(job, ledger, plan, project.run)
            result = work(job, ledger, plan, display if plan.pending else "none")
    if plan.pending:
        show_ending(result)
    if as_json:
        put_json(result.document() | {"news": _document(news, result)})
    return exit_code(result)


def _tell(news: News, pending: int) -> None:
    """What is new, before anything is asked."""
    for snapshot in news.snapshots:
        note("snapshot", f"{snapshot} is new", fg="cyan")
    if not news and not pending:
        say(f"{time.strftime('%H:%M:%S')} nothing new among {news.rows:,} rows", dim=True)
        return
    again = f", {news.again:,} with another address, version or snapshot" if news.again else ""
    note("news", f"{news.rows:,} rows: {news.new:,} new, {news.gone:,} gone{again}")
    note("to look at", f"{pending:,}; images that were labelled before are not asked about")


def _document(news: News, result: Result) -> dict[str, Any]:
    report = result.report
    return {
        "rows": news.rows, "new": news.new, "gone": news.gone, "again": news.again,
        "snapshots": list(news.snapshots), "asked": result.settled - report.copied,
        "unchanged": report.copied,
    }  # fmt: skip
