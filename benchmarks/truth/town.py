"""The demo's town, over and over: what `vistoria report` says of it against what is so.

Drawing 200 towns would take hours, so they are not drawn. A town here is made of assets drawn with
replacement from those of real demo towns, each with what is true of it in both snapshots and what
`onnx:street` said there (`town_assets.parquet`, made by `python -m benchmarks.truth.town FOLDER...`
from folders of `vistoria demo`). So the model's confusions, between fields and over time too, are
as measured; the streets are not new. Samples are drawn and counted as the demo does it.
"""

import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from benchmarks.bars import Bar, at_least, at_most
from vistoria.report.answers import CHART
from vistoria.truth import ClassStratum, PairStratum, allocate, binomial, certify_list, class_shares
from vistoria.truth import changed as share_changed

_FILE = Path(__file__).with_name("town_assets.parquet")
_SNAPSHOTS = ("before", "after")
_TOWN, _CITY = (200, 110), (20_000, 400)  # assets, and how many of them are reviewed
_CANDIDATES, _TARGET = 800, 0.8  # reviewed apparent changes, and the precision to certify


class Pool(NamedTuple):
    """What is true of each asset and what the machine says: field → assets × snapshots; `sure`:
    how surely it says so, from 0 to 1. An empty text: not there, or no photo."""

    truth: Mapping[str, NDArray[np.str_]]
    label: Mapping[str, NDArray[np.str_]]
    sure: Mapping[str, NDArray[np.float64]]

    def take(self, places: NDArray[np.int64]) -> "Pool":
        """These assets."""
        return Pool(
            {name: part[places] for name, part in self.truth.items()},
            {name: part[places] for name, part in self.label.items()},
            {name: part[places] for name, part in self.sure.items()},
        )


def town(chance: np.random.Generator, quick: bool) -> Iterator[Bar]:
    """Counts in each (class, field, snapshot), changes, and a town in which nothing changes."""
    pool, towns = _read(), 4 if quick else 200
    many = len(pool.truth["asset"])
    for name, (assets, reviews) in (("town of 200", _TOWN), ("city of 20,000", _CITY)):
        cells = Counter[str]()
        for _ in range(towns):
            cells += _counts(chance, pool.take(chance.integers(0, many, assets)), reviews)
        yield at_least(f"town: {name}, corrected", cells["held"] / cells["cells"], 0.93)
        yield at_most(f"town: {name}, raw right (control)", cells["raw"] / cells["cells"], 0.75)
        naive = cells["naive"] / cells["cells"]
        if assets == _CITY[0]:
            yield at_most(f"town: {name}, raw with a binomial interval (control)", naive, 0.75)
    yield from _change_bars(chance, pool, towns)
    yield from _list_bars(chance, pool, towns)


def _counts(chance: np.random.Generator, made: Pool, reviews: int) -> Counter[str]:
    """Of one town: in how many cells the truth is held by the corrected interval, by a binomial
    one around the machine's count, and by that count itself."""
    found = Counter[str]()
    for at in range(len(_SNAPSHOTS)):
        seen = np.flatnonzero(made.label["asset"][:, at] != "")
        strata = made.label["asset"][seen, at]
        drawn = _stratified(chance, strata, reviews)
        for name in made.truth:
            label, truth = made.label[name][seen, at], made.truth[name][seen, at]
            shares = class_shares(_classes(strata, label, truth, drawn), parts=CHART)
            for answer in {*label, *truth}:
                so, said = int((truth == answer).sum()), int((label == answer).sum())
                corrected = shares[str(answer)].times(len(seen)) if answer in shares else None
                naive = binomial(said, len(seen), parts=CHART).times(len(seen))
                found["cells"] += 1
                found["raw"] += so == said
                found["naive"] += naive.low <= so <= naive.high
                found["held"] += corrected is not None and corrected.low <= so <= corrected.high
    return found


