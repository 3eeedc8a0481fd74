"""Whether smaller pictures would get the same labels."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vistoria.engine.binomial import Share, at_least, share
from vistoria.records import Answer, Capabilities

_SIDES = (1024, 768, 512, 384)
_COMPARED = frozenset({"choice", "choices", "number", "boolean"})


@dataclass(frozen=True, slots=True)
class Size:
    """A way to make pictures cheaper: the setting that says so, and its value."""

    setting: str
    value: str | int

    def __str__(self) -> str:
        """`medium`, or `768 pixels`."""
        return self.value if isinstance(self.value, str) else f"{self.value:,} pixels"


def sizes(model: Capabilities, max_side: int | None) -> tuple[Size, ...]:
    """The sizes worth trying, the largest first; `max_side`: the longest that the person wants."""
    if model.resolutions:
        return tuple(Size("model.media_resolution", name) for name in model.resolutions)
    sides = [side for side in _SIDES if max_side is None or side < max_side]
    return tuple(
        Size("images.max_side", side) for side in [*([max_side] if max_side else []), *sides]
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """How a field's labels differ from those at the largest size.

    `here`: at this size; `repeat`: when the largest was asked again. `p`: how likely so much more
    difference here than there is by chance.
    """

    field: str
    here: Share
    repeat: Share
    p: float


def differences(
    first: Mapping[int, Answer],
    again: Mapping[int, Answer],
    smaller: Mapping[int, Answer],
    kinds: Mapping[str, str],
) -> tuple[Difference, ...]:
    """Compares the labels of the same pictures: asked twice at the largest size, once at a smaller.

    The exact one-sided sign test on discordant pairs (McNemar 1947): of the pictures on which just
    one of the two, the smaller size or the repeat, differs from the first answer, as many should
    be the repeat's. A picture that only fails when smaller differs in every field. Texts and boxes
    are never quite the same twice, so they are left out. `kinds`: field → its kind; all mappings
    else go from ordinal to answer.
    """
    both = sorted(first.keys() & again.keys())
    found = []
    for name in (name for name, kind in kinds.items() if kind in _COMPARED):
        here = [o not in smaller or not _same(first[o][name], smaller[o][name]) for o in both]
        noise = [not _same(first[o][name], again[o][name]) for o in both]
        worse = sum(a and not b for a, b in zip(here, noise, strict=True))
        better = sum(b and not a for a, b in zip(here, noise, strict=True))
        found.append(
            Difference(
                field=name,
                here=share(sum(here), len(both)),
                repeat=share(sum(noise), len(both)),
                p=at_least(worse, worse + better, 0.5),
            )
        )
    return tuple(found)


def acceptable(found: Sequence[Difference], *, alpha: float = 0.05) -> bool:
    """Whether no field differs more than by chance (Bonferroni over the fields)."""
    return all(one.p >= alpha / len(found) for one in found)


def _same(a: Any, b: Any) -> bool:
    if isinstance(a, list) and isinstance(b, list):
        return sorted(map(str, a)) == sorted(map(str, b))
    return bool(a == b)
