"""`python -m training.street train` and `python -m training.street evaluate`."""

import argparse
import json
import logging
import sys
from pathlib import Path

from training.street.data import drawn, workers
from training.street.evaluate import answers, held_out, opened, rate, scored, table

_HOME = Path(__file__).resolve().parents[2]
_SHIPPED = _HOME / "src" / "vistoria" / "models" / "street"
_RUNS = _HOME / "training" / "runs"


def main(arguments: list[str] | None = None) -> int:
    """The exit code: 0, or 1 where the model misses a bar."""
    # The exporter and the quantiser talk a lot.
    logging.basicConfig(level=logging.ERROR, format="%(message)s", stream=sys.stderr)
    logging.getLogger("training").setLevel(logging.INFO)
    chosen = _parser().parse_args(arguments)
    return _train(chosen) if chosen.command == "train" else _evaluate(chosen)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m training.street", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    train = commands.add_parser("train", help="draw, fit, quantise, calibrate, measure, describe")
    train.add_argument("--tiny", action="store_true", help="only show that everything runs")
    train.add_argument("--out", type=Path, default=_SHIPPED, help="folder for model and card")
    train.add_argument("--runs", type=Path, default=_RUNS, help="folder for drawn photos")
    train.add_argument("--threads", type=int, default=workers(), help="1 on a busy machine")
    evaluate = commands.add_parser("evaluate", help="measure a model on held-out drawn photos")
    evaluate.add_argument("--model", type=Path, default=_SHIPPED / "street.onnx")
    evaluate.add_argument("--count", type=int, default=3000, help="photos as they come")
    evaluate.add_argument("--speeds", type=int, default=1000, help="further speed-limit signs")
    evaluate.add_argument("--runs", type=Path, default=_RUNS, help="folder for drawn photos")
    evaluate.add_argument("--json", action="store_true")
    return parser


def _train(chosen: argparse.Namespace) -> int:
    from training.street.plan import FULL, TINY  # noqa: PLC0415 - needs torch
    from training.street.train import train  # noqa: PLC0415

    made = train(TINY if chosen.tiny else FULL, chosen.out, chosen.runs, threads=chosen.threads)
    print(table(made.scores))
    return 0 if chosen.tiny or all(score.passed for score in made.scores) else 1


def _evaluate(chosen: argparse.Namespace) -> int:
    photos = drawn(held_out(chosen.count, chosen.speeds), kept=chosen.runs / "photos")
    scores = scored(photos, answers(opened(chosen.model), photos.frames))
    speed = rate(chosen.model)
    if chosen.json:
        found = {"scores": [one.as_json() for one in scores], "frames_per_second_per_core": speed}
        print(json.dumps(found, indent=2))
    else:
        print(table(scores))
        print(f"{len(photos)} drawn photos; {speed:.0f} frames/s on one core, batch 8")
    return 0 if all(score.passed for score in scores) else 1


if __name__ == "__main__":
    sys.exit(main())
