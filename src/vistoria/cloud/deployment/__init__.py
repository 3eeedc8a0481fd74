"""The files that put the function on Cloud Run, for a person to read and apply."""

import string
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import version
from importlib.resources import files

from vistoria.errors import ConfigError
from vistoria.project import Project

__all__ = ["Deployment", "deployment_files"]

_NAMES = (
    "Dockerfile", "main.py", "litestream.yml", "service.yaml", "main.tf", "deploy.sh", "README.md",
)  # fmt: skip
_LEDGER = "/ledger/ledger.sqlite"


class _Text(string.Template):
    """`@name` is filled in, so that shell and Terraform keep their own signs."""

    delimiter = "@"


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """What the files are about. `bucket` of the images lies in `location`, and so must the trigger;
    `keep`: the bucket for the copy of the ledger."""

    project: str
    region: str
    location: str
    service: str
    bucket: str
    keep: str
    topic: str
    concurrency: int = 40


def deployment_files(project: Project, about: Deployment) -> Iterator[tuple[str, str]]:
    """Name and text of each file; raises ConfigError where the project does not fit a function."""
    address = str(project.source.address or "")
    if address.split("/")[:3] != ["gs:", "", about.bucket]:
        raise ConfigError(f"source.address is {address!r}; write gs://bucket or gs://bucket/path")
    values = {
        **asdict(about),
        "version": version("vistoria"),
        "ledger": _LEDGER,
        "address": address,
        "timeout": str(round(project.functions.timeout) + 60),
        "extra": "functions",
    }
    for name in _NAMES:
        text = (files("vistoria.cloud.deployment") / f"{name}.txt").read_text("utf-8")
        yield name, _Text(text).substitute(values)
