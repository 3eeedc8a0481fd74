"""Write the files that label each new image of a bucket on Cloud Run.

With --print a folder gets the Dockerfile, the service, who may do what, and the Eventarc trigger:
as gcloud commands and as a Terraform module. Read them, then apply them yourself: this command
changes nothing in the cloud. The source must be the bucket, gs://bucket or gs://bucket/path.

Examples:
    vistoria deploy --print
    vistoria deploy --print --to deploy/ --run-region europe-west4 --bucket-location eu
    vistoria deploy --print --service poles --google-project my-project
"""

import re
from pathlib import Path
from typing import Any

import click

from vistoria.cli import _settings
from vistoria.cli._command import Command
from vistoria.cli._talk import as_json, note, put_facts, put_json
from vistoria.errors import ConfigError, UserError
from vistoria.project import Project

_NAME = re.compile(r"[a-z][a-z0-9-]{1,20}[a-z0-9]")  # with `-trigger` it names an account


@click.command("deploy", cls=Command, help=__doc__)
@click.option("--print", "wanted", is_flag=True, help="Write the files; nothing is applied.")
@click.option("--to", type=click.Path(path_type=Path), default=Path("deploy"), metavar="FOLDER",
              help="Where to [default: deploy].")  # fmt: skip
@click.option("--service", default="vistoria", metavar="NAME", help="[default: vistoria]")
@click.option("--run-region", default="us-central1", metavar="REGION",
              help="Where the function runs [default: us-central1].")  # fmt: skip
@click.option("--bucket-location", metavar="LOCATION",
              help="Where the bucket is, e.g. us or eu [default: as --run-region].")  # fmt: skip
@click.option("--overwrite", is_flag=True, help="Write over what is there.")
@_settings.asking
@_settings.google
@_settings.project
@as_json
@click.pass_context
def command(
    context: click.Context, /, wanted: bool, to: Path, overwrite: bool, as_json: bool, **about: Any
) -> None:
    """See the top of this file."""
    if not wanted:
        raise click.UsageError("nothing is applied by this command: --print writes files", context)
    if not _NAME.fullmatch(about["service"]):
        said = f"{about['service']!r} names no service: a-z, 0-9 and -, 3 to 22"
        raise click.UsageError(said, context)
    project = _settings.load(context)
    texts = _texts(project, **about)
    there = [name for name in texts if (to / name).exists()]
    if there and not overwrite:
        raise UserError(f"{to / there[0]} is there already; --overwrite writes over it")
    to.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        (to / name).write_text(text, encoding="utf-8")
        (to / name).chmod(0o755 if name.endswith(".sh") else 0o644)
    if as_json:
        put_json({"folder": str(to), "files": sorted(texts)})
    else:
        put_facts([("folder", str(to)), ("files", ", ".join(sorted(texts)))])
        note("next", f"read {to / 'README.md'}; nothing has been applied", fg="cyan")


def _texts(
    project: Project, service: str, run_region: str, bucket_location: str | None
) -> dict[str, str]:
    """Name → text of each file."""
    from vistoria.cloud.deployment import Deployment, deployment_files  # noqa: PLC0415

    cloud = project.require("google.project")
    about = Deployment(
        project=cloud, region=run_region, location=bucket_location or run_region, service=service,
        bucket=_bucket(project), keep=f"{cloud}-{service}-ledger", topic=f"{service}-unlabelled",
    )  # fmt: skip
    return {**dict(deployment_files(project, about)), "vistoria.toml": _own(project)}


def _bucket(project: Project) -> str:
    """The name of the source's bucket; raises ConfigError."""
    address = str(project.require("source.address"))
    found = re.match(r"gs://([a-z0-9][a-z0-9._-]+)(/|$)", address)
    if found is None:
        raise ConfigError(f"source.address is {address!r}; write gs://bucket or gs://bucket/path")
    return found[1]


def _own(project: Project) -> str:
    """The project's file, which travels in the image; raises UserError without one."""
    if project.path is None:
        raise UserError(
            "the function needs a project file, which holds its source, task and model; "
            "`vistoria init` writes one"
        )
    return project.path.read_text(encoding="utf-8")
