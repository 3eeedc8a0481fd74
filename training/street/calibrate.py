"""How far probabilities can be believed, and a temperature per head that makes them believable."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["calibration_error", "interval", "softened", "surprise", "temperature"]

Probabilities = NDArray[np.float32]
Labels = NDArray[np.int64]

COLDEST, HOTTEST = 0.25, 10.0
"""A head at chance level would like an endless temperature; it gets this one and is refused."""


def surprise(probabilities: Probabilities, labels: Labels) -> float:
    """Mean negative log-likelihood, in nats."""
    of_truth = probabilities[np.arange(len(labels)), labels]
    return float(-np.log(np.maximum(of_truth, 1e-12)).mean())


def calibration_error(
    confidence: NDArray[np.floating], right: NDArray[np.bool_], *, bins: int = 15
) -> float:
    """Expected calibration error over `bins` equal-width bins (Guo et al. 2017)."""
    bin_of = np.minimum((confidence * bins).astype(int), bins - 1)
    off = np.bincount(bin_of, weights=confidence - right, minlength=bins)
    return float(np.abs(off).sum() / len(confidence))


def interval(right: int, count: int, *, z: float = 1.96) -> tuple[float, float]:
    """Wilson's score interval of a share; 95 % by default."""
    if not count:
        return 0.0, 1.0
    share, square = right / count, z * z / count
    middle = (share + square / 2) / (1 + square)
    half = z * np.sqrt(share * (1 - share) / count + square / count / 4) / (1 + square)
    return float(max(0.0, middle - half)), float(min(1.0, middle + half))


def softened(probabilities: Probabilities, heat: float) -> Probabilities:
    """The softmax of the logits divided by `heat`, computed from the softmax itself."""
    logits = np.log(np.maximum(probabilities.astype(np.float64), 1e-30)) / heat
    raised = np.exp(logits - logits.max(-1, keepdims=True))
    return np.asarray(raised / raised.sum(-1, keepdims=True), np.float32)


def temperature(probabilities: Probabilities, labels: Labels) -> float:
    """The temperature of a head (Guo et al. 2017); 1 unless it helps on photos not fitted to.

    Fitted to each half of the photos and judged on the other half: both the likelihood and the
    calibration error must improve. Then fitted to all.
    """
    if len(labels) < 40:
        return 1.0
    even = np.arange(len(labels)) % 2 == 0
    warmed = np.empty_like(probabilities)
    for part in (even, ~even):
        warmed[~part] = softened(probabilities[~part], _best(probabilities[part], labels[part]))
    better = surprise(warmed, labels) < surprise(probabilities, labels)
    tighter = _error(warmed, labels) < _error(probabilities, labels)
    return _best(probabilities, labels) if better and tighter else 1.0


def _error(probabilities: Probabilities, labels: Labels) -> float:
    return calibration_error(probabilities.max(-1), probabilities.argmax(-1) == labels)


def _best(probabilities: Probabilities, labels: Labels) -> float:
    """The temperature of least surprise, by golden section over its logarithm."""
    golden = (np.sqrt(5) - 1) / 2
    low, high = np.log(COLDEST), np.log(HOTTEST)
    for _ in range(40):
        left, right = high - golden * (high - low), low + golden * (high - low)
        worse = [surprise(softened(probabilities, np.exp(at)), labels) for at in (left, right)]
        low, high = (low, right) if worse[0] < worse[1] else (left, high)
    return float(np.exp((low + high) / 2))
