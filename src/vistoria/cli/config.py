"""Show the settings in force, and where each comes from.

Flags stand above the environment, that above vistoria.toml, that above the defaults.

Examples:
    vistoria config show
    VISTORIA_MODEL_NAME=echo: vistoria config show --json
    vistoria config path
"""

import click

from vistoria.cli import _settings
from vistoria.cli._command import Group
from vistoria.cli._talk import as_json, put_json, put_table
from vistoria.errors import ConfigError
from vistoria.project import FILE_NAME


@click.group("config", cls=Group, help=__doc__)
@click.pass_context
def command(context: click.Context, /) -> None:
    """See the top of this file."""
    if context.invoked_subcommand is None:
        context.invoke(show)


@command.command("show")
@_settings.project
@as_json
@click.pass_context
def show(context: click.Context, /, as_json: bool = False) -> None:
    """Show each setting, its value and its origin.

    Examples:
        vistoria config show
        vistoria config show --project other/vistoria.toml
    """
    settings = _settings.load(context).rows()
    if as_json:
        put_json([
            {"key": s.key, "value": s.value, "origin": s.origin, "environment": _variable(s.key)}
            for s in settings
        ])  # fmt: skip
    else:
        put_table(("setting", "value", "origin"), settings)


@command.command("path")
@_settings.project
@click.pass_context
def path(context: click.Context, /) -> None:
    """Show which project file is in force.

    Examples:
        vistoria config path
        $EDITOR "$(vistoria config path)"
    """
    found = _settings.load(context).path
    if found is None:
        error = ConfigError(f"no {FILE_NAME} here or in a folder above")
        error.add_note("vistoria init writes one")
        raise error
    click.echo(found)


def _variable(key: str) -> str:
    return "VISTORIA_" + "_".join(key.upper().split(".")[:2])
