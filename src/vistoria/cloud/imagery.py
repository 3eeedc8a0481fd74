"""The customer's imagery in BigQuery: the linked data set, its products and its snapshots."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from vistoria.cloud.clients import answering
from vistoria.cloud.facts import imagery

if TYPE_CHECKING:
    from google.cloud.bigquery import Client

__all__ = ["Dataset", "Snapshot", "look_at", "newest_snapshot"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """`name`: "project.dataset"."""

    name: str
    location: str
    tables: tuple[str, ...]

    @property
    def products(self) -> tuple[str, ...]:
        """Which of Google's imagery it holds."""
        return imagery().products_of(self.tables)


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """An immutable state of the imagery, whose images are deleted after some weeks."""

    snapshot_id: str
    made_at: datetime

    @property
    def ends_at(self) -> datetime:
        """When its images go."""
        return self.made_at + timedelta(days=imagery().snapshot_days)

    def days_left(self, now: datetime | None = None) -> int:
        """Whole days until then; negative afterwards."""
        return (self.ends_at - (now or datetime.now(UTC))).days


def look_at(client: "Client", name: str) -> Dataset:
    """A data set and its tables; `name`: "project.dataset". Raises AccessDenied, UserError."""
    with answering():
        found = client.get_dataset(name)
        tables = tuple(sorted(table.table_id for table in client.list_tables(name)))
    return Dataset(name=name, location=str(found.location), tables=tables)


def newest_snapshot(client: "Client", dataset: str) -> Snapshot | None:
    """The newest snapshot of a data set that has a table of them; None if it lists none."""
    query = (
        f"SELECT snapshot_id, creation_time FROM `{dataset}.snapshots` "
        "ORDER BY creation_time DESC LIMIT 1"
    )
    with answering():
        rows = list(client.query(query).result(max_results=1))
    if not rows:
        return None
    made = rows[0]["creation_time"]
    made = made if made.tzinfo else made.replace(tzinfo=UTC)
    return Snapshot(snapshot_id=str(rows[0]["snapshot_id"]), made_at=made)
