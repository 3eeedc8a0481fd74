"""The certified list of changes: what is on it, what it says, and when there is none."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest

from tests.labelled import POLE, add_run, poles, truth_of
from vistoria.certificate import REASONS, Claim, ListedChanges, change_sample, issue, list_changes
from vistoria.compare import compare_snapshots
from vistoria.errors import CertificateRefused, UserError
from vistoria.ledger import Ledger, Run, Sample
from vistoria.records import Decision
from vistoria.report.changes import read_changes
from vistoria.report.facts import run_facts
from vistoria.report.readers import read_certificates
from vistoria.review import Domain, Wish, draw_sample, record, simulate

BETWEEN = ("s1", "s2")
REAL, MISREAD, ASSETS = 150, 100, 500
CLAIM = Claim(field="material", measure="changes", target=0.8)
WISH = Wish(size=120, unit="pair", domain=Domain(between=BETWEEN, changed="material"))


def town(*, telling: bool = True) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """What is true, and what a machine says. Of 500 poles of wood the first 150 are of steel in the
    second snapshot; of the next 100 the machine says so, without being sure (if `telling`)."""
    truth, said = [], []
    for snapshot in BETWEEN:
        for i, row in enumerate(poles(ASSETS, wood=1.0, snapshot_id=snapshot)):
            photo = row | {"id": f"{snapshot}{i}", "asset_id": f"a{i:03d}"}
            later = snapshot == "s2"
            changed = photo | {"material": "steel"}
            misread = later and REAL <= i < REAL + MISREAD
            truth.append(changed if later and i < REAL else photo)
            sure = {"material": (0.6 if misread and telling else 0.9) + i % 7 / 100}
            said.append((changed if misread else truth[-1]) | {"confidence": sure})
    return truth, said


@dataclass
class Drawn:
    """A run over the town, and a sample of its apparent changes."""

    ledger: Ledger
    run: Run
    sample: Sample
    truth: dict[str, dict[str, Any]]

    def decide(self, items: Sequence[int] = (), **changes: Any) -> None:
        """`ana`, a person, says what is true of these items, or of all."""
        person: dict[str, Any] = {"simulated": False, "decided_at": "2026-11-22T12:00:00+00:00"}
        self.ledger.reviews.append(
            [replace(d, **(person | changes)) for d in self.known() if not items or d.item in items]
        )

    def known(self) -> tuple[Decision, ...]:
        reading = simulate(self.ledger, self.sample, self.truth, error_rate=0, reviewer="ana")
        return reading.decisions

    def refused(self, **changes: Any) -> str:
        """The reason why there is no list."""
        with pytest.raises(CertificateRefused) as caught:
            list_changes(self.ledger, self.sample, replace(CLAIM, **changes))
        assert caught.value.reason in REASONS
        return caught.value.reason


def drawn(ledger: Ledger, *, telling: bool = True, wish: Wish = WISH) -> Drawn:
    truth, said = town(telling=telling)
    run = add_run(ledger, said)
    return Drawn(ledger, run, draw_sample(ledger, run, POLE, wish), truth_of(truth))


def on(found: ListedChanges) -> dict[str, dict[str, Any]]:
    return {row["asset_id"]: row for row in found.table.to_pylist()}


def test_the_list_is_mostly_real(ledger: Ledger) -> None:
    at = drawn(ledger)
    assert (at.sample.population, at.sample.method) == (REAL + MISREAD, "simple")
    assert [one["name"] for one in at.sample.fields] == ["material"]
    at.decide()
    found = list_changes(ledger, change_sample(ledger, at.run, BETWEEN, "material"), CLAIM)
    rows = on(found)
    real = {name for name in rows if int(name[1:]) < REAL}
    assert len(real) == REAL, "the model is sure of all real ones"
    assert len(real) >= 0.8 * len(rows)
    reviewed = {unit.unit for unit in ledger.reviews.units(at.sample)}
    assert {name for name, row in rows.items() if row["reviewed"]} == reviewed & real
    assert not (reviewed - real) & set(rows), "what people saw unchanged is left out"
    assert rows["a000"]["label_before"] == rows["a000"]["before"] == "wood"
    assert (rows["a000"]["after"], rows["a000"]["snapshot_after"]) == ("steel", "s2")
    assert found.sentence.startswith(
        f"At least 80 % of these {len(rows)} changes of 'material' between s1 and s2 are real, "
        "with 95 % confidence: 120 of 250 assets whose labels differ were reviewed (simple random"
    )
    assert "by ana" in found.sentence
    assert ledger.reviews.certificates()[-1].document["certified_on"] <= 60, "half fitted the score"


def test_people_have_the_last_word(ledger: Ledger) -> None:
    at = drawn(ledger)
    at.decide()
    false = [u for u in ledger.reviews.units(at.sample) if int(u.unit[1:]) >= REAL]
    mended, unclear = false[:2]
    at.decide([mended.item], value="steel")
    before = next(d for d in at.known() if d.item == mended.item and d.part == 1)
    ledger.reviews.append([replace(before, value="wood", simulated=False)])
    at.decide([unclear.item], verdict="unclear", value=None)
    rows = on(list_changes(ledger, at.sample, CLAIM))
    row = rows[mended.unit]
    assert (row["before"], row["after"]) == ("steel", "wood"), "not as the machine says"
    assert (row["label_before"], row["label_after"], row["reviewed"]) == ("wood", "steel", True)
    assert unclear.unit not in rows


def test_refused(ledger: Ledger) -> None:
    at = drawn(ledger)
    assert at.refused() == "incomplete"
    at.decide(range(1, 100))
    assert at.refused() == "incomplete"
    at.decide()
    assert ledger.reviews.certificates() == ()
    assert list_changes(ledger, at.sample, CLAIM).reviewed == 120
    ledger.reviews.append([replace(at.known()[0], value="steel", simulated=False)])
    assert at.refused() == "peeked"
    with pytest.raises(CertificateRefused, match=r"sample pairs/ --run 1 .* --changed leaning"):
        change_sample(ledger, at.run, BETWEEN, "leaning")
    with pytest.raises(UserError, match="call list_changes"):
        issue(ledger, at.sample, CLAIM)
    with pytest.raises(UserError, match="the measure 'changes'"):
        list_changes(ledger, at.sample, replace(CLAIM, target=None))


def test_refused_for_who_looked_and_how(ledger: Ledger) -> None:
    at = drawn(ledger)
    record(ledger, simulate(ledger, at.sample, at.truth, error_rate=0))
    assert at.refused() == "simulated"
    found = list_changes(ledger, at.sample, replace(CLAIM, simulated=True))
    assert found.sentence.startswith("SIMULATED REVIEW, NOT BY A PERSON. At least 80 %")
    seen = replace(at, sample=draw_sample(ledger, at.run, POLE, WISH))
    seen.decide(label_seen=True)
    assert seen.refused() == "label_seen"
    wish = replace(WISH, size=40, purpose="calibration")
    reused = replace(at, sample=draw_sample(ledger, at.run, POLE, wish))
    reused.decide()
    assert reused.refused() == "labels_reused"
    every = replace(WISH, domain=Domain(between=BETWEEN), choice="simple", fields=("material",))
    whole = replace(at, sample=draw_sample(ledger, at.run, POLE, every))
    whole.decide()
    assert whole.refused() == "other_population"


def test_no_list_where_the_model_is_as_sure_of_what_is_wrong(ledger: Ledger) -> None:
    at = drawn(ledger, telling=False)
    at.decide()
    assert at.refused() == "no_list"
    kept = ledger.reviews.certificates()[-1]
    assert kept.document["certified"] is False
    assert kept.sentence.startswith("Refused: no list of 'material' changes of which 80 % are real")
    assert read_certificates(ledger, at.run) == (), "a report shows what is certified"
    found = list_changes(ledger, at.sample, replace(CLAIM, target=0.3))
    assert [one.sentence for one in read_certificates(ledger, at.run)] == [found.sentence]
    assert "other precisions too (certificate 1)" in found.sentence
    assert found.certificate.document["level"] == pytest.approx(1 - 0.05 / 4)
    assert at.refused() == "no_list", "asked again, it gets no worse"
    assert ledger.reviews.certificates()[-1].document["level"] == pytest.approx(1 - 0.05 / 2)


def test_apparent_changes_speak_for_no_others(ledger: Ledger) -> None:
    at = drawn(ledger)
    at.decide()
    [material] = compare_snapshots(ledger, at.run, *BETWEEN, ["material"]).fields
    assert (material.apparent, material.real) == (REAL + MISREAD, None)
    shown = read_changes(
        ledger, at.run, run_facts(ledger, at.run), confidence=0.95, truth=None
    )  # fmt: skip
    assert {one.field: (one.machine, one.corrected) for one in shown}["material"] == (250, None)
    with pytest.raises(UserError, match="leave out --by and --suspicious"):
        draw_sample(ledger, at.run, POLE, replace(WISH, by_field="material"))
    with pytest.raises(UserError, match="'material', whose labels shall differ, is not among"):
        draw_sample(ledger, at.run, POLE, replace(WISH, fields=("leaning",)))
    with pytest.raises(UserError, match=r"no answered pair in: .* whose 'leaning' labels differ"):
        draw_sample(
            ledger, at.run, POLE, replace(WISH, domain=Domain(between=BETWEEN, changed="leaning"))
        )
    with pytest.raises(UserError, match="draw pairs"):
        draw_sample(ledger, at.run, POLE, replace(WISH, unit="asset"))
