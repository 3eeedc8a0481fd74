"""An edition: what a run comes to at one state of the ledger, ready to be published."""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from functools import cached_property
from typing import Any

import pyarrow as pa

from vistoria import __version__
from vistoria.assets import Assets, asset_answers
from vistoria.attribution import attribution_of
from vistoria.labels import COUNTED
from vistoria.ledger import Field, Ledger, Run
from vistoria.publishers import _rows
from vistoria.publishers._columns import FORM
from vistoria.publishers._figures import certificate_rows, count_rows
from vistoria.report.document import RunFacts
from vistoria.report.facts import run_facts
from vistoria.review import fit_curves

__all__ = ["Edition"]


class Edition:
    """A run as it stands in its ledger.

    `key` names the run, wherever its ledger lies; `version` this state of it: the same answers,
    decisions and certificates have the same version, and their rows are equal to the last byte.
    """

    def __init__(self, ledger: Ledger, run: Run, *, attribution: str | None = None) -> None:
        """`attribution`: whose pictures they are, where the profile does not tell."""
        self.ledger, self.run = ledger, run
        self.attribution = attribution or attribution_of(run.profile, run.source)
        self.key = _digest(asdict(run))
        self.version = _digest(
            [self.key, ledger.revision(), ledger.state(run), self.attribution, FORM, __version__]
        )

    @cached_property
    def facts(self) -> RunFacts:
        """The facts of the run; reads all of its rows."""
        return run_facts(self.ledger, self.run)

    @cached_property
    def assets(self) -> Assets | None:
        """One answer per asset, snapshot and counted field; None where no answered row names an
        asset, or where nothing can be counted."""
        if not (self.facts.assets and self.facts.answered and self.countable):
            return None
        return asset_answers(self.ledger, self.run)

    @cached_property
    def curves(self) -> Mapping[str, Any]:
        """Field → what turns the agreement of an asset's photos into a confidence."""
        return {} if self.assets is None else fit_curves(self.ledger, self.assets)

    @property
    def fields(self) -> tuple[Field, ...]:
        """The fields that the run asks, in order."""
        return self.ledger.fields(self.run.question_id)

    @property
    def countable(self) -> bool:
        """Whether any field has answers that can be counted."""
        return any(field.kind in COUNTED for field in self.fields)

    def batches(self, table: str) -> Iterator[pa.RecordBatch]:
        """The rows of one of `TABLES`, in its columns, in a stable order; memory stays flat."""
        return _READERS[table](self)

    def photos(self, *columns: str) -> Iterator[tuple[int, dict[str, Any]]]:
        """Ordinal and row of every observation that was answered, as `vistoria export` has it;
        of its columns only these, if any are named."""
        ordinals, at = self.ledger.scope(self.run).ordinals, 0
        for batch in self.ledger.batches(self.run):
            wanted = ["status", *columns] if columns else batch.schema.names
            for row in batch.select(wanted).to_pylist():
                if row["status"] == "answered":
                    yield int(ordinals[at]), row
                at += 1

    def provenance(self) -> dict[str, Any]:
        """What every file says about itself, as JSON values."""
        run = self.run
        return {
            "run": self.key, "version": self.version, "task": run.task,
            "task_fingerprint": run.task_fingerprint, "model": run.model, "source": run.source,
            "attribution": self.attribution, "vistoria": __version__,
        }  # fmt: skip


def _digest(value: object) -> str:
    text = json.dumps(value, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


_READERS: Mapping[str, Callable[[Edition], Iterator[pa.RecordBatch]]] = {
    "labels": _rows.labels,
    "assets": _rows.assets,
    "failures": _rows.failures,
    "counts": count_rows,
    "certificates": certificate_rows,
    "runs": _rows.runs,
}
