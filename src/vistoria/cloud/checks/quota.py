"""How fast Gemini may be asked: limits that no service tells, by what an account has spent."""

from collections.abc import Iterator

from vistoria.cloud.facts import pay_as_you_go
from vistoria.cloud.finding import Finding
from vistoria.cloud.visit import Visit


def after(visit: Visit) -> tuple[str, ...]:
    """A quota of 0 shows when the model is asked."""
    del visit
    return ("answer",)


def needless(visit: Visit) -> str | None:
    """Only for Gemini on Vertex AI."""
    return None if visit.wants_vertex else "no quota of Vertex AI is used"


def look(visit: Visit) -> Iterator[Finding]:
    """Says what the data file knows; a run finds the limit in force by itself."""
    del visit
    known = pay_as_you_go()
    tiers = "; ".join(f"{tokens / 1e6:g}M after {spent}" for spent, tokens in known.tiers)
    said = f"pay as you go, tokens a minute and model by money spent in 30 days: {tiers}"
    yield Finding(check="quota", status="pass", said=said)
