"""The columns of the model, and the data as a triangle of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mlcli.config.bayes import BayesConfig
from mlcli.linear.basis import PRODUCTS, Basis, fit_basis
from mlcli.linear.moments import (
    MomentAccumulator,
    changed,
    chebyshev_coefficients,
    chebyshev_nodes,
)
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
        triangles: of each degree, where the rows were read once for all of them; None: not yet.
    """

    rows: Rows
    low: Array
    high: Array
    n_rows: int
    triangles: Mapping[int, Triangle] | None = None


def in_memory(X: Array, t: Array) -> Data:
    """Data that are arrays."""
    return Data(lambda: [(X, t)], X.min(axis=0), X.max(axis=0), t.size)


def triangle_of(basis: Basis, data: Data) -> Triangle:
    """The triangle of [Phi t] in one pass, or two where the columns are too much alike."""
    if data.triangles is not None:
        return data.triangles[basis.degree]
    found = None
    if data.n_rows >= MANY_ROWS:
        one_input = data.low.size == 1 and basis.kind in PRODUCTS
        found = _by_moments(basis, data) if one_input else _by_gram(basis, data)
    return _accumulated(basis, data, QRAccumulator(basis.n_columns)) if found is None else found


def _by_moments(basis: Basis, data: Data) -> Triangle | None:
    """Polynomials of one input through sums of Chebyshev polynomials over the data's range.

    None where those are not nearly orthogonal on the rows, and digits would be lost.
    """
    low, high = float(data.low[0]), float(data.high[0])
    middle, half = low / 2 + high / 2, high / 2 - low / 2
    accumulator = MomentAccumulator(basis.degree)
    for X, t in data.rows():
        accumulator.add((X[:, 0] - middle) / half, t)
    try:
        found = accumulator.triangle()
    except IllConditioned:
        return None
    if condition(found.R[:-1, :-1]) > SAFE_CONDITION:
        return None
    nodes = chebyshev_nodes(basis.degree + 1)
    return changed(found, chebyshev_coefficients(basis.evaluate((middle + half * nodes)[:, None])))


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
