"""Samples: their designs, probabilities and limits."""

from collections import Counter

import pytest

from tests.labelled import POLE, add_run, poles
from vistoria.errors import UserError
from vistoria.ledger import Ledger
from vistoria.review import Bounds, Domain, Wish, draw_sample, extend_sample, purpose_of, reopen
from vistoria.task import Field, Task


def test_below_a_hundred_it_is_simple(ledger: Ledger) -> None:
    run = add_run(ledger, poles(400, signs=100))
    sample = draw_sample(ledger, run, POLE, Wish(size=60))
    units = ledger.reviews.units(sample)
    assert (sample.method, sample.by_field, dict(sample.strata)) == ("simple", None, {"all": 500})
    assert [unit.item for unit in units] == list(range(1, 61))
    assert {unit.probability for unit in units} == {60 / 500}
    assert {purpose_of(unit.unit.rpartition("/")[2]) for unit in units} == {"certification"}


def test_strata_follow_the_machine_and_rare_labels_get_their_floor(ledger: Ledger) -> None:
    run = add_run(ledger, poles(1000, signs=40))
    sample = draw_sample(ledger, run, POLE, Wish(size=150))
    units = ledger.reviews.units(sample)
    drawn = Counter(unit.stratum for unit in units)
    assert (sample.method, sample.by_field) == ("stratified", "asset")
    assert dict(sample.strata) == {"pole": 1000, "sign": 40}
    assert drawn.total() == 150
    assert drawn["sign"] >= 10
    assert all(u.probability == drawn[u.stratum] / sample.strata[u.stratum] for u in units)
    assert all(u.labels[0]["asset"] == u.stratum for u in units)


def test_the_suspicious_are_taken_first(ledger: Ledger) -> None:
    rows = poles(600)
    for i, row in enumerate(rows):
        row["confidence"] = {"asset": 0.6 if i % 12 == 0 else 0.99}
    run = add_run(ledger, rows)
    sample = draw_sample(ledger, run, POLE, Wish(size=100, suspicious=0.25, fields=("asset",)))
    assert sample.suspicious_from == pytest.approx(0.4)
    suspicious = [u for u in ledger.reviews.units(sample) if u.stratum == "(suspicious)"]
    assert sample.strata["(suspicious)"] == 50
    free = sum(purpose_of(row["id"]) == "certification" for row in rows[::12])
    assert len(suspicious) == free, "all that are set apart for certifying"
    _, again = reopen(ledger, sample)
    assert dict(again.sizes) == dict(sample.strata)


def test_nothing_is_suspicious_without_confidence(ledger: Ledger) -> None:
    run = add_run(ledger, poles(200))
    with pytest.raises(UserError, match="nothing is suspicious"):
        draw_sample(ledger, run, POLE, Wish(size=20, suspicious=0.5))


def test_whole_assets_and_pairs(ledger: Ledger) -> None:
    rows = []
    for snapshot in ("s1", "s2"):
        for i, row in enumerate(poles(300, snapshot_id=snapshot)):
            kept = {**row, "id": f"{snapshot}-{row['id']}", "asset_id": f"a{i // 3}"}
            rows.append(kept | ({"material": "steel"} if snapshot == "s2" and i < 30 else {}))
    run = add_run(ledger, rows)
    one = draw_sample(ledger, run, POLE, Wish(size=40, unit="asset", domain=Domain(snapshot="s1")))
    assert one.population == 100
    assert all(len(u.ordinals[0]) == 3 for u in ledger.reviews.units(one))
    between = Domain(between=("s1", "s2"))
    wish = Wish(
        size=50, unit="pair", domain=between, by_field="material", fields=("material",),
        choice="stratified",
    )  # fmt: skip
    pairs = draw_sample(ledger, run, POLE, wish)
    assert dict(pairs.strata) == {"steel → steel": 50, "wood → steel": 10, "wood → wood": 40}
    unit = ledger.reviews.units(pairs)[0]
    assert [len(part) for part in unit.ordinals] == [3, 3]
    assert len(unit.labels) == 2
    with pytest.raises(UserError, match="name them with --between"):
        draw_sample(ledger, run, POLE, Wish(size=5, unit="pair"))


