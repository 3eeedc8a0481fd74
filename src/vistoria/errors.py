"""Every error that Vistoria raises. Each class says who must act.

VistoriaError
├─ UserError            the person must act: what, where, next step; no traceback; exit 2
│  ├─ ConfigError       a setting is missing or wrong; lists each place looked at
│  ├─ UnknownName       no such source, model, task …; did you mean …
│  ├─ MissingExtra      a package of an extra is not installed; the install line
│  ├─ TaskError         a task file is wrong; file and line
│  ├─ AccessDenied      the service refuses the person: which role, key or API is missing
│  │  ├─ SignInMissing  no credentials on this machine
│  │  └─ SignInFailed   there are some, and the service gives no token for them
│  └─ CertificateRefused what was reviewed proves nothing of the kind; why, and what would
├─ TransientError       try again, after `retry_after` seconds if given; never charged to the image
│  └─ RateLimited       too fast, or too many at once: also lowers the limit
├─ ObservationError     this image fails for good: a row with a reason, the run goes on
│  ├─ AddressInvalid    the address is empty or malformed
│  ├─ ImageMissing      nothing at that address
│  │  └─ ImageExpired   and its address is one of a snapshot, whose images go after some weeks
│  ├─ ImageForbidden    the store refuses to hand it out
│  ├─ ImageUnreadable   no decoder here reads it
│  │  ├─ ImageEmpty     zero bytes
│  │  ├─ NotAnImage     the bytes are something else, e.g. a web page
│  │  ├─ ImageTruncated the end of the file is missing
│  │  └─ ImageCorrupt   an image file whose content is damaged
│  ├─ ImageTooLarge     more bytes or pixels than allowed
│  ├─ BoxInvalid        the asset's box is empty or outside the image
│  ├─ ImageRefused      the model's safety filter refused it
│  ├─ RequestRejected   the model's service called this request invalid
│  ├─ AnswerInvalid     the answer does not fit the task, after re-asking
│  ├─ AnswerTruncated   the answer hit the output limit
│  ├─ AnswerEmpty       the model answered nothing
│  ├─ AnswerLost        a run was killed before the answer came, and is told not to ask again
│  └─ Unreachable       transient errors did not end; a later run asks again
└─ RunStopped           ceiling reached, too many failures, Ctrl-C: resumable; exit 1 or 130
   ├─ QuotaExhausted    the service gives nothing more today (or this month): wait until it resets
   └─ ServiceDown       the service has not answered for as long as we are willing to wait
"""

import re
from typing import TYPE_CHECKING, ClassVar, Literal

if TYPE_CHECKING:
    from datetime import datetime

    from vistoria.records import Usage


class VistoriaError(Exception):
    """Base of all; catch this to catch everything Vistoria raises on purpose."""

    usage: "Usage | None" = None
    """Tokens billed for the call that failed, where a model's service says so."""


class UserError(VistoriaError):
    """The person must change something; the message says what, where and the next step."""


class ConfigError(UserError):
    """A setting is missing or wrong."""

    def __init__(self, message: str, *, looked_at: tuple[str, ...] = ()) -> None:
        """`looked_at`: each place searched, in order; shown below the message."""
        self.looked_at = looked_at
        places = "".join(f"\n  looked at {place}" for place in looked_at)
        super().__init__(f"{message}{places}")


class UnknownName(UserError):
    """A name that is not known; the message lists what is and suggests the nearest."""

    def __init__(self, kind: str, name: str, known: tuple[str, ...]) -> None:
        """`kind`: what was named, e.g. "model"; `known`: every valid name."""
        import difflib  # noqa: PLC0415 - only on the way out

        self.kind, self.name, self.known = kind, name, known
        near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
        hint = f"; did you mean {near[0]!r}?" if near else "."
        super().__init__(f"no {kind} named {name!r}{hint} Known: {', '.join(known) or 'none'}.")


class MissingExtra(UserError):
    """A package of an optional extra is not installed."""

    def __init__(self, what: str, extra: str) -> None:
        """`what` needs the extra, e.g. "HEIC images"; `extra`: its name in `vistoria[extra]`."""
        self.extra = extra
        super().__init__(f"{what} need an extra package: pip install 'vistoria[{extra}]'")


class TaskError(UserError):
    """A task file is wrong."""

    def __init__(self, message: str, *, path: str | None = None, line: int | None = None) -> None:
        """`path` and `line`: where in the task file, if known."""
        self.path, self.line = path, line
        place = f"{path}:{line}: " if path and line else f"{path}: " if path else ""
        super().__init__(f"{place}{message}")


class AccessDenied(UserError):
    """A service refuses the person, not the image: credentials, a role or an API is missing."""


class CertificateRefused(UserError):
    """The reviews do not prove what was asked; `reason` is a word for it, fit for programs."""

    def __init__(self, reason: str, message: str) -> None:
        """`message`: why not, and what would."""
        self.reason = reason
        super().__init__(f"not certified ({reason}): {message}")


class SignInMissing(AccessDenied):
    """There are no credentials on this machine."""


class SignInFailed(AccessDenied):
    """There are credentials, and no token is given for them: ended, revoked, not allowed."""


