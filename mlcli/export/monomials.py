"""Linear models as polynomials in the powers of scaled inputs, where they are polynomials."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.polynomial.chebyshev import cheb2poly
from numpy.polynomial.legendre import leg2poly
from numpy.typing import NDArray

from mlcli.linear.arnoldi import ArnoldiBasis
from mlcli.linear.basis import PRODUCTS, Basis
from mlcli.linear.monomials import exponents, graded_monomials
from mlcli.models.functions import InBasis, LinearFunction, Polynomials, Standardised

Floats = NDArray[np.float64]
# The change of basis is a square matrix of so many columns.
MOST_COLUMNS = 1000


@dataclass(frozen=True)
class Monomials:
    """sum_j C_j m_j(z) with z = (x - shift) / scale and m_j the monomials in graded order.

    Attributes:
        shift, scale: (D,).
        degree: the highest total degree, 1 or more.
        C: the constant's coefficients first, (p, m).
    """

    shift: Floats
    scale: Floats
    degree: int
    C: Floats


def monomials_of(function: LinearFunction) -> Monomials | None:
    """A linear function in powers; None: it is not a polynomial, or has too many columns."""
    if isinstance(function, Polynomials):
        return _from_arnoldi(function)
    if isinstance(function, InBasis):
        return in_powers(function.basis, function.weights[:, None])
    if isinstance(function, Standardised):
        return _from_standardised(function)
    return None


def in_powers(basis: Basis, weights: Floats) -> Monomials | None:
    """Phi(x) W with W (n_columns, m) in powers; None as in `monomials_of`."""
    degree = 1 if basis.kind == "linear" else basis.degree
    if basis.kind not in (*PRODUCTS, "linear") or degree < 1 or basis.n_columns > MOST_COLUMNS:
        return None
    D = basis.low.size
    W = basis.with_left_out(weights)
    W = W if basis.intercept else np.vstack([np.zeros((1, W.shape[1])), W])
    if basis.kind in ("polynomial", "linear"):
        return Monomials(np.zeros(D), np.ones(D), degree, W)
    middle, half = basis.low / 2 + basis.high / 2, basis.high / 2 - basis.low / 2
    to_powers = leg2poly if basis.kind == "legendre" else cheb2poly
    table = np.zeros((degree + 1, degree + 1))  # row k: T_k in powers
    for k in range(degree + 1):
        table[k, : k + 1] = to_powers(np.eye(degree + 1)[k][: k + 1])
    orders = exponents(graded_monomials(D, degree), D)  # (p, D)
    T = np.ones((len(orders), len(orders)))
    for feature in orders.T:
        T *= table[np.ix_(feature, feature)]
    return Monomials(middle, np.where(half > 0, half, 1.0), degree, T.T @ W)


def _from_standardised(function: Standardised) -> Monomials | None:
    design = function.design
    W = np.reshape(function.weights, (len(function.weights), -1))
    constant, slopes = (W[:1], W[1:]) if function.constant else (np.zeros((1, W.shape[1])), W)
    if function.constant is None:
        constant = constant + design.scaling.t_mean
    if function.order is not None:
        ordered = np.empty_like(slopes)
        ordered[function.order] = slopes
        slopes = ordered
    slopes = slopes / design.scaling.std[:, None]
    constant = constant - design.scaling.mean @ slopes
    basis = design.basis
    # The constant is the first of all products.
    left_out = tuple(place + int(not basis.intercept) for place in basis.left_out)
    whole = Basis(basis.kind, basis.degree, basis.low, basis.high, True, left_out)
    found = in_powers(whole, np.vstack([constant, slopes]))
    if found is None:
        return None
    # Powers are of x over the design's unit; the other bases have their own.
    return Monomials(found.shift * design.scale, found.scale * design.scale, found.degree, found.C)


def _from_arnoldi(function: Polynomials) -> Monomials | None:
    fit, basis = function.fit, function.fit.basis
    degree = max(fit.degrees)
    p = basis.size(degree)
    if degree < 1 or p > MOST_COLUMNS:
        return None
    T = _columns_in_powers(basis, degree, p)
    return Monomials(basis.shift, basis.scale, degree, T.T @ fit.coefficients[:p])


def _columns_in_powers(basis: ArnoldiBasis, degree: int, p: int) -> Floats:
    """Row k: column k in powers of z, the constant first, (p, n_monomials)."""
    monomials: Sequence[tuple[int, ...]] = graded_monomials(basis.shift.size, degree)
    where = {monomial: j for j, monomial in enumerate(monomials)}
    T = np.zeros((p, len(monomials)))
    one = np.zeros(len(monomials))
    one[0] = 1.0
    for k in range(p):
        if not basis.kept[k]:
            continue
        feature, parent = int(basis.features[k]), int(basis.parents[k])
        row = one if parent < 0 else T[parent]
        if feature >= 0:
            raised = np.zeros(len(monomials))
            for j in np.flatnonzero(row).tolist():
                raised[where[tuple(sorted((*monomials[j], feature)))]] = row[j]
            row = raised
        T[k] = (row - basis.H[:k, k] @ T[:k]) / basis.H[k, k]
    return T
