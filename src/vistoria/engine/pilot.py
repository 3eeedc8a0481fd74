"""Chooses a few observations to ask first, from which the rest can be judged."""

import numpy as np
from numpy.typing import NDArray

from vistoria.ledger import Scope


def draw(scope: Scope, count: int, seed: int = 0) -> NDArray[np.int64]:
    """The ordinals of `count` observations: from each kind of asset its share, by a hash of `seed`
    and what identifies them, so that the same call gives the same ones."""
    kinds, sizes = np.unique(scope.kinds, return_counts=True)
    hashes = _mixed(scope.keys, seed)
    chosen = []
    for kind, quota in zip(kinds, _quotas(sizes, count), strict=True):
        members = np.flatnonzero(scope.kinds == kind)
        order = np.argsort(hashes[members], kind="stable")
        chosen.append(scope.ordinals[members[order[:quota]]])
    return np.sort(np.concatenate(chosen)) if chosen else np.zeros(0, dtype=np.int64)


def _quotas(sizes: NDArray[np.int64], count: int) -> list[int]:
    """Parts of `count` in proportion to `sizes`, by largest remainder."""
    exact = sizes * min(1.0, count / max(1, sizes.sum()))
    whole = np.floor(exact).astype(np.int64)
    missing = min(count, int(sizes.sum())) - int(whole.sum())
    whole[np.argsort(whole - exact, kind="stable")[:missing]] += 1
    found: list[int] = whole.tolist()
    return found


def _mixed(keys: NDArray[np.uint64], seed: int) -> NDArray[np.uint64]:
    """splitmix64 (Steele, Lea & Flood 2014) of each key and the seed."""
    z = keys + np.uint64((seed + 1) * 0x9E3779B97F4A7C15 % 2**64)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed: NDArray[np.uint64] = z ^ (z >> np.uint64(31))
    return mixed