class TransientError(VistoriaError):
    """Worth trying again: a server error, a reset connection, a timeout."""

    def __init__(
        self, message: str, *, retry_after: float | None = None, outcome_unknown: bool = False
    ) -> None:
        """`retry_after`: seconds that the service asked us to wait, if it did.
        `outcome_unknown`: the call was sent and may have been answered, and billed."""
        self.retry_after = retry_after
        self.outcome_unknown = outcome_unknown
        super().__init__(message)


class RateLimited(TransientError):
    """The service says: too much. The engine slows down and sends the call again."""

    def __init__(
        self,
        message: str,
        *,
        retry_after: float | None = None,
        too: Literal["fast", "many"] | None = None,
    ) -> None:
        """`too`: "fast" (calls or tokens per time) or "many" (calls at once); None where the
        service does not say, and the engine finds out."""
        self.too = too
        super().__init__(message, retry_after=retry_after)


class ObservationError(VistoriaError):
    """This observation fails for good; recorded with `reason`, and the run goes on."""

    reason: ClassVar[str] = "failed"
    retryable: ClassVar[bool] = False
    """Whether the same command, run again later, asks again."""


class AddressInvalid(ObservationError):
    """The image address is empty or malformed."""

    reason = "address_invalid"


class ImageMissing(ObservationError):
    """There is nothing at the address."""

    reason = "image_missing"


class ImageExpired(ImageMissing):
    """There is no longer anything at an address that belongs to a snapshot."""

    reason = "image_expired"


class ImageForbidden(ObservationError):
    """The store refuses to hand the image out."""

    reason = "image_forbidden"


class ImageUnreadable(ObservationError):
    """No decoder here reads the image."""

    reason = "image_unreadable"


class ImageEmpty(ImageUnreadable):
    """There are zero bytes at the address."""

    reason = "image_empty"


class NotAnImage(ImageUnreadable):
    """The bytes are something else than an image, whatever the name says."""

    reason = "not_an_image"


class ImageTruncated(ImageUnreadable):
    """The end of the image file is missing."""

    reason = "image_truncated"


class ImageCorrupt(ImageUnreadable):
    """It is an image file, but its content is damaged."""

    reason = "image_corrupt"


class ImageTooLarge(ObservationError):
    """More bytes or pixels than allowed."""

    reason = "image_too_large"


class BoxInvalid(ObservationError):
    """The asset's box is empty or lies outside the image."""

    reason = "box_invalid"


class ImageRefused(ObservationError):
    """The model's safety filter refused the image or the answer."""

    reason = "image_refused"


class RequestRejected(ObservationError):
    """The model's service called this one request invalid (HTTP 400)."""

    reason = "request_rejected"


class AnswerInvalid(ObservationError):
    """The answer does not fit the task, even after re-asking."""

    reason = "answer_invalid"


class AnswerTruncated(ObservationError):
    """The answer hit the output limit."""

    reason = "answer_truncated"


class AnswerEmpty(ObservationError):
    """The model answered nothing."""

    reason = "answer_empty"


class AnswerLost(ObservationError):
    """It was asked by a session that died before the answer came, and may have been billed."""

    reason = "answer_lost"


class Unreachable(ObservationError):
    """Transient errors did not end within the retries of this run."""

    reason = "unreachable"
    retryable = True


class RunStopped(VistoriaError):
    """The run ended early and can be resumed by the same command."""

    def __init__(self, message: str, *, interrupted: bool = False) -> None:
        """`interrupted`: a person pressed Ctrl-C (exit 130) rather than a rule (exit 1)."""
        self.interrupted = interrupted
        super().__init__(message)


class QuotaExhausted(RunStopped):
    """The quota of a day or month is used up: no call can succeed before it resets.

    A model raises this instead of RateLimited when the service names such a quota.
    """

    def __init__(self, message: str, *, resets_at: "datetime | None" = None) -> None:
        """`resets_at`: with a time zone, if the service says or its pages do."""
        self.resets_at = resets_at
        when = f" It resets at {resets_at:%Y-%m-%d %H:%M %Z}." if resets_at else ""
        super().__init__(f"{message.rstrip('.')}.{when} The same command then goes on.")


class ServiceDown(RunStopped):
    """A service has not answered for longer than we are willing to wait."""


def image_missing(uri: str, said: str) -> ImageMissing:
    """The error for an image that is not there: expired, if its address is one of a snapshot.

    Street View Insights keeps images at `gs://bucket/SNAPSHOT/v0/OBSERVATION.jpg`.
    """
    if not re.fullmatch(r"gs://[^/]+/[^/]+/v\d+/[^/]+", uri):
        return ImageMissing(said)
    return ImageExpired(
        f"{said}\n  images are deleted some weeks after their snapshot was made; take the rows of "
        "the newest one (vistoria doctor tells its age)"
    )


def failure_reasons() -> tuple[str, ...]:
    """Every reason for which an observation can fail, sorted."""
    found, left = {"internal_error"}, ObservationError.__subclasses__()
    while left:
        kind = left.pop()
        found.add(kind.reason)
        left += kind.__subclasses__()
    return tuple(sorted(found))


def first_error(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The error that ended a task group; the others are its consequence."""
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
