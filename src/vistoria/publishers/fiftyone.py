"""FiftyOne: a data set for each field, as `FiftyOneImageClassificationDataset`.

A folder with a folder for each field that can be counted: `labels.json` (classes, and each photo's
label with its confidence) and `data.json` (where each photo is). Photos that the field does not
apply to bear no label. Open one with `fiftyone.Dataset.from_dir(dataset_dir="FOLDER/FIELD",
data_path="data.json", dataset_type=fiftyone.types.FiftyOneImageClassificationDataset)`.

FiftyOne opens files and no addresses: for photos in a bucket or on the web the option `photos`
names the folder that has copies of them, under the names that they have in the bucket.
"""

import json
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from vistoria.errors import ConfigError
from vistoria.labels import COUNTED, named
from vistoria.publishers import Advance, Publisher, PublisherOptions
from vistoria.publishers._edition import Edition
from vistoria.publishers._files import FolderPublisher, Write, bare, check_options
from vistoria.publishers._photos import address_of, local_path

__all__ = ["EXTRA", "SCHEMES", "SUFFIXES", "open_publisher"]

SCHEMES = ("fiftyone",)
SUFFIXES: tuple[str, ...] = ()
EXTRA = None


def open_publisher(address: str, options: PublisherOptions) -> Publisher:
    """A folder. Option: `photos`, the folder with copies of photos that lie elsewhere."""
    check_options(options, "photos")
    given = options.values.get("photos")
    files = partial(_files, copies=Path(given).absolute() if given else None)
    return FolderPublisher(bare(address, *SCHEMES), files, options)


def _files(edition: Edition, copies: Path | None) -> Mapping[str, Write]:
    files: dict[str, Write] = {}
    for field in edition.fields:
        if field.kind in COUNTED:
            files[f"{field.name}/data.json"] = partial(_places, copies=copies)
            files[f"{field.name}/labels.json"] = partial(_labels, field=field.name)
    return files


def _labels(path: Path, edition: Edition, advance: Advance, *, field: str) -> Mapping[str, int]:
    found: dict[str, tuple[str | None, float | None]] = {}
    sure = f"{field}_confidence"
    known = sure in edition.ledger.schema(edition.run).names
    for ordinal, row in edition.photos(field, *([sure] if known else [])):
        value = row[field]
        label = None if value is None else named(value)
        found[_name(ordinal)] = label, row.get(sure)
    advance(field, len(found))
    classes = sorted({label for label, _ in found.values() if label is not None})
    places = {label: at for at, label in enumerate(classes)}
    labels = {
        name: None if label is None else _target(places[label], sure)
        for name, (label, sure) in found.items()
    }
    path.write_text(json.dumps({"classes": classes, "labels": labels}, ensure_ascii=False), "utf-8")
    return {field: len(found)}


def _target(place: int, sure: float | None) -> Any:
    return place if sure is None else {"label": place, "confidence": sure}


def _places(
    path: Path, edition: Edition, advance: Advance, *, copies: Path | None
) -> Mapping[str, int]:  # fmt: skip
    del advance
    found = {_name(ordinal): _place(row["uri"], copies) for ordinal, row in edition.photos("uri")}
    path.write_text(json.dumps(found, ensure_ascii=False), "utf-8")
    return {}


def _place(uri: str, copies: Path | None) -> str:
    """The file; raises ConfigError where none is known."""
    if (path := local_path(uri)) is not None:
        return str(path)
    if copies is None:
        raise ConfigError(
            f"FiftyOne opens files on this machine, and {uri!r} lies elsewhere: name the folder "
            "that has copies of the photos with the option photos"
        )
    known = address_of(uri)
    return str(copies / (known.key.partition("?")[0].lstrip("/") if known else uri))


def _name(ordinal: int) -> str:
    return f"{ordinal:09d}"
