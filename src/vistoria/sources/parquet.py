"""Parquet files as a source: one file or a pattern such as `observations/*.parquet`."""

from vistoria.sources import Source, SourceOptions
from vistoria.sources._database import Database
from vistoria.sources._table import Relation, TableSource, plain_relation, refuse_query, table_files

__all__ = ["SCHEMES", "SUFFIXES", "open_source"]

SCHEMES = ("parquet",)
SUFFIXES = (".parquet", ".pq", ".geoparquet")


def open_source(address: str, options: SourceOptions) -> Source:
    """The rows in file order; relative image addresses begin at the file's folder.

    Raises UserError if there is no such file or it is no Parquet file.
    """
    refuse_query(address, options)
    files = table_files(address, SCHEMES)
    sql = f"read_parquet({files.sql}, binary_as_string=true)"

    def relation(database: Database) -> Relation:
        return plain_relation(database, sql, files.name, files.folder)

    return TableSource(address, Database(), relation, options)
