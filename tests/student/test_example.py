"""`examples/keep_the_model.py` as a reader runs it, on fewer scenes."""

import os
import subprocess
import sys
from pathlib import Path

EXAMPLE = Path(__file__).parents[2] / "examples/keep_the_model.py"


def test_the_example_saves_calls_and_keeps_the_truth(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(EXAMPLE), "240"], capture_output=True, text=True, check=True,
        cwd=tmp_path, env={**os.environ, "TMPDIR": str(tmp_path)},
    )  # fmt: skip
    said = dict(line.split(": ", 1) for line in done.stdout.splitlines() if ": " in line)
    own, every = said["answered by the student"].split(",")[0].split(" of ")
    assert 120 < int(own) <= int(every) == 240
    teacher, cascade = (float(said[f"right, {who}"]) for who in ("teacher alone", "with a student"))
    assert teacher > 0.9
    assert cascade > teacher - 0.1
    assert "worth $0." in done.stdout
