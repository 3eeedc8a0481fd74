"""What a report says, figure by figure."""

import json
from dataclasses import replace

import pytest

from tests.labelled import POLE
from tests.report.conftest import ASSETS, NEW, OLD, Street
from vistoria.errors import UserError
from vistoria.ledger import SampleSpec
from vistoria.records import Decision
from vistoria.report import Contents, Report
from vistoria.report.document import AnswerCount, FieldAnswers
from vistoria.report.tallies import tallies
from vistoria.review import Domain, tally


def answer(report: Report, field: str, name: str) -> AnswerCount:
    """One answer of one field."""
    return next(one for one in asked(report, field).answers if one.answer == name)


def asked(report: Report, field: str) -> FieldAnswers:
    """One field."""
    return next(one for one in report.fields if one.field == field)


def test_corrected_counts_hold_the_truth_that_the_machine_misses(report: Report) -> None:
    wood = answer(report, "material", "wood")
    assert wood.truth == 200
    assert wood.off is not None
    assert wood.off < -5
    assert wood.corrected is not None
    assert wood.corrected.low <= 200 <= wood.corrected.high
    assert wood.corrected.high - wood.corrected.low < 60
    steel = answer(report, "material", "steel")
    assert steel.precision is not None
    assert steel.precision.high < 0.99
    assert wood.recall is not None
    assert wood.recall.high < 1
    assert report.taught is not None
    assert report.taught.machine_right < report.taught.counts == report.taught.held


def test_what_is_counted_is_named(report: Report) -> None:
    people = report.population
    assert (people.unit, people.units, people.reviewed) == ("asset", ASSETS, 200)
    assert people.scope == "snapshot 2025-05 (snapshot-of-2025)"
    assert people.simulated
    assert report.simulated
    for field in report.fields:
        assert sum(one.machine for one in field.answers) == field.rows == ASSETS
        assert field.right is not None
        assert field.reviewed == 200
    assert asked(report, "asset").judged == 200
    assert 0 < asked(report, "material").judged < 200, "a sign has no material"


def test_the_run_in_figures(report: Report) -> None:
    run = report.run
    assert (run.total, run.answered, run.pending) == (3 * ASSETS + 3, 3 * ASSETS, 0)
    assert dict(run.failed) == {"image_truncated": 3}
    assert list(run.snapshots) == [OLD, NEW]
    assert run.assets == ASSETS
    assert run.cost["requests"] == 0


def test_without_a_sample_nothing_is_corrected_and_it_says_so(fresh: Street) -> None:
    report = fresh.report()
    assert "Nobody has looked" in report.population.note
    assert not any(one.corrected for field in report.fields for one in field.answers)
    assert report.taught is None
    assert report.places is not None
    assert all(cell.corrected is None for cell in report.places.cells)
    assert all(one.corrected is None and one.note for one in report.changes)
    leaning = next(one for one in report.changes if one.field == "leaning")
    assert leaning.truth is not None
    assert leaning.machine > leaning.truth, "noise looks like change"


def test_a_sample_nobody_looked_at_corrects_nothing(fresh: Street) -> None:
    sample = fresh.review()
    reviewers = {one.reviewer for one in fresh.ledger.reviews.standing(sample)}
    fresh.ledger.reviews.append(
        [replace(one, verdict="retracted") for one in fresh.ledger.reviews.standing(sample)]
    )
    assert reviewers == {"simulated"}
    assert "nobody has looked at it yet" in fresh.report().population.note


def test_reviews_of_chosen_photos_correct_nothing(fresh: Street) -> None:
    drawn = fresh.review()
    units = fresh.ledger.reviews.units(drawn)
    fresh.ledger.reviews.note_use(drawn, "training")
    known = {name: getattr(drawn, name) for name in SampleSpec.__dataclass_fields__}
    chosen = fresh.ledger.reviews.add_sample(SampleSpec(**known | {"method": "chosen"}), units)
    fresh.ledger.reviews.append(
        [Decision(sample_id=chosen.sample_id, item=1, part=0, field="asset", verdict="value",
                  value="pole", reviewer="ana", decided_at="2026-01-01")]
    )  # fmt: skip
    found = fresh.report()
    assert "say nothing about the others" in found.population.note
    assert found.population.sample is None


def test_labels_that_changed_are_not_corrected_by_old_reviews(fresh: Street) -> None:
    sample = fresh.review(unit="asset", domain=Domain(snapshot=NEW))
    ordinals = fresh.ledger.scope(fresh.run).ordinals[:60]
    attempts = fresh.ledger.answers(fresh.run.question_id, ordinals.tolist())
    from vistoria.records import Attempt

    fresh.ledger.record(
        [Attempt(ordinal=o, run_id=fresh.run.run_id, question_id=fresh.run.question_id,
                 status="answered", answer={**said, "asset": "none"}, started_at=1.8e9)
         for o, said in attempts.items()]
    )  # fmt: skip
    fresh.ledger.flush()
    found = fresh.report(wanted=Contents(sample=sample.sample_id))
    assert "draw a new sample" in found.population.note
    assert not any(one.corrected for field in found.fields for one in field.answers)


