"""Certificates as issued; how far people agree with the machine and with each other."""

from collections import Counter
from dataclasses import fields

from vistoria.ledger import Ledger, Run, Sample
from vistoria.report.document import AgreementShown, CertificateShown
from vistoria.report.tallies import tallies
from vistoria.review import Tally, reader_agreement
from vistoria.truth import Agreement, agreement

_FEWEST = 20  # reviews below which an agreement says little


def read_certificates(ledger: Ledger, run: Run) -> tuple[CertificateShown, ...]:
    """The certificates that rest on samples of this run; of looks at the same claim the newest."""
    mine = {sample.sample_id for sample in ledger.reviews.samples() if sample.run_id == run.run_id}
    newest = {
        (one.sample_id, str(sorted(one.claim.items(), key=str))): one
        for one in ledger.reviews.certificates()
        if one.sample_id in mine and one.document.get("certified", True)
    }
    return tuple(
        CertificateShown(
            certificate=one.certificate_id, sample=one.sample_id, sentence=one.sentence,
            issued_at=one.issued_at, reviewed=one.reviewed, document=one.document,
            simulated=any(
                said.simulated
                for said in ledger.reviews.standing(ledger.reviews.sample(one.sample_id))
            ),
        )
        for one in newest.values()
    )  # fmt: skip


def read_agreements(ledger: Ledger, sample: Sample | None) -> tuple[AgreementShown, ...]:
    """By field: people with the machine, where the sample is a simple one; and the two people who
    looked at most together."""
    if sample is None:
        return ()
    found = []
    tallied = tallies(ledger, sample)[2] if sample.method == "simple" else {}
    for name in (field["name"] for field in sample.fields):
        if name in tallied and (machine := _machine(tallied[name])):
            found.append(_shown(name, "a person", "the machine", machine))
        if people := reader_agreement(ledger, sample, name):
            found.append(_shown(name, "one person", "another", people))
    return tuple(found)


def _machine(counted: Tally) -> Agreement | None:
    table: Counter[tuple[str, str]] = Counter()
    for (_, label), said in counted.answers().items():
        for answer, count in said.items():
            table[answer[0], label[0]] += count
    enough = table.total() >= _FEWEST and len({label for pair in table for label in pair}) > 1
    return agreement(table, parts="mid-p") if enough else None


def _shown(field: str, first: str, second: str, found: Agreement) -> AgreementShown:
    figures = {one.name: getattr(found, one.name) for one in fields(found)}
    return AgreementShown(field=field, first=first, second=second, **figures)
