"""Publishing to BigQuery: killed after a load and after a MERGE, replayed twice; rows per second.

`python -m benchmarks.automate --only publish`. The real client against the local server, which is
DuckDB behind BigQuery's REST API: the seconds are ours and the server's together.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from multiprocessing import get_context
from pathlib import Path

from benchmarks.bars import VISTORIA, Bar, exactly, run
from tests.labelled import add_run
from tests.servers.bigquery import BigQueryServer
from tests.servers.bigquery_data import Name
from tests.servers.token import TokenServer
from vistoria.ledger import Ledger
from vistoria.publishers._columns import TABLES

_FIELDS = 3
_SLOWEST = 2_000.0  # rows a second, of labels, beginning to end


def publish(folder: Path, quick: bool) -> Iterator[Bar]:
    """The bars."""
    labels = 30_000 if quick else 1_000_000
    ledger = folder / "ledger.sqlite"
    # In a process of its own: what this one holds counts as memory of the commands it starts.
    filling = get_context("spawn").Process(target=_fill, args=(ledger, -(-labels // _FIELDS)))
    filling.start()
    filling.join()
    assert filling.exitcode == 0
    with TokenServer() as tokens, BigQueryServer(tokens=tokens.valid) as server:
        env = {
            "BIGQUERY_EMULATOR_HOST": server.url,
            "GOOGLE_APPLICATION_CREDENTIALS": str(tokens.service_account(folder)),
        }
        yield from _whole(server, folder, env)
        for when, kind in (("after a load", "load"), ("after a MERGE", "query")):
            yield from _killed(server, folder, env, when, kind)


def _fill(path: Path, photos: int) -> None:
    rows = [
        {
            "id": f"photo-{at:07d}", "asset_id": f"pole-{at // 2:07d}", "snapshot_id": "s1",
            "uri": f"gs://imagery/s1/v0/photo-{at:07d}.jpg", "asset": "pole",
            "material": "wood" if at % 3 else "steel", "leaning": at % 10 == 0,
            "latitude": -23.5 + at % 1000 / 1e4, "longitude": -46.6 + at // 1000 / 1e4,
            "confidence": {"asset": 0.9, "material": 0.8, "leaning": 0.7},
        }
        for at in range(photos)
    ]  # fmt: skip
    with Ledger(path) as ledger:
        add_run(ledger, rows)


def _command(dataset: str, ledger: Path) -> list[str]:
    target = f"bigquery://proj-1.{dataset}"
    return [VISTORIA, "publish", target, "--ledger", str(ledger), "--json", "-q"]


def _whole(server: BigQueryServer, folder: Path, env: Mapping[str, str]) -> Iterator[Bar]:
    """From the ledger to the merged tables, without a fault."""
    done = run(_command("whole", folder / "ledger.sqlite"), folder, env)
    assert done.code == 0, done.err
    held, size = _held(server, "whole"), sum(server.uploads.sizes)
    labels = held["labels"]
    speed = labels / done.seconds
    figure = (
        f"{speed:,.0f} ({labels:,} labels, {sum(held.values()):,} rows in {done.seconds:.0f} s; "
        f"{size / 1e6:.1f} MB sent, {size / labels:.0f} B a label; {done.peak:.0f} MiB)"
    )
    yield Bar("labels per second to BigQuery", f">= {_SLOWEST:,.0f}", figure, speed >= _SLOWEST)


def _killed(
    server: BigQueryServer, folder: Path, env: Mapping[str, str], when: str, kind: str
) -> Iterator[Bar]:
    """`kill -9` once the first job of this kind is done; then the same command twice."""
    dataset = f"killed_{kind}"
    command = _command(dataset, folder / "ledger.sqlite")
    begun = len(server.sent)

    def reached() -> bool:
        return any(_is(kind, sent) for sent in server.sent[begun:])

    _kill_when(reached, command, folder, env)
    answers = [json.loads(run(command, folder, env).out) for _ in range(2)]
    held, whole = _held(server, dataset), _held(server, "whole")
    yield exactly(f"killed {when}, replayed twice: rows missing or doubled", _off(held, whole), 0)
    staging = [t for t in server.data.tables("proj-1", dataset) if "staging" in t]
    yield exactly(f"killed {when}: staging tables left", len(staging), 0)
    written = [answer["written"] for answer in answers]
    yield exactly(f"killed {when}: which replay wrote", written, [True, False])
    loads = sum("load" in sent for sent in server.sent[begun:])
    yield exactly(f"killed {when}: loads begun for {len(TABLES)} tables", loads, len(TABLES))


def _is(kind: str, sent: Mapping[str, dict[str, str]]) -> bool:
    if kind == "load":
        return "load" in sent
    return "query" in sent and sent["query"]["query"].startswith("MERGE")


def _kill_when(
    reached: Callable[[], bool], command: list[str], folder: Path, env: Mapping[str, str]
) -> None:
    child = subprocess.Popen(
        command, cwd=folder, env={**os.environ, **env},
        stdout=subprocess.DEVNULL, stderr=sys.stderr,
    )  # fmt: skip
    while not reached():
        assert child.poll() is None, "it ended before it could be killed"
        time.sleep(0.002)
    child.send_signal(signal.SIGKILL)
    child.wait()


def _held(server: BigQueryServer, dataset: str) -> dict[str, int]:
    return {
        table: server.data.count(Name("proj-1", dataset, f"vistoria_{table}")) for table in TABLES
    }


def _off(held: Mapping[str, int], whole: Mapping[str, int]) -> int:
    return sum(abs(held[table] - whole[table]) for table in TABLES)
