"""Least squares in orthonormalised columns against LAPACK and the closed form."""

from __future__ import annotations

import numpy as np
import pytest

from mlcli.linear.least_squares import fit_columns


def test_it_is_least_squares_with_the_inverses_standard_errors() -> None:
    rng = np.random.default_rng(0)
    Phi, t = rng.normal(size=(30, 5)), rng.normal(size=30)
    fit = fit_columns(Phi, t)
    w = np.linalg.lstsq(Phi, t, rcond=None)[0]
    np.testing.assert_allclose(fit.w, w, atol=1e-14)
    assert fit.rss == pytest.approx(((t - Phi @ w) ** 2).sum(), rel=1e-13)
    assert fit.rank == 5
    unit = np.sqrt(np.diag(np.linalg.inv(Phi.T @ Phi)))
    np.testing.assert_allclose(fit.unit_std_error(), unit, rtol=1e-12)


def test_a_dependent_column_has_no_weight() -> None:
    rng = np.random.default_rng(1)
    Phi, t = rng.normal(size=(30, 4)), rng.normal(size=30)
    Phi[:, 2] = Phi[:, 0] - 2 * Phi[:, 1]
    fit = fit_columns(Phi, t)
    assert fit.rank == 3
    assert fit.w[2] == fit.unit_std_error()[2] == 0.0
    np.testing.assert_allclose(
        fit.w[[0, 1, 3]], np.linalg.lstsq(Phi[:, [0, 1, 3]], t, rcond=None)[0], atol=1e-13
    )
