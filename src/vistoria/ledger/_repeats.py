"""Images that the same version of a model was asked about more than once, in the same words."""

import json
import sqlite3
from collections.abc import Iterator
from itertools import groupby, pairwise
from typing import NamedTuple

from vistoria.records import Answer


class Repeat(NamedTuple):
    """Two answers to the same question about the same observation, one after the other."""

    ordinal: int
    first: Answer
    again: Answer


def repeats(db: sqlite3.Connection, question_id: int) -> Iterator[Repeat]:
    """Every repeat, in the order of observations; copied answers are none."""
    rows = db.execute(
        "SELECT ordinal, model_version, answer FROM attempts "
        "WHERE question_id = ? AND status = 'answered' AND NOT copied AND ordinal IN ("
        "  SELECT ordinal FROM attempts WHERE question_id = ? AND status = 'answered' "
        "  AND NOT copied GROUP BY ordinal HAVING count(*) > 1) "
        "ORDER BY ordinal, attempt_id",
        (question_id, question_id),
    )
    for ordinal, group in groupby(rows, key=lambda row: row[0]):
        for (_, before, first), (_, after, again) in pairwise(group):
            if before == after:
                yield Repeat(ordinal, json.loads(first), json.loads(again))
