"""The models of `bias-variance`, fitted to one data set: all degrees, and all strengths."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mlcli.certificate import Certificate
from mlcli.experiments.bias_variance.config import BiasVarianceConfig
from mlcli.linear.basis import Basis, fit_basis, spans_powers
from mlcli.linear.design import build
from mlcli.linear.least_squares import fit_columns
from mlcli.linear.penalised import fit_path, strength_grid, strengths_of
from mlcli.linear.polynomial import fit_polynomial
from mlcli.linear.redundant import UNRELATED, Related

Array = NDArray[np.float64]
Predict = Callable[[Array], Array]


@dataclass(frozen=True)
class DegreeFits:
    """Least squares of every degree on one data set.

    Attributes:
        predict: X (n, D) -> (n, n_degrees).
        effective_rank: independent columns, (n_degrees,).
    """

    predict: Predict
    effective_rank: Array


@dataclass(frozen=True)
class StrengthFits:
    """One degree under every strength on one data set.

    Attributes:
        predict: X (n, D) -> (n, n_strengths).
        relative_gap: the largest duality gap as a share of E(0) of (3.13).
        certificate: of the worst strength; None for ridge.
        basis: the columns that were penalised.
    """

    predict: Predict
    relative_gap: float
    certificate: Certificate | None
    basis: Basis


def sizes(config: BiasVarianceConfig) -> tuple[int, ...]:
    """The degrees that are fitted: the linear basis has only one size."""
    return (1,) if config.basis == "linear" else tuple(sorted(set(config.degrees)))


def shown(config: BiasVarianceConfig) -> list[int]:
    """Which of the fitted degrees are drawn along x; the highest if none of those in the config."""
    degrees = sizes(config)
    wanted = [i for i, degree in enumerate(degrees) if degree in config.shown_degrees]
    return wanted or [len(degrees) - 1]


def strength_degree(config: BiasVarianceConfig) -> int:
    """The degree that is penalised."""
    top = sizes(config)[-1]
    if config.strength_degree is None or config.basis == "linear":
        return top
    return config.strength_degree


def strengths(config: BiasVarianceConfig) -> Array:
    """The strengths, weakest first; none without a penalty."""
    if config.penalty == "none":
        return np.empty(0)
    return strength_grid(config.strength_min, config.strength_max, config.n_strengths)[::-1]


def fit_degrees(config: BiasVarianceConfig, X: Array, t: Array) -> DegreeFits:
    """Least squares (4.5) of each degree on X (N, D), t (N,).

    Polynomials in any form span the same functions, so one recurrence serves them all. A column
    that is a combination of earlier ones on these rows, as happens where a bootstrap sample has
    few distinct rows, has no part in the fit.
    """
    degrees = sizes(config)
    if spans_powers(config.basis, intercept=True):
        found = fit_polynomial(X, t, degrees)
        return DegreeFits(found.predict, np.asarray(found.effective_rank, dtype=float))
    low, high = X.min(axis=0), X.max(axis=0)
    bases = [fit_basis(config.basis, low, high, degree) for degree in degrees]
    fits = [fit_columns(basis.evaluate(X), t) for basis in bases]

    def predict(points: Array) -> Array:
        pairs = zip(bases, fits, strict=True)
        return np.stack([b.evaluate(points) @ f.w for b, f in pairs], axis=1)  # (n, n_degrees)

    return DegreeFits(predict, np.array([float(one.rank) for one in fits]))


def fit_strengths(
    config: BiasVarianceConfig, X: Array, t: Array, related: Related = UNRELATED
) -> StrengthFits:
    """The minima of (3.13) at each strength on X (N, D), t (N,), in standardised columns.

    `related` as in `linear.design.build`.
    """
    values = strengths(config).tolist()
    degree = strength_degree(config)
    design = build(config.basis, X, t, degree, intercept=True, scaled=True, related=related)
    l1s, l2s = strengths_of(config.penalty, values, values)
    found = fit_path(design.A, design.b, t.size, l1s, l2s)

    def predict(points: Array) -> Array:
        return design.predict(points, found.w)  # (n, n_strengths)

    return StrengthFits(predict, float(found.relative_gap.max()), found.certificate, design.basis)
