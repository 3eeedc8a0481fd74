"""Assets: the photos of one thing in one snapshot come to one answer, with a confidence.

The answer has the largest sum of log-odds over the photos (`truth.combine`). That sum is no
confidence, because photos of one asset err together; a confidence is given where people reviewed
whole assets for calibration, by Platt's curve through their decisions (`fit_assets`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from vistoria.errors import UserError
from vistoria.labels import counted_fields, labelled_rows, named, plain
from vistoria.ledger import Field, Ledger, Run
from vistoria.records import Value
from vistoria.truth import Combined, Platt, combine

__all__ = ["AssetConflict", "Assets", "asset_answers", "asset_table", "conflicts"]

_MIDDLING = 0.8  # the confidence of a photo's label where the model gives none to others


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Assets:
    """The assets of a run, one element per asset and snapshot.

    `rows`: asset_id, snapshot_id, asset_type, latitude, longitude (means over the photos), photos,
    ordinals; for each field `label FIELD` (canonical text). `combined`: field → evidence, share
    and conflicts, in the same order. `versions`: of the model that answered.
    """

    run: Run
    fields: tuple[Field, ...]
    rows: pa.Table
    combined: Mapping[str, Combined]
    versions: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AssetConflict:
    """An asset whose photos say different things about a field. `votes`: answer → photos;
    `answer`: the one taken; `share`: of its photos that say so."""

    asset_id: str
    snapshot_id: str | None
    field: str
    answer: Value
    share: float
    votes: Mapping[str, int]
    uris: tuple[str, ...]


def asset_answers(ledger: Ledger, run: Run, names: Sequence[str] | None = None) -> Assets:
    """One answer per asset, snapshot and field; raises UserError where no row names an asset."""
    fields = counted_fields(ledger, run, names)
    rows, whose = _grouped(labelled_rows(ledger, run, fields), run)
    groups = int(whose.max()) + 1 if len(whose) else 0
    first = np.unique(whose, return_index=True)[1]
    heads = rows.take(pa.array(first))
    columns = {name: heads[name] for name in ("asset_id", "snapshot_id", "asset_type")}
    columns["latitude"] = _means(_numbers(rows["latitude"]), whose, groups)
    columns["longitude"] = _longitudes(_numbers(rows["longitude"]), whose, groups)
    order = np.argsort(whose, kind="stable")
    ends = np.append(np.searchsorted(whose[order], np.arange(groups)), len(whose))
    columns["photos"] = pa.array(np.diff(ends))
    columns["ordinals"] = pa.ListArray.from_arrays(
        pa.array(ends, pa.int32()), rows["ordinal"].combine_chunks().take(pa.array(order))
    )
    combined = {}
    for field in fields:
        labels = rows[f"label {field.name}"].combine_chunks().dictionary_encode()
        found = combined[field.name] = _combine(labels, rows[f"confidence {field.name}"], whose)
        columns[f"label {field.name}"] = labels.dictionary.take(pa.array(found.label))
    versions = tuple(sorted(v for v in pc.unique(rows["model_version"]).to_pylist() if v))
    return Assets(
        run=run, fields=tuple(fields), rows=pa.table(columns), combined=combined, versions=versions
    )


def _grouped(rows: pa.Table, run: Run) -> tuple[pa.Table, NDArray[np.int64]]:
    """The rows that name an asset, and to which asset and snapshot each belongs."""
    rows = rows.filter(pc.is_valid(rows["asset_id"]))
    if not rows.num_rows:
        raise UserError(
            f"no answered row of run {run.run_id} names an asset; map the column that does with "
            "--column asset_id=THEIRS"
        )
    keys = pc.binary_join_element_wise(
        pc.fill_null(rows["snapshot_id"], ""), rows["asset_id"], "\x1f"
    )
    codes = keys.combine_chunks().dictionary_encode().indices
    return rows, codes.to_numpy(zero_copy_only=False).astype(np.int64)


def _combine(
    labels: pa.DictionaryArray, confidence: pa.ChunkedArray, whose: NDArray[np.int64]
) -> Combined:
    numbers = labels.indices.to_numpy(zero_copy_only=False).astype(np.int64)
    classes = max(2, len(labels.dictionary))
    if confidence.null_count == len(confidence):
        return combine(whose, numbers, classes=classes)
    sure = confidence.combine_chunks().to_numpy(zero_copy_only=False)
    usual = float(np.nanmedian(sure)) if np.isfinite(sure).any() else _MIDDLING
    return combine(whose, numbers, np.where(np.isnan(sure), usual, sure), classes=classes)


def _numbers(column: pa.ChunkedArray) -> NDArray[np.float64]:
    numbers: NDArray[np.float64] = column.combine_chunks().to_numpy(zero_copy_only=False)
    return numbers.astype(np.float64)


def _longitudes(values: NDArray[np.float64], whose: NDArray[np.int64], groups: int) -> pa.Array:
    """The same of degrees on a circle: photos on both sides of the antimeridian are neighbours."""
    there = np.isfinite(values)
    west, east = np.full(groups, np.inf), np.full(groups, -np.inf)
    np.minimum.at(west, whose[there], values[there])
    np.maximum.at(east, whose[there], values[there])
    across = (east - west > 180)[whose]
    mean = _means(np.where(across & (values < 0), values + 360, values), whose, groups)
    return pc.if_else(pc.greater(mean, 180.0), pc.subtract(mean, 360.0), mean)


def _means(values: NDArray[np.float64], whose: NDArray[np.int64], groups: int) -> pa.Array:
    """The mean of each group; null where a group has no value."""
    there = np.isfinite(values)
    count = np.bincount(whose[there], minlength=groups)
    total = np.bincount(whose[there], weights=values[there], minlength=groups)
    return pa.array(total / np.maximum(count, 1), mask=count == 0)


def asset_table(assets: Assets, curves: Mapping[str, Platt] | None = None) -> pa.Table:
    """For views and publishers: one row per asset and snapshot, for each field its answer,
    FIELD_confidence (null unless `curves` has one for the field), FIELD_share of photos that agree
    and FIELD_conflict."""
    kept = ("asset_id", "snapshot_id", "asset_type", "latitude", "longitude", "photos")
    columns = {name: assets.rows[name] for name in kept}
    count = assets.rows.num_rows
    for field in assets.fields:
        combined = assets.combined[field.name]
        values = [plain(text) for text in assets.rows[f"label {field.name}"].to_pylist()]
        columns[field.name] = _typed(values, field.kind)
        curve = (curves or {}).get(field.name)
        columns[f"{field.name}_confidence"] = (
            pa.array(curve.confidence(combined.features)) if curve else pa.nulls(count, "double")
        )
        columns[f"{field.name}_share"] = pa.array(combined.share)
        columns[f"{field.name}_conflict"] = pa.array(combined.conflict)
    return pa.table(columns)


def _typed(values: list[Value], kind: str) -> pa.Array:
    types = {
        "choice": pa.string(), "boolean": pa.bool_(), "number": pa.float64(),
        "choices": pa.list_(pa.string()),
    }  # fmt: skip
    return pa.array(values, types[kind])


def conflicts(ledger: Ledger, assets: Assets) -> tuple[AssetConflict, ...]:
    """Assets whose photos disagree, the least agreed upon first."""
    rows = labelled_rows(ledger, assets.run, assets.fields)
    place = {ordinal: at for at, ordinal in enumerate(rows["ordinal"].to_pylist())}
    uris = rows["uri"].to_pylist()
    found = []
    for field in assets.fields:
        combined = assets.combined[field.name]
        labels = rows[f"label {field.name}"].to_pylist()
        for at in np.flatnonzero(combined.conflict).tolist():
            row = assets.rows.slice(at, 1).to_pylist()[0]
            photos = [place[ordinal] for ordinal in row["ordinals"]]
            said = [named(plain(labels[photo])) for photo in photos]
            found.append(
                AssetConflict(
                    asset_id=row["asset_id"], snapshot_id=row["snapshot_id"], field=field.name,
                    answer=plain(row[f"label {field.name}"]), share=float(combined.share[at]),
                    votes={name: said.count(name) for name in dict.fromkeys(said)},
                    uris=tuple(uris[photo] for photo in photos),
                )
            )  # fmt: skip
    return tuple(sorted(found, key=lambda c: (c.share, c.asset_id, c.field)))
