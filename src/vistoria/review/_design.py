"""How reviews are spread: simple at random, or over strata of what the machine said."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vistoria.errors import UserError
from vistoria.labels import named, plain
from vistoria.ledger import Method, Purpose
from vistoria.review._drawing import available
from vistoria.review._frame import Frame
from vistoria.truth import allocate

Choice: TypeAlias = Literal["auto", "simple", "stratified"]

ALL, OTHER, SUSPICIOUS = "all", "(other)", "(suspicious)"
_STRATIFY_FROM = 100  # below, strata cost more than they give (docs/statistics.md)
_MOST_STRATA = 8  # as many as the intervals were tested with


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Design:
    """`sizes`: stratum → units; `quotas`: stratum → units to draw; `table`: the frame's rows, with
    their stratum. `suspicious_from`: the least suspicion of the stratum "(suspicious)"."""

    method: Method
    by_field: str | None
    sizes: Mapping[str, int]
    quotas: Mapping[str, int]
    table: pa.Table
    suspicious_from: float | None = None

    def probability(self, stratum: str) -> float:
        """That of being drawn."""
        return self.quotas[stratum] / self.sizes[stratum]


def make_design(
    frame: Frame,
    size: int,
    purpose: Purpose,
    *,
    choice: Choice = "auto",
    by_field: str | None = None,
    suspicious: float = 0.0,
) -> Design:
    """Spreads `size` reviews.

    "auto" is simple below 100, and else stratified by the machine's label of `by_field` (the first
    field if None), in proportion to the root of each stratum's size with at least 10 of each.
    `suspicious`: the share of the reviews spent on the most suspicious units. Raises UserError
    where fewer units are set apart for the purpose than asked for.
    """
    stratified = choice == "stratified" or (choice == "auto" and size >= _STRATIFY_FROM)
    by = (by_field or frame.fields[0].name) if stratified else None
    limit = None
    if suspicious:
        limit = _suspicious_from(frame, round(size * suspicious), purpose)
    names = _names(frame, by)
    table = stratify(frame, by, names, limit)
    counts = available(table, purpose)
    free = {stratum: n for stratum, (_, n) in counts.items()}
    if size > sum(free.values()):
        raise UserError(
            f"{size:,} reviews asked for, but of {table.num_rows:,} units {sum(free.values()):,} "
            f"are set apart for {purpose}: ask for fewer, or label more photos"
        )
    return Design(
        method="stratified" if by or limit is not None else "simple",
        by_field=by,
        sizes={stratum: units for stratum, (units, _) in counts.items()},
        quotas=_quotas(free, size, SUSPICIOUS if limit is not None else None),
        table=table,
        suspicious_from=limit,
    )


def stratify(
    frame: Frame, by_field: str | None, names: Mapping[str, str], suspicious_from: float | None
) -> pa.Table:
    """The frame's table with a column `stratum`. `names`: label (of a pair: both) → stratum; what
    it lacks is "(other)"."""
    if by_field is None:
        strata = pa.array([ALL] * frame.table.num_rows, pa.string())
    else:
        labels = _labels(frame, by_field).combine_chunks().dictionary_encode()
        words = [names.get(text, OTHER) for text in labels.dictionary.to_pylist()]
        strata = pa.array(words, pa.string()).take(labels.indices)
    if suspicious_from is not None:
        doubtful = pc.greater_equal(frame.table["suspicion"], suspicious_from)
        strata = pc.if_else(doubtful, SUSPICIOUS, strata)
    return frame.table.append_column("stratum", strata)


def stratum_names(frame: Frame, by_field: str | None, strata: Mapping[str, int]) -> dict[str, str]:
    """Label → stratum, for the strata that a sample was drawn with."""
    if by_field is None:
        return {}
    texts = pc.unique(_labels(frame, by_field)).to_pylist()
    return {text: name for text in texts if (name := _named(text)) in strata}


def _names(frame: Frame, by_field: str | None) -> dict[str, str]:
    """The most frequent labels, each a stratum."""
    if by_field is None:
        return {}
    counts = pc.value_counts(_labels(frame, by_field)).to_pylist()
    counts.sort(key=lambda one: (-one["counts"], one["values"]))
    kept = counts if len(counts) <= _MOST_STRATA else counts[: _MOST_STRATA - 1]
    return {one["values"]: _named(one["values"]) for one in kept}


def _labels(frame: Frame, field: str) -> pa.ChunkedArray:
    """What the machine said, one text per unit; of a pair both texts."""
    if field not in {one.name for one in frame.fields}:
        raise UserError(f"{field!r} is not among the fields to review")
    if frame.parts == 1:
        return frame.labels(field)
    return pc.binary_join_element_wise(frame.labels(field, 0), frame.labels(field, 1), _ARROW)


_ARROW = "\x1f"


def _named(text: str) -> str:
    return " → ".join(named(plain(part)) for part in text.split(_ARROW))


def _suspicious_from(frame: Frame, count: int, purpose: Purpose) -> float:
    """The suspicion from which on `count` units or fewer are left for the purpose."""
    ones = frame.table.append_column("stratum", pa.array([ALL] * frame.table.num_rows))
    share = available(ones, purpose)[ALL][1] / max(1, frame.table.num_rows)
    doubt = np.sort(frame.table["suspicion"].to_numpy())[::-1]
    wanted = min(len(doubt), max(1, round(count / max(share, 1e-9))))
    limit = float(doubt[wanted - 1])
    if limit <= 0:
        raise UserError("nothing is suspicious: the model gives no confidence and no photos differ")
    return limit


def _quotas(free: Mapping[str, int], size: int, first: str | None) -> dict[str, int]:
    """The suspicious are all taken; the rest is spread."""
    quotas = {first: min(free[first], size)} if first in free and first is not None else {}
    rest = [stratum for stratum in free if stratum != first]
    left = size - sum(quotas.values())
    return quotas | dict(zip(rest, allocate([free[s] for s in rest], left), strict=True))
