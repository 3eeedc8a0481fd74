"""The model: that its options are sound and what it needs is installed."""

from collections.abc import Iterator

from vistoria.cloud.finding import Finding
from vistoria.cloud.visit import Visit


def after(visit: Visit) -> tuple[str, ...]:
    """Nothing."""
    del visit
    return ()


def needless(visit: Visit) -> str | None:
    """Never."""
    del visit
    return None


def look(visit: Visit) -> Iterator[Finding]:
    """Opens it."""
    able = visit.model.capabilities
    where = "in this process" if able.local else "as a service"
    yield Finding(check="model", status="pass", said=f"{visit.model.name}, {where}")
