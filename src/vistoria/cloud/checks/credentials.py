"""Sign-in: that there are Google credentials, and that Google gives a token for them."""

from collections.abc import Iterator

from vistoria.cloud.finding import Finding
from vistoria.cloud.visit import Visit


def after(visit: Visit) -> tuple[str, ...]:
    """Nothing; but only the model and the rows tell whether it is needed."""
    del visit
    return ()


def needless(visit: Visit) -> str | None:
    """A project may use nothing of Google's."""
    return None if visit.wants_google else "nothing is asked of a Google account"


def look(visit: Visit) -> Iterator[Finding]:
    """Fetches a token."""
    visit.clients.account.credentials()
    who = visit.clients.account.member or "a person's sign-in on this machine"
    yield Finding(check="credentials", status="pass", said=who)
