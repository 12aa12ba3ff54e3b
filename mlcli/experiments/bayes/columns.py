"""The columns of the model, and the data as a triangle of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mlcli.config.bayes import BayesConfig
from mlcli.linear.basis import Basis, fit_basis
from mlcli.linear.triangle import (
    GramAccumulator,
    IllConditioned,
    QRAccumulator,
    Triangle,
    condition,
)

Array = NDArray[np.float64]
Rows = Callable[[], Iterable[tuple[Array, Array]]]
CHUNK = 8192
# From so many rows on the Gram matrix is tried first: faster, for columns that are far apart.
MANY_ROWS = 20_000
# A Gram matrix squares this; what it loses then is below 1e-10.
SAFE_CONDITION = 1e3


def basis_of(config: BayesConfig, low: Array, high: Array, degree: int) -> Basis:
    """The basis of one degree over the range of the data, (D,) each."""
    kind = "polynomial" if config.basis == "monomial" else config.basis
    return fit_basis(kind, low, high, degree, intercept=config.intercept)


def degrees_of(config: BayesConfig) -> tuple[int, ...]:
    """The degrees whose evidence is compared, rising; the linear basis has one size."""
    return (1,) if config.basis == "linear" else tuple(sorted(set(config.degrees)))


def model_degree(config: BayesConfig) -> int:
    """The degree of the model."""
    return 1 if config.basis == "linear" else config.degree


@dataclass(frozen=True)
class Data:
    """Rows that can be met again and again, in bounded memory.

    Attributes:
        rows: () -> X (n, D), t (n,) in batches.
        low, high: range of each feature, (D,).
        n_rows: N.
    """

    rows: Rows
    low: Array
    high: Array
    n_rows: int


def in_memory(X: Array, t: Array) -> Data:
    """Data that are arrays."""
    return Data(lambda: [(X, t)], X.min(axis=0), X.max(axis=0), t.size)


def triangle_of(basis: Basis, data: Data) -> Triangle:
    """The triangle of [Phi t] in one pass, or two where the columns are too much alike."""
    found = _by_gram(basis, data) if data.n_rows >= MANY_ROWS else None
    return _accumulated(basis, data, QRAccumulator(basis.n_columns)) if found is None else found


def _by_gram(basis: Basis, data: Data) -> Triangle | None:
    """The triangle by Gram matrices; None where they would lose digits."""
    try:
        found = _accumulated(basis, data, GramAccumulator(basis.n_columns))
    except IllConditioned:
        return None
    return found if condition(found.R[:-1, :-1]) <= SAFE_CONDITION else None


def _accumulated(
    basis: Basis, data: Data, accumulator: GramAccumulator | QRAccumulator
) -> Triangle:
    for X, t in data.rows():
        for start in range(0, t.size, CHUNK):
            part = slice(start, start + CHUNK)
            columns = basis.evaluate(X[part]).T  # (p, n)
            accumulator.add_rows(np.concatenate([columns, t[None, part]]))
    return accumulator.triangle()
