"""Places: that region, location and data set agree."""

from collections.abc import Iterator

from vistoria.cloud.finding import Finding
from vistoria.cloud.visit import Visit

_SINGLE = "jobs run in one region, e.g. us-central1, or in global"


def after(visit: Visit) -> tuple[str, ...]:
    """The data set that says where it lies."""
    return ("imagery",) if visit.dataset_name else ()


def needless(visit: Visit) -> str | None:
    """Only where Google does the work."""
    wanted = visit.wants_bigquery or visit.wants_vertex
    return None if wanted else "nothing runs in a region"


def look(visit: Visit) -> Iterator[Finding]:
    """Compares them."""
    location, region = visit.google.location, visit.google.region
    place = visit.dataset.location if visit.dataset else None
    if place and location and place.lower() != location.lower():
        yield Finding(
            check="region", status="fail",
            said=f"location is {location!r}, but {visit.dataset_name} lies in {place}",
            mend=f'set location = "{place.lower()}" in [google]',
        )  # fmt: skip
    elif region in ("us", "eu") and visit.staging:
        yield Finding(
            check="region", status="fail", said=f"region is {region!r}, where no batch job runs",
            mend=f"set region in [google]: {_SINGLE}",
        )  # fmt: skip
    elif place and region and place.lower() == "eu" and not region.startswith("eu"):
        yield Finding(
            check="region", status="warn",
            said=f"the imagery lies in {place}, and models answer in {region}: images leave the EU",
            mend='set region = "europe-west4" in [google] if they must not',
        )  # fmt: skip
    else:
        rows = f", rows lie in {place}" if place else ""
        said = f"models answer in {region or 'global'}{rows}"
        yield Finding(check="region", status="pass", said=said)
