"""What a reviewed sample says about a whole run, and about assets and change."""

import random
from typing import Any

import pytest

from tests.labelled import POLE, add_run, poles, truth_of
from vistoria.assets import asset_answers, asset_table, conflicts
from vistoria.errors import UserError
from vistoria.ledger import Ledger
from vistoria.review import (
    Domain,
    Wish,
    change_estimate,
    class_estimates,
    draw_sample,
    fit_curves,
    reader_agreement,
    record,
    simulate,
    tally,
)


def misread(rows: list[dict[str, Any]], rate: float, seed: int = 1) -> list[dict[str, Any]]:
    """The same rows as a machine that takes wood for steel, and says so with a confidence."""
    chance = random.Random(seed)
    found = []
    for row in rows:
        wrong = row["material"] == "wood" and chance.random() < rate
        sure = {"asset": 0.99, "material": 0.7 if wrong else 0.95, "leaning": 0.9}
        found.append(row | ({"material": "steel"} if wrong else {}) | {"confidence": sure})
    return found


def test_corrected_shares_hold_what_raw_counts_miss(ledger: Ledger) -> None:
    truth = poles(2000, wood=0.3, signs=500)
    run = add_run(ledger, misread(truth, 0.4))
    sample = draw_sample(ledger, run, POLE, Wish(size=400, fields=("material",)))
    record(ledger, simulate(ledger, sample, truth_of(truth), error_rate=0))
    found = {one.answer: one for one in class_estimates(ledger, sample, "material")}
    assert set(found) == {"wood", "steel", "(does not apply)"}
    wood = found["wood"]
    assert wood.raw < 400, "of 600 in truth"
    assert wood.count.low <= 600 <= wood.count.high
    assert wood.share.width < 0.1
    assert (wood.units, wood.reviewed, wood.simulated) == (2500, 400, True)
    counted = tally(ledger, sample, "material")
    assert counted.units == 2500
    assert sum(s.size for s in counted.class_strata()) == 2500
    assert sum(s.reviewed for s in counted.right_strata()) == 400


def test_a_part_of_the_sample_speaks_for_a_part_of_the_run(ledger: Ledger) -> None:
    rows = poles(600, snapshot_id="s1") + [
        row | {"id": f"x{row['id']}"} for row in poles(300, wood=0.1, snapshot_id="s2")
    ]
    sample = draw_sample(ledger, add_run(ledger, rows), POLE, Wish(size=200, by_field="material"))
    record(ledger, simulate(ledger, sample, truth_of(rows), error_rate=0))
    part = tally(ledger, sample, "material", Domain(snapshot="s2"))
    assert (part.units, part.snapshots) == (300, ("s2",))
    estimates = class_estimates(ledger, sample, "material", Domain(snapshot="s2"))
    wood = next(one for one in estimates if one.answer == "wood")
    assert (wood.raw, wood.units) == (30, 300)
    assert wood.share.low <= 0.1 <= wood.share.high


def test_photos_of_an_asset_come_to_one_answer(ledger: Ledger) -> None:
    votes = [("wood", 0.6), ("wood", 0.6), ("steel", 0.99)]
    rows = [
        {"id": f"a{i}", "asset_id": "A", "snapshot_id": "s", "asset": "pole", "material": said,
         "leaning": True, "latitude": float(i), "confidence": {"material": sure}}
        for i, (said, sure) in enumerate(votes)
    ]  # fmt: skip
    rows.append({"id": "b", "asset_id": "B", "asset": "sign", "material": None, "leaning": None})
    rows.append({"id": "c", "asset": "pole", "material": "wood", "leaning": False})
    assets = asset_answers(ledger, add_run(ledger, rows))
    table = asset_table(assets).to_pylist()
    a = next(row for row in table if row["asset_id"] == "A")
    assert len(table) == 2, "what names no asset is left out"
    assert (a["material"], a["photos"], a["latitude"]) == ("steel", 3, 1.0), "one sure photo wins"
    assert a["material_share"] == pytest.approx(1 / 3)
    assert (a["material_conflict"], a["leaning_conflict"]) == (True, False)
    assert a["material_confidence"] is None
    [conflict] = conflicts(ledger, assets)
    assert conflict.votes == {"wood": 2, "steel": 1}
    assert conflict.uris == ("/photos/a0.jpg", "/photos/a1.jpg", "/photos/a2.jpg")


