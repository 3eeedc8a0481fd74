"""What a sample counts: per stratum and machine label, how many there are and what people said."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow as pa

from vistoria.labels import canonical, named, plain
from vistoria.ledger import Ledger, Sample
from vistoria.review._domain import Domain
from vistoria.review._sampling import reopen
from vistoria.review._verdicts import Verdict, verdicts
from vistoria.truth import ClassStratum, PairStratum, Stratum


@dataclass(frozen=True, kw_only=True)
class Tally:
    """One field over a part of the run's units.

    `sizes`: (stratum, machine label) → units; of a pair the label is (before, after). `settled`:
    the verdicts of the units drawn there; `open` and `conflicts`: those not to be counted yet.
    `moved`: units drawn whose machine label is another now. `simple`: one random sample of all.
    `versions`: of the model that answered; `snapshots`: that the units are of.
    """

    field: str
    sizes: Mapping[tuple[str, tuple[str, ...]], int]
    settled: tuple[tuple[Verdict, ...], ...]
    open: int
    conflicts: int
    moved: int
    simple: bool
    versions: tuple[str, ...]
    snapshots: tuple[str, ...]

    @property
    def units(self) -> int:
        """All units."""
        return sum(self.sizes.values())

    def answers(self) -> dict[tuple[str, tuple[str, ...]], Counter[tuple[str, ...]]]:
        """(stratum, machine label) → what people said → units."""
        found: dict[tuple[str, tuple[str, ...]], Counter[tuple[str, ...]]] = {}
        for parts in self.settled:
            said = tuple(one.answer for one in parts)
            found.setdefault(_cell(parts), Counter())[said] += 1
        return found

    def class_strata(self) -> list[ClassStratum]:
        """For `truth.class_shares`, `precision` and `recall`."""
        said = self.answers()
        return [
            ClassStratum(label[0], size, {a[0]: n for a, n in said.get((s, label), {}).items()})
            for (s, label), size in sorted(self.sizes.items())
        ]

    def pair_strata(self) -> list[PairStratum]:
        """For `truth.changed`, `flipped` and `net_change`."""
        said = self.answers()
        return [
            PairStratum(
                label[0], label[1], size, {(a[0], a[1]): n for a, n in said.get(cell, {}).items()}
            )
            for cell, size in sorted(self.sizes.items())
            for label in [cell[1]]
        ]

    def right_strata(self, given: frozenset[str] | None = None) -> list[Stratum]:
        """For `truth.share`: of the units whose machine label is one of `given` (any, if None), how
        many are right; by stratum, or all as one where the sample is simple."""
        sizes: Counter[str] = Counter()
        seen: Counter[str] = Counter()
        right: Counter[str] = Counter()
        for (stratum, label), size in self.sizes.items():
            if given is None or label[0] in given:
                sizes["" if self.simple else stratum] += size
        for parts in self.settled:
            stratum, label = _cell(parts)
            if given is None or label[0] in given:
                seen["" if self.simple else stratum] += 1
                right["" if self.simple else stratum] += all(one.right for one in parts)
        return [Stratum(sizes[name], seen[name], right[name]) for name in sorted(sizes)]


def _cell(parts: tuple[Verdict, ...]) -> tuple[str, tuple[str, ...]]:
    return parts[0].unit.stratum, tuple(named(one.label) for one in parts)


def tally(ledger: Ledger, sample: Sample, field: str, domain: Domain | None = None) -> Tally:
    """Counts a field of a sample, over the sample's domain or a part of it."""
    frame, design = reopen(ledger, sample, domain)
    columns = [frame.labels(field, part) for part in range(frame.parts)]
    keys = {f"label {part}": column for part, column in enumerate(columns)}
    cells = pa.table({"stratum": design.table["stratum"], **keys})
    counted = cells.group_by(list(cells.column_names)).aggregate([([], "count_all")])
    sizes = {
        (row["stratum"], tuple(named(plain(row[name])) for name in keys)): row["count_all"]
        for row in counted.to_pylist()
    }
    now = dict(
        zip(
            design.table["unit"].to_pylist(),
            zip(*(column.to_pylist() for column in columns), strict=True),
            strict=True,
        )
    )
    by_unit: dict[int, list[Verdict]] = {}
    for one in verdicts(ledger, sample, field):
        if one.unit.unit in now:
            by_unit.setdefault(one.unit.item, []).append(one)
    states = Counter(_state(parts) for parts in by_unit.values())
    return Tally(
        field=field, sizes=sizes, open=states["open"], conflicts=states["conflict"],
        settled=tuple(tuple(p) for p in by_unit.values() if _state(p) == "settled"),
        moved=sum(
            any(canonical(v.label) != now[v.unit.unit][v.part] for v in parts)
            for parts in by_unit.values()
        ),
        simple=sample.method == "simple", versions=frame.versions,
        snapshots=_snapshots(frame.table, sample),
    )  # fmt: skip


def _snapshots(table: pa.Table, sample: Sample) -> tuple[str, ...]:
    between = sample.domain.get("between")
    if between:
        return (between[0], between[1])
    return tuple(sorted(s for s in table["snapshot_id"].unique().to_pylist() if s is not None))


def _state(parts: list[Verdict]) -> str:
    for state in ("open", "conflict"):
        if any(one.state == state for one in parts):
            return state
    return "settled"
