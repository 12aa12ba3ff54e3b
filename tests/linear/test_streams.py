"""Ways to take in rows once: the fastest that serves, and one that always does."""

from __future__ import annotations

import numpy as np
import pytest

from mlcli.linear.streams import Way, ways
from mlcli.linear.triangle import IllConditioned, Triangle, solve_nested

N = 40_000


def tried(way: Way, X: np.ndarray, t: np.ndarray) -> Triangle | None:
    rows = way.start()
    for start in range(0, t.size, 7000):
        rows.add(X[start : start + 7000], t[start : start + 7000])
    try:
        return way.triangle(rows)
    except IllConditioned:
        return None


def ways_of(X: np.ndarray, t: np.ndarray, degree: int) -> list[Way]:
    low, high = X.min(axis=0), X.max(axis=0)
    some = np.union1d(np.arange(0, t.size, 20), [*X.argmin(axis=0), *X.argmax(axis=0)])
    return ways(X[some], t[some], low, high, degree)


def residual(X: np.ndarray, t: np.ndarray, way: Way) -> float:
    P = way.basis.evaluate(X)
    return float(((t - P @ np.linalg.lstsq(P, t)[0]) ** 2).sum())


@pytest.mark.parametrize("n_features", [1, 3])
def test_every_way_gives_least_squares(n_features: int) -> None:
    rng = np.random.default_rng(0)
    X = rng.uniform(-1, 3, (N, n_features))
    t = X[:, 0] ** 3 + 1e-7 * rng.normal(size=N)
    found = ways_of(X, t, 4)
    assert [way.method for way in found][-2:] == ["qr", "qr"]
    assert (found[0].method == "moments") == (n_features == 1)
    for way in found:
        triangle = tried(way, X, t)
        assert triangle is not None
        assert triangle.n_rows == N
        _, rss = solve_nested(triangle, [way.basis.n_columns])
        # The last way has no first guess: of t it keeps fifteen digits, of the rest eight.
        rel = 1e-4 if way.last else 1e-9
        assert rss[0] == pytest.approx(residual(X, t, way), rel=rel)


@pytest.mark.parametrize("n_features", [1, 2])
def test_a_few_rows_far_out_are_found_out(n_features: int) -> None:
    rng = np.random.default_rng(1)
    X = rng.uniform(-1e-3, 1e-3, (N, n_features))
    t = rng.normal(size=N)
    # All on one side: the sample has the farthest one alone.
    X[[7, 1001, 20_003]] = -50 * rng.uniform(0.3, 1, size=(3, n_features))
    found = [(way, tried(way, X, t)) for way in ways_of(X, t, 4 // n_features)]
    assert found[0][1] is None
    assert found[-1][1] is not None
    # Whatever is not refused is right.
    for way, triangle in found:
        if triangle is not None:
            _, rss = solve_nested(triangle, [way.basis.n_columns])
            assert rss[0] == pytest.approx(residual(X, t, way), rel=1e-10)
