"""Shortest solutions on both sides of the interpolation threshold."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from mlcli.linear.polynomial import fit_polynomial
from mlcli.selection.expected_loss import uniform_quadrature
from mlcli.selection.interpolation import (
    COLUMNS,
    expected_error_of_memory,
    legendre_columns,
    minimum_norm,
    minimum_norms,
    nearest_rows,
)

Array = NDArray[np.float64]


def rows(seed: int = 0, n_sets: int = 6, n_rows: int = 9) -> tuple[Array, Array]:
    rng = np.random.default_rng(seed)
    x = rng.uniform(-2, 2, (n_sets, n_rows))
    return x, x**3 - x + rng.normal(0, 1, x.shape)


def columns(x: Array, n_columns: int, kind: str) -> Array:
    return np.stack([legendre_columns(one, -2.0, 2.0, n_columns, kind) for one in x])


@pytest.mark.parametrize("kind", COLUMNS)
def test_legendre_columns_are_orthogonal_over_x(kind: str) -> None:
    nodes, weights = uniform_quadrature(-2.0, 2.0, 60)
    P = legendre_columns(nodes, -2.0, 2.0, 50, kind)
    lengths = np.ones(50) if kind == "orthonormal" else 1 / (2 * np.arange(50) + 1)
    np.testing.assert_allclose(P.T @ (weights[:, None] * P), np.diag(lengths), atol=1e-12)


def test_unknown_columns_are_refused() -> None:
    with pytest.raises(ValueError, match="must be one of legendre, orthonormal"):
        legendre_columns(np.zeros(1), -1.0, 1.0, 2, "chebyshev")


def test_below_the_threshold_the_shortest_solution_is_least_squares() -> None:
    x, t = rows()
    for kind in COLUMNS:
        found = minimum_norm(columns(x, 5, kind), t)
        for s in range(len(x)):
            exact = fit_polynomial(x[s], t[s], [4]).predict(x[s])[:, 0]
            np.testing.assert_allclose(columns(x, 5, kind)[s] @ found.W[s], exact, rtol=1e-9)
        assert (found.effective_rank == 5).all()


@pytest.mark.parametrize("kind", COLUMNS)
@pytest.mark.parametrize("n_columns", [9, 14, 80, 300])
def test_from_the_threshold_on_it_passes_through_every_row_and_is_the_shortest(
    n_columns: int, kind: str
) -> None:
    x, t = rows()
    Phi = columns(x, n_columns, kind)
    found = minimum_norm(Phi, t)
    scale = np.abs(Phi).sum(axis=2).max() * np.abs(found.W).max()
    np.testing.assert_allclose(
        np.einsum("snp,sp->sn", Phi, found.W), t, atol=1e-13 * max(scale, 1), rtol=0
    )
    for s in range(len(x)):
        other = np.linalg.lstsq(Phi[s], t[s], rcond=None)[0]
        np.testing.assert_allclose(found.W[s], other, atol=1e-9 * np.abs(other).max())
        # Nothing of w lies in the null space: any other solution is longer.
        null = np.linalg.svd(Phi[s])[2][9:]
        assert np.abs(null @ found.W[s]).max(initial=0.0) <= 1e-10 * found.norm[s]


def test_the_scaling_of_the_columns_matters_only_past_the_threshold() -> None:
    x, t = rows()
    points = np.linspace(-1.9, 1.9, 31)
    curves = {
        kind: [
            legendre_columns(points, -2.0, 2.0, size, kind) @ fit.W.T
            for size, fit in zip(
                (4, 40), minimum_norms(columns(x, 40, kind), t, (4, 40)), strict=True
            )
        ]
        for kind in COLUMNS
    }
    first, second = curves["legendre"], curves["orthonormal"]
    np.testing.assert_allclose(first[0], second[0], rtol=1e-9, atol=1e-9)
    assert np.abs(first[1] - second[1]).max() > 0.1


def test_equal_rows_lower_the_rank_and_are_met_by_their_mean() -> None:
    x = np.array([[-1.0, -1.0, 0.5, 1.5]])
    t = np.array([[1.0, 3.0, 0.0, -1.0]])
    found = minimum_norm(columns(x, 20, "legendre"), t)
    assert found.effective_rank == [3]
    fitted = columns(x, 20, "legendre")[0] @ found.W[0]
    np.testing.assert_allclose(fitted, [2.0, 2.0, 0.0, -1.0], atol=1e-12)


def test_a_table_of_rows_passes_through_every_row() -> None:
    """(2.9): each training row is nearest to itself, in any number of inputs and any units."""
    rng = np.random.default_rng(0)
    for n_inputs, scale in ((1, 1.0), (1, 1e-200), (3, 1e8), (3, 1e-200)):
        X = rng.normal(size=(50, n_inputs)) * scale
        assert (nearest_rows(X, X) == np.arange(50)).all()


def test_the_nearest_row_is_that_of_all_distances() -> None:
    rng = np.random.default_rng(1)
    X, points = rng.normal(size=(40, 2)) * [1, 1000], rng.normal(size=(60, 2)) * [1, 1000]
    d = (points[:, None] - X[None]) / np.ptp(X, axis=0)
    assert (nearest_rows(X, points) == (d**2).sum(axis=2).argmin(axis=1)).all()


def test_a_point_beyond_all_measure_has_a_nearest_row_and_a_constant_input_has_no_say() -> None:
    X = np.column_stack([np.arange(5.0), np.full(5, 7.0)])
    assert nearest_rows(X, np.array([[1e300, 7.0], [-1e300, 7.0], [2.2, 7.0]])).tolist() == [
        4,
        0,
        2,
    ]


def test_the_expected_error_of_a_table_is_that_over_fresh_rows() -> None:
    rng = np.random.default_rng(2)
    x, x_new = rng.uniform(-2, 2, 30), rng.uniform(-2, 2, 400)

    def truth(X: Array) -> Array:
        return np.asarray(X[:, 0] ** 3)

    errors = []
    for _ in range(400):
        t = x**3 + rng.normal(0, 0.7, 30)
        new = x_new**3 + rng.normal(0, 0.7, 400)
        errors.append(((new - t[nearest_rows(x[:, None], x_new[:, None])]) ** 2).mean())
    expected = expected_error_of_memory(x, truth, 0.7, -2.0, 2.0)
    assert np.mean(errors) == pytest.approx(expected, rel=0.1)
    # Rows without end leave the noise alone, twice.
    many = np.linspace(-2, 2, 20_001)
    assert expected_error_of_memory(many, truth, 0.7, -2.0, 2.0) == pytest.approx(0.98, rel=1e-5)
