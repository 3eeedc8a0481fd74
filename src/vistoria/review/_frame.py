"""The frame: everything that could be drawn, with what the machine said about it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from vistoria.assets import Assets, asset_answers
from vistoria.errors import UserError
from vistoria.labels import counted_fields, labelled_rows
from vistoria.ledger import Field, Ledger, Run, Unit
from vistoria.review._domain import Domain

_EVEN = 4  # log-odds above which more evidence says little more


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Frame:
    """One row per unit. `table`: unit (its id), split (what decides for which purpose it is set
    apart), ordinals (of its photos, one list per part), suspicion (0 to 1), where it is, and
    `label PART FIELD` (canonical text); of photos also ordinal and observation_id, of pairs
    `evidence PART FIELD`. `versions`: of the model that answered."""

    run: Run
    unit: Unit
    fields: tuple[Field, ...]
    parts: int
    table: pa.Table
    versions: tuple[str, ...]

    def labels(self, field: str, part: int = 0) -> pa.ChunkedArray:
        """What the machine said, one canonical text per unit."""
        return self.table[f"label {part} {field}"]

    def sureness(self, field: str) -> NDArray[np.float64]:
        """Of pairs: how surely the machine says what it says before and after, from 0 to 1: an
        order, no probability. One row per pair."""
        columns = [self.table[f"evidence {part} {field}"].to_numpy() for part in (0, 1)]
        squashed: NDArray[np.float64] = np.tanh(np.column_stack(columns) / _EVEN)
        return squashed


def open_frame(
    ledger: Ledger, run: Run, unit: Unit, domain: Domain, names: Sequence[str] | None = None
) -> Frame:
    """The units of a run that belong to `domain`; raises UserError where there are none."""
    if domain.changed is not None and unit != "pair":
        raise UserError(f"labels of {domain.changed!r} change between snapshots: draw pairs")
    if unit == "observation":
        fields = tuple(counted_fields(ledger, run, names))
        rows = domain.rows_of(labelled_rows(ledger, run, fields))
        table = _observations(rows, fields)
        versions = pc.unique(rows["model_version"]).to_pylist()
    else:
        assets = asset_answers(ledger, run, names)
        fields, versions = assets.fields, list(assets.versions)
        table = _assets(assets, domain) if unit == "asset" else _pairs(assets, domain)
    if not table.num_rows:
        raise UserError(f"run {run.run_id} has no answered {unit} in: {domain}")
    return Frame(
        run=run, unit=unit, fields=fields, parts=2 if unit == "pair" else 1, table=table,
        versions=tuple(sorted(version for version in versions if version)),
    )  # fmt: skip


def _observations(rows: pa.Table, fields: Sequence[Field]) -> pa.Table:
    ordinals = rows["ordinal"].combine_chunks()
    one_each = pa.array(np.arange(len(ordinals) + 1, dtype=np.int32))
    photos = pa.ListArray.from_arrays(one_each, ordinals)
    asset = pc.fill_null(rows["asset_id"], "")
    # The same text as `frame_sql` makes; a row seen twice is told apart by its number.
    unit = pc.binary_join_element_wise(
        pc.fill_null(rows["snapshot_id"], ""), asset, rows["observation_id"], "/"
    )
    sure = [rows[f"confidence {field.name}"] for field in fields]
    return pa.table(
        {
            "unit": _distinct(unit),
            "split": pc.coalesce(rows["asset_id"], rows["observation_id"]),
            "ordinal": ordinals,
            "observation_id": rows["observation_id"],
            "ordinals": pa.ListArray.from_arrays(one_each, photos),
            "suspicion": _suspicion(sure, rows.num_rows),
            **_places(rows),
            **{f"label 0 {field.name}": rows[f"label {field.name}"] for field in fields},
        }
    )


def _assets(assets: Assets, domain: Domain) -> pa.Table:
    combined = [assets.combined[field.name] for field in assets.fields]
    doubt = np.max([1 - one.share for one in combined], axis=0) if combined else None
    rows = assets.rows.append_column("suspicion", pa.array(doubt))
    rows = domain.rows_of(rows)
    photos = rows["ordinals"].combine_chunks()
    one_each = pa.array(np.arange(rows.num_rows + 1, dtype=np.int32))
    snapshot = pc.fill_null(rows["snapshot_id"], "")
    return pa.table(
        {
            "unit": pc.binary_join_element_wise(snapshot, rows["asset_id"], "/"),
            "split": rows["asset_id"],
            "ordinals": pa.ListArray.from_arrays(one_each, photos),
            "suspicion": rows["suspicion"],
            **_places(rows),
            **{f"label 0 {f.name}": rows[f"label {f.name}"] for f in assets.fields},
        }
    )


def _pairs(assets: Assets, domain: Domain) -> pa.Table:
    """Assets that both snapshots show; what is new or gone is no pair."""
    if domain.between is None:
        raise UserError("pairs need two snapshots: name them with --between BEFORE,AFTER")
    every, halves = _with_evidence(assets), []
    for snapshot in domain.between:
        rows = every.filter(pc.equal(every["snapshot_id"], snapshot))
        if not rows.num_rows:
            known = ", ".join(map(str, pc.unique(assets.rows["snapshot_id"]).to_pylist()))
            raise UserError(f"no asset of snapshot {snapshot!r}; there are {known}")
        halves.append(rows)
    before, after = halves
    after = domain.rows_of(after)
    places = pc.index_in(after["asset_id"], before["asset_id"].combine_chunks())
    kept = pc.is_valid(places)
    after = after.filter(kept)
    before = before.take(places.filter(kept))
    if domain.changed is not None:
        before, after = _changed(before, after, domain.changed, assets.fields)
    both = [
        list(pair)
        for pair in zip(before["ordinals"].to_pylist(), after["ordinals"].to_pylist(), strict=True)
    ]
    said = {
        f"{what} {part} {f.name}": half[f"{what} {f.name}"]
        for part, half in enumerate((before, after))
        for f in assets.fields
        for what in ("label", "evidence")
    }
    return pa.table(
        {
            "unit": after["asset_id"],
            "split": after["asset_id"],
            "ordinals": pa.array(both, pa.list_(pa.list_(pa.int64()))),
            "suspicion": pa.array(np.zeros(after.num_rows)),
            **_places(after),
            **said,
        }
    )


def _with_evidence(assets: Assets) -> pa.Table:
    rows = assets.rows
    for f in assets.fields:
        rows = rows.append_column(f"evidence {f.name}", pa.array(assets.combined[f.name].evidence))
    return rows


def _changed(
    before: pa.Table, after: pa.Table, field: str, fields: Sequence[Field]
) -> tuple[pa.Table, pa.Table]:
    """The pairs of which the machine says different things."""
    if field not in {f.name for f in fields}:
        raise UserError(f"{field!r}, whose labels shall differ, is not among the fields to review")
    differ = pc.not_equal(before[f"label {field}"], after[f"label {field}"])
    return before.filter(differ), after.filter(differ)


def _places(rows: pa.Table) -> dict[str, pa.ChunkedArray]:
    names = ("snapshot_id", "asset_type", "latitude", "longitude")
    return {name: rows[name] for name in names}


def _suspicion(sure: Sequence[pa.ChunkedArray], count: int) -> pa.Array:
    """1 - the least confidence of any field; 0 where the model gives none."""
    doubt = np.zeros(count)
    for column in sure:
        known = pc.fill_null(column, 1.0).combine_chunks().to_numpy(zero_copy_only=False)
        doubt = np.maximum(doubt, 1 - known)
    return pa.array(doubt)


def _distinct(unit: pa.ChunkedArray) -> pa.Array:
    texts: list[str] = unit.to_pylist()
    if len(set(texts)) == len(texts):
        return pa.array(texts, pa.string())
    seen: dict[str, int] = {}
    for at, text in enumerate(texts):
        seen[text] = seen.get(text, 0) + 1
        if seen[text] > 1:
            texts[at] = f"{text}#{seen[text]}"
    return pa.array(texts, pa.string())
