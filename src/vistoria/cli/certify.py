"""Certify labels from a reviewed random sample, in a sentence that a contract can hold.

Every field of the sample, or those named. What is stated is bound to model version, task, region
and snapshot, and kept in the ledger. Refused, with the reason, where it would not be true: a sample
that was not random, labels used before, reviewers who saw the machine's label, a model, task or
snapshot that changed, answers left out, a look taken before the sample grew.

Exit code 0: certified; 1: certified, but less than --at-least; 2: refused.

Examples:
    vistoria certify --field material
    vistoria certify --field asset --class road_sign --recall --at-least 90
    vistoria certify --field leaning --at-least 95 --stop-when-reached
    vistoria certify --list
"""

from collections.abc import Sequence
from typing import Any

import click

from vistoria.certificate import Claim, Issued, issue
from vistoria.cli import _settings
from vistoria.cli._command import Command
from vistoria.cli._errors import FAILED
from vistoria.cli._reviewing import domain_of
from vistoria.cli._talk import as_json, put_json, put_table, quiet, say
from vistoria.errors import CertificateRefused, UserError
from vistoria.ledger import Ledger, Sample
from vistoria.opening import open_task
from vistoria.project import Project
from vistoria.review import Domain

_REFUSED = 2


@click.command("certify", cls=Command, help=__doc__)
@click.option(
    "--sample",
    "number",
    type=int,
    metavar="N",
    help="A sample [default: the last drawn to certify].",
)
@click.option("--field", "--fields", "names", metavar="A,B", help="Only these fields.")
@click.option("--class", "answer", metavar="ANSWER", help="Only labels with this answer.")
@click.option("--recall", is_flag=True, help="Of --class: the share that was found.")
@click.option("--run", type=int, metavar="N", help="Check that the sample is of this run.")
@click.option("--snapshot", metavar="ID", help="Only this snapshot.")
@click.option("--asset-type", metavar="TYPE", help="Only this type of asset.")
@click.option("--region", metavar="W,S,E,N", help="Only what lies there, in degrees.")
@click.option(
    "--confidence",
    type=click.FloatRange(50, 100, max_open=True),
    default=95.0,
    metavar="PERCENT",
    help="How sure the sentence is [default: 95].",
)
@click.option("--together", is_flag=True, help="All sentences hold at once with that confidence.")
@click.option(
    "--at-least",
    "target",
    type=click.FloatRange(0, 100, min_open=True, max_open=True),
    metavar="PERCENT",
    help="What must be reached.",
)
@click.option(
    "--stop-when-reached",
    is_flag=True,
    help="Look again and again while a simple sample grows; honest, but needs more.",
)
@click.option("--simulated", is_flag=True, help="Take a simulated reviewer; the sentence says so.")
@click.option("--list", "listed", is_flag=True, help="The certificates written so far.")
@_settings.task
@_settings.ledger
@_settings.project
@quiet
@as_json
@click.pass_context
def command(context: click.Context, /, number: int | None, as_json: bool, **given: Any) -> None:
    """See the top of this file."""
    project = _settings.load(context)
    with Ledger(project.run.ledger, create=False) as ledger:
        if given["listed"]:
            _list(ledger, as_json=as_json)
            return
        sample = ledger.reviews.sample(number or _last(ledger))
        claims = _claims(project, sample, given)
        found = [_issued(ledger, sample, claim) for claim in claims]
    if as_json:
        put_json([_document(claim, one) for claim, one in zip(claims, found, strict=True)])
    else:
        _show(claims, found)
    refused = [one for one in found if isinstance(one, CertificateRefused)]
    if refused and len(claims) == 1 and not as_json:
        raise refused[0]
    missed = any(isinstance(one, Issued) and one.reached is False for one in found)
    context.exit(_REFUSED if refused else FAILED if missed else 0)


def _last(ledger: Ledger) -> int | None:
    """The last sample that was drawn to certify labels; None where there is none."""
    fit = [
        one.sample_id
        for one in ledger.reviews.samples()
        if one.purpose == "certification" and one.unit != "pair"
    ]
    return fit[-1] if fit else None


def _claims(project: Project, sample: Sample, given: dict[str, Any]) -> list[Claim]:
    asked = [name.strip() for name in (given["names"] or "").split(",") if name.strip()]
    names = asked or [one["name"] for one in sample.fields]
    if (given["answer"] or given["recall"]) and len(names) != 1:
        raise UserError("--class and --recall are about one field: name it with --field")
    if given["recall"] and not given["answer"]:
        raise UserError("--recall is of one answer: name it with --class")
    domain = domain_of(given)
    meanings = _meanings(project)
    return [
        Claim(
            field=name, answer=given["answer"], measure="recall" if given["recall"] else "right",
            domain=None if domain == Domain() else domain, confidence=given["confidence"] / 100,
            together=len(names) if given["together"] else 1,
            target=None if given["target"] is None else given["target"] / 100,
            stop_when_reached=given["stop_when_reached"], simulated=given["simulated"],
            run_id=given["run"], fingerprint=meanings.get(name, "gone") if meanings else None,
        )
        for name in names
    ]  # fmt: skip


def _meanings(project: Project) -> dict[str, str] | None:
    """Field → fingerprint of the task that the project asks now, if it names one."""
    if project.task.name is None:
        return None
    return {field.name: field.fingerprint for field in open_task(project).fields}


def _issued(ledger: Ledger, sample: Sample, claim: Claim) -> Issued | CertificateRefused:
    try:
        return issue(ledger, sample, claim)
    except CertificateRefused as refused:
        return refused


def _show(claims: Sequence[Claim], found: Sequence[Issued | CertificateRefused]) -> None:
    for claim, one in zip(claims, found, strict=True):
        if isinstance(one, Issued):
            click.echo(one.sentence)
            if one.reached is False:
                say(f"{claim.field}: the target was not reached", fg="yellow")
        elif len(claims) > 1:
            say(f"{claim.field}: {one}", fg="yellow")


def _document(claim: Claim, one: Issued | CertificateRefused) -> dict[str, Any]:
    if isinstance(one, CertificateRefused):
        return claim.document() | {"certified": False, "reason": one.reason, "message": str(one)}
    kept = one.certificate
    return {
        "certified": True, "certificate": kept.certificate_id, "sentence": kept.sentence,
        "issued_at": kept.issued_at, **kept.document,
    }  # fmt: skip


def _list(ledger: Ledger, *, as_json: bool) -> None:
    kept = ledger.reviews.certificates()
    if as_json:
        put_json([
            {"certificate": one.certificate_id, "sample": one.sample_id, "sentence": one.sentence,
             "issued_at": one.issued_at, **one.document}
            for one in kept
        ])  # fmt: skip
        return
    put_table(
        ("certificate", "sample", "issued", "sentence"),
        [(c.certificate_id, c.sample_id, c.issued_at[:16], c.sentence) for c in kept],
    )
