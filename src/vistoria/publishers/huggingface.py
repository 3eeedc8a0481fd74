"""Hugging Face: a data set folder, with a card and a Parquet file for each table.

`datasets.load_dataset("FOLDER", "labels")` reads a table; `hf upload` puts the folder on the Hub.
The card (`README.md`) says what was asked of which model, how right the labels are as far as that
is certified, and whose pictures they rest on. It names no table without rows, since `datasets`
loads none that is empty. No picture is in the folder.
"""

import json
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from vistoria.publishers import Advance, Publisher, PublisherOptions
from vistoria.publishers._columns import TABLES
from vistoria.publishers._edition import Edition
from vistoria.publishers._files import FolderPublisher, Write, bare, check_options
from vistoria.publishers.parquet import write_table

__all__ = ["EXTRA", "SCHEMES", "SUFFIXES", "open_publisher"]

SCHEMES = ("huggingface", "hf")
SUFFIXES: tuple[str, ...] = ()
EXTRA = None


def open_publisher(address: str, options: PublisherOptions) -> Publisher:
    """A folder."""
    check_options(options)
    return FolderPublisher(bare(address, *SCHEMES), _files)


def _files(edition: Edition) -> Mapping[str, Write]:
    del edition
    held: dict[str, int] = {}
    files: dict[str, Write] = {
        f"data/{table}.parquet": partial(_table, table=table, held=held) for table in TABLES
    }
    return {**files, "README.md": partial(_card, held=held)}  # the last: it names what has rows


def _table(
    path: Path, edition: Edition, advance: Advance, *, table: str, held: dict[str, int]
) -> Mapping[str, int]:
    rows = write_table(path, edition, advance, table=table)
    held |= rows
    return rows


def _card(
    path: Path, edition: Edition, advance: Advance, *, held: Mapping[str, int]
) -> Mapping[str, int]:  # fmt: skip
    """JSON is YAML, so that names need no care."""
    del advance
    run = edition.run
    configs = [
        {"config_name": table, "data_files": f"data/{table}.parquet", "default": table == "labels"}
        for table, rows in held.items()
        if rows
    ]
    title = f"{run.task.replace('_', ' ').capitalize()}, labelled by {run.model}"
    lines = [
        "---",
        f"pretty_name: {json.dumps(title, ensure_ascii=False)}",
        'tags: ["vistoria", "street-level imagery"]',
        f"configs: {json.dumps(configs)}",
        "---",
        "",
        f"# {title}",
        "",
        f"Labels of photos by {run.model}, made with Vistoria: edition `{edition.version}`",
        f"of run `{edition.key}`. {edition.attribution}. No picture is in this data set.",
        "",
        f"- source: {run.source}",
        f"- task: {run.task}, `{run.task_fingerprint}`",
        f"- fields: {', '.join(f'{one.name} ({one.kind})' for one in edition.fields)}",
        "",
        "## How right the labels are",
        "",
        *(_sentences(edition) or ["Nothing is certified."]),
        "",
    ]
    path.write_text("\n".join(lines), encoding="utf-8")
    return {}


def _sentences(edition: Edition) -> list[str]:
    return [
        f"- {sentence}"
        for batch in edition.batches("certificates")
        for sentence in batch["sentence"].to_pylist()
    ]
