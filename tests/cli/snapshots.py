"""A table of imagery and its next snapshot: most pictures the same, at other addresses."""

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from tests.functions.events import picture


class Share(NamedTuple):
    """Of a snapshot's observations."""

    new: int
    changed: int
    gone: int


@dataclass
class Imagery:
    """Writes snapshots as `SNAPSHOT/v0/OBSERVATION.jpg` below a folder, and the table of the newest
    as `latest.parquet`."""

    folder: Path

    @property
    def table(self) -> str:
        """Its path."""
        return str(self.folder / "latest.parquet")

    def first(self, count: int) -> None:
        """The first snapshot."""
        self._write("s1", {number: number for number in range(count)}, None, set())

    def next(self, count: int, share: Share) -> None:
        """The next: the first ones gone, then changed ones, new ones at the end."""
        numbers = [*range(share.gone, count), *range(count, count + share.new)]
        changed = set(range(share.gone, share.gone + share.changed))
        pictures = {n: n + 1_000_000 if n in changed else n for n in numbers}
        self._write("s2", pictures, "s1", changed)

    def _write(
        self, snapshot: str, pictures: dict[int, int], earlier: str | None, changed: set[int]
    ) -> None:
        place = self.folder / snapshot / "v0"
        place.mkdir(parents=True)
        for number, content in pictures.items():
            path = place / f"o1-{number:06}.jpg"
            old = self.folder / (earlier or "") / "v0" / path.name
            if earlier and number not in changed and old.exists():
                path.hardlink_to(old)
            else:
                path.write_bytes(picture(content))
        ids = [f"o1-{number:06}" for number in pictures]
        rows = pa.table({
            "observation_id": ids,
            "asset_id": [f"t1-{number // 3}" for number in pictures],
            "snapshot_id": [snapshot] * len(ids),
            "uri": [(place / f"{name}.jpg").as_uri() for name in ids],
        })  # fmt: skip
        pq.write_table(rows, self.table)
