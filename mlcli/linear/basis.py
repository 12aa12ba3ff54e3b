"""The basis functions phi_j of the linear models, eqs (3.4), (3.8)-(3.11)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import comb

import numpy as np
from numpy.typing import ArrayLike

from mlcli.classification.softmax import sigmoid
from mlcli.linear.arrays import Floats, Ints, as_matrix
from mlcli.linear.monomials import Monomial, exponents, graded_monomials
from mlcli.linear.redundant import NOTHING, Redundant

BASES = ("polynomial", "legendre", "chebyshev", "fourier", "gaussian", "sigmoid", "linear")
PRODUCTS = ("polynomial", "legendre", "chebyshev")
POWERS = ("polynomial", "linear")


def spans_powers(kind: str, intercept: bool) -> bool:
    """Whether the columns of each degree span what the powers of x up to it span.

    Without the constant Legendre's and Chebyshev's polynomials don't: those of even degree hold a
    constant of their own, and their argument is x shifted.
    """
    return kind in POWERS or (intercept and kind in PRODUCTS)


@dataclass(frozen=True)
class Basis:
    """Fixed functions phi_j(x), the columns of the design matrix Phi_aj = phi_j(x_a), eq (4.2).

    `low` and `high` (D,) are the range of each feature, in its own units, to which the scaled
    bases are tied; `degree` is the highest total degree, harmonic or number of centres. Products at
    the places `left_out`, counted among all, are no columns.
    """

    kind: str
    degree: int
    low: Floats
    high: Floats
    intercept: bool
    left_out: tuple[int, ...] = ()

    @property
    def n_columns(self) -> int:
        """The number of columns of Phi, M + 1 with the intercept."""
        every = count_columns(self.kind, self.low.size, self.degree, self.intercept)
        return every - len(self.left_out)

    def evaluate(self, X: ArrayLike) -> Floats:
        """Phi (N, n_columns) at X (N, D), eqs (3.8), (3.9), (3.11); column-major in memory.

        Raw powers that exceed a float are inf: scale x before asking for high degrees.

        Raises:
            DataError: X is not a finite (N, D) array.
        """
        Z = np.ascontiguousarray(as_matrix(X, self.low.size).T)  # (D, N)
        if self.kind in PRODUCTS:
            return self._products(Z).T  # (N, M+1)
        blocks = [np.ones((1, Z.shape[1]))] if self.intercept else []
        for x, low, high in zip(Z, self.low, self.high, strict=True):
            blocks.append(self._additive(x, float(low), float(high)))
        return np.concatenate(blocks).T  # (N, M+1)

    def terms(self, feature_names: Sequence[str]) -> list[str]:
        """The name of each column, from the D names of the features.

        Raises:
            ValueError: the number of names is not D.
        """
        if len(feature_names) != self.low.size:
            raise ValueError(
                f"feature_names must have {self.low.size} entries, got {len(feature_names)}"
            )
        if self.kind in PRODUCTS:
            return [self._product_term(m, feature_names) for m in self._monomials()]
        names = ["0"] if self.intercept else []
        for feature, name in enumerate(feature_names):
            names.extend(self._additive_terms(feature, name))
        return names

    def left_out_terms(self, feature_names: Sequence[str]) -> list[str]:
        """The names of the products that are left out."""
        every = replace(self, left_out=()).terms(feature_names) if self.left_out else []
        return [every[place] for place in self.left_out]

    def with_left_out(self, weights: Floats) -> Floats:
        """Weights (n_columns, ...) with zeros for the products that are left out."""
        if not self.left_out:
            return weights
        n_every = self.n_columns + len(self.left_out)
        every = np.zeros((n_every, *weights.shape[1:]))
        every[np.delete(np.arange(n_every), self.left_out)] = weights
        return every

    def degrees(self) -> Ints:
        """The total degree, harmonic or centre number of each column; 0 for the intercept."""
        if self.kind in PRODUCTS:
            return np.array([len(m) for m in self._monomials()], dtype=np.int64)
        if self.kind == "linear":
            orders = np.array([1], dtype=np.int64)
        else:
            orders = np.arange(1, self.degree + 1, dtype=np.int64)
            orders = orders.repeat(2) if self.kind == "fourier" else orders
        first = np.zeros(int(self.intercept), dtype=np.int64)
        return np.concatenate([first, np.tile(orders, self.low.size)])

    def _monomials(self) -> list[Monomial]:
        every = graded_monomials(self.low.size, self.degree, intercept=self.intercept)
        if not self.left_out:
            return every
        left_out = frozenset(self.left_out)
        return [one for place, one in enumerate(every) if place not in left_out]

    def _products(self, Z: Floats) -> Floats:
        if self.kind == "polynomial":
            powers = [_power_rows(z, self.degree) for z in Z]
        else:
            recurrence = _legendre_rows if self.kind == "legendre" else _chebyshev_rows
            middle = self.low / 2 + self.high / 2
            half = self.high / 2 - self.low / 2
            half = np.where(half > 0, half, 1.0)
            U = (Z - middle[:, None]) / half[:, None]  # (D, N)
            powers = [recurrence(u, self.degree) for u in U]
        if len(powers) == 1:
            rows = powers[0] if self.intercept else powers[0][1:]
            return np.delete(rows, self.left_out, axis=0) if self.left_out else rows
        orders = exponents(self._monomials(), len(powers))
        rows = np.ones((orders.shape[0], Z.shape[1]))
        with np.errstate(over="ignore", invalid="ignore"):
            for feature, table in enumerate(powers):
                used = np.flatnonzero(orders[:, feature])
                rows[used] *= table[orders[used, feature]]
        return rows

    def _additive(self, x: Floats, low: float, high: float) -> Floats:
        if self.kind == "linear":
            return x[None]  # (1, N)
        if self.kind == "fourier":
            return fourier_rows(x, low, high, self.degree)
        rows = gaussian_rows if self.kind == "gaussian" else sigmoid_rows
        return rows(x, low, high, self.degree)

    def _product_term(self, monomial: Monomial, names: Sequence[str]) -> str:
        letter = {"polynomial": "", "legendre": "P", "chebyshev": "T"}[self.kind]
        if len(names) == 1 or not monomial:
            return f"{letter}{len(monomial)}"
        powers = [(names[i], monomial.count(i)) for i in sorted(set(monomial))]
        if letter:
            return "*".join(f"{letter}{power}({name})" for name, power in powers)
        return "*".join(name if power == 1 else f"{name}^{power}" for name, power in powers)

    def _additive_terms(self, feature: int, name: str) -> list[str]:
        if self.kind == "linear":
            return [name]
        if self.kind == "fourier":
            times = "" if self.low.size == 1 else "*"
            return [
                f"{wave}({k}{times}{name})"
                for k in range(1, self.degree + 1)
                for wave in ("sin", "cos")
            ]
        low, high = float(self.low[feature]), float(self.high[feature])
        mu, _ = centres(low, high, self.degree)
        short = "gauss" if self.kind == "gaussian" else "sigm"
        owner = "" if self.low.size == 1 else f"{name}, "
        return [f"{short}({owner}mu={centre:.6g})" for centre in mu]


def fit_basis(
    kind: str,
    X_low: ArrayLike,
    X_high: ArrayLike,
    degree: int,
    *,
    intercept: bool = True,
    redundant: Redundant = NOTHING,
) -> Basis:
    """A basis over the box [X_low, X_high], both (D,) in the units of x.

    Products that are `redundant` are left out where the columns span the powers of x, so that what
    they are combinations of is there.

    Raises:
        ValueError: the kind is unknown, the degree is negative, or the box is not one.
    """
    low = np.atleast_1d(np.asarray(X_low, dtype=np.float64))
    high = np.atleast_1d(np.asarray(X_high, dtype=np.float64))
    if low.ndim != 1 or low.shape != high.shape:
        raise ValueError(f"X_low and X_high must be (D,), got {low.shape} and {high.shape}")
    if not (np.isfinite(low).all() and np.isfinite(high).all() and (low <= high).all()):
        raise ValueError("X_low must be finite and at most X_high in each feature")
    count_columns(kind, low.size, degree, intercept)
    left_out: tuple[int, ...] = ()
    if redundant != NOTHING and kind in PRODUCTS and spans_powers(kind, intercept):
        monomials = graded_monomials(low.size, degree, intercept=intercept)
        left_out = redundant.left_out(monomials, intercept)
    return Basis(kind, degree, low, high, intercept, left_out)


def count_columns(kind: str, n_features: int, degree: int, intercept: bool = True) -> int:
    """How many columns a basis has, exactly, without building one.

    C(D + d, d) for the products, 1 + 2 d D for fourier, 1 + d D for gaussian and sigmoid, 1 + D
    for linear; one less without the intercept.

    Raises:
        ValueError: the kind is unknown or the degree is negative.
    """
    if kind not in BASES:
        raise ValueError(f"the basis must be one of {', '.join(BASES)}, got {kind!r}")
    if degree < 0:
        raise ValueError(f"the degree must be at least 0, got {degree}")
    first = int(intercept)
    if kind in PRODUCTS:
        return comb(n_features + degree, degree) - 1 + first
    if kind == "linear":
        return n_features + first
    return first + degree * n_features * (2 if kind == "fourier" else 1)


def _power_rows(x: Floats, degree: int) -> Floats:
    rows = np.empty((degree + 1, x.size))
    rows[0] = 1.0
    rows[1:] = x
    with np.errstate(over="ignore", under="ignore"):
        np.multiply.accumulate(rows, axis=0, out=rows)
    return rows


def _legendre_rows(u: Floats, degree: int) -> Floats:
    rows = np.ones((degree + 1, u.size))
    if degree:
        rows[1] = u
    for k in range(1, degree):
        rows[k + 1] = ((2 * k + 1) * u * rows[k] - k * rows[k - 1]) / (k + 1)
    return rows


def _chebyshev_rows(u: Floats, degree: int) -> Floats:
    rows = np.ones((degree + 1, u.size))
    if degree:
        rows[1] = u
    for k in range(1, degree):
        rows[k + 1] = 2 * u * rows[k] - rows[k - 1]
    return rows


def centres(low: float, high: float, degree: int) -> tuple[Floats, float]:
    """`degree` equally spaced centres mu in [low, high], ends included, and their spacing s.

    One centre sits in the middle and is as wide as the range; a range of no length counts as 1.
    """
    span = high - low if high > low else 1.0
    if degree < 2:
        return np.full(degree, low / 2 + high / 2), span
    return np.linspace(low, high, degree), span / (degree - 1)


def fourier_rows(x: Floats, low: float, high: float, degree: int) -> Floats:
    """sin and cos of k 2 pi (x - low) / (high - low), k = 1..degree, interleaved: (2 degree, N)."""
    span = high - low if high > low else 1.0
    angle = 2 * np.pi * np.arange(1, degree + 1)[:, None] * ((x - low) / span)  # (degree, N)
    return np.stack([np.sin(angle), np.cos(angle)], axis=1).reshape(2 * degree, x.size)


def gaussian_rows(x: Floats, low: float, high: float, degree: int) -> Floats:
    """exp(-(x - mu)^2 / (2 s^2)), one row per centre: (degree, N)."""
    mu, s = centres(low, high, degree)
    with np.errstate(over="ignore", under="ignore"):
        return np.asarray(np.exp(-0.5 * ((x - mu[:, None]) / s) ** 2))


def sigmoid_rows(x: Floats, low: float, high: float, degree: int) -> Floats:
    """1 / (1 + exp(-(x - mu) / s)), one row per centre: (degree, N)."""
    mu, s = centres(low, high, degree)
    z = (x - mu[:, None]) / s  # (degree, N)
    return sigmoid(z)
