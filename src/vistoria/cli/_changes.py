"""Writes a certified list of changes to a file, with the sentence that may be said about it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from vistoria.certificate import Claim, change_sample, list_changes
from vistoria.cli._talk import put_json, say
from vistoria.cli._writing import format_of, write
from vistoria.errors import CertificateRefused, UserError
from vistoria.ledger import Ledger, Run
from vistoria.result import shown

_PRECISION = 80.0  # percent, unless asked otherwise


def snapshots(text: str) -> tuple[str, str]:
    """From `BEFORE,AFTER`; raises UserError."""
    parts = [part.strip() for part in text.split(",")]
    if len(parts) != 2:
        raise UserError(f"--between {text!r} is not of the form BEFORE,AFTER")
    return parts[0], parts[1]


def write_changes(ledger: Ledger, run: Run, given: Mapping[str, Any], *, as_json: bool) -> None:
    """From the flags --between, --field, --precision and --simulated; nothing is written where the
    list is refused. Raises UserError, CertificateRefused."""
    target: Path | None = given["target"]
    if target is None or not given["between"] or not given["field"]:
        raise UserError("a list of changes needs --changes FILE, --between A,B and --field FIELD")
    form = format_of(str(target))
    claim = Claim(
        field=given["field"], measure="changes", target=(given["precision"] or _PRECISION) / 100,
        simulated=given["simulated"],
    )  # fmt: skip
    try:
        sample = change_sample(ledger, run, snapshots(given["between"]), claim.field)
        found = list_changes(ledger, sample, claim)
    except CertificateRefused as refused:
        if as_json:
            why = {"certified": False, "reason": refused.reason, "message": str(refused)}
            put_json(claim.document() | why)
        raise
    rows = write(target, form, found.table.schema, found.table.to_batches())
    kept = found.certificate
    if as_json:
        number = {"certificate": kept.certificate_id, "sentence": kept.sentence}
        put_json(number | {"file": str(target)} | dict(kept.document))
        return
    click.echo(kept.sentence)
    say(f"{rows:,} changes of {found.apparent:,} assets whose labels differ in {shown(target)}")
