"""7. Very many tiny requests through one process."""

from collections.abc import Iterator
from pathlib import Path

from benchmarks.bars import Bar, at_least, exactly
from benchmarks.engine.photos import write_rows
from benchmarks.engine.runs import command, finish, settings, summary
from benchmarks.service import Service


def million(folder: Path, quick: bool) -> Iterator[Bar]:
    """Images by reference, so that a request is a few kB."""
    count = 20_000 if quick else 1_000_000
    write_rows(folder / "rows.parquet", count)
    with Service(trusting=True) as service:
        options = service.vertex()
        words = command("rows.parquet", "--ledger", "l.sqlite", "--json", options=options)
        done = finish(words, folder, settings(concurrency=128))
        bill = service.bill()
    found = summary(done)
    yield exactly(f"{count:,} requests: answered", found["answered"], count)
    yield exactly(f"{count:,} requests: sent", bill["requests"], count)
    yield at_least(f"{count:,} requests: images/s", found["session"]["images_per_second"], 500,
                   ".0f")  # fmt: skip
    yield Bar(f"{count:,} requests: peak MiB", "reported", f"{done.peak:.0f}", True)
