"""Chebyshev columns through sums of them: against the products themselves."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.polynomial import chebyshev

from mlcli.linear.r_factor import (
    CHUNK,
    IllConditioned,
    MomentAccumulator,
    QRAccumulator,
    changed,
    chebyshev_coefficients,
    chebyshev_nodes,
    chebyshev_rows,
)


@pytest.mark.parametrize("degree", [0, 1, 2, 7, 30])
def test_the_gram_matrix_is_that_of_the_columns(degree: int) -> None:
    rng = np.random.default_rng(0)
    u, t = rng.uniform(-1, 1, CHUNK + 777), rng.normal(size=CHUNK + 777)
    found = MomentAccumulator(degree)
    for part in (slice(0, 100), slice(100, None)):
        found.add(u[part], t[part])
    rows = np.column_stack([chebyshev.chebvander(u, degree), t])
    np.testing.assert_allclose(found.gram(), rows.T @ rows, atol=1e-11 * u.size)


def test_a_first_guess_is_taken_off_the_target() -> None:
    rng = np.random.default_rng(1)
    u, guess = rng.uniform(-1, 1, 5000), np.array([3.0, -2.0, 0.5])
    t = chebyshev.chebval(u, guess) + 1e-6 * rng.normal(size=5000)
    found = MomentAccumulator(2)
    found.add(u, t, guess)
    assert found.r_factor().R[-1, -1] == pytest.approx(1e-6 * np.sqrt(5000), rel=0.1)


def test_rows_at_one_place_are_ill_conditioned() -> None:
    found = MomentAccumulator(12)
    found.add(np.full(100, 0.3) + 1e-9 * np.arange(100), np.ones(100))
    with pytest.raises(IllConditioned):
        found.r_factor()


def test_rows_of_the_recurrence() -> None:
    u = np.linspace(-1, 1, 50)
    rows = np.empty((9, 50))
    chebyshev_rows(u, rows)
    np.testing.assert_allclose(rows, np.cos(np.arange(9)[:, None] * np.arccos(u)), atol=1e-13)


def test_coefficients_of_polynomials_at_the_nodes() -> None:
    C = np.random.default_rng(2).normal(size=(12, 4))
    values = chebyshev.chebval(chebyshev_nodes(12), C).T
    np.testing.assert_allclose(chebyshev_coefficients(values), C, atol=1e-13)


def test_a_change_of_columns_is_the_r_factor_of_the_new_ones() -> None:
    rng = np.random.default_rng(3)
    u, t = rng.uniform(-1, 1, 4000), rng.normal(size=4000)
    C = rng.normal(size=(6, 3))
    moments = MomentAccumulator(5)
    moments.add(u, t)
    direct = QRAccumulator(3)
    direct.add(chebyshev.chebvander(u, 5) @ C, t)
    found = changed(moments.r_factor(), C)
    np.testing.assert_allclose(found.R, direct.r_factor().R, atol=1e-10)
    assert found.n_rows == 4000
