import numpy as np
import pytest

from training.street.calibrate import (
    HOTTEST,
    calibration_error,
    interval,
    softened,
    surprise,
    temperature,
)


def test_wilsons_interval_is_the_textbooks() -> None:
    assert interval(90, 100) == pytest.approx((0.8256, 0.9448), abs=1e-4)
    assert interval(0, 0) == (0.0, 1.0)


def test_calibration_error_is_the_mean_distance_of_confidence_and_share_right() -> None:
    confidence = np.array([0.9] * 10 + [0.6] * 10)
    right = np.array([True] * 9 + [False] + [True] * 3 + [False] * 7)
    assert calibration_error(confidence, right) == pytest.approx(0.15)


def test_softening_equals_dividing_logits() -> None:
    logits = np.array([[2.0, 0.0, -1.0]])
    raised = np.exp(logits)
    cooler = np.exp(logits / 3)
    found = softened((raised / raised.sum()).astype(np.float32), 3.0)
    assert found == pytest.approx(cooler / cooler.sum(), abs=1e-6)


def answers_of(sharpness: float, count: int = 4000) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities that are `sharpness` times as sure as the labels justify."""
    draw = np.random.default_rng(3)
    logits = draw.normal(0, 2, (count, 4))
    honest = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    labels = np.array([draw.choice(4, p=row) for row in honest])
    return softened(honest.astype(np.float32), 1 / sharpness), labels


def test_temperature_undoes_overconfidence() -> None:
    probabilities, labels = answers_of(2.5)
    heat = temperature(probabilities, labels)
    assert heat == pytest.approx(2.5, rel=0.1)
    assert surprise(softened(probabilities, heat), labels) < surprise(probabilities, labels)


def test_temperature_leaves_alone_what_it_cannot_help() -> None:
    probabilities, labels = answers_of(2.5, count=30)
    assert temperature(probabilities, labels) == 1.0, "too few to tell"


def test_temperature_of_a_guessing_head_is_bounded() -> None:
    probabilities, _ = answers_of(2.5)
    labels = np.random.default_rng(4).integers(0, 4, len(probabilities))
    assert temperature(probabilities, labels) <= HOTTEST
