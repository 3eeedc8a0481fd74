"""What the tests of batch jobs share: the servers, a table, a project that asks them."""

import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tests.servers.bucket import BucketServer
from tests.servers.gemini_batch import BatchServer
from tests.servers.token import TokenServer
from vistoria.engine import Choice
from vistoria.events import Event
from vistoria.job import Done, run_project
from vistoria.project import load_project

TASK = """
instructions = "Look at the pole in the middle."

[[fields]]
name = "material"
kind = "choice"
help = "Of what it is made."
choices = ["wood", "metal"]
"""


def address(number: int) -> str:
    """Of one row."""
    return f"gs://photos/{number}.jpg"


@dataclass
class Cloud:
    """The servers, and a folder with a table of `rows` and a task."""

    server: BatchServer
    bucket: BucketServer
    folder: Path
    key_file: Path

    @property
    def env(self) -> dict[str, str]:
        """Where Google's services and the credentials are."""
        return {
            "GOOGLE_APPLICATION_CREDENTIALS": str(self.key_file),
            "STORAGE_EMULATOR_HOST": self.bucket.url,
        }

    def flags(self, **settings: Any) -> dict[str, object]:
        """The settings of a project; further ones as `run_budget` or `model_batch_rows`."""
        known = {
            "source.address": str(self.folder / "photos.parquet"),
            "task.name": str(self.folder / "pole.toml"),
            "model.name": "gemini:gemini-3.5-flash-lite",
            "model.vertex": True,
            "model.base_url": self.server.url,
            "model.staging": "gs://staging/vistoria",
            "run.ledger": str(self.folder / "ledger.sqlite"),
            "run.batch": True,
            "run.poll": 0.02,
        }
        return known | {key.replace("_", ".", 1): value for key, value in settings.items()}

    def ask(self, choice: Choice = Choice(), **settings: Any) -> Done:  # noqa: B008 - frozen
        """One session."""
        return self.listen(choice, **settings)[0]

    def listen(
        self,
        choice: Choice = Choice(),  # noqa: B008 - frozen
        **settings: Any,
    ) -> tuple[Done, list[Event]]:
        """One session, and what it told."""
        told: list[Event] = []
        project = load_project(env={}, flags=self.flags(**settings))
        return run_project(project, choice, emit=told.append), told

    def begin(
        self, *words: str, output: int = subprocess.DEVNULL, **settings: Any
    ) -> "subprocess.Popen[bytes]":
        """The same in a process of its own."""
        given = {
            f"VISTORIA_{key.replace('.', '_').upper()}": str(value)
            for key, value in self.flags(**settings).items()
        }
        return subprocess.Popen(
            [sys.executable, "-m", "vistoria", *(words or ("run", "--yes"))], cwd=self.folder,
            env={**os.environ, **self.env, **given},
            stdout=output, stderr=output,
        )  # fmt: skip

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """What the ledger says."""
        db = sqlite3.connect(self.folder / "ledger.sqlite")
        try:
            return db.execute(sql).fetchall()
        finally:
            db.close()

    def query_safely(self, sql: str) -> list[tuple[Any, ...]]:
        """The same, while there may be no ledger yet."""
        try:
            return self.query(sql)
        except sqlite3.OperationalError:
            return []

    def write(self, rows: int, uris: list[str] | None = None) -> None:
        """The table."""
        names = [f"photo-{i:06}" for i in range(rows)]
        table = pa.table({"id": names, "uri": uris or [address(i) for i in range(rows)]})
        pq.write_table(table, self.folder / "photos.parquet")

    @property
    def billed(self) -> int:
        """The server's bill in picodollars, at the batch price of gemini-3.5-flash-lite."""
        return self.server.spent((150_000, 1_250_000))

    @property
    def paid(self) -> int:
        """The ledger's."""
        return int(self.query("SELECT coalesce(sum(money), 0) FROM spending")[0][0])


@contextmanager
def cloud_in(
    folder: Path, rows: int, kind: type[BatchServer] = BatchServer, **how: Any
) -> Iterator[Cloud]:
    """The servers, running."""
    with ExitStack() as stack:
        tokens = stack.enter_context(TokenServer())
        bucket = stack.enter_context(BucketServer(tokens=tokens))
        server = stack.enter_context(kind(bucket, tokens=tokens, **how))
        cloud = Cloud(server, bucket, folder, tokens.service_account(folder))
        (folder / "pole.toml").write_text(TASK)
        cloud.write(rows)
        yield cloud
