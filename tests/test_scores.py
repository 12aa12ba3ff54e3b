"""Scores of decisions and probabilities against scikit-learn, and the information identities."""

from __future__ import annotations

import numpy as np
import pytest

from mlcli.classification.information import information
from mlcli.scores import (
    average_precision,
    brier_score,
    calibration,
    class_rates,
    confusion_matrix,
    mean_cross_entropy,
    roc_auc,
    threshold_counts,
)


@pytest.mark.parametrize("digits", [1, 2, 12])
@pytest.mark.parametrize("seed", range(5))
def test_curves_are_those_of_scikit_learn(digits: int, seed: int) -> None:
    """Rounding to one digit makes many ties."""
    from sklearn import metrics

    rng = np.random.default_rng(seed)
    positive = rng.uniform(size=200) < 0.3
    p = np.clip(rng.normal(0.4 + 0.2 * positive, 0.2), 0, 1).round(digits)
    found = threshold_counts(positive, p)
    assert found is not None
    fpr, tpr, _ = metrics.roc_curve(positive, p, drop_intermediate=False)
    np.testing.assert_allclose(found.false_positive_rate, fpr, atol=1e-14)
    np.testing.assert_allclose(found.recall, tpr, atol=1e-14)
    assert roc_auc(found) == pytest.approx(metrics.roc_auc_score(positive, p), abs=1e-14)
    assert average_precision(found) == pytest.approx(
        metrics.average_precision_score(positive, p), abs=1e-14
    )


def test_the_area_is_the_probability_of_the_right_order() -> None:
    p = np.array([0.1, 0.4, 0.4, 0.8, 0.3])
    positive = np.array([False, True, False, True, True])
    pairs = [(a > b) + 0.5 * (a == b) for a in p[positive] for b in p[~positive]]
    found = threshold_counts(positive, p)
    assert found is not None
    assert roc_auc(found) == pytest.approx(np.mean(pairs))


def test_one_kind_of_row_has_no_curve() -> None:
    assert threshold_counts(np.array([True, True]), np.array([0.1, 0.9])) is None


def test_counts_and_rates() -> None:
    from sklearn import metrics

    rng = np.random.default_rng(0)
    labels, predicted = rng.integers(0, 4, 300), rng.integers(0, 4, 300)
    counts = confusion_matrix(labels, predicted, 4)
    np.testing.assert_array_equal(counts, metrics.confusion_matrix(labels, predicted))
    precision, recall, f1, _ = metrics.precision_recall_fscore_support(labels, predicted)
    found = class_rates(counts)
    for ours, theirs in zip(
        (found.precision, found.recall, found.f1), (precision, recall, f1), strict=True
    ):
        np.testing.assert_allclose(ours, theirs)
    never = class_rates(confusion_matrix(np.array([0, 1, 1]), np.array([0, 0, 0]), 2))
    assert np.isnan(never.precision[1])
    assert (never.recall[1], never.f1[1]) == (0, 0)


def test_probabilities_are_scored_as_scikit_learn_does() -> None:
    from sklearn import metrics

    rng = np.random.default_rng(1)
    P, labels = rng.dirichlet(np.ones(3), 200), rng.integers(0, 3, 200)
    assert mean_cross_entropy(labels, P) == pytest.approx(metrics.log_loss(labels, P))
    one = brier_score(labels % 2, P[:, :2] / P[:, :2].sum(axis=1, keepdims=True))
    p1 = P[:, 1] / P[:, :2].sum(axis=1)
    assert one == pytest.approx(2 * metrics.brier_score_loss(labels % 2, p1))
    assert np.isfinite(mean_cross_entropy(np.array([1]), np.array([[1.0, 0.0]])))


def test_calibrated_probabilities_have_a_small_error() -> None:
    rng = np.random.default_rng(2)
    p = rng.uniform(size=100_000)
    found = calibration(rng.uniform(size=p.size) < p, p, 10)
    assert found.counts.sum() == p.size
    assert found.expected_error < 0.01
    wrong = calibration(rng.uniform(size=p.size) < 0.5, p, 10)
    assert wrong.expected_error == pytest.approx(0.25, abs=0.01)
    assert np.isnan(calibration(np.array([True]), np.array([0.2]), 5).observed[0])
    assert calibration(np.array([True]), np.array([1.0]), 5).counts[4] == 1


def test_cross_entropy_is_entropy_and_divergence() -> None:
    rng = np.random.default_rng(3)
    for _ in range(20):
        p, q = rng.dirichlet(np.ones(8), 2)
        p[rng.integers(8)] = 0.0
        p /= p.sum()
        found = information(p, q)
        gap = found.cross_entropy - found.entropy - found.divergence
        assert abs(gap) < 1e-14
        assert found.divergence >= 0
    same = information(p, p)
    assert (same.divergence, same.cross_entropy) == (0, same.entropy)
    assert information(np.full(8, 1 / 8), q).entropy == pytest.approx(np.log(8))
    assert information(np.array([1.0, 0.0]), np.array([0.0, 1.0])).divergence == np.inf
