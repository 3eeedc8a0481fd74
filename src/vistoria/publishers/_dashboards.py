"""Ready dashboards: views, a dbt source and a map over what was published."""

from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from string import Template

from vistoria.errors import ConfigError
from vistoria.publishers._columns import TABLES

__all__ = ["write_dashboards"]

_DEFAULTS: Mapping[str, str] = {
    "dataset": "my-project.my_dataset",
    "prefix": "vistoria_",
    "field": "asset",
}
_FOLDER = "dashboards"


def write_dashboards(folder: Path, values: Mapping[str, str]) -> tuple[Path, ...]:
    """Writes every ready file into `folder`; returns their paths.

    `values`: `dataset` (project.dataset in BigQuery) and `prefix` (of the tables' names), as they
    were published; `field`: what colours the map. Raises ConfigError for others.
    """
    for name in values:
        if name not in _DEFAULTS:
            raise ConfigError(f"dashboards have no option {name!r}; known: {', '.join(_DEFAULTS)}")
    put = {**_DEFAULTS, **values}
    put["project"], _, put["schema"] = put["dataset"].rpartition(".")
    put["tables"] = _dbt_tables(put["prefix"])
    written = []
    for source in sorted(files("vistoria.publishers").joinpath(_FOLDER).iterdir(), key=str):
        target = folder / source.name.removesuffix(".template")
        target.parent.mkdir(parents=True, exist_ok=True)
        # Template leaves `$` alone that begins none of our names.
        target.write_text(Template(source.read_text("utf-8")).safe_substitute(put), "utf-8")
        written.append(target)
    return tuple(written)


def _dbt_tables(prefix: str) -> str:
    lines = []
    for table, columns in TABLES.items():
        lines += [f"      - name: {table}", f"        identifier: {prefix}{table}"]
        lines += ["        columns:"]
        for column in columns:
            lines += [
                f"          - name: {column.name}",
                f'            description: "{column.text}"',
            ]
    return "\n".join(lines)
