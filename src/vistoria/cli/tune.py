"""Fine-tune Gemini on the labels of a run and the decisions of people.

Writes training and validation lines in Google's format, with pictures by their gs:// address,
checks them against Google's limits, says how many tokens they are, and begins one job on Vertex AI;
the same command again finds that job and waits for it. The tuned model is then called
gemini:tuned-NAME. Rows for certification, calibration and testing are never sent.

With --judge N the tuned model is compared with its base on reviewed sample N.

Examples:
    vistoria tune poles --staging gs://my-bucket/tuning --dry-run
    vistoria tune poles --staging gs://my-bucket/tuning --base gemini-3.5-flash-lite --epochs 3
    vistoria tune poles --staging gs://my-bucket/tuning --judge 2
"""

import os
import sys
import tempfile
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import click

from vistoria.cli import _settings
from vistoria.cli._command import Command
from vistoria.cli._student import fields, task_of
from vistoria.cli._talk import as_json, note, put_facts, put_json, quiet, say, warnings_shown
from vistoria.errors import ConfigError, UserError
from vistoria.ledger import Ledger
from vistoria.project import Project

if TYPE_CHECKING:
    from vistoria.student.gemini.job import Job, JobSpec
    from vistoria.student.gemini.lines import Prepared


@click.command("tune", cls=Command, help=__doc__)
@click.argument("name", metavar="NAME")
@click.option("--run", "number", type=int, metavar="N", help="A run by number [default: the last].")
@click.option("--base", default="gemini-3.5-flash-lite", metavar="MODEL",
              help="What to tune [default: gemini-3.5-flash-lite].")  # fmt: skip
@click.option("--staging", metavar="gs://…", help="A folder for the lines, in the same region.")
@click.option("--region", default="us-central1", metavar="REGION",
              help="Where to tune: us-central1 or europe-west4.")  # fmt: skip
@click.option("--examples", type=click.IntRange(1), metavar="N", help="Training lines, at most.")
@click.option("--epochs", type=int, metavar="N", help="Passes over them [default: Google's].")
@click.option("--adapter", type=int, metavar="N", help="Its size: 1, 2, 4, 8 or 16.")
@click.option("--learning-rate", type=float, metavar="X", help="A multiplier of Google's own.")
@click.option("--price", type=click.FloatRange(0), metavar="USD",
              help="Of a million training tokens, from Google's price list.")  # fmt: skip
@click.option("--check-images/--trust-images", default=True,
              help="Look up that each picture is there and small enough.")  # fmt: skip
@click.option("--dry-run", is_flag=True, help="Write and check the lines, and send nothing.")
@click.option("--out", type=click.Path(path_type=Path), metavar="FOLDER",
              help="Keep the lines in this folder.")  # fmt: skip
@click.option("--wait/--no-wait", default=True, help="Wait for the end [default: wait].")
@click.option("--poll", type=float, default=60.0, metavar="SECONDS", help="Between two looks.")
@click.option("--judge", type=int, metavar="N", help="Then compare with the base on sample N.")
@fields
@_settings.task
@_settings.option
@_settings.ledger
@_settings.project
@click.option("--yes", is_flag=True, envvar="VISTORIA_YES", help="Do not ask before it begins.")
@quiet
@as_json
@click.pass_context
def command(context: click.Context, /, as_json: bool, **given: Any) -> None:
    """See the top of this file."""
    from vistoria.student.gemini.job import JobSpec, digest_of  # noqa: PLC0415 - heavy
    from vistoria.student.gemini.lines import check_job, document_of  # noqa: PLC0415

    title = f"tuned-{given['name'].removeprefix('tuned-')}"
    project = _settings.load(context)
    with warnings_shown(), tempfile.TemporaryDirectory() as folder:
        place = given["out"] or Path(folder)
        prepared = _prepared(project, given)
        training, validation = prepared.write(place)
        spec = JobSpec(
            base=given["base"], lines=digest_of(training, validation), adapter=given["adapter"],
            epochs=given["epochs"], learning_rate=given["learning_rate"],
        )  # fmt: skip
        check_job(base=spec.base, region=given["region"], adapter=spec.adapter,
                  epochs=spec.epochs, name=spec.name)  # fmt: skip
        document = {**document_of(prepared), "job_name": spec.name, **_cost(prepared, given)}
        if not given["dry_run"]:
            _confirm(document, spec, given)
            job = _tune(project, spec, training, validation, given)
            document |= _after(project, job, spec, title)
    if as_json:
        put_json(document)
    else:
        put_facts(_facts(document))
    if given["judge"] is not None and document.get("model"):
        _judge(context, document["model"], spec.base, given["judge"])


