"""The ledger of one project: what was asked, answered and failed, kept for good."""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, Self, TypeAlias

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from vistoria.ledger import _reading, _runs
from vistoria.ledger._arrivals import Arrivals
from vistoria.ledger._calls import Call, Refusal, lost_calls, spending
from vistoria.ledger._connection import connect
from vistoria.ledger._costs import Costs, costs, field_costs
from vistoria.ledger._evidence import Past, Scope, past, scope
from vistoria.ledger._jobs import Jobs
from vistoria.ledger._manifest import Complete, Manifest, integers
from vistoria.ledger._news import News, news
from vistoria.ledger._reading import Field, Summary
from vistoria.ledger._repeats import Repeat, repeats
from vistoria.ledger._reviews import Reviews
from vistoria.ledger._runs import Run, RunSpec
from vistoria.ledger._sessions import Outcome, RunState, Sessions
from vistoria.ledger._writer import Writer
from vistoria.pricing import Money, Spend
from vistoria.records import OBSERVATION_COLUMNS, Answer, Attempt, Box, ImageRef, Observation
from vistoria.task import Task

State: TypeAlias = Literal["answered", "settled"]
# Each is a query of its own, so that the first needs nothing but the index `attempts_latest`.
_STATES: Mapping[State, Sequence[str]] = {
    "answered": ("status = 'answered'",),
    "settled": ("status = 'answered'", "status = 'failed' AND NOT retryable"),
}


