"""Writes the generated parts of docs/publishers.md: `python -m tests.publishers.columns`."""

import re
from collections.abc import Iterator
from pathlib import Path

from vistoria import registry
from vistoria.publishers._columns import TABLES

PAGE = Path(__file__).parent.parent.parent / "docs" / "publishers.md"
_PART = re.compile(r"(<!-- generated: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def completed(page: str) -> str:
    """The page with its generated parts as they ought to be."""
    parts = {"publishers": _publishers, "columns": _columns}
    return _PART.sub(lambda m: m[1] + "\n".join(["", *parts[m[2]](), ""]) + "\n" + m[3], page)


def _publishers() -> Iterator[str]:
    yield "| publisher | addresses | what it writes | extra |"
    yield "|---|---|---|---|"
    for name in registry.names("publishers"):
        module = registry.load("publishers", name)
        forms = [*(f"`{one}://`" for one in module.SCHEMES), *(f"`{s}`" for s in module.SUFFIXES)]
        summary = (module.__doc__ or "").partition("\n")[0].partition(": ")[2]
        yield f"| `{name}` | {' '.join(forms)} | {summary} | {module.EXTRA or ''} |"


def _columns() -> Iterator[str]:
    for table, columns in TABLES.items():
        yield f"### `{table}`"
        yield ""
        yield "| column | type | what it says |"
        yield "|---|---|---|"
        for column in columns:
            text = column.text.replace("|", "\\|")
            yield f"| `{column.name}` | {column.type} | {text} |"
        yield ""


if __name__ == "__main__":
    PAGE.write_text(completed(PAGE.read_text("utf-8")), "utf-8")
