"""What changed between two snapshots, as reviewed pairs show it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from vistoria.errors import UserError
from vistoria.labels import named, plain
from vistoria.ledger import Ledger, Run, Sample
from vistoria.report.answers import CHART
from vistoria.report.document import ChangeShown, Flip, RunFacts
from vistoria.report.population import Truth, true_answer
from vistoria.report.tallies import tallies
from vistoria.review import Domain, Frame, Tally, open_frame
from vistoria.truth import PairStratum, changed, flipped

_Rows: TypeAlias = list[Mapping[str, Any]]
_FLIPS = 8
_RAW = (
    "Nobody compared a sample of these assets, so this is what the machine says. Where nothing "
    "changes at all it says so of some, because it errs differently on different photos. Draw "
    "pairs: vistoria sample --unit pair."
)


def read_changes(
    ledger: Ledger, run: Run, facts: RunFacts, *, confidence: float, truth: Truth | None
) -> tuple[ChangeShown, ...]:
    """One for each field of the run's newest reviewed sample of pairs; without one, the machine's
    own changes between the last two snapshots. Nothing where there are no two snapshots, or rows
    name no assets."""
    if len(facts.snapshots) < 2 or not facts.assets:
        return ()
    sample, tallied = _sample(ledger, run), dict[str, Tally]()
    if sample is None:
        before, after = list(facts.snapshots)[-2:]
        try:
            frame = open_frame(ledger, run, "pair", Domain(between=(before, after)))
        except UserError:  # no asset was answered in both
            return ()
    else:
        frame, _, tallied = tallies(ledger, sample)
        between = Domain.of(sample.domain).between
        assert between is not None
        before, after = between
    gone, new = _moved(ledger, run, before, after)
    seen: Mapping[str, Any] = {
        "before": facts.snapshot_names[before], "after": facts.snapshot_names[after],
        "gone": gone, "new": new,
    }  # fmt: skip
    known = _known(ledger, frame, truth)
    return tuple(
        _Compared(
            frame=frame, field=field.name, confidence=confidence, known=known,
            counted=tallied.get(field.name),
        ).shown(seen)
        for field in frame.fields
    )  # fmt: skip


def _sample(ledger: Ledger, run: Run) -> Sample | None:
    pairs = [
        one for one in ledger.reviews.samples()
        if one.run_id == run.run_id and one.unit == "pair" and one.method != "chosen"
        and "changed" not in one.domain  # drawn for a list, and no sample of all
        and ledger.reviews.standing(one)
    ]  # fmt: skip
    return pairs[-1] if pairs else None


def _moved(ledger: Ledger, run: Run, before: str, after: str) -> tuple[int, int]:
    """Assets of the older snapshot only, and of the newer only."""
    table = open_frame(ledger, run, "asset", Domain()).table
    seen: dict[str, set[str]] = {before: set(), after: set()}
    for row in table.select(["snapshot_id", "split"]).to_pylist():
        seen.setdefault(row["snapshot_id"], set()).add(row["split"])
    return len(seen[before] - seen[after]), len(seen[after] - seen[before])


def _known(ledger: Ledger, frame: Frame, truth: Truth | None) -> list[list[_Rows]] | None:
    """The truth about the photos of each pair's parts."""
    if truth is None:
        return None
    return [
        [[truth[o.observation_id] for o in ledger.observations(part)] for part in parts]
        for parts in frame.table["ordinals"].to_pylist()
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Compared:
    """A field of pairs: how many the machine gave each (before, after), and how many truly have
    it, where that is known."""

    frame: Frame
    field: str
    confidence: float
    counted: Tally | None
    known: list[list[_Rows]] | None

    def machine(self) -> Counter[tuple[str, str]]:
        """By the machine's labels."""
        sides = (self.frame.labels(self.field, part).to_pylist() for part in (0, 1))
        return Counter((named(plain(a)), named(plain(b))) for a, b in zip(*sides, strict=True))

    def true(self) -> Counter[tuple[str, str]] | None:
        """By what is so."""
        if not self.known or self.field not in self.known[0][0][0]:
            return None
        found: Counter[tuple[str, str]] = Counter()
        for parts in self.known:
            before, after = (true_answer(part, self.field) for part in parts)
            found[before, after] += 1
        return found

    def shown(self, seen: Mapping[str, Any]) -> ChangeShown:
        """The figures."""
        machine, true = self.machine(), self.true()
        plain_ = ChangeShown(
            field=self.field, assets=self.frame.table.num_rows, machine=_moves(machine).total(),
            truth=None if true is None else _moves(true).total(), note=_RAW, **seen,
        )  # fmt: skip
        flips = self._flips(machine, true)
        counted = self.counted
        if counted is None or not counted.settled:
            return replace(plain_, flips=flips)
        strata = counted.pair_strata()
        whole = changed(strata, confidence=self.confidence, parts=CHART)
        said = {pair for one in strata for pair in one.answers if pair[0] != pair[1]}
        kinds = list(dict.fromkeys([*(flip.pair for flip in flips), *sorted(said)]))[:_FLIPS]
        return replace(
            plain_, note="", reviewed=len(counted.settled), shown=whole.shown,
            corrected=whole.interval.times(counted.units),
            simulated=any(one.simulated for parts in counted.settled for one in parts),
            flips=tuple(self._corrected(strata, pair, machine, true) for pair in kinds),
        )  # fmt: skip

    def _flips(
        self, machine: Counter[tuple[str, str]], true: Counter[tuple[str, str]] | None
    ) -> tuple[Flip, ...]:
        return tuple(
            Flip(before=a, after=b, machine=n, truth=None if true is None else true[a, b])
            for (a, b), n in _moves(machine).most_common(_FLIPS)
        )

    def _corrected(
        self, strata: Sequence[PairStratum], pair: tuple[str, str],
        machine: Counter[tuple[str, str]], true: Counter[tuple[str, str]] | None,
    ) -> Flip:  # fmt: skip
        found = flipped(strata, *pair, confidence=self.confidence, parts=CHART)
        return Flip(
            before=pair[0], after=pair[1], machine=machine[pair], shown=found.shown,
            corrected=found.interval.times(self.frame.table.num_rows),
            truth=None if true is None else true[pair],
        )  # fmt: skip


def _moves(pairs: Counter[tuple[str, str]]) -> Counter[tuple[str, str]]:
    return Counter({pair: n for pair, n in pairs.items() if pair[0] != pair[1]})
