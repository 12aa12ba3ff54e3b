"""Least squares on 1,000,000 rows against scikit-learn, in one run: ratios, never a gate."""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median
from typing import Any

import numpy as np
import pytest

from mlcli.linear.compress import fit_polynomial

N_ROWS = 1_000_000


@pytest.fixture(scope="module")
def rows() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    x = rng.uniform(-2, 2, N_ROWS)
    return x[:, None], 0.5 * x**3 + 0.3 * x**2 - 0.25 * x + 1 + rng.normal(0, 1.95, N_ROWS)


def seconds(work: Callable[[], Any]) -> float:
    t_start = time.perf_counter()
    work()
    return time.perf_counter() - t_start


def pairs(ours: Callable[[], Any], theirs: Callable[[], Any], n: int = 5) -> list[float]:
    """Time of `theirs` over that of `ours`, pair by pair after one warm-up of each."""
    ours(), theirs()
    return sorted(seconds(theirs) / seconds(ours) for _ in range(n))


def test_degree_10_against_scikit_learn(rows: tuple[np.ndarray, np.ndarray]) -> None:
    from sklearn.linear_model import LinearRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import PolynomialFeatures

    X, t = rows
    peer = make_pipeline(PolynomialFeatures(10, include_bias=False), LinearRegression())
    found = pairs(lambda: fit_polynomial(X, t, [10]), lambda: peer.fit(X, t))
    print(
        f"\n1,000,000 rows, degree 10: scikit-learn takes {median(found):.1f} "
        f"({found[0]:.1f}-{found[-1]:.1f}) times as long"
    )


def test_all_degrees_against_the_highest_alone(rows: tuple[np.ndarray, np.ndarray]) -> None:
    X, t = rows
    found = pairs(lambda: fit_polynomial(X, t, [30]), lambda: fit_polynomial(X, t, range(31)))
    print(
        f"\n1,000,000 rows: degrees 0..30 take {median(found):.2f} times as long as degree 30 alone"
    )
