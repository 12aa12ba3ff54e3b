"""Standardised columns of a basis, as the notes' own program had them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mlcli.linear.basis import POWERS, PRODUCTS, Basis, fit_basis
from mlcli.linear.least_squares import Scaling, standardize, to_raw
from mlcli.linear.redundant import NOTHING, UNRELATED, Related, find_redundant

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Design:
    """Columns ``A`` (N, M) of a basis in z-scores, and the centred target ``b`` (N,).

    Powers are taken of x / max|x|: scaling leaves z-scores as they are, and x^300 stays finite.
    """

    basis: Basis
    scale: Array  # (D,)
    scaling: Scaling
    A: Array
    b: Array

    def columns(self, X: Array) -> Array:
        """The same columns at other points, (n, M)."""
        Phi = self.basis.evaluate(X / self.scale)
        if self.basis.intercept:
            Phi = Phi[:, 1:]  # (n, M)
        return (Phi - self.scaling.mean) / self.scaling.std

    def predict(self, X: Array, w: Array) -> Array:
        """Predictions for one or several coefficient vectors ``w`` (M,) or (M, k)."""
        return self.columns(X) @ w + self.scaling.t_mean

    def with_left_out(self, w: Array) -> Array:
        """Coefficients (M, ...) with zeros for the products that the basis leaves out."""
        first = np.zeros((int(self.basis.intercept), *w.shape[1:]))
        return self.basis.with_left_out(np.concatenate([first, w]))[int(self.basis.intercept) :]

    def raw(self, w: Array) -> Array:
        """Coefficients (M + 1,) of the columns of the basis in x itself, the constant first.

        Without an intercept there is no constant, and the result is (M,).
        """
        constant, slopes = to_raw(w, self.scaling)
        return self._with_constant(float(constant), slopes)

    def raw_unit_std_error(self, unit: Array, root: Array, n_rows: int) -> Array:
        """Standard errors over sigma of `raw`, from those of the standardised coefficients (M,).

        Args:
            unit: square roots of the diagonal of C = (A^T A)^+.
            root: (M, r) with root root^T = C.
            n_rows: N; the constant's is sqrt(1/N + m^T C m) with m the columns' means in z-scores.
        """
        means = self.scaling.mean / self.scaling.std
        constant = float(np.hypot(n_rows**-0.5, np.linalg.norm(means @ root)))
        return self._with_constant(constant, unit / self.scaling.std)

    def _with_constant(self, constant: float, slopes: Array) -> Array:
        """Slopes (M,) in x / scale become slopes in x, behind the constant if there is one."""
        if self.basis.kind in POWERS:
            with np.errstate(over="ignore", divide="ignore"):
                # A column is a product of powers: at x = scale it is what scaling divided by.
                slopes = slopes / self.basis.evaluate(self.scale[None, :])[0][-slopes.size :]
        return np.concatenate([[constant], slopes]) if self.basis.intercept else slopes


def build(
    kind: str,
    X: Array,
    t: Array,
    degree: int,
    *,
    intercept: bool,
    scaled: bool,
    weights: Array | None = None,
    related: Related = UNRELATED,
) -> Design:
    """The design of one degree on training rows ``X`` (N, D), ``t`` (N,).

    Args:
        scaled: False leaves the columns unscaled (still centred when there is an intercept).
        weights: how often each row counts in the means, (N,); None: once.
        related: features whose products may add nothing. Products that are combinations of other
            columns on these rows are left out: a penalty would share a coefficient among them.
    """
    scale = np.ones(X.shape[1])
    if kind in POWERS:
        largest = np.abs(X).max(axis=0)
        scale = np.where(largest > 0, largest, 1.0) if scaled else scale
    has_products = kind in PRODUCTS and degree > 1
    basis = fit_basis(
        kind,
        X.min(axis=0) / scale,
        X.max(axis=0) / scale,
        degree,
        intercept=intercept,
        redundant=find_redundant(X, *related) if has_products else NOTHING,
    )
    Phi = basis.evaluate(X / scale)
    if intercept:
        Phi = Phi[:, 1:]  # (N, M)
    A, b, scaling = standardize(Phi, t, intercept=intercept, weights=weights)
    if not scaled:
        A = A * scaling.std
        scaling = Scaling(scaling.mean, np.ones_like(scaling.std), scaling.t_mean)
    return Design(basis, scale, scaling, A, b)
