"""Metrics of batches against scikit-learn on all rows, and their intervals against simulation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from sklearn import metrics as peer
from statsmodels.stats.proportion import proportion_confint

from mlcli.linear.statistics import AT_MOST_ONE, NON_NEGATIVE, Range, interval_ends
from mlcli.models.metrics import ClassMetrics, Estimate, NumberMetrics, RunningMoments
from mlcli.models.prediction import ClassPredictions, NumberPredictions

RNG = np.random.default_rng(0)


def scored(t: np.ndarray, y: np.ndarray, batch: int = 64) -> NumberMetrics:
    found = NumberMetrics()
    for start in range(0, t.size, batch):
        some = slice(start, start + batch)
        found.add(NumberPredictions(y[some], low=y[some] - 1, high=y[some] + 1), t[some])
    return found


def ends(found: Estimate) -> tuple[float | None, ...]:
    return found.value, found.low, found.high


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


def test_every_metric_of_numbers_equals_its_formula_to_the_last_digits() -> None:
    t = 30 + RNG.normal(size=80)
    y = t + RNG.normal(size=80)
    found = NumberMetrics()
    for some in (slice(0, 20), slice(20, 20), slice(20, 80)):
        found.add(NumberPredictions(y[some], low=y[some] - 0.7, high=y[some] + 0.4), t[some])
    squares, ratio = (t - y) ** 2, ((t - y) ** 2).mean() / t.var()
    # Row by row the error of r2 = 1 - A/B to first order.
    off = (squares - ratio * (t - t.mean()) ** 2) / t.var()
    inside = int(((y - 0.7 <= t) & (t <= y + 0.4)).sum())
    for level in (0.6, 0.99):
        estimates = found.estimates(level)
        quantile = stats.t.ppf((1 + level) / 2, 79)
        for name, values, value, within in (
            ("mse", squares, squares.mean(), NON_NEGATIVE),
            ("mae", np.abs(t - y), np.abs(t - y).mean(), NON_NEGATIVE),
            ("r2", off, 1 - ratio, AT_MOST_ONE),
        ):
            half = quantile * values.std(ddof=1) / np.sqrt(80)
            expected = (value, *interval_ends(value, half, within))
            assert ends(estimates[name]) == pytest.approx(expected, rel=1e-9)
        roots = tuple(np.sqrt(ends(estimates["mse"])))
        assert ends(estimates["rmse"]) == pytest.approx(roots, rel=1e-12)
        wilson = proportion_confint(inside, 80, 1 - level, method="wilson")
        assert ends(estimates["coverage"]) == pytest.approx((inside / 80, *wilson), rel=1e-9)


def test_every_metric_of_classes_equals_its_formula_to_the_last_digits() -> None:
    P = RNG.dirichlet(np.ones(3), size=90)
    labels = RNG.integers(3, size=90)
    predicted, level = P.argmax(axis=1), 0.8
    found = ClassMetrics(3)
    for some in (slice(0, 50), slice(50, 90)):
        found.add(ClassPredictions(("a", "b", "c"), predicted[some], P[some]), labels[some])
    assert found.n_rows == 90
    estimates = found.estimates(level)
    right, p = predicted == labels, P.max(axis=1)
    wilson = proportion_confint(right.sum(), 90, 1 - level, method="wilson")
    assert ends(estimates["accuracy"]) == pytest.approx((right.mean(), *wilson), rel=1e-9)
    for name, values, within in (
        ("cross_entropy", -np.log(P[np.arange(90), labels]), NON_NEGATIVE),
        ("brier", ((P - np.eye(3)[labels]) ** 2).sum(axis=1), Range(0.0, 2.0)),
    ):
        half = stats.t.ppf(0.9, 89) * values.std(ddof=1) / np.sqrt(90)
        expected = (values.mean(), *interval_ends(values.mean(), half, within))
        assert ends(estimates[name]) == pytest.approx(expected, rel=1e-9)
    # Ten bins of the probability, and in each the rows that are right against their probability.
    bins = [np.flatnonzero((10 * p).astype(int) == k) for k in range(10)]
    gaps = [abs(p[rows].sum() - right[rows].sum()) for rows in bins]
    error = estimates["calibration_error"]
    assert error.value == pytest.approx(sum(gaps) / 90, rel=1e-12)
    assert error.low is error.high is None
    sizes = np.array([rows.size for rows in bins if rows.size])
    sums = np.array([p[rows].sum() for rows in bins if rows.size])
    drawn = np.random.default_rng(0).binomial(sizes, sums / sizes, (1000, sizes.size))
    chance = np.abs(drawn - sums).sum(axis=1) / 90
    expected = (chance.mean(), *np.quantile(chance, [0.1, 0.9]))
    assert ends(estimates["calibration_error_by_chance"]) == pytest.approx(expected, rel=1e-12)


def test_two_rows_have_an_interval_and_equal_targets_have_no_r2() -> None:
    found = NumberMetrics()
    found.add(NumberPredictions(np.array([1.0, 3.0])), np.array([5.0, 5.0]))
    estimates = found.estimates(0.5)
    assert list(estimates) == ["mse", "rmse", "mae"]
    # Student's upper quartile with one degree of freedom is 1.
    expected = (3.0, *interval_ends(3.0, 1.0, NON_NEGATIVE))
    assert ends(estimates["mae"]) == pytest.approx(expected)
    # Probabilities of 1 that hold: nothing is left to chance.
    sure = ClassMetrics(2)
    sure.add(ClassPredictions(("a", "b"), np.array([0, 1]), np.eye(2)), np.array([0, 1]))
    assert sure.estimates(0.9)["calibration_error"].value == 0
    assert ends(sure.estimates(0.9)["calibration_error_by_chance"]) == (0, 0, 0)
