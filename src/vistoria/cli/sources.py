"""List the kinds of sources, or look into one of yours.

Examples:
    vistoria sources
    vistoria sources photos/
    vistoria sources town.duckdb --table cropped_observations_latest --json
"""

from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any

import click

from vistoria import opening, registry
from vistoria.cli import _settings
from vistoria.cli._command import Command
from vistoria.cli._reading import announce
from vistoria.cli._talk import as_json, put_facts, put_json, put_table, warnings_shown
from vistoria.cli._work import described
from vistoria.pricing import load_prices
from vistoria.sources import Selection, Source
from vistoria.sources._profiles import known_profiles

if TYPE_CHECKING:
    import pyarrow as pa

_SHOWN = 5


@click.command("sources", cls=Command, help=__doc__)
@_settings.source
@_settings.table
@_settings.rows
@_settings.project
@as_json
@click.pass_context
def command(context: click.Context, /, as_json: bool) -> None:
    """See the top of this file."""
    if _settings.given(context, "source.address"):
        _look_into(context, as_json=as_json)
        return
    kinds = [
        {"source": name, "schemes": module.SCHEMES, "suffixes": module.SUFFIXES}
        for name in registry.names("sources")
        for module in [registry.load("sources", name)]
    ]
    profiles = [profile.name for profile in known_profiles()]
    if as_json:
        put_json({"sources": kinds, "profiles": profiles})
        return
    rows = [
        (kind["source"], ", ".join(f"{s}://" for s in kind["schemes"]), ", ".join(kind["suffixes"]))
        for kind in kinds
    ]
    put_table(("source", "schemes", "suffixes"), rows)
    click.echo()
    put_facts([("profiles", ", ".join(profiles))])


def _look_into(context: click.Context, *, as_json: bool) -> None:
    project = _settings.load(context)
    with warnings_shown():
        source, selection = opening.open_source(project), opening.selection(project)
        announce(source, selection, load_prices(project.run.prices))
        count, rows = source.count(selection), _first_rows(source, selection)
    if as_json:
        put_json({
            "address": source.address, "source": opening.source_name(source.address),
            "profile": source.profile, "columns": dict(source.mapping), "rows": count,
            "first": rows,
        })  # fmt: skip
        return
    put_facts(_facts(source, count))
    if rows:
        click.echo()
        columns = [name for name in rows[0] if any(row[name] is not None for row in rows)]
        put_table(columns, [[row[name] for name in columns] for row in rows])


def _first_rows(source: Source, selection: Selection) -> list[dict[str, Any]]:
    batches: Iterator[pa.RecordBatch] = source.batches(selection)
    return [row for batch in islice(batches, 1) for row in batch.slice(0, _SHOWN).to_pylist()]


def _facts(source: Source, count: int | None) -> Iterator[tuple[str, str]]:
    yield "source", described(source).partition(";")[0]
    yield "profile", source.profile
    if count is not None:
        yield "rows", f"{count:,}"
    yield "", ""
    yield from source.mapping.items()
