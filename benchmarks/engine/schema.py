"""8. A task that changes: a new field asks only itself, a new name asks nothing."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from benchmarks.bars import VISTORIA, Bar, exactly
from benchmarks.engine.photos import write_rows
from benchmarks.engine.runs import MODEL, finish, settings
from benchmarks.service import Service

_HEAD = 'instructions = "Look at the pole in the middle of the photo."\n'
_FIELDS = {
    "material": 'kind = "choice"\nhelp = "Of what it is made."\nchoices = ["wood", "metal"]',
    "leaning": 'kind = "boolean"\nhelp = "Whether it stands off vertical."',
    "lamps": 'kind = "number"\nhelp = "How many lamps it carries."\nminimum = 0\ninteger = true',
}


def schema(folder: Path, quick: bool) -> Iterator[Bar]:
    """Counts what the server was asked after each change."""
    count = 500 if quick else 5_000
    write_rows(folder / "rows.parquet", count)
    with Service() as service:
        seen: Counter[str] = Counter()

        def ask(**names: str) -> dict[str, int]:
            """Runs with these fields under these names; what the server was asked this time."""
            fields = [f'[[fields]]\nname = "{n}"\n{_FIELDS[f]}\n' for f, n in names.items()]
            (folder / "pole.toml").write_text(_HEAD + "\n".join(fields))
            words = ["--task", "pole.toml", "--model", MODEL, "--ledger", "l.sqlite"]
            options = [w for k, v in service.vertex().items() for w in ("-o", f"{k}={v}")]
            flags = [*words, *options, "--yes", "--quiet"]
            finish([VISTORIA, "run", "rows.parquet", *flags], folder, settings(concurrency=64))
            now = Counter(service.fields())
            new = now - seen
            seen.update(new)
            return dict(new)

        first = ask(material="material", leaning="leaning")
        added = ask(material="material", leaning="leaning", lamps="lamps")
        renamed = ask(material="stuff", leaning="tilted", lamps="lamps")
    yield exactly("first run: requests by fields", first, {"material,leaning": count})
    yield exactly("a field more: requests by fields", added, {"lamps": count})
    yield exactly("fields renamed: requests", sum(renamed.values()), 0)
