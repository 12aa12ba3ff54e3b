"""Ways to take in rows once: the fastest that serves, and one that always does."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mlcli.linear.polynomial import StreamPlan, stream_plans
from mlcli.linear.r_factor import IllConditioned, RFactor, ranks, solve_nested

N = 40_000


def tried(plan: StreamPlan, X: np.ndarray, t: np.ndarray) -> RFactor | None:
    rows = plan.start()
    for start in range(0, t.size, 7000):
        rows.add(X[start : start + 7000], t[start : start + 7000])
    try:
        return plan.r_factor(rows)
    except IllConditioned:
        return None


def ways_of(X: np.ndarray, t: np.ndarray, degree: int) -> list[StreamPlan]:
    low, high = X.min(axis=0), X.max(axis=0)
    some = np.union1d(np.arange(0, t.size, 20), [*X.argmin(axis=0), *X.argmax(axis=0)])
    return stream_plans(X[some], t[some], low, high, degree)


def residual(X: np.ndarray, t: np.ndarray, plan: StreamPlan) -> float:
    P = plan.basis.evaluate(X)
    return float(((t - P @ np.linalg.lstsq(P, t)[0]) ** 2).sum())


@pytest.mark.parametrize("n_features", [1, 3])
def test_every_way_gives_least_squares(n_features: int) -> None:
    rng = np.random.default_rng(0)
    X = rng.uniform(-1, 3, (N, n_features))
    t = X[:, 0] ** 3 + 1e-7 * rng.normal(size=N)
    found = ways_of(X, t, 4)
    assert [plan.method for plan in found][-2:] == ["qr", "qr"]
    assert (found[0].method == "moments") == (n_features == 1)
    for plan in found:
        r_factor = tried(plan, X, t)
        assert r_factor is not None
        assert r_factor.n_rows == N
        _, rss = solve_nested(r_factor, [plan.basis.n_columns])
        # The last way has no first guess: of t it keeps fifteen digits, of the rest eight.
        rel = 1e-4 if plan.last else 1e-9
        assert rss[0] == pytest.approx(residual(X, t, plan), rel=rel)


@pytest.mark.parametrize("n_features", [1, 2])
def test_a_few_rows_far_out_are_found_out(n_features: int) -> None:
    rng = np.random.default_rng(1)
    X = rng.uniform(-1e-3, 1e-3, (N, n_features))
    t = rng.normal(size=N)
    # All on one side: the sample has the farthest one alone.
    X[[7, 1001, 20_003]] = -50 * rng.uniform(0.3, 1, size=(3, n_features))
    found = [(plan, tried(plan, X, t)) for plan in ways_of(X, t, 4 // n_features)]
    assert found[0][1] is None
    assert found[-1][1] is not None
    # Whatever is not refused is right.
    for plan, r_factor in found:
        if r_factor is not None:
            _, rss = solve_nested(r_factor, [plan.basis.n_columns])
            assert rss[0] == pytest.approx(residual(X, t, plan), rel=1e-10)


def last_of(X: np.ndarray, t: np.ndarray, degree: int) -> tuple[StreamPlan, RFactor]:
    plan = ways_of(X, t, degree)[-1]
    r_factor = tried(plan, X, t)
    assert r_factor is not None
    return plan, r_factor


def test_columns_that_are_alike_on_the_rows_have_no_weight() -> None:
    rng = np.random.default_rng(2)
    a = rng.normal(size=N)
    a[[100, 20_001, 33_333]] = [1e5, 9e4, -8e4]
    X, t = np.column_stack([a, 2 * a]), a + 0.1 * rng.normal(size=N)
    plan, r_factor = last_of(X, t, 2)
    # The points over the box tell the two features apart, which no row does.
    assert plan.basis.rank == 6
    basis, (settled,) = plan.settled([r_factor], r_factor)
    np.testing.assert_array_equal(ranks(settled, [1, 3, 6]), [1, 2, 3])
    # Graded order: 1, a, b, a^2, ab, b^2.
    np.testing.assert_array_equal(basis.kept, [True, True, False, True, False, False])
    W, rss = solve_nested(settled, [6])
    P = basis.evaluate(X)
    assert rss[0] == pytest.approx(float(((t - P @ W[:, 0]) ** 2).sum()), rel=1e-9)
    w, unit = replace(basis, factor=settled.R[:-1, :-1]).monomials(W[:, 0], 2)
    powers = np.column_stack([np.ones(N), a, a**2]) / [1, 1e5, 1e10]
    plain = np.linalg.lstsq(powers, t)[0] / [1, 1e5, 1e10]
    errors = np.sqrt(np.diag(np.linalg.inv(powers.T @ powers))) / [1, 1e5, 1e10]
    np.testing.assert_allclose(w[[0, 1, 3]], plain, rtol=1e-6)
    np.testing.assert_allclose(unit[[0, 1, 3]], errors, rtol=1e-6)
    assert not w[[2, 4, 5]].any()
    assert not unit[[2, 4, 5]].any()


def test_a_column_that_vanishes_on_the_sample_is_not_lost() -> None:
    a, b = np.zeros((2, N))
    a[1::40], b[3::40] = 1.0, 1.0
    # Both at once: never where the sample looks.
    both = np.arange(11, N, 4000)
    a[both], b[both] = 1.0, 1.0
    t = a - b + 3 * a * b
    X = np.column_stack([a, b])
    found = ways_of(X, t, 2)
    assert [plan.last for plan in found] == [True]
    plan, r_factor = last_of(X, t, 2)
    basis, (settled,) = plan.settled([r_factor], r_factor)
    # Powers of 0 and 1 are the numbers themselves.
    np.testing.assert_array_equal(basis.kept, [True, True, True, False, True, False])
    _, rss = solve_nested(settled, [6])
    assert rss[0] < 1e-20