def test_assets_need_ids(ledger: Ledger) -> None:
    run = add_run(ledger, poles(5))
    with pytest.raises(UserError, match="names an asset"):
        asset_answers(ledger, run)


def test_confidence_of_assets_comes_from_reviewed_assets(ledger: Ledger) -> None:
    truth = [row | {"asset_id": row["id"], "snapshot_id": "s"} for row in poles(600, wood=0.5)]
    run = add_run(ledger, misread(truth, 0.3))
    assets = asset_answers(ledger, run, ["material"])
    assert fit_curves(ledger, assets) == {}
    wish = Wish(size=80, unit="asset", purpose="calibration", fields=("material",))
    sample = draw_sample(ledger, run, POLE, wish)
    record(ledger, simulate(ledger, sample, truth_of(truth), error_rate=0))
    curves = fit_curves(ledger, assets)
    assert curves["material"].fitted_on == 80
    sure = asset_table(assets, curves)["material_confidence"].to_pylist()
    unsure = [s for s, row in zip(sure, misread(truth, 0.3), strict=True)
              if row["confidence"]["material"] == 0.7]  # fmt: skip
    assert max(unsure) < min(s for s in sure if s not in unsure)


def test_change_from_reviewed_pairs(ledger: Ledger) -> None:
    rows = []
    for snapshot in ("s1", "s2"):
        for i, row in enumerate(poles(800, snapshot_id=snapshot)):
            material = "steel" if snapshot == "s2" and i < 40 else row["material"]
            new = {"id": f"{snapshot}{i}", "asset_id": f"a{i}", "material": material}
            rows.append(row | new)
    run = add_run(ledger, misread(rows, 0.05))
    wish = Wish(
        size=300, unit="pair", domain=Domain(between=("s1", "s2")), by_field="material",
        fields=("material",),
    )  # fmt: skip
    sample = draw_sample(ledger, run, POLE, wish)
    record(ledger, simulate(ledger, sample, truth_of(rows), error_rate=0))
    change, counted = change_estimate(ledger, sample, "material")
    assert counted.units == 800
    assert change.apparent > 0.08, "5 % of wood misread, twice"
    assert change.interval.low <= 0.05 <= change.interval.high
    assert change.shown


def test_two_readers(ledger: Ledger) -> None:
    rows = poles(400)
    sample = draw_sample(ledger, add_run(ledger, rows), POLE, Wish(size=60))
    assert reader_agreement(ledger, sample, "material") is None
    for reviewer, rate in (("one", 0.0), ("two", 0.2)):
        record(ledger, simulate(ledger, sample, truth_of(rows), error_rate=rate, reviewer=reviewer))
    found = reader_agreement(ledger, sample, "material")
    assert found is not None
    assert 0.6 < (found.raw.estimate or 0) < 0.95


def test_an_asset_at_the_antimeridian_stays_there(ledger: Ledger) -> None:
    places = [("a", 179.9996), ("a", -179.9998), ("b", -179.0), ("b", -178.0), ("c", None)]
    rows = [
        {"id": f"p{i}", "asset": "pole", "asset_id": asset, "longitude": east, "latitude": -17.0}
        for i, (asset, east) in enumerate(places)
    ]
    found = asset_answers(ledger, add_run(ledger, rows)).rows["longitude"].to_pylist()
    assert found[0] == pytest.approx(179.9999)
    assert found[1:] == [-178.5, None]
