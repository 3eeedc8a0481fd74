"""Check that everything a project needs works: sign-in, roles, APIs, model, images, ledger.

Only what the project needs is checked, by doing it once: a dry-run query, one object read per
bucket, one tiny question to the model (a fraction of a cent; --no-ask leaves it out). Each failure
says what to do; what rests on it is not checked. Exits with 1 if anything failed.

Examples:
    vistoria doctor
    vistoria doctor photos/ --task road_sign --model onnx:street
    vistoria doctor --image gs://bucket/path.jpg --json
"""

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from vistoria.cli import _settings
from vistoria.cli._command import Command
from vistoria.cli._errors import FAILED
from vistoria.cli._talk import as_json, note, put_json

if TYPE_CHECKING:
    from vistoria.cloud.finding import Finding

_MARKS = {
    "pass": ("✓", "green"), "warn": ("!", "yellow"), "fail": ("✗", "red"),
    "unchecked": ("?", "yellow"), "unneeded": ("–", "white"),
}  # fmt: skip
_WIDE = 16


@click.command("doctor", cls=Command, help=__doc__)
@_settings.source
@_settings.table
@_settings.asking
@_settings.google
@_settings.ledger
@click.option("--image", metavar="ADDRESS", help="Read this image, instead of one of the rows'.")
@click.option("--no-ask", is_flag=True, help="Ask the model nothing.")
@_settings.project
@as_json
@click.pass_context
def command(context: click.Context, /, image: str | None, no_ask: bool, as_json: bool) -> None:
    """See the top of this file."""
    from vistoria.cloud.doctor import examine  # noqa: PLC0415
    from vistoria.cloud.visit import Visit  # noqa: PLC0415

    visit = Visit(_settings.load(context), image=image, ask=not no_ask)
    found = []
    for finding in examine(visit):
        found.append(finding)
        if not as_json and finding.status != "unneeded":
            _tell(finding)
    failures = [finding.check for finding in found if finding.status == "fail"]
    if as_json:
        put_json({"ok": not failures, "findings": [asdict(finding) for finding in found]})
    else:
        _sum_up(found, failures)
    context.exit(FAILED if failures else 0)


def _tell(finding: "Finding") -> None:
    mark, colour = _MARKS[finding.status]
    click.echo(f"{click.style(mark, fg=colour)} {finding.check:<{_WIDE}} {finding.said}")
    if finding.mend and finding.status != "pass":
        for line in finding.mend.splitlines():
            click.echo(f"{'':<{_WIDE + 2}} → {line}")


def _sum_up(found: "list[Finding]", failures: list[str]) -> None:
    spared = [finding.check for finding in found if finding.status == "unneeded"]
    if spared:
        click.echo(f"– {'not needed':<{_WIDE}} {', '.join(spared)}")
    if failures:
        note("result", f"{len(failures)} failed: {', '.join(failures)}", fg="red")
    else:
        note("result", "everything that was checked works", fg="green")
        note("next", "vistoria plan", fg="cyan")
