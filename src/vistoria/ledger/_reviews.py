"""The part of the ledger that holds review: `ledger.reviews`."""

import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any

from vistoria.ledger import _decisions, _samples
from vistoria.ledger._decisions import Certificate
from vistoria.ledger._samples import Sample, SampledUnit, SampleSpec, Sheet
from vistoria.records import Decision


class Reviews:
    """Samples, sheets, decisions and certificates of one ledger; rows are only ever added."""

    def __init__(self, db: sqlite3.Connection) -> None:
        """`db`: the ledger's connection."""
        self._db = db

    def add_sample(self, spec: SampleSpec, units: Sequence[SampledUnit]) -> Sample:
        """Stores a sample with its first batch."""
        return _samples.add_sample(self._db, spec, units)

    def add_units(self, sample: Sample, units: Sequence[SampledUnit]) -> None:
        """Stores a further batch of a sample."""
        _samples.add_units(self._db, sample.sample_id, units)

    def samples(self) -> tuple[Sample, ...]:
        """Every sample, oldest first."""
        return _samples.samples(self._db)

    def sample(self, sample_id: int | None = None) -> Sample:
        """A sample by number, or the last; raises UserError where there is none."""
        return _samples.sample(self._db, sample_id)

    def units(self, sample: Sample) -> tuple[SampledUnit, ...]:
        """The units of a sample, in the order of drawing."""
        return _samples.units(self._db, sample.sample_id)

    def add_sheet(
        self, sample: Sample, *, labels_shown: bool = False, conflicts_only: bool = False
    ) -> Sheet:
        """A new sheet of a sample, with a token of its own."""
        return _samples.add_sheet(
            self._db, sample.sample_id, labels_shown=labels_shown, conflicts_only=conflicts_only
        )

    def sheet(self, token: str) -> Sheet | None:
        """The sheet of that token, if this ledger wrote it."""
        return _samples.find_sheet(self._db, token)

    def note_use(self, sample: Sample, used_for: str) -> None:
        """Notes that the labels of a sample were used, e.g. for "training", so that they certify
        nothing any more."""
        _samples.note_use(self._db, sample.sample_id, used_for)

    def uses(self, sample: Sample) -> tuple[str, ...]:
        """What the labels of a sample were used for besides its purpose."""
        return _samples.uses(self._db, sample.sample_id)

    def append(self, decisions: Sequence[Decision]) -> None:
        """Adds decisions, all or none."""
        _decisions.append(self._db, decisions)

    def standing(self, sample: Sample) -> tuple[Decision, ...]:
        """The newest decision of each reviewer about each item, part and field, what was retracted
        left out; in the order of items."""
        return _decisions.standing(self._db, sample.sample_id)

    def newest_decision(self, sample: Sample) -> int:
        """The number of the newest decision about a sample, retractions included; 0 without."""
        return _decisions.newest_decision(self._db, sample.sample_id)

    def add_certificate(
        self,
        sample: Sample,
        claim: Mapping[str, Any],
        sentence: str,
        document: Mapping[str, Any],
        reviewed: int,
    ) -> Certificate:
        """Stores a look at a sample that gave a figure, whether it pleases or not."""
        return _decisions.add_certificate(
            self._db, sample.sample_id, claim, sentence, document, reviewed
        )

    def certificates(self) -> tuple[Certificate, ...]:
        """Every certificate, oldest first."""
        return _decisions.certificates(self._db)
