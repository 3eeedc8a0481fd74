"""Settings of Google's that are there already: of gcloud, and of the credentials' files."""

import configparser
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

__all__ = ["Detected", "detect"]


class Detected(NamedTuple):
    """A value, and where it was found."""

    value: str
    origin: str


def detect(env: Mapping[str, str] = os.environ) -> dict[str, Detected]:
    """The "project" and "region" that files of this machine tell; Google is not asked."""
    found: dict[str, Detected] = {}
    folder = _folder(env)
    for key, detected in (*_from_gcloud(folder, env), *_from_credentials(folder, env)):
        found.setdefault(key, detected)
    return found


def _folder(env: Mapping[str, str]) -> Path:
    if given := env.get("CLOUDSDK_CONFIG"):
        return Path(given)
    if appdata := env.get("APPDATA"):
        return Path(appdata) / "gcloud"
    return Path.home() / ".config" / "gcloud"


def _from_gcloud(folder: Path, env: Mapping[str, str]) -> list[tuple[str, Detected]]:
    """The active configuration; `CLOUDSDK_…` variables stand above it, as for gcloud."""
    try:
        name = env.get("CLOUDSDK_ACTIVE_CONFIG_NAME") or (folder / "active_config").read_text()
    except OSError:
        name = "default"
    file = folder / "configurations" / f"config_{name.strip()}"
    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read(file)
    except configparser.Error:
        parser = configparser.ConfigParser()
    found = []
    for key, section, option in (("project", "core", "project"), ("region", "compute", "region")):
        variable = f"CLOUDSDK_{section}_{option}".upper()
        if value := env.get(variable):
            found.append((key, Detected(value, variable)))
        elif value := parser.get(section, option, fallback=None):
            found.append((key, Detected(value, f"gcloud ({file.name})")))
    return found


def _from_credentials(folder: Path, env: Mapping[str, str]) -> list[tuple[str, Detected]]:
    place = env.get("GOOGLE_APPLICATION_CREDENTIALS")
    file = Path(place) if place else folder / "application_default_credentials.json"
    try:
        given = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError):
        return []
    project = given.get("project_id") or given.get("quota_project_id")
    return [("project", Detected(str(project), "your credentials"))] if project else []
