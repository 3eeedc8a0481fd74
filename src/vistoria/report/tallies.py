"""All fields of a sample counted together: `review.tally` reads the run anew for each of them."""

from collections import Counter
from dataclasses import replace

from vistoria.labels import named, plain
from vistoria.ledger import Ledger, Sample
from vistoria.review import Frame, Tally, Verdict, reopen, tally, verdicts


def tallies(ledger: Ledger, sample: Sample) -> tuple[Frame, dict[str, int], dict[str, Tally]]:
    """The sample's frame as the labels are now, stratum → units of it, and field → its tally."""
    frame, design = reopen(ledger, sample)
    names = [field.name for field in frame.fields]
    first = tally(ledger, sample, names[0])
    said: dict[str, dict[int, list[Verdict]]] = {name: {} for name in names}
    units = set(design.table["unit"].to_pylist())
    for one in verdicts(ledger, sample):
        if one.field in said and one.unit.unit in units:
            said[one.field].setdefault(one.unit.item, []).append(one)
    strata = design.table["stratum"].to_pylist()
    found = {}
    for name in names:
        columns = [frame.labels(name, part).to_pylist() for part in range(frame.parts)]
        settled = [
            tuple(parts)
            for parts in said[name].values()
            if all(one.state == "settled" for one in parts)
        ]
        found[name] = replace(
            first, field=name, sizes=_sizes(strata, columns), settled=tuple(settled),
            open=_count(said[name], "open"), conflicts=_count(said[name], "conflict"),
        )  # fmt: skip
    return frame, dict(design.sizes), found


def _sizes(
    strata: list[str], columns: list[list[str]]
) -> dict[tuple[str, tuple[str, ...]], int]:  # fmt: skip
    """(stratum, machine label of each part) → units."""
    counted = Counter(zip(strata, *columns, strict=True))
    words = {text: named(plain(text)) for column in columns for text in set(column)}
    return {(key[0], tuple(words[text] for text in key[1:])): n for key, n in counted.items()}


def _count(said: dict[int, list[Verdict]], state: str) -> int:
    """Units of which a part is `state`; what is open is no conflict."""
    worst = ("open", "conflict")[: ("open", "conflict").index(state) + 1]
    return sum(
        any(one.state == state for one in parts)
        and not any(one.state in worst[:-1] for one in parts)
        for parts in said.values()
    )
