"""Opens the SQLite file with the settings that make a commit durable."""

import sqlite3
from importlib.resources import files
from pathlib import Path

from vistoria.errors import ConfigError

SCHEMA = ("schema.sql", "review.sql", "jobs.sql", "arrivals.sql")
"""Each script brings a ledger one version further, so an older ledger is completed when opened."""


def connect(path: Path, *, create: bool = True) -> sqlite3.Connection:
    """A connection in WAL mode; makes the file and its tables when `create` and they are missing.

    Raises ConfigError when there is no ledger (and `create` is false), when the file is not one,
    or when a newer version of Vistoria wrote it.
    """
    if not create and not path.exists():
        raise ConfigError(f"no ledger at {str(path)!r}; start with `vistoria run`")
    path.parent.mkdir(parents=True, exist_ok=True)
    db = sqlite3.connect(path, timeout=60, isolation_level=None, check_same_thread=False)
    try:
        db.execute("PRAGMA journal_mode = WAL")
        # FULL survives power loss; it costs a sixth of NORMAL's speed at 1,000 rows a commit.
        db.execute("PRAGMA synchronous = FULL")
        _create_tables(db)
        found = _version(db)
    except sqlite3.DatabaseError as error:
        db.close()
        raise ConfigError(f"cannot open the ledger {str(path)!r}: {error}") from error
    if found != len(SCHEMA):
        db.close()
        raise ConfigError(
            f"the ledger {str(path)!r} has schema {found}, this Vistoria writes {len(SCHEMA)}; "
            "use the version that wrote it, or name another file with --ledger"
        )
    return db


def _create_tables(db: sqlite3.Connection) -> None:
    if _version(db) >= len(SCHEMA):
        return
    db.execute("BEGIN IMMEDIATE")  # two processes may open a new ledger at once
    try:
        for name in SCHEMA[_version(db) :]:
            for statement in _statements((files("vistoria.ledger") / name).read_text()):
                db.execute(statement)
        db.execute(f"PRAGMA user_version = {len(SCHEMA)}")
        db.execute("COMMIT")
    except BaseException:
        db.execute("ROLLBACK")
        raise


def _version(db: sqlite3.Connection) -> int:
    found: int = db.execute("PRAGMA user_version").fetchone()[0]
    return found


def _statements(script: str) -> list[str]:
    """`executescript` would commit the open transaction, so the script is cut by hand."""
    found, buffer = [], ""
    for line in script.splitlines(keepends=True):
        buffer += line
        if sqlite3.complete_statement(buffer):
            found.append(buffer)
            buffer = ""
    return found