def _stratified(
    chance: np.random.Generator, strata: NDArray[np.str_], reviews: int
) -> NDArray[np.int64]:
    """As `vistoria sample` spreads them: over the machine's answer to the first question."""
    names, sizes = np.unique(strata, return_counts=True)
    quotas = zip(names, allocate(sizes.tolist(), reviews), strict=True)
    parts = [
        chance.choice(np.flatnonzero(strata == one), n, replace=False)
        for one, n in quotas
    ]  # fmt: skip
    return np.concatenate(parts)


def _classes(
    strata: NDArray[np.str_], label: NDArray[np.str_], truth: NDArray[np.str_],
    drawn: NDArray[np.int64],
) -> list[ClassStratum]:  # fmt: skip
    """As `review.Tally` counts them."""
    sizes = Counter(zip(strata, label, strict=True))
    said: dict[tuple[str, str], Counter[str]] = {}
    for at in drawn:
        said.setdefault((strata[at], label[at]), Counter())[str(truth[at])] += 1
    return [ClassStratum(str(p[1]), n, dict(said.get(p, {}))) for p, n in sizes.items()]


def _change_bars(chance: np.random.Generator, pool: Pool, towns: int) -> Iterator[Bar]:
    """Changed assets per field, from a simple sample of pairs; then only assets that stayed."""
    held, zeros = Counter[str](), Counter[str]()
    both = _both(pool)
    still = both.take(np.flatnonzero(~np.any(
        [part[:, 0] != part[:, 1] for part in both.truth.values()], axis=0
    )))  # fmt: skip
    for source, found in ((both, held), (still, zeros)):
        for _ in range(towns):
            made = source.take(chance.integers(0, len(source.truth["asset"]), _TOWN[0]))
            drawn = chance.choice(_TOWN[0], _TOWN[1], replace=False)
            for name in made.truth:
                strata = _pairs(made.label[name], made.truth[name], drawn)
                interval = share_changed(strata, parts=CHART).interval
                real = float((made.truth[name][:, 0] != made.truth[name][:, 1]).mean())
                seems = (made.label[name][:, 0] != made.label[name][:, 1]).any()
                found["cells"] += 1
                found["held"] += interval.low - 1e-9 <= real <= interval.high + 1e-9
                found["seems"] += bool(seems)
    yield at_least("town: change, corrected", held["held"] / held["cells"], 0.93)
    yield at_least("town: nothing changed, holds 0", zeros["held"] / zeros["cells"], 0.95)
    claims = zeros["seems"] / zeros["cells"]
    yield at_least("town: nothing changed, the machine says so (control)", claims, 0.5)


def _both(pool: Pool) -> Pool:
    """The assets of both snapshots."""
    labels = pool.label["asset"]
    return pool.take(np.flatnonzero((labels != "").all(axis=1)))


def _pairs(
    label: NDArray[np.str_], truth: NDArray[np.str_], drawn: NDArray[np.int64]
) -> list[PairStratum]:
    sizes = Counter(map(tuple, label.tolist()))
    said: dict[tuple[str, str], Counter[tuple[str, str]]] = {}
    for at in drawn:
        kind = (str(truth[at, 0]), str(truth[at, 1]))
        said.setdefault(tuple(label[at].tolist()), Counter())[kind] += 1
    return [PairStratum(a, b, n, dict(said.get((a, b), {}))) for (a, b), n in sizes.items()]


