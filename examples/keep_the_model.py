"""A noisy teacher, a student of its labels, a cascade of both: what is saved, and what stays true.

    python examples/keep_the_model.py            # 5,000 drawn scenes; ten minutes on two cores
    python examples/keep_the_model.py 500        # fewer

The bundled street model labels drawn scenes, whose truth is known. A student learns from 60 % of
the labels; on scenes it never saw a cascade is certified, run, and compared with the truth. What
the spared calls are worth is told for a teacher that has a price. Needs
`pip install 'vistoria[demo]'`; nothing leaves this machine.
"""

import json
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from pathlib import Path

import vistoria
from vistoria.engine import Choice
from vistoria.images import Images
from vistoria.job import open_job
from vistoria.ledger import Ledger
from vistoria.pricing import format_money
from vistoria.project import load_project
from vistoria.street.render import render_jpeg, sample
from vistoria.student.showcase import keep_the_model
from vistoria.task import load_task

PAID = "gemini:gemini-3.5-flash-lite"
FIELDS = ["asset", "material", "sign_kind"]


def draw(folder: Path, count: int) -> dict[str, dict[str, object]]:
    """Scenes as JPEG files; file name → truth."""
    folder.mkdir()
    truth = {}
    with ProcessPoolExecutor() as pool:
        scenes = pool.map(scene, range(9_000_000, 9_000_000 + count), chunksize=16)
        for number, (jpeg, known) in enumerate(scenes):
            (folder / f"{number:05}.jpg").write_bytes(jpeg)
            truth[f"{number:05}.jpg"] = known
    return truth


def scene(seed: int) -> tuple[bytes, dict[str, object]]:
    """A JPEG and what it shows."""
    jpeg, known = render_jpeg(sample(seed))
    return jpeg, asdict(known)


def right(
    labels: "list[dict[str, object]]", truth: dict[str, dict[str, object]], fields: list[str]
) -> float:
    """The share of labels that are true, where a field applies."""
    pairs = [
        (row[name], truth[Path(str(row["uri"])).name][name]) for row in labels for name in fields
    ]
    known = [said == true for said, true in pairs if true is not None]
    return sum(known) / len(known)


def worth(photos: Path, task: vistoria.Task, calls: int) -> str:
    """What so many calls are expected to cost, of a teacher that is only looked up, not asked."""
    flags = {"source.address": str(photos), "model.name": PAID, "model.api_key": "not used"}
    job = open_job(load_project(flags=flags), task)
    with tempfile.TemporaryDirectory() as folder, Ledger(Path(folder) / "plan.sqlite") as ledger:
        found = job.forecast(job.plan(ledger, Choice()), ledger)
    assert found.cost is not None
    return format_money(found.cost.expected * calls // found.to_ask)


def main(count: int) -> None:
    """Draws, labels, trains, certifies, runs the cascade."""
    folder = Path(tempfile.mkdtemp(prefix="keep-the-model-"))
    truth = draw(folder / "photos", count)
    task = load_task("street_asset").only(FIELDS)
    ledger_file = folder / "ledger.sqlite"
    teacher = vistoria.run(folder / "photos", task=task, model="onnx:street", ledger=ledger_file)
    with Ledger(ledger_file) as ledger:
        run = ledger.run(teacher.summary.run.run_id)
        shown = keep_the_model(ledger, run, task, Images().load, folder / "student.onnx")
    print(shown.sentence())
    if not shown.kept:
        return
    model = f"cascade:{folder / 'student.onnx'},onnx:street"
    cascade = vistoria.run(folder / "photos", task=task, model=model, ledger=ledger_file)
    rows = cascade.table().to_pylist()
    own = sum(str(row["model_version"]).startswith("student-") for row in rows)
    print(f"answered by the student: {own:,} of {len(rows):,}, so many teacher calls were saved")
    print(f"worth {worth(folder / 'photos', task, own)} with {PAID} as the teacher")
    fields = [name for name in FIELDS if name in rows[0]]  # what the student could learn
    print(f"right, teacher alone:  {right(teacher.table().to_pylist(), truth, fields):.3f}")
    print(f"right, with a student: {right(rows, truth, fields):.3f}")
    told = json.loads((folder / "student.json").read_text())
    print(f"everything is in {folder}; the student's card has {len(told['fields'])} fields")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5_000)
