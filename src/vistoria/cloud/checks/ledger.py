"""The record: that the ledger can be written where the project wants it."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from vistoria.cloud.finding import Finding
from vistoria.cloud.visit import Visit


def after(visit: Visit) -> tuple[str, ...]:
    """Nothing."""
    del visit
    return ()


def needless(visit: Visit) -> str | None:
    """Never."""
    del visit
    return None


def look(visit: Visit) -> Iterator[Finding]:
    """Looks at the file, or at the folder in which it is to be."""
    path = visit.project.run.ledger
    problem = _problem(path)
    if problem:
        mend = "set another place with --ledger, or ledger in [run]"
        yield Finding(check="ledger", status="fail", said=f"{path}: {problem}", mend=mend)
    else:
        state = "is there" if path.exists() else "can be made"
        yield Finding(check="ledger", status="pass", said=f"{path} {state}")


def _problem(path: Path) -> str | None:
    if path.exists():
        if not os.access(path, os.W_OK):
            return "may not be written by you"
        try:
            with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
                database.execute("PRAGMA schema_version")
        except sqlite3.DatabaseError as error:
            return str(error)
    folder = next(above for above in path.absolute().parents if above.exists())
    if not folder.is_dir() or not os.access(folder, os.W_OK):
        return f"you may not write in {folder}"
    return None
