"""Metrics of batches against scikit-learn on all rows, and their intervals against simulation."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics as peer

from mlcli.models.metrics import ClassMetrics, NumberMetrics, RunningMoments
from mlcli.models.prediction import ClassPredictions, NumberPredictions

RNG = np.random.default_rng(0)


def scored(t: np.ndarray, y: np.ndarray, batch: int = 64) -> NumberMetrics:
    found = NumberMetrics()
    for start in range(0, t.size, batch):
        some = slice(start, start + batch)
        found.add(NumberPredictions(y[some], low=y[some] - 1, high=y[some] + 1), t[some])
    return found


def test_metrics_of_numbers_are_those_of_scikit_learn() -> None:
    # A target far from 0: squares about 0 would lose the digits of r2.
    t = 1e6 + RNG.normal(size=1000)
    y = t + RNG.normal(size=1000)
    found = scored(t, y).estimates(0.95)
    assert found["mse"].value == pytest.approx(peer.mean_squared_error(t, y), rel=1e-12)
    assert found["rmse"].value == pytest.approx(peer.root_mean_squared_error(t, y), rel=1e-12)
    assert found["mae"].value == pytest.approx(peer.mean_absolute_error(t, y), rel=1e-12)
    assert found["r2"].value == pytest.approx(peer.r2_score(t, y), rel=1e-9)
    assert found["coverage"].value == (np.abs(t - y) <= 1).mean()


def test_metrics_of_classes_are_those_of_scikit_learn() -> None:
    P = RNG.dirichlet(np.ones(3), size=500)
    labels = np.array([RNG.choice(3, p=p) for p in P])
    found = ClassMetrics(3)
    for start in range(0, 500, 64):
        some = slice(start, start + 64)
        found.add(ClassPredictions(("a", "b", "c"), P[some].argmax(axis=1), P[some]), labels[some])
    estimates = found.estimates(0.95)
    assert estimates["accuracy"].value == peer.accuracy_score(labels, P.argmax(axis=1))
    assert estimates["cross_entropy"].value == pytest.approx(peer.log_loss(labels, P), rel=1e-12)
    assert (found.counts == peer.confusion_matrix(labels, P.argmax(axis=1))).all()
    square = ((P - np.eye(3)[labels]) ** 2).sum(axis=1)
    assert estimates["brier"].value == pytest.approx(square.mean(), rel=1e-12)
    # The probabilities are right: what there is of a calibration error is chance.
    chance = estimates["calibration_error_by_chance"]
    assert chance.low is not None
    assert chance.high is not None
    assert chance.low < estimates["calibration_error"].value < chance.high


@pytest.mark.parametrize(
    ("name", "truth"), [("mse", 1.0), ("mae", (2 / np.pi) ** 0.5), ("r2", 0.8)]
)
def test_a_95_percent_interval_holds_the_truth_95_percent_of_the_time(
    name: str, truth: float
) -> None:
    rng, inside = np.random.default_rng(1), 0
    for _ in range(400):
        y = 2 * rng.normal(size=200)
        one = scored(y + rng.normal(size=200), y, 200).estimates(0.95)[name]
        assert one.low is not None
        assert one.high is not None
        inside += one.low <= truth <= one.high
    assert 0.91 < inside / 400 < 0.985


def test_the_interval_of_r2_does_not_depend_on_the_order_of_the_rows() -> None:
    t = np.sort(RNG.normal(size=300))
    y = t + 0.3 * RNG.normal(size=300)
    sorted_rows, at_once = (scored(t, y, n).estimates(0.95)["r2"] for n in (20, 300))
    assert sorted_rows.low == pytest.approx(at_once.low, rel=1e-9)
    assert sorted_rows.high == pytest.approx(at_once.high, rel=1e-9)


def test_moments_do_not_depend_on_the_batches() -> None:
    a, b = RNG.normal(size=(2, 100)) + 1e3
    whole, pieces = RunningMoments(("a", "b")), RunningMoments(("a", "b"))
    whole.add(a=a, b=b)
    for start in (0, 1, 40):
        end = {0: 1, 1: 40, 40: 100}[start]
        pieces.add(a=a[start:end], b=b[start:end])
    assert pieces.mean == pytest.approx(whole.mean, rel=1e-14)
    assert pieces.variance(a=1, b=-2) == pytest.approx((a - 2 * b).var(), rel=1e-10)
    one = RunningMoments(("a",))
    one.add(a=a[:1])
    assert one.estimate("a", 0.95).low is None