def _prepared(project: Project, given: Mapping[str, Any]) -> "Prepared":
    from vistoria.pricing import load_prices  # noqa: PLC0415
    from vistoria.student.dataset import gather  # noqa: PLC0415
    from vistoria.student.gemini.lines import prepare  # noqa: PLC0415
    from vistoria.student.gemini.tuning import gcs_sizes  # noqa: PLC0415

    with Ledger(project.run.ledger, create=False) as ledger:
        run = ledger.run(given["number"])
        task = task_of(project, ledger, run, given["fields"])
        rows = gather(ledger, run, task)
        if not given["dry_run"]:
            for sample in rows.samples:
                ledger.reviews.note_use(sample, "training")
    rule = load_prices(project.run.prices).image_rule(f"gemini:{given['base']}")
    sizes = None
    if given["check_images"] and not given["dry_run"]:
        sizes = gcs_sizes(_account(project).headers)
    return prepare(
        rows, task, examples=given["examples"], sizes=sizes,
        image_tokens=rule.tokens(None, None).expected if rule else 1120,
    )  # fmt: skip


def _account(project: Project) -> Any:
    from vistoria.google_account import GoogleAccount  # noqa: PLC0415

    return GoogleAccount(project.google.settings, needed_for="Fine-tuning Gemini")


def _cost(prepared: "Prepared", given: Mapping[str, Any]) -> dict[str, Any]:
    """Google bills the tokens of all passes; its price per token is not in our tables."""
    tokens = prepared.tokens[0] * (given["epochs"] or 1)
    price = given["price"]
    return {
        "billed_tokens": tokens, "passes": given["epochs"],
        "cost_usd": None if price is None else round(tokens / 1e6 * price, 2),
    }  # fmt: skip


def _confirm(document: Mapping[str, Any], spec: "JobSpec", given: Mapping[str, Any]) -> None:
    if given["yes"]:
        return
    tokens = f"{document['billed_tokens']:,} tokens"
    tokens += "" if document["passes"] else " a pass, times the passes that Google chooses"
    cost = "at a price that --price would tell"
    if document["cost_usd"] is not None:
        cost = f"about ${document['cost_usd']:,.2f}"
    what = f"{document['training_lines']:,} lines, {tokens}, {cost}"
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise UserError(f"tuning {spec.base} on {what}; there is no terminal to ask on: --yes")
    if not click.confirm(f"Tune {spec.base} on {what}?", err=True):
        raise UserError("not confirmed; nothing was sent")


def _tune(
    project: Project, spec: "JobSpec", training: Path, validation: Path, given: Mapping[str, Any]
) -> "Job":
    from vistoria.models._bucket import Bucket  # noqa: PLC0415
    from vistoria.student.gemini.job import TuningService  # noqa: PLC0415
    from vistoria.student.gemini.tuning import Tuning  # noqa: PLC0415

    if not given["staging"]:
        raise ConfigError("tuning needs a folder in Cloud Storage: --staging gs://bucket/folder")
    account, region = _account(project), given["region"]
    base = os.environ.get("GOOGLE_VERTEX_BASE_URL") or f"https://{region}-aiplatform.googleapis.com"

    async def work() -> "Job":
        owner = await account.project()
        if owner is None:
            raise ConfigError(
                "tuning needs a Cloud project", looked_at=("[google] project", "the credentials")
            )
        service = TuningService(base.rstrip("/"), owner, region, account)
        bucket = Bucket(given["staging"], account.headers)
        tuning = Tuning(service, bucket, spec, given["poll"])
        try:
            job, known = await tuning.begun(training, validation)
            note("job", f"{job.resource}{' (begun before)' if known else ''}")
            return await tuning.ended(job, _told()) if given["wait"] else job
        finally:
            await service.aclose()

    return anyio.run(partial(work))


def _told() -> Any:
    last: list[str] = []

    def listen(job: "Job") -> None:
        if not last or last[-1] != job.state:
            last.append(job.state)
            say(f"  {job.state}", dim=True)

    return listen


def _after(project: Project, job: "Job", spec: "JobSpec", title: str) -> dict[str, Any]:
    from vistoria.student.gemini.tuning import registered  # noqa: PLC0415

    found: dict[str, Any] = {"job": job.resource, "state": job.state}
    if job.endpoint and job.state == "succeeded":
        path = project.run.ledger.parent / "tuned.json"
        found |= {"endpoint": job.endpoint, "model": registered(path, title, job, spec.base)}
    return found


def _facts(document: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    lines = f"{document['training_lines']:,} to train on, {document['validation_lines']:,} to watch"
    yield "lines", lines
    for name, counts in document["answers"].items():
        yield name, ", ".join(f"{key} {count:,}" for key, count in counts.items())
    for why, count in document["left_out"].items():
        yield "left out", f"{count:,} {why}"
    passes = f"{document['passes']} passes" if document["passes"] else "a pass"
    cost = document["cost_usd"]
    yield (
        "tokens",
        f"{document['billed_tokens']:,} for {passes}"
        + ("" if cost is None else f", about ${cost:,.2f}"),
    )
    yield "job", document.get("job", f"not begun; it would be {document['job_name']}")
    if "model" in document:
        yield "model", document["model"]
        yield "next", f"vistoria evaluate gemini:BASE {document['model']} --sample N"


def _judge(context: click.Context, tuned: str, base: str, sample: int) -> None:
    from vistoria.cli.evaluate import command as evaluate  # noqa: PLC0415

    context.invoke(
        evaluate, models=(f"gemini:{base}", tuned), number=sample, picture=None, shown_field=None,
        fields=None, yes=True, display="auto", as_json=False,
    )  # fmt: skip