def _list_bars(chance: np.random.Generator, pool: Pool, towns: int) -> Iterator[Bar]:
    """A certified list of changes in a city, ranked by how surely the machine says both answers."""
    both = _both(pool)
    violated, listed, missed = 0, [], []
    for _ in range(towns):
        made = both.take(chance.integers(0, len(both.truth["asset"]), _CITY[0]))
        features, real = _apparent(made)
        reviewed = chance.choice(len(real), _CANDIDATES, replace=False)
        half = np.arange(_CANDIDATES) % 2 == 0
        rule = certify_list(features[reviewed], real[reviewed], half, target=_TARGET)
        chosen = rule.chosen(features)
        violated += bool(chosen.any()) and real[chosen].mean() < _TARGET
        listed.append(float(real[chosen].mean()) if chosen.any() else 1.0)
        missed.append(float((real & chosen).sum() / real.sum()))
    bar = 0.05 + 2 * float(np.sqrt(0.05 * 0.95 / towns))
    yield at_most(f"town: lists below precision {_TARGET}", violated / towns, bar, ".3f")
    yield at_least("town: real changes on the list", float(np.mean(missed)), 0.5)
    yield at_least("town: mean precision of the list", float(np.mean(listed)), _TARGET)


def _apparent(made: Pool) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Every change that the machine shows: how sure it is before and after, and whether it is one.
    The question about the kind of asset is left out: an asset does not become another."""
    features, real = [], []
    for name in made.truth:
        if name != "asset":
            label, truth = made.label[name], made.truth[name]
            at = np.flatnonzero(label[:, 0] != label[:, 1])
            features.append(made.sure[name][at])
            real.append((truth[at] == label[at]).all(axis=1))
    return np.concatenate(features), np.concatenate(real)


def _read() -> Pool:
    columns = pq.read_table(_FILE).to_pydict()
    names = [name[: -len(" truth before")] for name in columns if name.endswith(" truth before")]

    def both(name: str, what: str) -> NDArray[np.str_]:
        return np.array([columns[f"{name} {what} {at}"] for at in _SNAPSHOTS]).T

    return Pool(
        {name: both(name, "truth") for name in names},
        {name: both(name, "label") for name in names},
        {name: both(name, "sure").astype(np.float64) for name in names},
    )


def measure(folders: Sequence[Path]) -> None:
    """Writes `town_assets.parquet` from demo towns that were labelled."""
    rows = [row for folder in folders for row in _measured(folder)]
    pq.write_table(pa.Table.from_pylist(rows), _FILE, compression="zstd")
    print(f"{len(rows)} assets of {len(folders)} towns in {_FILE.name}")


def _measured(folder: Path) -> Iterator[dict[str, Any]]:
    from vistoria.assets import asset_answers  # noqa: PLC0415
    from vistoria.labels import named, plain  # noqa: PLC0415
    from vistoria.ledger import Ledger  # noqa: PLC0415
    from vistoria.report.facts import run_facts  # noqa: PLC0415

    truth = {
        (row["asset_id"], row["snapshot_id"]): row
        for row in pq.read_table(folder / "truth.parquet").to_pylist()
    }
    with Ledger(folder / ".vistoria" / "ledger.sqlite", create=False) as ledger:
        run = ledger.run()
        assets, order = asset_answers(ledger, run), run_facts(ledger, run).snapshots
    kept: dict[str, dict[str, Any]] = {}
    for at, row in enumerate(assets.rows.to_pylist()):
        when = _SNAPSHOTS[list(order).index(row["snapshot_id"])]
        known = truth[row["asset_id"], row["snapshot_id"]]
        out = kept.setdefault(row["asset_id"], _blank([f.name for f in assets.fields]))
        for field in assets.fields:
            score = float(assets.combined[field.name].evidence[at])
            out[f"{field.name} truth {when}"] = named(known[field.name])
            out[f"{field.name} label {when}"] = named(plain(row[f"label {field.name}"]))
            out[f"{field.name} sure {when}"] = round(float(np.tanh(score / 4)), 3)
    yield from kept.values()


def _blank(names: Sequence[str]) -> dict[str, Any]:
    empty = {"truth": "", "label": "", "sure": 0.0}
    return {f"{n} {what} {at}": empty[what] for n in names for what in empty for at in _SNAPSHOTS}


if __name__ == "__main__":
    measure([Path(folder) for folder in sys.argv[1:]])
