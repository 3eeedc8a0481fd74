"""Counts and certificates as rows: what is known beside the labels."""

import json
from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from vistoria.publishers._rows import batch_of
from vistoria.report.document import AnswerCount, FieldAnswers, Population
from vistoria.report.population import choose_sample, count
from vistoria.report.readers import read_certificates
from vistoria.truth import Interval

if TYPE_CHECKING:
    from vistoria.publishers._edition import Edition

__all__ = ["certificate_rows", "count_rows"]

_CONFIDENCE = 0.95


def count_rows(edition: "Edition") -> Iterator[pa.RecordBatch]:
    """One row per field and answer: the machine's count beside the corrected one, as in a report.

    Raises MissingExtra without scipy where a sample was reviewed.
    """
    ledger, run = edition.ledger, edition.run
    if not edition.facts.answered or not edition.countable:
        return
    sample = choose_sample(ledger, run)
    found = count(ledger, run, edition.facts, sample, confidence=_CONFIDENCE, truth=None)
    rows = [
        _count(found.population, field, one) for field in found.answers for one in field.answers
    ]
    if rows:
        yield batch_of("counts", rows, edition)


def _count(population: Population, field: FieldAnswers, one: AnswerCount) -> dict[str, Any]:
    return {
        "row_key": f"{population.unit}/{field.field}/{one.answer}",
        "field": field.field, "answer": one.answer, "unit": population.unit,
        "scope": population.scope, "units": field.rows, "machine": one.machine,
        **_limits("corrected", one.corrected), **_limits("precision", one.precision),
        **_limits("recall", one.recall),
        "confidence": _CONFIDENCE if one.corrected else None,
        "reviewed": field.reviewed, "sample": population.sample,
        "simulated": population.simulated, "note": population.note or None,
    }  # fmt: skip


def _limits(name: str, found: Interval | None) -> dict[str, float | None]:
    if found is None:
        return {}
    return {name: found.estimate, f"{name}_low": found.low, f"{name}_high": found.high}


def certificate_rows(edition: "Edition") -> Iterator[pa.RecordBatch]:
    """One row per certificate of the run's samples; of looks at the same claim the newest."""
    rows = []
    for one in read_certificates(edition.ledger, edition.run):
        said = one.document
        rows.append({
            "row_key": str(one.certificate), **{k: v for k, v in asdict(one).items() if k in _KEPT},
            **{name: said.get(name) for name in _SAID},
            "issued_at": datetime.fromisoformat(one.issued_at),
            "document": json.dumps(dict(said), sort_keys=True, ensure_ascii=False),
        })  # fmt: skip
    if rows:
        yield batch_of("certificates", rows, edition)


_KEPT = ("certificate", "sample", "sentence", "reviewed", "simulated")
_SAID = ("field", "answer", "measure", "at_least", "estimate", "level")
