"""Least squares on 1,000,000 rows against scikit-learn: ratios, never a gate."""

from __future__ import annotations

import numpy as np
import pytest

from mlcli.linear.polynomial import fit_polynomial
from tests.benchmarks.conftest import Stopwatch
from tests.benchmarks.data import cubic


@pytest.fixture(scope="module")
def rows() -> tuple[np.ndarray, np.ndarray]:
    return cubic(1_000_000)


def test_degree_10_against_scikit_learn(
    stopwatch: Stopwatch, rows: tuple[np.ndarray, np.ndarray]
) -> None:
    import sklearn
    from sklearn.linear_model import LinearRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import PolynomialFeatures

    X, t = rows
    peer = make_pipeline(PolynomialFeatures(10, include_bias=False), LinearRegression())
    stopwatch.pair(
        "least-squares",
        lambda: fit_polynomial(X, t, [10]),
        lambda: peer.fit(X, t),
        f"PolynomialFeatures + LinearRegression of scikit-learn {sklearn.__version__}",
    )


def test_all_degrees_against_the_highest_alone(
    stopwatch: Stopwatch, rows: tuple[np.ndarray, np.ndarray]
) -> None:
    X, t = rows
    stopwatch.pair(
        "all-degrees",
        lambda: fit_polynomial(X, t, range(31)),
        lambda: fit_polynomial(X, t, [30]),
        "our own fit of degree 30 alone",
    )