def test_a_simple_sample_grows_in_the_order_of_its_hash(ledger: Ledger) -> None:
    run = add_run(ledger, poles(400))
    sample = draw_sample(ledger, run, POLE, Wish(size=30, choice="simple"))
    before = ledger.reviews.units(sample)
    assert extend_sample(ledger, sample, 20) == 2
    after = ledger.reviews.units(sample)
    assert after[:30] == before
    whole = draw_sample(ledger, run, POLE, Wish(size=50, choice="simple"))
    assert [u.unit for u in ledger.reviews.units(whole)] == [u.unit for u in after]
    assert {u.probability for u in after[30:]} == {50 / 400}
    stratified = draw_sample(ledger, run, POLE, Wish(size=100))
    with pytest.raises(UserError, match="only a simple one can grow"):
        extend_sample(ledger, stratified, 5)


def test_no_more_than_is_set_apart(ledger: Ledger) -> None:
    run = add_run(ledger, poles(50))
    with pytest.raises(UserError, match=r"of 50 units \d+ are set apart for certification"):
        draw_sample(ledger, run, POLE, Wish(size=50))


def test_a_part_of_the_run(ledger: Ledger) -> None:
    rows = poles(200)
    for i, row in enumerate(rows):
        row |= {"latitude": -23.6 + i / 1000, "longitude": -46.6, "asset_type": f"t{i % 2}"}
    run = add_run(ledger, rows)
    bounds = Bounds.parse("-47,-23.6,-46,-23.5")
    wish = Wish(size=10, domain=Domain(asset_type="t1", bounds=bounds))
    assert draw_sample(ledger, run, POLE, wish).population == 50
    with pytest.raises(UserError, match="no answered observation in: snapshot nowhere"):
        draw_sample(ledger, run, POLE, Wish(size=10, domain=Domain(snapshot="nowhere")))


@pytest.mark.parametrize("text", ["1,2,3", "a,b,c,d", "5,0,4,1", ""])
def test_what_is_no_region(text: str) -> None:
    with pytest.raises(UserError, match="west,south,east,north"):
        Bounds.parse(text)


def test_domains_lie_within_one_another() -> None:
    wide, narrow = Bounds(0, 0, 9, 9), Bounds(1, 1, 2, 2)
    assert Domain(snapshot="a", bounds=narrow).within(Domain(bounds=wide))
    assert not Domain(bounds=wide).within(Domain(bounds=narrow))
    assert not Domain().within(Domain(snapshot="a"))
    assert not Domain(snapshot="b").within(Domain(snapshot="a"))
    assert Domain.of(Domain(between=("a", "b"), bounds=wide).document).bounds == wide


def test_texts_cannot_be_counted_and_tasks_must_match(ledger: Ledger) -> None:
    words = Task("t", "Look.", (Field("what", "text", "Describe."), Field("ok", "boolean", "Ok?")))
    run = add_run(ledger, [{"id": f"x{i}", "what": "a", "ok": True} for i in range(50)], task=words)
    with pytest.raises(UserError, match="never quite the same"):
        draw_sample(ledger, run, words, Wish(size=5, fields=("what",)))
    assert [f["name"] for f in draw_sample(ledger, run, words, Wish(size=5)).fields] == ["ok"]
    other = Task("t", "Look.", (Field("ok", "boolean", "Is it fine?"),))
    with pytest.raises(UserError, match="means something else"):
        draw_sample(ledger, run, other, Wish(size=5))
    with pytest.raises(UserError, match="has no field 'rust'"):
        draw_sample(ledger, run, words, Wish(size=5, fields=("rust",)))
