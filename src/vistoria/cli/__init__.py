"""The command line: `main` is the entry point; each file beside this one is a command."""

import click

from vistoria.cli._commands import Commands

__all__ = ["main"]


@click.command(
    "vistoria",
    cls=Commands,
    invoke_without_command=False,
    help="""Labels every photo of a folder or table with the answers to your questions.

Examples:
    vistoria demo
    vistoria run photos/ --task utility_pole --model onnx:street
    vistoria export labels.parquet
""",
)
@click.version_option(package_name="vistoria", message="%(prog)s %(version)s")
def main() -> None:
    """See `vistoria --help`."""
