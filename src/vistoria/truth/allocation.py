"""How to spend reviews: over strata, and how many there must be."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import ceil, log

import numpy as np

from vistoria.errors import UserError
from vistoria.truth import mover
from vistoria.truth._special import special
from vistoria.truth.interval import check_confidence, check_share
from vistoria.truth.limits import NAMES, Floats, Parts, at_most

_MOST = 10**9  # reviews; more is no answer


@dataclass(frozen=True, slots=True)
class Reviews:
    """How many `reviews` are needed; `wrong_allowed`: how many of them may be wrong, where the
    question is a certificate; `each`: how many in each stratum, where there are strata."""

    reviews: int
    confidence: float
    method: str
    wrong_allowed: int | None = None
    each: tuple[int, ...] = ()


def allocate(
    sizes: Sequence[int], reviews: int, *, floor: int = 10, power: float = 0.5
) -> tuple[int, ...]:
    """How many reviews each stratum gets: in proportion to the root of its size (`power` 0.5), but
    at least `floor` (fewer where that is more than there are). They sum to `reviews`, or to all
    rows. For one sample about many classes: `power` 1 and a `floor` of a twentieth of all reviews.

    Roots instead of Neyman's allocation, which starves large clean strata, where most of the
    uncertainty of a rare class sits (`docs/statistics.md`). Raises UserError on negative numbers.
    """
    if reviews < 0 or floor < 0 or min(sizes, default=0) < 0:
        raise UserError(f"cannot spread {reviews!r} reviews over {list(sizes)!r} rows: from 0")
    room = np.asarray(sizes, dtype=np.int64)
    left = min(reviews, int(room.sum()))
    least = np.minimum(room, min(floor, left // max(1, int((room > 0).sum()))))
    wish = np.where(room > 0, room.astype(np.float64) ** power, 0.0)
    low, high = 0.0, float(left + 1) * max(1.0, float(room.max(initial=1)))
    for _ in range(200):  # the factor at which clipped roots sum to `left`
        factor = (low + high) / 2
        total = np.clip(factor * wish, least, room).sum()
        low, high = (factor, high) if total < left else (low, factor)
    exact = np.clip(high * wish, least, room)
    whole = np.floor(exact + 1e-9).astype(np.int64)
    order = np.argsort(whole - exact, kind="stable")
    for index in [i for i in order if whole[i] < room[i]][: left - int(whole.sum())]:
        whole[index] += 1
    return tuple(whole.tolist())


def reviews_for_margin(
    margin: float, *, expected: float = 0.5, confidence: float = 0.95,
    parts: Parts = "clopper-pearson",
) -> Reviews:  # fmt: skip
    """Reviews in a simple random sample after which a share near `expected` is known to ±`margin`
    (half the width of its two-sided limits). Raises UserError outside 0 < margin, expected < 1."""
    alpha = check_confidence(confidence)
    check_share("margin", margin)
    check_share("expected", expected)

    def narrow(n: int) -> bool:
        # Counts between whole ones: rounding would make the width jump.
        a, b, tails = n * expected, n * (1 - expected), (alpha / 2, 1 - alpha / 2)
        half = 0.5 if parts == "mid-p" else 0.0  # mid-P lies about half a count further in
        low = special().betaincinv(a + half, b + 1 - half, tails[0])
        high = special().betaincinv(a + 1 - half, b + half, tails[1])
        return bool(high - low <= 2 * margin)

    return Reviews(_first(narrow), confidence, f"simple random, {NAMES[parts]}")


def reviews_for_strata(
    margin: float, expected: Sequence[tuple[int, float]], *, confidence: float = 0.95,
    parts: Parts = "clopper-pearson",
) -> Reviews:  # fmt: skip
    """As `reviews_for_margin`, but stratified (`allocate`): `expected` has each stratum's rows and
    the share that is expected in it. Raises UserError on impossible numbers."""
    alpha = check_confidence(confidence)
    check_share("margin", margin)
    if any(not 0 <= share <= 1 for _, share in expected) or not sum(s for s, _ in expected):
        raise UserError(f"expected {expected!r}: give rows and a share from 0 to 1 per stratum")
    sizes = [size for size, _ in expected]
    shares = np.array([share for _, share in expected])

    def narrow(n: int) -> bool:
        each = np.array(allocate(sizes, n), dtype=np.float64)
        found = mover.stratified(np.round(each * shares), each, sizes, alpha, parts)
        return bool(found.high - found.low <= 2 * margin * sum(sizes))

    reviews = _first(narrow, sum(sizes))
    method = f"stratified, root allocation, MOVER, {NAMES[parts]}"
    return Reviews(reviews, confidence, method, each=allocate(sizes, reviews))


def reviews_for_certificate(
    target: float, *, expected: float, confidence: float = 0.95, power: float = 0.8
) -> Reviews:
    """Reviews in a simple random sample after which a table that is `expected` right is certified
    at least `target` right with the probability `power` (exact binomial, one-sided).

    Raises UserError where `expected` is not above `target`: no sample would do.
    """
    alpha = check_confidence(confidence)
    for name, value in (("target", target), ("expected", expected), ("power", power)):
        check_share(name, value)
    if expected <= target:
        raise UserError(
            f"labels that are {expected!r} right can not be certified as {target!r} right: "
            "lower the target or improve the labels"
        )
    for most in _blocks():
        allowed = np.arange(*most, dtype=np.float64)
        reviews = _fewest(allowed, 1 - target, alpha)
        enough = at_most(allowed, reviews, 1 - expected) >= power
        if enough.any():
            first = int(np.argmax(enough))
            method = f"exact binomial, one-sided, power {power:g}"
            return Reviews(int(reviews[first]), confidence, method, int(allowed[first]))
    raise UserError(
        f"no sample of up to {_MOST:,} tells {expected!r} from {target!r}: widen the gap"
    )


def _fewest(allowed: Floats, error: float, alpha: float) -> Floats:
    """The fewest reviews of which `allowed` wrong ones still prove fewer errors than `error`."""
    low: Floats = allowed.copy()
    high: Floats = np.ceil((allowed + 10 + 5 * np.sqrt(allowed)) / error) + 20
    while (high - low > 1).any():
        middle = np.floor((low + high) / 2)
        proven = at_most(allowed, middle, error) <= alpha
        low, high = np.where(proven, low, middle), np.where(proven, middle, high)
    return high


def _blocks() -> list[tuple[int, int]]:
    return list(pairwise([0, *(2**power for power in range(5, 21))]))


def _first(holds: Callable[[int], bool], most: int = _MOST) -> int:
    """The smallest number from 1 to `most` for which `holds`, which stays true from there on."""
    low, high = 0, 1
    while high < most and not holds(high):
        low, high = high, min(2 * high, most)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle, high)
    return high


def reviews_without_error(target: float, *, confidence: float = 0.95) -> int:
    """The fewest reviews, all right, that certify `target`: ln(1 - confidence) / ln(target)."""
    return ceil(log(check_confidence(confidence)) / log(check_share("target", target)))


def hidden_at_most(share_unseen: float, reviewed: int) -> float:
    """Of all rows, the share that may hide in a stratum of `share_unseen` where `reviewed` showed
    none (95 percent, one-sided): no method of any kind promises less than this."""
    return share_unseen if reviewed < 1 else share_unseen * (1 - 0.05 ** (1 / reviewed))
