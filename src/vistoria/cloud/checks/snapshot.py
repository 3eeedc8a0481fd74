"""The age of the newest snapshot, whose images are deleted after some weeks."""

from collections.abc import Iterator

from vistoria.cloud.facts import imagery
from vistoria.cloud.finding import Finding
from vistoria.cloud.imagery import newest_snapshot
from vistoria.cloud.visit import Visit


def after(visit: Visit) -> tuple[str, ...]:
    """The data set that lists snapshots."""
    del visit
    return ("imagery",)


def needless(visit: Visit) -> str | None:
    """Only where there are snapshots."""
    if not visit.wants_bigquery or visit.dataset_name is None:
        return "the rows are not in a data set of snapshots"
    if visit.dataset is not None and "snapshots" not in visit.dataset.tables:
        return f"{visit.dataset.name} has no table of snapshots"
    return None


def look(visit: Visit) -> Iterator[Finding]:
    """Compares it with how long images last."""
    assert visit.dataset is not None
    newest = newest_snapshot(visit.clients.bigquery(), visit.dataset.name)
    if newest is None:
        yield Finding(
            check="snapshot", status="fail", said=f"{visit.dataset.name} lists no snapshot yet",
            mend="wait for the first one; `vistoria subscribe` shows when tables appear",
        )  # fmt: skip
        return
    left, ends = newest.days_left(), f"{newest.ends_at:%Y-%m-%d}"
    said = f"{newest.snapshot_id} of {newest.made_at:%Y-%m-%d}"
    if left < 0:
        yield Finding(
            check="snapshot", status="fail", said=f"{said} expired on {ends}: its images are gone",
            mend="ask your Google contact for a new snapshot; rows already answered stay",
        )  # fmt: skip
    elif left <= imagery().warn_days:
        yield Finding(
            check="snapshot", status="warn", said=f"{said}: its images are deleted on {ends}",
            mend=f"finish the run within {left} days, or wait for the next snapshot",
        )  # fmt: skip
    else:
        yield Finding(check="snapshot", status="pass", said=f"{said}, images until {ends}")
