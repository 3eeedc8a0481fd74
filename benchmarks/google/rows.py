"""4. A million rows of BigQuery: memory, broken connections, `kill -9`.

Google's own clients read from local servers. `python -m benchmarks.google.rows ADDRESS` is the
process whose memory is measured: it reads a source and keeps nothing.
"""

import hashlib
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from benchmarks.bars import VISTORIA, Bar, Process, at_least, at_most, exactly, run
from tests.servers.bigquery import BigQueryServer
from tests.servers.relay import Relay
from tests.servers.token import TokenServer
from vistoria.opening import open_source
from vistoria.project import load_project
from vistoria.sources import Selection

_ROOT = Path(__file__).parents[2]
_DATASET = "imagery_insights___us"
# As wide as Google's: ids of 40 letters, addresses of 110, a box, a pose, a map link.
_ROWS = """
SELECT 'snapshot-1' AS snapshot_id, 't1:' || md5('a' || n // 3) || ':ffff005f' AS asset_id,
  'ASSET_CLASS_UTILITY_POLE' AS asset_type, {'latitude': -23.0, 'longitude': -46.0} AS location,
  TIMESTAMPTZ '2026-01-01 00:00:00+00' + INTERVAL 1 SECOND * n AS detection_time,
  'o1:' || md5('o' || n) || ':00110060' AS observation_id,
  {'lo': {'x': 10.0, 'y': 20.0}, 'hi': {'x': 90.0 + n % 7, 'y': 300.0}} AS bbox,
  {'latitude': -23.0, 'longitude': -46.0, 'altitude': 2.0, 'pitch': -80.0,
   'heading': 1.0 * (n % 360), 'roll': 0.0} AS camera_pose,
  TIMESTAMPTZ '2025-01-01 00:00:00+00' + INTERVAL 1 SECOND * n AS capture_time,
  'gs://geoai_published__us/snapshot-1/v0/o1:' || md5('o' || n) || ':00110060.jpg' AS gcs_uri,
  'https://www.google.com/maps/search/-23.0,-46.0' AS map_url
FROM range(?) AS t(n)
"""


def rows(folder: Path, quick: bool) -> Iterator[Bar]:
    """Every bar."""
    few, many = (10_000, 100_000) if quick else (100_000, 1_000_000)
    with _servers(folder) as (server, relay, env):
        for count in (few, many):
            place = f'"{server.project}.{_DATASET}"."cropped_{count}"'
            server.data.cursor().execute(f"CREATE TABLE {place} AS {_ROWS}", [count])
        yield from _memory(server, env, few, many)
        yield from _cuts(server, relay, env, many, 3 if quick else 20)
        yield from _kills(folder, server, env, many, 3 if quick else 12)


def _address(server: BigQueryServer, count: int) -> str:
    return f"bigquery://{server.project}.{_DATASET}.cropped_{count}"


@contextmanager
def _servers(folder: Path) -> Iterator[tuple[BigQueryServer, Relay, Mapping[str, str]]]:
    with (
        TokenServer() as tokens,
        BigQueryServer(tokens=tokens.valid) as server,
        Relay(server.storage.port) as relay,
    ):
        server.data.add_dataset(_DATASET)
        yield (
            server,
            relay,
            {
                "BIGQUERY_EMULATOR_HOST": server.url,
                "GOOGLE_APPLICATION_CREDENTIALS": str(tokens.service_account(folder)),
                "VISTORIA_GOOGLE_ENDPOINTS": f"bigquerystorage={relay.url}",
            },
        )


def _memory(server: BigQueryServer, env: Mapping[str, str], few: int, many: int) -> Iterator[Bar]:
    read = {count: _read(_address(server, count), env) for count in (few, many)}
    for count, done in read.items():
        yield exactly(f"BigQuery: rows read, of {count:,}", int(done.out.split()[0]), count)
    few_peak, many_peak = (float(done.out.split()[3]) for done in read.values())
    ratio = many_peak / few_peak
    yield at_most(f"BigQuery: peak memory of {many:,} rows over {few:,}", ratio, 1.2)
    peaks = f"{few_peak:.0f} and {many_peak:.0f}"
    yield Bar("BigQuery: peak memory, few and many: MiB", "reported", peaks, True)
    speed = many / float(read[many].out.split()[2])
    yield Bar(f"BigQuery: rows/s, of {many:,}", "reported", f"{speed:,.0f}", True)


