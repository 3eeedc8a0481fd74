"""1. Events in bad weather: 5,000 at 50 a second, some twice, late or broken; two `kill -9`.

`python -m benchmarks.automate --only events`. The server is functions-framework in processes of its
own, as its image starts it; the deliverer tries again as Pub/Sub does.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

from benchmarks.bars import Bar, at_most, exactly
from tests.functions.storm import storm

_CALLS = 32  # at once


def events(folder: Path, quick: bool) -> Iterator[Bar]:
    """Every bar."""
    weather = storm(folder, 200 if quick else 5_000, rate=50, kills=2)
    one = sum(count == 1 for count in weather.labels.values())
    yield exactly("images with exactly one label", one, weather.images)
    yield exactly("images with more than one", len(weather.labels) - one, 0)
    yield exactly("images asked about", len(weather.asked), weather.images)
    yield at_most("calls beyond one an image (most: those lost)", weather.again, weather.lost, "d")
    yield at_most("calls lost by two kills", weather.lost, 2 * _CALLS, "d")
    yield exactly("strays kept", weather.kept, weather.strays)
    left = sum(not delivery.taken for delivery in weather.deliveries)
    yield exactly("deliveries that come again and again", left, 0)
    yield at_most("answers that one delivery took", weather.answered_tries, 4, "d")
    # How soon depends on the machine and its load, so that it is told and no bar.
    print(f"  seconds from event to end, median: {weather.typical:.2f}", file=sys.stderr)
