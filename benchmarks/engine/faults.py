"""3. Faults: 5 % of the images misbehave, each in its own way."""

import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from benchmarks.bars import Bar, exactly
from benchmarks.engine.photos import address, write_rows
from benchmarks.engine.runs import command, finish, rows, settings
from benchmarks.service import Service

CURABLE = ("internal", "overloaded", "reset", "not_json", "no_candidates")
"""500, 503, connection reset, text that is no JSON, HTTP 200 without candidates."""
LASTING = {"safety": "image_refused", "max_tokens": "answer_truncated"}


def faults(folder: Path, quick: bool) -> Iterator[Bar]:
    """Every curable image is answered, every other has its reason."""
    count = 2_000 if quick else 20_000
    write_rows(folder / "rows.parquet", count)
    chosen = draw(count, seed=7)
    expected = Counter(LASTING[kind] for kind, _, times in chosen if times is None)
    with Service(latency=0.02, spread=0.5) as service:
        service.behave(faults=chosen)
        words = command("rows.parquet", "--ledger", "l.sqlite", options=service.vertex())
        done = finish(words, folder, settings(concurrency=64))
        bill = service.bill()
    answered = rows(folder / "l.sqlite", "SELECT count(DISTINCT ordinal) FROM answers")[0][0]
    failed = rows(folder / "l.sqlite", "SELECT uri, reason FROM failures")
    right = {uri: LASTING[kind] for kind, uri, times in chosen if times is None}
    yield exactly("5 % faults: exit code", done.code, 1)
    yield exactly(f"5 % faults of {count:,}: answered", answered, count - expected.total())
    yield exactly("5 % faults: each other with its reason", dict(failed) == right, True)
    wanted = count + sum(times or 0 for _, _, times in chosen)
    yield Bar("5 % faults: requests per image that must be sent", "reported",
              f"{bill['requests'] / wanted:.3f}", True)  # fmt: skip


def draw(
    count: int, *, seed: int, share: float = 0.05, bucket: str = "bucket"
) -> list[tuple[str, str, int | None]]:
    """Kind, image and how often (None: always) for a share of `write_rows`."""
    dice = random.Random(seed)
    kinds = (*CURABLE, *LASTING)
    return [
        (kind, address(number, bucket), None if kind in LASTING else 1)
        for place, number in enumerate(dice.sample(range(count), int(share * count)))
        for kind in [kinds[place % len(kinds)]]
    ]
