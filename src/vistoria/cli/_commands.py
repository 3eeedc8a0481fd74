"""The group of all commands: found by listing this folder, imported only when called."""

import difflib
import os
import pkgutil
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import click

from vistoria.cli._command import Group
from vistoria.cli._errors import end

_FOLDER = Path(__file__).parent


class Commands(Group):
    """Each public module of this folder is a command; its docstring's first line is its summary."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, sorted."""
        del ctx
        found = pkgutil.iter_modules([str(_FOLDER)])
        return sorted(module.name for module in found if not module.name.startswith("_"))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name, imported now."""
        if cmd_name not in self.list_commands(ctx):
            return None
        command = import_module(f"vistoria.cli.{cmd_name}").command
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does, with a suggestion for a name that is not known."""
        known = self.list_commands(ctx)
        if args and args[0] not in known and not args[0].startswith("-"):
            near = difflib.get_close_matches(args[0], known, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise click.UsageError(f"no command {args[0]!r}{hint}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Names and summaries, read without importing a command."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, _summary(name)) for name in self.list_commands(ctx)])

    def main(self, args: Sequence[str] | None = None, *rest: Any, **extra: Any) -> Any:
        """Runs the command line and exits; every error ends here."""
        if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
            extra.setdefault("color", False)
        try:
            # Outside its standalone mode click returns the code of `ctx.exit`.
            code = super().main(args, *rest, **{**extra, "standalone_mode": False})
        except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - the command line's edge
            code = end(error)
        sys.exit(code if isinstance(code, int) else 0)


def _summary(name: str) -> str:
    with (_FOLDER / f"{name}.py").open(encoding="utf-8") as file:
        return file.readline().strip().strip('"')
