"""Two runs, two snapshots, a golden set: what differs and why."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.labelled import POLE, add_run, poles, truth_of
from vistoria.compare import (
    compare_runs,
    compare_snapshots,
    costs_of,
    golden_file,
    golden_sample,
    regression,
)
from vistoria.errors import CertificateRefused, UserError
from vistoria.ledger import Ledger
from vistoria.review import Domain, Wish, draw_sample, record, simulate
from vistoria.task import Field, Task

Rows = list[dict[str, Any]]


def flipped(rows: Rows, every: int, offset: int = 0) -> Rows:
    """The rows with the material of every so many poles taken for the other."""
    other = {"wood": "steel", "steel": "wood", None: None}
    return [
        row | ({"material": other[row["material"]]} if i % every == offset else {})
        for i, row in enumerate(rows)
    ]


def test_noise_is_told_from_the_effect_of_a_model(ledger: Ledger) -> None:
    rows = poles(400)
    a = add_run(ledger, rows)
    add_run(ledger, flipped(rows, 20)[:200], fresh=True)  # 10 of 200 differ from themselves
    add_run(ledger, rows[:200], fresh=True)  # back: 10 more of 200
    same = add_run(ledger, flipped(rows, 20, 3), model="n")
    noisy = compare_runs(ledger, a, same, ["material"])
    [material] = noisy.fields
    assert (noisy.what, noisy.paired, material.differ, material.repeats) == ("model", 400, 20, 400)
    assert material.noise is not None
    assert material.noise.estimate == pytest.approx(0.05)
    assert not material.shown, "5 % differ, and 5 % do when nothing changes"
    worse = add_run(ledger, flipped(rows, 4), model="o")
    [material] = compare_runs(ledger, a, worse, ["material"]).fields
    assert material.effect is not None
    assert material.effect.estimate == pytest.approx(0.2)
    assert material.shown
    assert material.moves == {("wood", "steel"): 50, ("steel", "wood"): 50}


def test_without_repeats_the_effect_is_unknown(ledger: Ledger) -> None:
    rows = poles(100)
    a, b = add_run(ledger, rows), add_run(ledger, flipped(rows, 4)[:60], model="n")
    found = compare_runs(ledger, a, b)
    assert (found.paired, found.only_a, found.only_b) == (60, 40, 0)
    assert [one.field for one in found.fields] == ["asset", "material", "leaning"]
    assert all(one.noise is None and one.effect is None for one in found.fields)


def test_the_same_question_twice_is_noise(ledger: Ledger) -> None:
    rows = poles(60)
    a = add_run(ledger, rows)
    with pytest.raises(UserError, match="no photo was asked about twice"):
        compare_runs(ledger, a, a)
    b = add_run(ledger, flipped(rows, 6), fresh=True)
    found = compare_runs(ledger, a, b)
    assert (found.what, found.paired) == ("repeat", 60)
    assert [one.differ for one in found.fields] == [0, 10, 0]
    newer = add_run(ledger, rows, fresh=True, version="m-2")
    assert compare_runs(ledger, b, newer).paired == 60, "another version is no repeat"


def test_another_prompt(ledger: Ledger) -> None:
    reworded = Task(
        "pole", "Look at the street.",
        (POLE.field("asset"), Field("leaning", "boolean", "Is it tilted by 5 degrees or more?")),
    )  # fmt: skip
    rows = poles(50)
    a, b = add_run(ledger, rows), add_run(ledger, rows, task=reworded)
    found = compare_runs(ledger, a, b)
    assert found.what == "prompt"
    assert {one.field: one.reworded for one in found.fields} == {"asset": False, "leaning": True}
    both = add_run(ledger, rows, task=reworded, model="n")
    assert compare_runs(ledger, a, both).what == "model and prompt"


def test_nothing_in_common(ledger: Ledger) -> None:
    a = add_run(ledger, poles(5))
    b = add_run(ledger, [row | {"id": f"x{row['id']}"} for row in poles(5)], model="n")
    with pytest.raises(UserError, match="no answered photo in common"):
        compare_runs(ledger, a, b)
    other = Task("t", "Look.", (Field("rust", "boolean", "Rust?"),))
    c = add_run(ledger, [{"id": "p00000", "rust": True}], task=other)
    with pytest.raises(UserError, match="share no field"):
        compare_runs(ledger, a, c)


def snapshots(changed: int = 0) -> tuple[Rows, Rows]:
    """What is true of 500 assets in two snapshots, and what a machine says that misreads some."""
    truth = []
    for snapshot in ("s1", "s2"):
        for i, row in enumerate(poles(500, snapshot_id=snapshot)):
            new = {"id": f"{snapshot}{i}", "asset_id": f"a{i}"}
            truth.append(
                row | new | ({"material": "steel"} if snapshot == "s2" and i < changed else {})
            )
    return truth, [*flipped(truth[:500], 25), *flipped(truth[500:], 25, 7)]


@pytest.mark.parametrize("changed", [0, 60])
def test_change_of_the_world(ledger: Ledger, changed: int) -> None:
    truth, said = snapshots(changed)
    gone = {"id": "g", "asset_id": "gone", "snapshot_id": "s1", **said[0]} | {"asset_id": "gone"}
    run = add_run(ledger, [*said, gone | {"id": "g"}])
    [apparent] = compare_snapshots(ledger, run, "s1", "s2", ["material"]).fields
    assert apparent.real is None
    assert not apparent.shown
    assert apparent.apparent >= 36
    wish = Wish(
        size=200, unit="pair", domain=Domain(between=("s1", "s2")), by_field="material",
        fields=("material",),
    )  # fmt: skip
    sample = draw_sample(ledger, run, POLE, wish)
    record(ledger, simulate(ledger, sample, truth_of(truth), error_rate=0))
    found = compare_snapshots(ledger, run, "s1", "s2", ["material"])
    assert (found.pairs, found.gone, found.new) == (500, 1, 0)
    [material] = found.fields
    assert material.real is not None
    assert material.real.interval.low <= changed / 500 <= material.real.interval.high
    assert material.shown == (changed > 0)
    assert (material.reviewed, material.simulated) == (200, True)


def test_no_change_between_versions_of_a_model(ledger: Ledger) -> None:
    _, said = snapshots()
    run = add_run(ledger, said, version=["m-1"] * 500 + ["m-2"] * 500)
    with pytest.raises(UserError, match="come from m-1, m-2"):
        compare_snapshots(ledger, run, "s1", "s2")
    with pytest.raises(UserError, match="no asset of snapshot 's9'; there are"):
        compare_snapshots(ledger, run, "s1", "s9")


def test_a_golden_file(ledger: Ledger, tmp_path: Path) -> None:
    rows = poles(200)
    a, same = add_run(ledger, rows), add_run(ledger, flipped(rows, 50), model="n")
    worse = add_run(ledger, flipped(rows, 8), model="o")
    path = tmp_path / "golden.parquet"
    keep = [{"observation_id": row["id"], "material": row["material"]} for row in rows]
    pq.write_table(pa.Table.from_pylist(keep), path)
    golden = golden_file(path)
    [one] = regression(ledger, a, same, golden)
    assert (one.field, one.right_a, one.right_b, one.worse) == ("material", 200, 196, False)
    [one] = regression(ledger, a, worse, golden)
    assert (one.paired.first_only, one.paired.second_only, one.worse) == (25, 0, True)
    [one] = regression(ledger, worse, a, golden)
    assert not one.worse, "better is not worse"
    lines = tmp_path / "golden.jsonl"
    lines.write_text("\n".join(json.dumps(row) for row in keep))
    assert golden_file(lines) == golden
    with pytest.raises(UserError, match="no column observation_id"):
        golden_file(_csv(tmp_path / "x.csv", "a\n1\n"))
    with pytest.raises(UserError, match="knows none of the fields"):
        regression(ledger, a, same, {"p00000": {"rust": "true"}})
    with pytest.raises(UserError, match="no photo of the golden set"):
        regression(ledger, a, same, {"zzz": {"material": '"wood"'}})


def _csv(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_a_sample_as_golden_set_is_used_up(ledger: Ledger) -> None:
    from vistoria.certificate import Claim, issue

    rows = poles(300)
    a = add_run(ledger, rows)
    b = add_run(ledger, flipped(rows, 5), model="n")
    development = draw_sample(ledger, a, POLE, Wish(size=50, purpose="development"))
    certifying = draw_sample(ledger, a, POLE, Wish(size=50))
    with pytest.raises(UserError, match="nothing of sample 1 is decided"):
        golden_sample(ledger, development)
    for sample in (development, certifying):
        record(ledger, simulate(ledger, sample, truth_of(rows), error_rate=0))
        found = {one.field: one for one in regression(ledger, a, b, golden_sample(ledger, sample))}
        assert found["material"].right_a == 50
        assert found["asset"].worse is False
    assert ledger.reviews.uses(development) == ()
    with pytest.raises(CertificateRefused, match="labels_reused"):
        issue(ledger, certifying, Claim(field="material", simulated=True))


def test_costs(ledger: Ledger) -> None:
    run = add_run(ledger, poles(10))
    cost = costs_of(ledger, run)
    assert (cost.answered, cost.spent, cost.times(1000)) == (10, 0, 0)
