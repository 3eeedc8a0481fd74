"""Writes Arrow batches as CSV, Parquet or JSON lines, a batch at a time."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from vistoria.errors import UserError

__all__ = ["FORMATS", "format_of", "write"]


def format_of(name: str) -> str:
    """The format that a file's name asks for; raises UserError."""
    suffix = Path(name).suffix.lower()
    if suffix not in _SUFFIXES:
        raise UserError(
            f"cannot tell how to write {name!r}; a name that ends in {', '.join(_SUFFIXES)} says"
        )
    return _SUFFIXES[suffix]


def write(
    target: Path | BinaryIO, form: str, schema: pa.Schema, batches: Iterable[pa.RecordBatch]
) -> int:
    """Writes all batches and returns the number of rows; a file appears only when complete."""
    rows = 0
    with _opened(target) as stream, FORMATS[form](stream, schema) as put:
        for batch in batches:
            put(batch)
            rows += batch.num_rows
    return rows


@contextmanager
def _opened(target: Path | BinaryIO) -> Iterator[BinaryIO]:
    if not isinstance(target, Path):
        yield target
        target.flush()
        return
    part = target.with_name(f".{target.name}.part")
    try:
        with part.open("wb") as stream:
            yield stream
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def _csv(stream: BinaryIO, schema: pa.Schema) -> Iterator[Callable[[pa.RecordBatch], None]]:
    flat = pa.schema([(f.name, pa.string() if _nested(f) else f.type) for f in schema])
    with pyarrow.csv.CSVWriter(stream, flat) as writer:

        def put(batch: pa.RecordBatch) -> None:
            columns = [
                pa.array([_as_text(value) for value in column.to_pylist()], pa.string())
                if _nested(field)
                else column
                for field, column in zip(schema, batch.columns, strict=True)
            ]
            writer.write_batch(pa.record_batch(columns, schema=flat))

        yield put


@contextmanager
def _parquet(stream: BinaryIO, schema: pa.Schema) -> Iterator[Callable[[pa.RecordBatch], None]]:
    with pq.ParquetWriter(stream, schema, compression="zstd") as writer:
        yield writer.write_batch


@contextmanager
def _jsonl(stream: BinaryIO, schema: pa.Schema) -> Iterator[Callable[[pa.RecordBatch], None]]:
    del schema

    def put(batch: pa.RecordBatch) -> None:
        stream.writelines(
            json.dumps(row, ensure_ascii=False, default=str).encode() + b"\n"
            for row in batch.to_pylist()
        )

    yield put


def _as_text(value: object) -> str | None:
    return None if value is None else json.dumps(value, ensure_ascii=False)


def _nested(field: pa.Field) -> bool:
    return bool(pa.types.is_nested(field.type))


FORMATS = {"csv": _csv, "parquet": _parquet, "jsonl": _jsonl}
_SUFFIXES: Mapping[str, str] = {
    ".csv": "csv", ".parquet": "parquet", ".pq": "parquet", ".jsonl": "jsonl", ".ndjson": "jsonl",
}  # fmt: skip
