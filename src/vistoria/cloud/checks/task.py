"""The questions: that the task loads, and that the model answers all its fields."""

from collections.abc import Iterator

from vistoria.cloud.finding import Finding
from vistoria.cloud.visit import Visit


def after(visit: Visit) -> tuple[str, ...]:
    """The model must open."""
    del visit
    return ("model",)


def needless(visit: Visit) -> str | None:
    """Never."""
    del visit
    return None


def look(visit: Visit) -> Iterator[Finding]:
    """Loads it."""
    task = visit.task
    missing = visit.model.unanswerable(task)
    if missing:
        yield Finding(
            check="task", status="warn",
            said=f"{visit.model.name} cannot answer {', '.join(missing)} of {task.name}",
            mend="leave them out with fields in [task], or take another model",
        )  # fmt: skip
        return
    fields = f"{len(task.fields)} field{'s' * (len(task.fields) != 1)}"
    yield Finding(check="task", status="pass", said=f"{task.name}, {fields}")
