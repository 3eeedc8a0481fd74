"""The way to the translation of BigQuery's SQL, which needs a package of an extra."""

from types import ModuleType

from vistoria.errors import MissingExtra, UserError

__all__ = ["QueryWrong", "dialect"]


class QueryWrong(UserError):
    """The SQL cannot be understood, or does not fit the columns."""


def dialect() -> ModuleType:
    """The module `_dialect`; raises MissingExtra."""
    try:
        from vistoria.sources import _dialect  # noqa: PLC0415 - sqlglot, of an extra
    except ImportError:
        raise MissingExtra("queries in BigQuery's SQL", "bigquery") from None
    return _dialect
