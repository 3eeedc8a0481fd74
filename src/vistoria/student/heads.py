"""Heads on frozen features: one linear model per field, calibrated.

- choice, boolean, number with few values: multinomial logistic regression. Classes are weighted by
  the square root of their rarity while fitting, and that weight is taken off the logits again, so
  that rare classes are learned and probabilities keep the shares that the data have (Menon et al.,
  ICLR 2021, in reverse). One temperature on out-of-fold logits (Guo et al., ICML 2017).
- choices: one logistic regression per choice.
- number: ridge regression, with a second one for the size of its error; the confidence is the
  probability of an error of at most `tolerance` under a Laplace distribution.

Text and boxes stay with the teacher.
"""

import warnings
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from vistoria.student._packages import scikit
from vistoria.student.backbones.backbone import Floats
from vistoria.student.targets import Target

__all__ = [
    "Doubles",
    "Form",
    "Head",
    "calibrated",
    "finished",
    "fit_head",
    "loss",
    "temperature_of",
    "unthreaded",
]

Form: TypeAlias = Literal["classes", "set", "value"]
Doubles: TypeAlias = NDArray[np.float64]

_HOTTEST, _COLDEST = 10.0, 0.25  # a head at chance would run to infinity
_ITERATIONS = 300


@dataclass(frozen=True, slots=True)
class Head:
    """A fitted field. `weight` (dimensions, outputs) and `bias` apply to raw features: scaling and
    temperature are folded in. `tolerance`: an error of a number that still counts as agreement.

    For "value" there are two outputs: the number, and the logarithm of its expected error.
    """

    target: Target
    weight: Doubles
    bias: Doubles
    temperature: float = 1.0
    tolerance: float = 0.0

    @property
    def form(self) -> Form:
        """How its outputs are read."""
        return self.target.form

    def scores(self, features: Floats) -> Doubles:
        """What comes before the last function: logits, or number and log error."""
        found: Doubles = features.astype(np.float64) @ self.weight + self.bias
        return found

    def outputs(self, features: Floats) -> Doubles:
        """What the exported graph gives: class probabilities, a probability per choice, or number
        and confidence."""
        return finished(self.scores(features), self.form, self.tolerance)


def finished(scores: Doubles, form: Form, tolerance: float) -> Doubles:
    """Scores as outputs."""
    if form == "classes":
        e = np.exp(scores - scores.max(axis=1, keepdims=True))
        found: Doubles = e / e.sum(axis=1, keepdims=True)
        return found
    if form == "set":
        return 1 / (1 + np.exp(-np.clip(scores, -60, 60)))
    sure = 1 - np.exp(-tolerance / np.exp(np.clip(scores[:, 1], -30, 30)))
    return np.stack([scores[:, 0], sure], axis=1)


def fit_head(target: Target, features: Floats, weights: Doubles, strength: float = 0.03) -> Head:
    """A head for rows of which `target` knows the answers. `strength`: the inverse of how much
    large weights cost."""
    centre, spread = features.mean(axis=0), features.std(axis=0)
    spread = np.where(spread > 1e-6, spread, 1.0)
    scaled = ((features - centre) / spread).astype(np.float32)
    if target.form == "value":
        weight, bias, tolerance = _ridge(target, scaled, weights)
    else:
        tolerance = 0.0
        fit = _multinomial if target.form == "classes" else _each
        weight, bias = fit(target, scaled, weights, strength)
    raw = weight / spread[:, None]
    return Head(target, raw, bias - centre @ raw, tolerance=tolerance)


def _multinomial(
    target: Target, scaled: Floats, weights: Doubles, strength: float
) -> tuple[Doubles, Doubles]:
    count = len(target.classes)
    shares = np.bincount(target.codes, weights, count)
    rarity = np.sqrt(shares.sum() / (count * np.maximum(shares, 1e-9)))
    model = scikit("linear_model").LogisticRegression(C=strength, max_iter=_ITERATIONS, tol=1e-3)
    with _patient():
        model.fit(scaled, target.codes, sample_weight=weights * rarity[target.codes])
    if count == 2:  # scikit-learn keeps one line for two classes
        weight = np.stack([np.zeros(scaled.shape[1]), model.coef_[0]], axis=1)
        bias = np.array([0.0, model.intercept_[0]])
    else:
        weight, bias = model.coef_.T, model.intercept_
    return weight.astype(np.float64), bias - np.log(rarity)