def _cuts(
    server: BigQueryServer, relay: Relay, env: Mapping[str, str], count: int, times: int
) -> Iterator[Bar]:
    whole = _read(_address(server, count), env).out.split()
    chance, size = random.Random(4), 250 * count // (2 * times)
    before, offsets = relay.broken, len(server.storage.reads)
    relay.cuts.extend(chance.randrange(size // 2, size) for _ in range(times))
    cut = _read(_address(server, count), env).out.split()
    relay.cuts.clear()
    yield exactly("connections cut while rows came", relay.broken - before, times)
    yield exactly(f"cut {times} times: rows, of {count:,}", int(cut[0]), count)
    yield exactly("cut: rows and their order as without", cut[1] == whole[1], True)
    gone_on = [offset for offset in server.storage.reads[offsets:] if offset]
    yield at_least("cut: reads that went on in the middle", len(gone_on), times // 2, ".0f")


def _kills(
    folder: Path, server: BigQueryServer, env: Mapping[str, str], count: int, times: int
) -> Iterator[Bar]:
    """`vistoria plan` reads a source into the ledger, and asks nothing."""
    ledger, killed, billed = folder / "kills.sqlite", 0, len(server.billed)
    words = [VISTORIA, "plan", _address(server, count), "--task", "utility_pole",
             "--model", "echo:", "--ledger", str(ledger), "--json"]  # fmt: skip
    points = sorted(random.Random(5).sample(range(1, count), times))
    for point in points:
        child = subprocess.Popen(
            words, cwd=folder, env={**os.environ, **env}, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        while child.poll() is None and _asked(ledger, "max(ordinal)")[0] < point:
            time.sleep(0.02)
        child.send_signal(signal.SIGKILL)
        killed += child.wait() == -signal.SIGKILL
    done = run(words, folder, env)
    total, distinct, last = _asked(
        ledger, "count(*)", "count(DISTINCT observation_id)", "max(ordinal)"
    )
    yield exactly("kill -9: readers killed", killed, times)
    yield exactly("kill -9: exit code in the end", done.code, 0)
    yield exactly(f"kill -9: rows in the ledger, of {count:,}", total, count)
    yield exactly("kill -9: of them different", distinct, count)
    yield exactly("kill -9: gaps in their ordinals", last - total, 0)
    again = sum(server.billed[billed + 1 :])
    yield exactly("kill -9: bytes billed again, of a result kept for a day", again, 0)


def _asked(ledger: Path, *what: str) -> tuple[int, ...]:
    """What a ledger says of its observations; zeros before there are any."""
    if ledger.exists():
        with suppress(sqlite3.Error), closing(_connected(ledger)) as db:
            wanted = ", ".join(f"coalesce({each}, 0)" for each in what)
            found: tuple[int, ...] = db.execute(f"SELECT {wanted} FROM observations").fetchone()
            return found
    return (0,) * len(what)


def _connected(ledger: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{ledger}?mode=ro", uri=True, timeout=10)


def _read(address: str, env: Mapping[str, str]) -> Process:
    done = run([sys.executable, "-m", "benchmarks.google.rows", address], _ROOT, env)
    if done.code:
        raise RuntimeError(done.err[-2000:])
    return done


def read(address: str) -> tuple[int, str, float, float]:
    """Rows, a digest of them in their order, seconds, and this process's peak memory in MiB."""
    project = load_project(flags={"source.address": address})
    began, count, digest = time.perf_counter(), 0, hashlib.sha256()
    for batch in open_source(project).batches(Selection()):
        count += batch.num_rows
        digest.update("\n".join(batch.column("observation_id").to_pylist()).encode())
    return count, digest.hexdigest(), time.perf_counter() - began, _peak()


def _peak() -> float:
    # Not ru_maxrss, which begins with the memory of the parent: here, of the servers.
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


if __name__ == "__main__":
    print(*read(sys.argv[1]))
