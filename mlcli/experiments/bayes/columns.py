"""The columns of the model, and the data as an R factor of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from mlcli.experiments.bayes.config import BayesConfig
from mlcli.linear.arrays import subsample_indices
from mlcli.linear.basis import PRODUCTS, Basis, fit_basis
from mlcli.linear.polynomial import refuse_loss
from mlcli.linear.r_factor import (
    GramAccumulator,
    IllConditioned,
    MomentAccumulator,
    QRAccumulator,
    RFactor,
    changed,
    chebyshev_coefficients,
    chebyshev_nodes,
    condition,
)
from mlcli.linear.redundant import (
    NOTHING,
    UNRELATED,
    Redundant,
    Related,
    find_redundant,
)

Array = NDArray[np.float64]
Rows = Callable[[], Iterable[tuple[Array, Array]]]
CHUNK = 8192
# From so many rows on the Gram matrix is tried first: faster, for columns that are far apart.
MANY_ROWS = 20_000
# A Gram matrix squares this; what it loses then is below 1e-10.
SAFE_CONDITION = 1e3
# Rows a column of the sample whose fit is taken off the target before its squares are summed.
SAMPLE_ROWS_A_COLUMN = 200


def basis_of(
    config: BayesConfig, low: Array, high: Array, degree: int, redundant: Redundant = NOTHING
) -> Basis:
    """The basis of one degree over the range of the data, (D,) each, without what is redundant."""
    kind = "polynomial" if config.basis == "monomial" else config.basis
    return fit_basis(kind, low, high, degree, intercept=config.intercept, redundant=redundant)


def degrees_of(config: BayesConfig) -> tuple[int, ...]:
    """The degrees whose evidence is compared, rising; the linear basis has one size."""
    return (1,) if config.basis == "linear" else tuple(sorted(set(config.degrees)))


def model_degree(config: BayesConfig) -> int:
    """The degree of the model."""
    return 1 if config.basis == "linear" else config.degree


@dataclass(frozen=True)
class Data:
    """Rows that can be read again and again, in bounded memory.

    Attributes:
        rows: () -> X (n, D), t (n,) in batches.
        low, high: range of each feature, (D,).
        n_rows: N.
        r_factors: of each degree, where the rows were read once for all of them; None: not yet.
        arrays: X (N, D) and t (N,), where they are in memory.
        redundant: products of features that add nothing.
    """

    rows: Rows
    low: Array
    high: Array
    n_rows: int
    r_factors: Mapping[int, RFactor] | None = None
    arrays: tuple[Array, Array] | None = None
    redundant: Redundant = NOTHING


def in_memory(X: Array, t: Array, related: Related = UNRELATED) -> Data:
    """Data that are arrays, and what their columns were made of where that is known."""
    return Data(
        partial(list, [(X, t)]),
        X.min(axis=0),
        X.max(axis=0),
        t.size,
        arrays=(X, t),
        redundant=find_redundant(X, *related),
    )


def r_factor_of(basis: Basis, data: Data) -> RFactor:
    """The R factor of [Phi t] in one pass, or two where the columns are too much alike."""
    if data.r_factors is not None:
        return data.r_factors[basis.degree]
    c0 = _first_guess(basis, data)
    found = None
    if data.n_rows >= MANY_ROWS:
        one_input = data.low.size == 1 and basis.kind in PRODUCTS
        found = _by_moments(basis, data, c0) if one_input else _by_gram(basis, data, c0)
    if found is None:
        found = _accumulated(basis, data, c0, QRAccumulator(basis.n_columns))
    return found


def _first_guess(basis: Basis, data: Data) -> Array | None:
    """The fit of a sample of many rows, (p,): what it leaves over loses no digits in its square.

    None of few rows, whose QR squares nothing.
    """
    if data.arrays is None or data.n_rows < MANY_ROWS:
        return None
    X, t = data.arrays
    sample = subsample_indices(X, min(MANY_ROWS, SAMPLE_ROWS_A_COLUMN * basis.n_columns))
    return np.asarray(np.linalg.lstsq(basis.evaluate(X[sample]), t[sample])[0])


def _by_moments(basis: Basis, data: Data, c0: Array | None) -> RFactor | None:
    """Polynomials of one input through sums of Chebyshev polynomials over the data's range.

    None where those are not nearly orthogonal on the rows, and digits would be lost.

    Args:
        basis: of p columns.
        data: the rows.
        c0: a first guess in the basis, (p,); None: 0.
    """
    low, high = float(data.low[0]), float(data.high[0])
    middle, half = low / 2 + high / 2, high / 2 - low / 2
    nodes = chebyshev_nodes(basis.degree + 1)
    to_basis = chebyshev_coefficients(basis.evaluate((middle + half * nodes)[:, None]))
    guess = np.zeros(basis.degree + 1) if c0 is None else to_basis @ c0  # (degree + 1,)
    accumulator = MomentAccumulator(basis.degree)
    for X, t in data.rows():
        accumulator.add((X[:, 0] - middle) / half, t, guess)
    try:
        found = accumulator.r_factor()
        refuse_gram(found, guess)
    except IllConditioned:
        return None
    return changed(found.with_target(guess), to_basis)


def _by_gram(basis: Basis, data: Data, c0: Array | None) -> RFactor | None:
    """The R factor by Gram matrices; None where they would lose digits."""
    try:
        return _accumulated(basis, data, c0, GramAccumulator(basis.n_columns))
    except IllConditioned:
        return None


def refuse_gram(rest: RFactor, guess: Array) -> None:
    """Refuse the R factor of [Phi, t - Phi guess] where its Gram matrix lost digits.

    Raises:
        IllConditioned: the columns are too much alike, or the guess leaves too much over.
    """
    if condition(rest.R[:-1, :-1]) > SAFE_CONDITION:
        raise IllConditioned("the columns are too much alike for their Gram matrix")
    refuse_loss(rest, guess)


def _accumulated(
    basis: Basis, data: Data, c0: Array | None, accumulator: GramAccumulator | QRAccumulator
) -> RFactor:
    """The R factor of [Phi t], by way of that of [Phi, t - Phi c0]."""
    for X, t in data.rows():
        for start in range(0, t.size, CHUNK):
            part = slice(start, start + CHUNK)
            columns = basis.evaluate(X[part]).T  # (p, n)
            rest = t[part] if c0 is None else t[part] - c0 @ columns
            accumulator.add_rows(np.concatenate([columns, rest[None]]))
    found = accumulator.r_factor()
    if c0 is None:
        return found
    if isinstance(accumulator, GramAccumulator):
        refuse_gram(found, c0)
    return found.with_target(c0)
