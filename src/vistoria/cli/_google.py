"""Google's settings for a new project file: from flags, detected, or asked for on a terminal."""

import json
import sys
from collections.abc import Mapping
from typing import Any

import click

from vistoria.cli._talk import note
from vistoria.errors import ConfigError

_QUESTIONS = {
    "project": "The Google Cloud project that is billed",
    "region": "Where models answer (global, or e.g. us-central1)",
    "location": "Where your imagery lies (us or eu; empty if you have none)",
    "customer": "The id by which Google lists your imagery (empty if there is one listing only)",
}
_NEEDED = {
    "project": "--google-project ID; `gcloud projects list` shows yours",
    "location": "--location us or eu, as your contract says; or name a table with --source",
}


def google_settings(given: Mapping[str, Any], *, source: str | None) -> dict[str, str]:
    """`[google]` for a project file. `given`: settings from flags and environment.

    Without a terminal nothing is asked; raises ConfigError where something needed is missing.
    """
    from vistoria.cloud.detection import detect  # noqa: PLC0415

    found = {key: str(value) for key, value in given.items() if value}
    for key, detected in detect().items():
        if key not in found:
            found[key] = detected.value
            note(key, f"{detected.value}, from {detected.origin}")
    found.setdefault("region", "global")
    if sys.stdin.isatty():
        for key, question in _QUESTIONS.items():
            if key not in given:
                answer = click.prompt(question, default=found.get(key, ""), err=True)
                found[key] = answer.strip()
    needed = ("project",) if source else ("project", "location")
    missing = [key for key in needed if not found.get(key)]
    if missing:
        raise ConfigError(
            "a project with Google needs more; give " + ", and ".join(_NEEDED[k] for k in missing)
        )
    return {key: value for key, value in found.items() if value}


def imagery_source(google: Mapping[str, str]) -> str:
    """Where the newest cropped observations are, under the linked data set's usual name."""
    from vistoria.cloud.facts import imagery  # noqa: PLC0415

    dataset = imagery().dataset.format(location=google["location"].lower())
    return f"bigquery://{google['project']}.{dataset}.{imagery().products[0].tables[0]}"


def google_section(google: Mapping[str, str]) -> str:
    """The text of `[google]`."""
    lines = [f"{key} = {json.dumps(value)}" for key, value in google.items()]
    return "\n[google]\n" + "\n".join(lines) + "\n"
