"""Label Studio: tasks with the model's answers as predictions, and the labelling interface.

A folder with `tasks.json`, to be imported, and `config.xml`, the interface that shows the fields.
Predictions carry the model's version, and a score where the model gives one. The interface offers
the answers that the model gave; with the option `task` (a ready task or a file) all that a task
allows. Boxes are left out: Label Studio wants them in percent of a picture whose size is not known.

Photos in a bucket are shown by way of a source storage of Label Studio; photos on this machine by
way of a local one, with LABEL_STUDIO_LOCAL_FILES_SERVING_ENABLED=true.
"""

import json
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote
from xml.sax.saxutils import quoteattr

from vistoria.errors import ConfigError
from vistoria.ledger import Field
from vistoria.publishers import Advance, Publisher, PublisherOptions
from vistoria.publishers._edition import Edition
from vistoria.publishers._files import FolderPublisher, Write, bare, check_options
from vistoria.publishers._photos import local_path
from vistoria.task import Task, load_task

__all__ = ["EXTRA", "SCHEMES", "SUFFIXES", "open_publisher"]

SCHEMES = ("labelstudio",)
SUFFIXES: tuple[str, ...] = ()
EXTRA = None
_DATA = (
    "observation_id", "asset_id", "asset_type", "snapshot_id", "latitude", "longitude",
    "captured_at", "map_url",
)  # fmt: skip


def open_publisher(address: str, options: PublisherOptions) -> Publisher:
    """A folder. Option: `task`, whose choices the interface offers; raises TaskError for it."""
    check_options(options, "task")
    name = options.values.get("task")
    files = partial(_files, task=load_task(name) if name else None)
    return FolderPublisher(bare(address, *SCHEMES), files, options)


def _files(edition: Edition, task: Task | None) -> Mapping[str, Write]:
    seen = {field.name: _choices(field, task) for field in edition.fields}
    return {
        "tasks.json": partial(_tasks, seen=seen),
        "config.xml": partial(_config, seen=seen),  # the second: it names what was answered
    }


def _choices(field: Field, task: Task | None) -> set[str]:
    """What the task allows, as far as it is known; raises ConfigError where it is another task."""
    if field.kind == "boolean":
        return {"yes", "no"}
    if task is None:
        return set()
    found = next((one for one in task.fields if one.fingerprint == field.fingerprint), None)
    if found is None:
        raise ConfigError(f"the task {task.name!r} is another one: its fields lack {field.name!r}")
    return set(found.choices)


def _tasks(
    path: Path, edition: Edition, advance: Advance, *, seen: Mapping[str, set[str]]
) -> Mapping[str, int]:
    rows = 0
    with path.open("w", encoding="utf-8") as file:
        file.write("[")
        for ordinal, row in edition.photos():
            results = [result for field in edition.fields if (result := _result(field, row, seen))]
            sure = [row.get(f"{field.name}_confidence") for field in edition.fields]
            known = [one for one in sure if one is not None]
            task = {
                "id": ordinal,
                "data": {"image": _image(row["uri"]), **{name: row[name] for name in _DATA}},
                "predictions": [{
                    "model_version": row["model_version"] or edition.run.model,
                    "score": min(known) if known else None, "result": results,
                }],
                "meta": edition.provenance(),
            }  # fmt: skip
            file.write(",\n" if rows else "\n")
            file.write(json.dumps(task, ensure_ascii=False, default=str))
            rows += 1
            advance("tasks", 1)
        file.write("\n]\n")
    return {"tasks": rows}


def _image(uri: str) -> str:
    """As Label Studio serves a file of its own machine; addresses in stores stay as they are."""
    path = local_path(uri)
    return uri if path is None else f"/data/local-files/?d={quote(str(path).lstrip('/'))}"


def _result(
    field: Field, row: Mapping[str, Any], seen: Mapping[str, set[str]]
) -> dict[str, Any] | None:
    """One answer as Label Studio has it; None where there is none, or none that it can show."""
    value = row[field.name]
    if value is None or field.kind == "boxes":
        return None
    kind, content = _content(field.kind, value)
    if kind == "choices":
        seen[field.name].update(content)
    found = {
        "from_name": field.name, "to_name": "image", "type": kind,
        "value": {"text" if kind == "textarea" else kind: content},
    }  # fmt: skip
    sure = row.get(f"{field.name}_confidence")
    return found if sure is None else found | {"score": sure}


def _content(kind: str, value: Any) -> tuple[str, Any]:
    match kind:
        case "number":
            return "number", value
        case "text":
            return "textarea", [value]
        case "boolean":
            return "choices", ["yes" if value else "no"]
        case "choices":
            return "choices", list(value)
        case _:
            return "choices", [value]


def _config(
    path: Path, edition: Edition, advance: Advance, *, seen: Mapping[str, set[str]]
) -> Mapping[str, int]:
    del advance
    lines = ["<View>", '  <Image name="image" value="$image" zoom="true"/>']
    for field in edition.fields:
        lines += _tag(field, seen[field.name])
    path.write_text("\n".join([*lines, "</View>", ""]), encoding="utf-8")
    return {}


def _tag(field: Field, seen: set[str]) -> list[str]:
    name = quoteattr(field.name)
    match field.kind:
        case "boxes":
            return []
        case "number":
            return [f"  <Header value={name}/>", f'  <Number name={name} toName="image"/>']
        case "text":
            return [f"  <Header value={name}/>", f'  <TextArea name={name} toName="image"/>']
    many = "multiple" if field.kind == "choices" else "single"
    return [
        f"  <Header value={name}/>",
        f'  <Choices name={name} toName="image" choice="{many}">',
        *(f"    <Choice value={quoteattr(one)}/>" for one in sorted(seen)),
        "  </Choices>",
    ]
