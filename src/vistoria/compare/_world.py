"""Two snapshots by the same model: what the labels say changed, and what really did."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa

from vistoria.assets import asset_answers
from vistoria.errors import UserError
from vistoria.labels import named, plain
from vistoria.ledger import Ledger, Run
from vistoria.review import Domain, change_estimate, open_frame, verdicts
from vistoria.truth import Change, Interval, binomial


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldChange:
    """One field of the assets that both snapshots show.

    `apparent` of `pairs` have another label; with no change at all some would too. `noise`: how
    often a photo gets another label when asked again, None where none was asked twice. `real`: the
    share that really changed, from pairs that people reviewed, None without such a sample. `moves`:
    (from, to) → assets, by the labels.
    """

    field: str
    pairs: int
    apparent: int
    noise: Interval | None
    real: Change | None
    reviewed: int
    simulated: bool
    moves: Mapping[tuple[str, str], int]

    @property
    def shown(self) -> bool:
        """Whether a change of the world is shown."""
        return self.real is not None and self.real.shown


@dataclass(frozen=True, slots=True, kw_only=True)
class WorldComparison:
    """`pairs`: assets in both snapshots; `gone` and `new` ones are in one of them only."""

    run: Run
    before: str
    after: str
    pairs: int
    gone: int
    new: int
    versions: tuple[str, ...]
    fields: tuple[FieldChange, ...]


def compare_snapshots(
    ledger: Ledger, run: Run, before: str, after: str, names: Sequence[str] | None = None
) -> WorldComparison:
    """Compares an asset's answers in two snapshots of one run, which one version of one model must
    have labelled. Raises UserError where that is not so."""
    frame = open_frame(ledger, run, "pair", Domain(between=(before, after)), names)
    if len(frame.versions) > 1:
        raise UserError(
            f"the labels come from {', '.join(frame.versions)}: between two versions of a model "
            "all sorts of labels change while the world does not. Run one of them on both snapshots"
        )
    assets = asset_answers(ledger, run, names)
    held = Counter(assets.rows["snapshot_id"].to_pylist())
    noise = _noise(ledger, run, [field.name for field in frame.fields])
    changes = tuple(
        _change(ledger, run, (before, after), field.name, frame.labels(field.name, 0),
                frame.labels(field.name, 1), noise.get(field.name))
        for field in frame.fields
    )  # fmt: skip
    pairs = frame.table.num_rows
    return WorldComparison(
        run=run, before=before, after=after, pairs=pairs, gone=held[before] - pairs,
        new=held[after] - pairs, versions=frame.versions, fields=changes,
    )  # fmt: skip


def _change(
    ledger: Ledger,
    run: Run,
    between: tuple[str, str],
    field: str,
    first: pa.ChunkedArray,
    second: pa.ChunkedArray,
    noise: Interval | None,
) -> FieldChange:
    pairs = list(zip(first.to_pylist(), second.to_pylist(), strict=True))
    moves = Counter((named(plain(x)), named(plain(y))) for x, y in pairs if x != y)
    real, reviewed, simulated = _real(ledger, run, between, field)
    return FieldChange(
        field=field, pairs=len(pairs), apparent=moves.total(), noise=noise, real=real,
        reviewed=reviewed, simulated=simulated, moves=dict(moves.most_common()),
    )  # fmt: skip


def _real(
    ledger: Ledger, run: Run, between: tuple[str, str], field: str
) -> tuple[Change | None, int, bool]:
    """From the newest sample of these pairs that was reviewed in full."""
    for sample in reversed(ledger.reviews.samples()):
        asked = {one["name"] for one in sample.fields}
        # A sample of a part of the pairs, as of those whose labels differ, tells nothing of all.
        fits = sample.run_id == run.run_id and dict(sample.domain) == {"between": list(between)}
        if sample.unit != "pair" or not fits or field not in asked:
            continue
        said = verdicts(ledger, sample, field)
        if all(one.state == "settled" for one in said):
            change, counted = change_estimate(ledger, sample, field)
            return change, len(counted.settled), any(one.simulated for one in said)
    return None, 0, False


def _noise(ledger: Ledger, run: Run, names: Sequence[str]) -> dict[str, Interval]:
    repeats = list(ledger.repeats(run.question_id))
    if not repeats:
        return {}
    return {
        name: binomial(sum(r.first.get(name) != r.again.get(name) for r in repeats), len(repeats))
        for name in names
    }
