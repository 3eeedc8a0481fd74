"""A confidence that means what it says: logistic regression of "was right" on a score."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from vistoria.errors import UserError
from vistoria.truth._special import special
from vistoria.truth.limits import Floats

_RIDGE = 0.1  # pulls a little to 0, so that clean cuts do not run away
_STEPS = 50


@dataclass(frozen=True, slots=True)
class Platt:
    """A fitted curve; `weights` are of features measured from `centre` in units of `spread`."""

    weights: tuple[float, ...]
    bias: float
    centre: tuple[float, ...]
    spread: tuple[float, ...]
    fitted_on: int

    def confidence(self, features: ArrayLike) -> Floats:
        """The probability of being right; one per row of `features`."""
        scaled = (_rows(features) - np.array(self.centre)) / np.array(self.spread)
        found: Floats = special().expit(scaled @ np.array(self.weights) + self.bias)
        return found


def fit_platt(features: ArrayLike, right: ArrayLike) -> Platt:
    """Fits on reviewed answers: `features`, one row each, and whether it was right.

    Platt, Advances in Large Margin Classifiers (1999), with his smoothed targets, by Newton steps
    (Lin, Lin & Weng, Machine Learning 68 (2007) 267). Good from about 100 reviews. Raises UserError
    where rows do not fit, are not numbers or there are none.
    """
    x, y = _rows(features), np.asarray(right, np.bool_)
    if not len(x) or y.shape != (len(x),) or not np.isfinite(x).all():
        raise UserError(
            f"features of shape {x.shape} and {y.size} answers: give a row of numbers and whether "
            "it was right for each reviewed answer"
        )
    good, bad = int(y.sum()), int((~y).sum())
    target = np.where(y, (good + 1) / (good + 2), 1 / (bad + 2))
    centre, spread = x.mean(axis=0), x.std(axis=0)
    spread = np.where(spread > 0, spread, 1.0)
    scaled = np.column_stack([(x - centre) / spread, np.ones(len(x))])
    penalty = np.diag([_RIDGE] * x.shape[1] + [0.0])
    theta = np.zeros(x.shape[1] + 1)
    for _ in range(_STEPS):
        guess = special().expit(scaled @ theta)
        slope = scaled.T @ (guess - target) + penalty @ theta
        curve = (scaled * (guess * (1 - guess))[:, None]).T @ scaled + penalty
        step = np.linalg.solve(curve + 1e-9 * np.eye(len(theta)), slope)
        theta = theta - step / max(1.0, float(np.abs(step).max()))  # never a leap
        if np.abs(step).max() < 1e-9:
            break
    *weights, bias = theta.tolist()
    return Platt(tuple(weights), bias, tuple(centre.tolist()), tuple(spread.tolist()), len(x))


def _rows(features: ArrayLike) -> Floats:
    """One row per answer, also where there is one feature only."""
    x = np.asarray(features, np.float64)
    return x.reshape(-1, 1) if x.ndim == 1 else x
