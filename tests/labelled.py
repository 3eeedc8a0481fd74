"""A ledger with labels of our choosing, as a run would have left it."""

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from vistoria.ledger import Ledger, Run, RunSpec
from vistoria.records import OBSERVATION_COLUMNS, Attempt
from vistoria.task import Field, Task

POLE = Task(
    name="pole",
    instructions="Look at the street.",
    fields=(
        Field("asset", "choice", "What is it?", choices=("pole", "sign", "none")),
        Field(
            "material",
            "choice",
            "Of what?",
            choices=("wood", "steel"),
            only_if={"asset": ("pole",)},
        ),
        Field("leaning", "boolean", "Does it lean?", only_if={"asset": ("pole",)}),
    ),
)

Row = Mapping[str, Any]


def add_run(
    ledger: Ledger,
    rows: Sequence[Row],
    *,
    task: Task = POLE,
    model: str = "m",
    version: str | Sequence[str] = "m-1",
    settings: Mapping[str, Any] | None = None,
    fresh: bool = False,
) -> Run:
    """A run over `rows`: columns of an observation (`id` for short), and one key per field; a row
    without any field was not answered. `confidence`: field → probability."""
    number = ledger.question(model, settings or {}, task)
    spec = RunSpec(source="photos", profile="p", selection={}, question_id=number, version="0")
    run, _ = ledger.begin(spec, fresh=fresh)
    ordinals = ledger.ordinals(_batch(rows))
    ledger.set_scope(run, ordinals)
    names = [field.name for field in task.fields]
    versions = [version] * len(rows) if isinstance(version, str) else version
    ledger.record(
        [
            Attempt(
                ordinal=ordinal, run_id=run.run_id, question_id=run.question_id,
                status="answered", answer={name: row.get(name) for name in names},
                confidence=row.get("confidence"), model_version=one, started_at=1.7e9,
            )
            for ordinal, row, one in zip(ordinals.tolist(), rows, versions, strict=True)
            if set(names) & set(row)
        ]
    )  # fmt: skip
    ledger.flush()
    return run


def _batch(rows: Sequence[Row]) -> pa.RecordBatch:
    types = {"string": pa.string(), "double": pa.float64()}
    given = [
        {"uri": f"/photos/{row['id']}.jpg", "observation_id": row["id"], **row} for row in rows
    ]
    return pa.record_batch(
        {
            name: pa.array(
                [row.get(name) for row in given], types.get(kind, pa.timestamp("us", "UTC"))
            )
            for name, kind in OBSERVATION_COLUMNS.items()
        }
    )


def poles(count: int, *, wood: float = 0.5, signs: int = 0, **more: Any) -> list[dict[str, Any]]:
    """Photos of poles, the first share of them of wood, every tenth leaning; then signs."""
    rows = [
        {
            "id": f"p{i:05d}", "asset": "pole", "leaning": i % 10 == 0,
            "material": "wood" if i < wood * count else "steel", **more,
        }
        for i in range(count)
    ]  # fmt: skip
    return rows + [
        {"id": f"s{i:05d}", "asset": "sign", "material": None, "leaning": None, **more}
        for i in range(signs)
    ]


def truth_of(rows: Sequence[Row]) -> dict[str, dict[str, Any]]:
    """What the rows say, by id, as the truth."""
    return {row["id"]: {f.name: row.get(f.name) for f in POLE.fields} for row in rows}
