"""Commands whose help is a docstring: a summary, some text, `Examples:` kept as written."""

import inspect
from itertools import groupby
from typing import Any

import click

SETTINGS: dict[str, Any] = {"help_option_names": ["-h", "--help"], "max_content_width": 100}
_EXAMPLES = "\nExamples:\n"


class _Documented(click.Command):
    def __init__(self, *args: Any, **rest: Any) -> None:
        super().__init__(*args, **{"context_settings": SETTINGS, **rest})
        self.help = inspect.cleandoc(self.help or "")

    def format_help_text(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """All up to the examples."""
        del ctx
        text, _, _ = (self.help or "").partition(_EXAMPLES)
        formatter.write_paragraph()
        with formatter.indentation():
            formatter.write_text(text.strip())

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The examples, as they were written."""
        del ctx
        _, _, examples = (self.help or "").partition(_EXAMPLES)
        if examples:
            with formatter.section("Examples"):
                formatter.write("".join(f"  {x.strip()}\n" for x in examples.strip().splitlines()))


class Command(_Documented):
    """A command that shows its options in groups: the settings of a section together."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Settings by section, then the rest."""
        options = [param for param in self.get_params(ctx) if isinstance(param, click.Option)]
        for title, group in groupby(options, key=lambda one: getattr(one, "title", "Options")):
            records = [record for param in group if (record := param.get_help_record(ctx))]
            with formatter.section(title):
                formatter.write_dl(records)


class Group(_Documented, click.Group):
    """A noun with verbs; the bare noun lists."""

    command_class = Command

    def __init__(self, *args: Any, **rest: Any) -> None:
        super().__init__(*args, **{"invoke_without_command": True, **rest})
