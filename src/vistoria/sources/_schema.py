"""The columns of every batch as an Arrow schema, and how rows are picked at random."""

import hashlib
import re

import pyarrow as pa

from vistoria.records import OBSERVATION_COLUMNS

__all__ = ["BATCH_ROWS", "SCHEMA", "TIES", "sample_key", "sample_sql"]

BATCH_ROWS = 4096

TIES = ("uri", "snapshot_id", "captured_at", "box_left", "box_top", "box_right", "box_bottom")
"""What orders rows of the same id or sample key, so that a limit always means the same rows."""

_ARROW_TYPES = {
    "string": pa.string(),
    "double": pa.float64(),
    "timestamp[us, UTC]": pa.timestamp("us", tz="UTC"),
}

SCHEMA: pa.Schema = pa.schema(
    [(name, _ARROW_TYPES[kind]) for name, kind in OBSERVATION_COLUMNS.items()]
)


def sample_key(seed: int, observation_id: str) -> str:
    """The rank of a row in a random sample: the rows with the smallest keys are taken.

    A plain MD5, which every database has too, so that the same seed picks the same rows anywhere;
    a larger sample contains the smaller one.
    """
    text = f"{seed}:{observation_id}".encode()
    return hashlib.md5(text, usedforsecurity=False).hexdigest()


def sample_sql(seed: int, observation_id: str) -> str:
    """`sample_key` as DuckDB SQL; `observation_id` is an SQL expression."""
    assert re.fullmatch(r"-?\d+", str(seed))
    return f"md5('{seed}:' || {observation_id})"
