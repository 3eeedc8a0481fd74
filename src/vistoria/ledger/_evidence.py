"""What earlier attempts tell about those to come: the observations of a run, and past outcomes."""

import sqlite3
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from vistoria.records import Usage

_NEWEST = 20_000  # attempts looked at; more would change little


class Scope(NamedTuple):
    """The observations of a run, by ordinal. `keys`: a hash of each. `kinds`: numbers that tell
    types of assets apart."""

    ordinals: NDArray[np.int64]
    keys: NDArray[np.uint64]
    kinds: NDArray[np.int64]

    def kind_of(self, ordinals: NDArray[np.int64]) -> NDArray[np.int64]:
        """The kinds of some of them."""
        return self.kinds[np.searchsorted(self.ordinals, ordinals)]


class Past(NamedTuple):
    """What became of an observation: the tokens of all attempts, the outcome of the newest."""

    ordinal: int
    reason: str | None
    usage: Usage
    ended_at: float


def scope(db: sqlite3.Connection, run_id: int) -> Scope:
    """Every observation of a run."""
    rows = db.execute(
        "SELECT o.ordinal, o.key, o.asset_type FROM scopes AS s "
        "JOIN observations AS o ON o.ordinal BETWEEN s.first AND s.last "
        "WHERE s.run_id = ? ORDER BY o.ordinal",
        (run_id,),
    ).fetchall()
    columns: list[tuple[Any, ...]] = list(zip(*rows, strict=True)) or [(), (), ()]
    kinds = pa.array(columns[2], pa.string()).dictionary_encode(null_encoding="encode").indices
    return Scope(
        np.array(columns[0], dtype=np.int64),
        np.array(columns[1], dtype=np.int64).view(np.uint64),
        kinds.to_numpy(zero_copy_only=False).astype(np.int64),
    )


def past(db: sqlite3.Connection, question_id: int) -> list[Past]:
    """What became of the observations that this was asked about last."""
    rows = db.execute(
        # With `+` the newest are found by going backwards, without sorting all that there are.
        "SELECT ordinal, max(attempt_id), reason, sum(input_tokens), sum(output_tokens), "
        "sum(thinking_tokens), sum(cached_tokens), started_at + seconds FROM ("
        "  SELECT * FROM attempts WHERE +question_id = ? AND reason IS NOT 'answer_lost' "
        "  ORDER BY attempt_id DESC LIMIT ?) "
        "GROUP BY ordinal",
        (question_id, _NEWEST),
    )
    return [
        Past(
            ordinal,
            reason,
            Usage(input_tokens=i, output_tokens=o, thinking_tokens=t, cached_tokens=c),
            ended,
        )
        for ordinal, _, reason, i, o, t, c, ended in rows
    ]
