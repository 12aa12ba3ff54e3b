"""The winner's curse against order statistics and simulation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import integrate, stats

from mlcli.sweeps.table import curse


def largest_of(k: int) -> float:
    """E[max of k standard normals], by quadrature."""
    density = lambda x: x * k * stats.norm.pdf(x) * stats.norm.cdf(x) ** (k - 1)  # noqa: E731
    return float(integrate.quad(density, -10, 10)[0])


@pytest.mark.parametrize("k", [2, 5, 20])
def test_equal_points_flatter_by_the_largest_of_k_normals(k: int) -> None:
    found = curse([0.0] * k, [2.0] * k, [None] * k, largest=True, n_seeds=4)
    assert found.bias_if_equal == pytest.approx(2 * largest_of(k), rel=0.03)
    assert found.bias == found.bias_if_equal
    assert not found.joint


def test_a_winner_far_ahead_flatters_by_nothing() -> None:
    found = curse([0.0, 100.0], [1.0, 1.0], [None, None], largest=True, n_seeds=4)
    assert found.bias < 0.03 < found.bias_if_equal


def test_smallest_is_the_mirror_of_largest() -> None:
    up = curse([0.1, 0.3, 0.2], [1.0, 0.5, 2.0], [None] * 3, largest=True, n_seeds=4)
    down = curse([-0.1, -0.3, -0.2], [1.0, 0.5, 2.0], [None] * 3, largest=False, n_seeds=4)
    assert up == down


def test_seeds_that_move_all_points_alike_do_not_flatter() -> None:
    seeds = np.random.default_rng(0).normal(size=8)
    shared = [{i: float(s) + shift for i, s in enumerate(seeds)} for shift in (0.0, 0.01, 0.02)]
    means = [float(np.mean(list(one.values()))) for one in shared]
    errors = [float(np.std(list(one.values()), ddof=1) / np.sqrt(8)) for one in shared]
    joint = curse(means, errors, shared, largest=True, n_seeds=8)
    assert joint.joint
    assert joint.bias == pytest.approx(0.0, abs=0.01)
    apart = curse(means, errors, [None] * 3, largest=True, n_seeds=8)
    assert apart.bias > 0.1


def test_the_joint_errors_have_the_covariance_of_the_means() -> None:
    table = np.random.default_rng(1).normal(size=(6, 4))
    values = [dict(enumerate(map(float, column))) for column in table.T]
    errors = list(table.std(axis=0, ddof=1) / np.sqrt(6))
    joint = curse([0.0] * 4, errors, values, largest=True, n_seeds=6)
    covariance = np.cov(table.T) / 6
    noise = np.random.default_rng(2).multivariate_normal(np.zeros(4), covariance, 40_000)
    assert joint.bias_if_equal == pytest.approx(noise.max(axis=1).mean(), rel=0.03)


def test_shared_rows_widen_the_errors() -> None:
    plain = curse([0.0, 0.0], [1.0, 1.0], [None, None], largest=True, n_seeds=10)
    wide = curse([0.0, 0.0], [1.0, 1.0], [None, None], largest=True, n_seeds=10, overlap=0.3)
    assert wide.bias == pytest.approx(2 * plain.bias)


def test_the_bracket_holds_the_truth_in_a_simulation() -> None:
    """Ten points that are equally good: the true flattery lies between the two numbers."""
    rng, said, true = np.random.default_rng(5), [], []
    for _ in range(60):
        scores = rng.normal(size=(8, 10))
        values = [dict(enumerate(map(float, column))) for column in scores.T]
        errors = list(scores.std(axis=0, ddof=1) / np.sqrt(8))
        found = curse(list(scores.mean(axis=0)), errors, values, largest=True, n_seeds=8)
        said.append((found.bias, found.bias_if_equal))
        true.append(scores.mean(axis=0).max())
    low, high = np.mean(said, axis=0)
    assert low < np.mean(true) < high * 1.1