def _each(
    target: Target, scaled: Floats, weights: Doubles, strength: float
) -> tuple[Doubles, Doubles]:
    columns, biases = [], []
    for number in range(len(target.classes)):
        held = target.members[:, number]
        if held.all() or not held.any():
            columns.append(np.zeros(scaled.shape[1]))
            biases.append(8.0 if held.all() else -8.0)
            continue
        model = scikit("linear_model").LogisticRegression(
            C=strength, max_iter=_ITERATIONS, tol=1e-3
        )
        with _patient():
            model.fit(scaled, held, sample_weight=weights)
        columns.append(model.coef_[0].astype(np.float64))
        biases.append(float(model.intercept_[0]))
    return np.stack(columns, axis=1), np.array(biases)


def _ridge(target: Target, scaled: Floats, weights: Doubles) -> tuple[Doubles, Doubles, float]:
    numbers = target.numbers
    linear = scikit("linear_model")
    alphas = np.logspace(0, 4, 9)
    first = linear.RidgeCV(alphas=alphas).fit(scaled, numbers, sample_weight=weights)
    # An error seen on the rows that were fitted is too small: take it from other folds.
    other = scikit("model_selection").cross_val_predict(
        linear.Ridge(alpha=first.alpha_), scaled, numbers, cv=min(3, len(numbers))
    )
    error = np.abs(numbers - other)
    floor = max(float(np.median(error)) * 0.05, 1e-6)
    second = linear.Ridge(alpha=float(alphas[-1])).fit(scaled, np.log(error + floor))
    # The mean of log|error| of a Laplace distribution lies 0.577 below the log of its scale.
    weight = np.stack([first.coef_, second.coef_], axis=1).astype(np.float64)
    bias = np.array([float(first.intercept_), float(second.intercept_) + 0.5772])
    return weight, bias, target.tolerance


def calibrated(head: Head, temperature: float) -> Head:
    """The same with its logits divided."""
    return replace(
        head, weight=head.weight / temperature, bias=head.bias / temperature,
        temperature=temperature,
    )  # fmt: skip


def temperature_of(scores: Doubles, target: Target, weights: Doubles) -> float:
    """The divisor of logits that makes the answers likeliest; 1 where that gains nothing.

    `scores`: of rows that the head was not fitted on.
    """
    if target.form == "value" or len(scores) < 30:
        return 1.0

    def heated(heat: float) -> float:
        return loss(scores / heat, target, weights)

    grid = np.exp(np.linspace(np.log(_COLDEST), np.log(_HOTTEST), 60))
    best = float(grid[int(np.argmin([heated(heat) for heat in grid]))])
    return best if heated(best) < heated(1.0) - 1e-4 else 1.0


def loss(scores: Doubles, target: Target, weights: Doubles) -> float:
    """Mean negative log likelihood of the labels."""
    found = np.clip(finished(scores, target.form, 0.0), 1e-12, 1 - 1e-12)
    if target.form == "classes":
        said = found[np.arange(len(found)), target.codes]
        return float(np.average(-np.log(said), weights=weights))
    said = np.where(target.members, found, 1 - found)
    return float(np.average(-np.log(said).mean(axis=1), weights=weights))


@contextmanager
def _patient() -> Iterator[None]:
    """Lets a fit end at its last step without a warning: a little short of the optimum serves."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", scikit("exceptions").ConvergenceWarning)
        yield


def unthreaded() -> AbstractContextManager[object]:
    """Keeps linear algebra on one core meanwhile: at these sizes threads wait more than they work,
    and much more where the machine is busy."""
    scikit("linear_model")  # brings threadpoolctl
    from threadpoolctl import threadpool_limits  # noqa: PLC0415

    limits: AbstractContextManager[object] = threadpool_limits(1)
    return limits
