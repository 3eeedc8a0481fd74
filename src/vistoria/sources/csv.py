"""CSV and TSV files as a source; also a plain list with the columns `id,uri`."""

from vistoria.errors import UserError
from vistoria.sources import Source, SourceOptions
from vistoria.sources._columns import Column
from vistoria.sources._database import Database, identifier
from vistoria.sources._table import Relation, TableSource, refuse_query, table_files

__all__ = ["SCHEMES", "SUFFIXES", "open_source"]

SCHEMES = ("csv",)
SUFFIXES = (".csv", ".tsv", ".txt")


def open_source(address: str, options: SourceOptions) -> Source:
    """The rows in file order; the first line names the columns.

    Values are read as they are written (an id 007 stays 007). Conditions see the types that the
    values suggest. Relative image addresses begin at the file's folder. Raises UserError if there
    is no such file or it cannot be read.
    """
    refuse_query(address, options)
    files = table_files(address, SCHEMES)

    def relation(database: Database) -> Relation:
        guessed = database.describe(f"FROM read_csv({files.sql}, header=true)")
        _refuse_ragged(address, list(guessed))
        return Relation(
            sql=f"read_csv({files.sql}, header=true, all_varchar=true)",
            columns={name: Column("text") for name in guessed},
            own={name: f"TRY_CAST({identifier(name)} AS {kind})" for name, kind in guessed.items()},
            name=files.name,
            folder=files.folder,
        )

    return TableSource(address, Database(), relation, options)


def _refuse_ragged(address: str, columns: list[str]) -> None:
    # DuckDB takes lines of differing lengths for a single column.
    if len(columns) == 1 and any(mark in columns[0] for mark in ",;|\t"):
        raise UserError(
            f"cannot read {address!r}: its lines do not all have as many values as the first line "
            f"{columns[0]!r} has names. Put quotes around values that contain a comma."
        )
