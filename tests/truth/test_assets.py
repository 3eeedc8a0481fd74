"""Photos to assets: the sum of log-odds decides, reviewed assets say how sure it is."""

import numpy as np
import pytest
from numpy.typing import NDArray

from vistoria.truth import combine, fit_platt


def test_the_sum_of_log_odds_decides() -> None:
    found = combine([7, 7, 7, 9, 8], [0, 1, 1, 0, 1], [0.99, 0.7, 0.7, 0.6, 0.5], classes=2)
    assert found.asset.tolist() == [7, 8, 9]
    assert found.label.tolist() == [0, 1, 0]  # 99 to 1 outweighs two times 7 to 3
    expected = np.log(99) - 2 * np.log(7 / 3)
    assert found.evidence.tolist() == [
        pytest.approx(expected), pytest.approx(0), pytest.approx(np.log(1.5)),
    ]  # fmt: skip
    assert found.share.tolist() == [pytest.approx(1 / 3), 1, 1]
    assert found.photos.tolist() == [3, 1, 1]
    assert found.conflict.tolist() == [True, False, False]


def test_without_confidence_the_majority_decides() -> None:
    found = combine([1, 1, 1, 2, 2], [4, 4, 0, 3, 2], classes=5)
    assert found.label.tolist() == [4, 2]
    assert found.evidence.tolist() == [1, 0]


def test_the_order_of_photos_does_not_matter() -> None:
    chance = np.random.default_rng(1)
    asset, label = chance.integers(0, 40, 200), chance.integers(0, 3, 200)
    sure, order = chance.uniform(0.3, 1, 200), chance.permutation(200)
    one = combine(asset, label, sure, classes=3)
    other = combine(asset[order], label[order], sure[order], classes=3)
    for name in ("asset", "label", "evidence", "share", "photos"):
        assert np.array_equal(getattr(one, name), getattr(other, name))


def test_no_photos_no_assets() -> None:
    assert combine([], []).asset.size == 0


def _town(
    chance: np.random.Generator, assets: int
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Assets of which a few are ambiguous in every photo: features and whether the answer holds."""
    truth = chance.random(assets) < 0.2
    photos = chance.integers(3, 8, assets)
    belief = chance.random(assets) < np.where(chance.random(assets) < 0.08, 0.5, 0.0)
    asset = np.repeat(np.arange(assets), photos)
    label = (truth ^ belief)[asset] ^ (chance.random(asset.size) < 0.1)
    found = combine(asset, label, np.full(asset.size, 0.9))
    return found.features, found.label == truth


def test_calibrated_confidence_is_right_as_often_as_it_says() -> None:
    chance = np.random.default_rng(5)
    features, right = _town(chance, 20_000)
    naive = 1 / (1 + np.exp(-features[:, 0]))
    sure = naive > 0.99
    gap = naive[sure].mean() - right[sure].mean()
    assert gap > 0.03  # photos of one asset err together
    for _ in range(5):
        fitted = fit_platt(*_town(chance, 300))
        confidence = fitted.confidence(features)
        assert abs(confidence[sure].mean() - right[sure].mean()) < gap / 2
        assert abs(confidence.mean() - right.mean()) < 0.03
        assert fitted.fitted_on == 300


def test_all_right_is_not_certain() -> None:
    fitted = fit_platt([1.0, 2.0, 3.0], [True] * 3)
    assert 0.7 < fitted.confidence([2.0])[0] < 0.9
    assert fit_platt(np.arange(50.0), np.arange(50) >= 25).confidence([49.0])[0] < 1


def test_platt_follows_the_curve() -> None:
    chance = np.random.default_rng(2)
    score = chance.normal(size=5000)
    right = chance.random(5000) < 1 / (1 + np.exp(-(1 + 2 * score)))
    found = fit_platt(score, right).confidence([-1.0, 0.0, 1.0])
    assert found == pytest.approx(1 / (1 + np.exp([1.0, -1.0, -3.0])), abs=0.03)