class Ledger:
    """An SQLite file; see `schema.sql` for its tables, which any SQL tool can read.

    Use it as a context manager. One thread at a time may call it; `record` any thread at any time,
    and `answers_to` one besides.
    """

    def __init__(self, path: Path, *, create: bool = True) -> None:
        """Opens `path`; raises ConfigError when it cannot."""
        self.path = path
        self._db = connect(path, create=create)
        self.jobs = Jobs(self._db, path)
        """The batch jobs."""
        self.reviews = Reviews(self._db)
        self.arrivals = Arrivals(self._db)
        """What events told of."""
        self._sessions = Sessions(self._db, path)
        self._manifest: Manifest | None = None
        self._writer: Writer | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Commits what is left and closes the file."""
        try:
            if self._writer is not None:
                self._writer.close()
        finally:
            if self._manifest is not None:
                self._manifest.close()
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            self._db.close()

    def question(self, model: str, settings: Mapping[str, Any], task: Task) -> int:
        """The id under which answers to this task by this model are kept."""
        return _runs.question(self._db, model, settings, task)

    def begin(self, spec: RunSpec, *, fresh: bool = False) -> tuple[Run, bool]:
        """The run to go on with, and whether it was begun before."""
        run_id, known = _runs.begin(self._db, spec, fresh=fresh)
        return self.run(run_id), known

    def start_session(self, run: Run) -> int:
        """Notes that this process works on the run."""
        return self._sessions.start(run.run_id)

    def end_session(self, session_id: int, outcome: Outcome) -> None:
        """Notes how that ended."""
        self._sessions.end(session_id, outcome)

    def bury_sessions(self, run: Run) -> tuple[int, ...]:
        """Ends the sessions of processes that were killed; returns the ordinals of observations
        that they had asked about without learning the answer."""
        return self._sessions.bury(run.run_id)

    def lost(self, run: Run) -> NDArray[np.int64]:
        """The ordinals of observations that an ended session had asked about without learning the
        answer, and that nobody has settled since."""
        return np.array(lost_calls(self._db, run.run_id), dtype=np.int64)

    async def open_call(self, call: Call) -> int | Refusal:
        """The number of a call, once it is on disk that it will be sent, or why it may not be."""
        return await self._writing().open_call(call)

    def settle_call(self, call_id: int, bill: Spend | None) -> None:
        """Notes what a call has cost; None when nobody knows, so that it counts at its most."""
        self._writing().settle_call(call_id, bill)

    def spending(self, run_id: int) -> Spend:
        """What a run has spent, open and lost calls counted at their most; unknown counts 0."""
        return spending(self._db, run_id)

    def costs(self, run: Run) -> Costs:
        """What the calls of a run came to, to the last token."""
        return costs(self._db, run.run_id).get(run.run_id, Costs())

    def costs_of_all(self) -> Mapping[int, Costs]:
        """The same of every run by its number, in one go; those without calls are left out."""
        return costs(self._db)

    def field_costs(self, run: Run) -> Mapping[str, Money | None]:
        """Field name → its share of what the run has spent; None where a price is unknown."""
        return field_costs(self._db, run.run_id)

    def runs(self) -> tuple[Run, ...]:
        """Every run, oldest first."""
        return _runs.runs(self._db)

    def run(self, run_id: int | None = None) -> Run:
        """A run by number, or the one worked on last; raises UserError where there is none."""
        return _runs.find_run(self._db, run_id)

    def state(self, run: Run) -> RunState:
        """How the run's last session ended, or "running", "killed", or "planned" without one."""
        return self._sessions.state(run.run_id)

    def ordinals(
        self, batch: pa.RecordBatch, complete: Complete | None = None
    ) -> NDArray[np.int64]:
        """The ordinal of each row of a source's batch; new rows are added to the manifest, after
        `complete` filled in what costs a look at each image."""
        if self._manifest is None:
            self._manifest = Manifest(self._db)
        return self._manifest.ordinals(batch, complete)

    def set_scope(self, run: Run, ordinals: NDArray[np.int64]) -> None:
        """States which observations belong to the run."""
        _runs.set_scope(self._db, run.run_id, ordinals)

    def scope(self, run: Run) -> Scope:
        """The observations of a run, with what a repeatable choice of them needs."""
        return scope(self._db, run.run_id)

    def news(self, run: Run, before: NDArray[np.int64]) -> News:
        """What is new and gone among the run's observations, against those of `before`."""
        return news(self._db, run.run_id, before)

    def past(self, question_id: int) -> list[Past]:
        """What became of the observations that this was asked about, the newest 20,000 or so."""
        return past(self._db, question_id)

    def repeats(self, question_id: int) -> Iterator[Repeat]:
        """Pairs of answers by the same version of a model to the same question about the same
        observation: its own noise."""
        return repeats(self._db, question_id)

    def mask(
        self, question_id: int, state: State, *, since_run: int = 0
    ) -> dict[str, NDArray[np.bool_]]:
        """Field fingerprint → mask by ordinal (index 0 unused): True where the field was
        "answered", or "settled": answered, or failed for good, so that no asking is needed.

        `since_run` leaves out attempts of runs before that one.
        """
        masks = {f.fingerprint: self._no_ordinals() for f in self.fields(question_id)}
        since = f" AND run_id >= {since_run:d}" if since_run else ""
        for number, keys in _runs.related_questions(self._db, question_id).items():
            for condition in _STATES[state]:
                query = f"SELECT ordinal FROM attempts WHERE question_id = ? AND {condition}"
                ordinals = integers(self._db.execute(query + since, (number,)))
                for fingerprint in keys:
                    masks[fingerprint][ordinals] = True
        return masks

    def failed(self, question_id: int, reason: str | None = None) -> NDArray[np.bool_]:
        """Mask by ordinal (index 0 unused): where any model was asked the same in vain, for that
        reason if one is given."""
        mask = self._no_ordinals()
        for number in _runs.related_questions(self._db, question_id, any_model=True):
            rows = self._db.execute(
                "SELECT ordinal FROM attempts WHERE question_id = ? AND status = 'failed' "
                "AND (? IS NULL OR reason = ?)",
                (number, reason, reason),
            )
            mask[integers(rows)] = True
        return mask

    def _no_ordinals(self) -> NDArray[np.bool_]:
        size = self._db.execute("SELECT coalesce(max(ordinal), 0) FROM observations").fetchone()[0]
        return np.zeros(size + 1, dtype=np.bool_)

    def observations(self, ordinals: Sequence[int]) -> list[Observation]:
        """The observations of these ordinals, in their order."""
        query = (
            f"SELECT ordinal, {', '.join(OBSERVATION_COLUMNS)} FROM observations "
            f"WHERE ordinal IN ({_runs.placeholders(ordinals)})"
        )
        found = {row[0]: _observation(row) for row in self._db.execute(query, tuple(ordinals))}
        return [found[ordinal] for ordinal in ordinals]

    def answers(self, question_id: int, ordinals: Sequence[int]) -> Mapping[int, Answer]:
        """Ordinal → the newest answer to each field, of observations that have one to all."""
        return _reading.answers(self._db, question_id, ordinals)

    def answers_to(
        self, question_id: int, identities: Sequence[int]
    ) -> Iterator[tuple[int, Answer, Mapping[str, float] | None, str | None]]:
        """Identity, answer, confidence and model version of images that were answered before."""
        rows = self._db.execute(
            "SELECT identity, answer, confidence, model_version FROM attempts "
            f"WHERE identity IN ({_runs.placeholders(identities)}) AND question_id = ? "
            "AND status = 'answered' AND NOT copied",
            (*identities, question_id),
        )
        for number, answer, confidence, version in rows:
            yield number, json.loads(answer), confidence and json.loads(confidence), version

    def record(self, attempts: Sequence[Attempt]) -> None:
        """Hands over finished attempts; on disk within half a second."""
        self._writing().add(attempts)

    def _writing(self) -> Writer:
        if self._writer is None:
            self._writer = Writer(self.path)
        return self._writer

    def flush(self) -> None:
        """Returns when every attempt recorded so far is on disk."""
        if self._writer is not None:
            self._writer.flush()

    def fields(self, question_id: int) -> tuple[Field, ...]:
        """The fields that a question asks, in order."""
        return _reading.fields(self._db, question_id)

    def revision(self) -> tuple[int, int, int]:
        """The numbers of the newest attempt, decision and certificate: as long as they stay, so
        does what the ledger says of runs that have ended."""
        return _reading.revision(self._db)

    def summary(self, run: Run) -> Summary:
        """Where a run stands."""
        return _reading.summary(self._db, run)

    def schema(self, run: Run) -> pa.Schema:
        """The columns of `batches`."""
        return _reading.schema(self._db, run)

    def batches(self, run: Run) -> Iterator[pa.RecordBatch]:
        """The run's table: one row per observation, one column per field."""
        return _reading.batches(self._db, run)


def _observation(row: tuple[Any, ...]) -> Observation:
    (_, observation_id, uri, version, left, top, right, bottom, asset_id, asset_type,
     latitude, longitude, captured_at, heading, snapshot_id, map_url) = row  # fmt: skip
    box = None if None in (left, top, right, bottom) else Box(left, top, right, bottom)
    return Observation(
        observation_id=observation_id, image=ImageRef(uri, version, box), asset_id=asset_id,
        asset_type=asset_type, latitude=latitude, longitude=longitude,
        captured_at=None if captured_at is None else datetime.fromisoformat(captured_at),
        heading=heading, snapshot_id=snapshot_id, map_url=map_url,
    )  # fmt: skip