def test_all_fields_together_are_counted_as_each_by_itself(reviewed: Street) -> None:
    for sample in reviewed.ledger.reviews.samples():
        _, sizes, together = tallies(reviewed.ledger, sample)
        assert sizes == dict(sample.strata)
        for name, found in together.items():
            alone = tally(reviewed.ledger, sample, name)
            assert dict(found.sizes) == dict(alone.sizes)
            assert found.settled == alone.settled
            assert (found.open, found.conflicts) == (alone.open, alone.conflicts)


def test_a_sample_of_another_run_is_refused(reviewed: Street) -> None:
    pairs = reviewed.ledger.reviews.samples()[1]
    with pytest.raises(UserError, match=r"does not correct run 1: .* in pairs"):
        reviewed.report(wanted=Contents(sample=pairs.sample_id))


def test_change_is_counted_from_pairs(report: Report) -> None:
    changes = {one.field: one for one in report.changes}
    leaning = changes["leaning"]
    assert (leaning.assets, leaning.truth, leaning.reviewed) == (ASSETS, 20, 200)
    assert leaning.corrected is not None
    assert leaning.corrected.low <= 20 <= leaning.corrected.high
    assert leaning.shown
    flip = next(one for one in leaning.flips if one.pair == ("no", "yes"))
    assert flip.truth == 20
    material = changes["material"]
    assert material.machine > 20
    assert material.truth == 0
    assert material.corrected is not None
    assert material.corrected.low == 0
    assert not material.shown


def test_conflicts_hold_no_pictures_by_default(report: Report) -> None:
    assert report.conflicts is not None
    assert report.conflicts.attribution is None
    assert report.conflicts.shown
    for one in report.conflicts.shown:
        assert len({photo.answer for photo in one.photos}) > 1
        assert not any(photo.picture for photo in one.photos)


def test_pictures_come_with_their_attribution(fresh: Street) -> None:
    found = fresh.report(wanted=Contents(thumbnail=lambda image: image.uri.encode()))
    assert found.conflicts is not None
    assert found.conflicts.attribution == "Photos: photos"
    first = found.conflicts.shown[0].photos[0]
    assert (first.picture or "").startswith("data:image/jpeg;base64,")


def test_reviewers_who_disagree_are_conflicts_and_agreement(fresh: Street) -> None:
    sample = fresh.review(unit="asset", choice="simple", size=60, domain=Domain(snapshot=NEW))
    said = fresh.ledger.reviews.standing(sample)
    ben = [
        replace(one, reviewer="ben", simulated=False,
                value="steel" if one.value == "wood" and one.item < 4 else one.value)
        for one in said
    ]  # fmt: skip
    fresh.ledger.reviews.append(ben)
    found = fresh.report()
    assert found.population.reviewers == ("ben", "simulated")
    assert found.population.conflicts >= 1
    assert found.conflicts is not None
    assert found.conflicts.shown[0].by == "people"
    readers = {(one.field, one.first) for one in found.agreements}
    assert ("material", "one person") in readers
    assert ("material", "a person") in readers


def test_the_certificate_is_shown_as_issued(report: Report, reviewed: Street) -> None:
    [shown] = report.certificates
    [issued] = reviewed.ledger.reviews.certificates()
    assert shown.sentence == issued.sentence
    assert shown.simulated


def test_the_map_is_grey_where_no_person_looked(report: Report) -> None:
    assert report.places is not None
    assert sum(cell.rows for cell in report.places.cells) == ASSETS
    for cell in report.places.cells:
        assert (cell.corrected is None) == (cell.reviewed == 0)
        assert cell.corrected is None or cell.corrected.covers in ("average", "each")


def test_the_map_shows_what_is_asked_for(reviewed: Street) -> None:
    found = reviewed.report(wanted=Contents(mapped=("leaning", "yes"), resolution=7))
    assert found.places is not None
    assert (found.places.field, found.places.answer, found.places.resolution) == (
        "leaning", "yes", 7,
    )  # fmt: skip
    with pytest.raises(UserError, match=r"no asset was answered with 'tree'; there are pole"):
        reviewed.report(wanted=Contents(mapped=("asset", "tree")))
    with pytest.raises(UserError, match="no counted field 'height'"):
        reviewed.report(wanted=Contents(mapped=("height", "5")))


def test_every_figure_is_json(report: Report) -> None:
    document = json.loads(json.dumps(report.document(), allow_nan=False))
    first = document["fields"][0]["answers"][0]
    assert first["corrected"]["confidence"] == 0.95
    assert first["corrected"]["method"]
    assert {field.name for field in POLE.fields} == {one["field"] for one in document["fields"]}
