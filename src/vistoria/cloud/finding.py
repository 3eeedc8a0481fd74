"""What a check of the doctor found, and from errors what to do."""

import re
from dataclasses import dataclass
from typing import Literal, TypeAlias

from vistoria.errors import VistoriaError
from vistoria.google_problem import permission_in, role_for

__all__ = ["Finding", "Status", "failed"]

Status: TypeAlias = Literal["pass", "warn", "fail", "unneeded", "unchecked"]

_BUCKET = re.compile(r"gs://([a-z0-9][a-z0-9._-]+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """`said`: what was found; `mend`: the next step, a command where there is one.

    "warn" stops no run; "unchecked" could not be looked at, `because` of the check named, if any.
    """

    check: str
    status: Status
    said: str
    mend: str | None = None
    because: str | None = None


def failed(
    check: str, error: VistoriaError, *, member: str | None = None, project: str | None = None
) -> Finding:
    """The finding of an error; `member`: who lacks a role, as policies name him."""
    first, *rest = str(error).split("\n")
    steps = [line.strip() for line in rest if not line.strip().startswith("Google:")]
    grant = _grant(str(error), member or "user:YOUR_E-MAIL", project or "PROJECT")
    mend = grant or "\n".join(steps)
    return Finding(check=check, status="fail", said=first, mend=mend or _step_in(first))


def _grant(text: str, member: str, project: str) -> str | None:
    """The command that gives the role which an error says is missing."""
    permission = permission_in(text)
    if permission is None:
        return None
    role = role_for(permission)
    where = f"projects add-iam-policy-binding {project}"
    if permission.startswith("storage.") and (bucket := _BUCKET.search(text)):
        where = f"storage buckets add-iam-policy-binding gs://{bucket[1]}"
    elif permission.startswith("iam."):
        return None
    return f'gcloud {where} --member="{member}" --role={role}'


def _step_in(said: str) -> str | None:
    """The part of a one-line message that says what to do."""
    _, mark, step = said.rpartition("; ")
    return step if mark else None
