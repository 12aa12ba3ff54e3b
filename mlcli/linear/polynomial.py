"""Polynomial least squares of any number of rows, all degrees in one pass.

Few rows: the basis is orthonormal on all of them, so coefficients are inner products. Many rows:
the basis is fitted to some of them and is almost orthonormal on all, so the small remaining
problem, what the sample's own fit leaves over, can be compressed by a Gram matrix without loss.
Where a few rows lie far from all of the sample's, polynomials that are small on the sample are
huge on those; the condition number shows it, and the rows are read again in a basis that is
bounded on the whole box of the features.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from mlcli.linear.arnoldi import CHUNK, ArnoldiBasis, fit_arnoldi
from mlcli.linear.arrays import Floats, Ints, as_pair, subsample_indices
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
    independent,
    solve_nested,
)

MANY_ROWS = 50_000
# A QR of worse columns loses too many digits, and the basis is fitted to all rows instead.
QR_CONDITION_LIMIT = 1e8
# How many times longer than the target the rest may be that a sample's own fit leaves.
LONGEST_REST = 1e3
# Relative to a residual sum of squares: what rounding in a Gram matrix may change.
TOLERATED = 1e-10


@dataclass(frozen=True)
class PolynomialFit:
    """Least-squares polynomials of several degrees, all in one orthonormal basis.

    Attributes:
        basis: the columns q_k, p of them.
        coefficients: W (p, n_degrees), zero where a degree has no column.
        rss: residual sums of squares on the rows of the fit, (n_degrees,), twice (3.5).
        degrees: as given.
        effective_rank: the independent columns of each degree, (n_degrees,).
        n_rows: N.
    """

    basis: ArnoldiBasis
    coefficients: Floats
    rss: Floats
    degrees: tuple[int, ...]
    effective_rank: Ints
    n_rows: int

    def predict(self, X: ArrayLike) -> Floats:
        """y(x; w) of (3.8) at X (N, D), one column per degree: (N, n_degrees)."""
        z = self.basis.scaled(X)
        predictions = np.empty((len(self.degrees), z.shape[1]))
        for start in range(0, z.shape[1], CHUNK):
            part = slice(start, start + CHUNK)
            rows = np.empty((self.basis.n_columns, z[:, part].shape[1]))
            self.basis.fill(z[:, part], rows)
            # Columns beyond a degree may be infinite far outside the data, and 0 inf is not 0.
            for index, degree in enumerate(self.degrees):
                size = self.basis.size(degree)
                predictions[index, part] = self.coefficients[:size, index] @ rows[:size]
        return predictions.T  # (N, n_degrees)


class PolynomialAccumulator:
    """Rows in, R factor out: the problem t - P c0 in an `ArnoldiBasis`, for streamed data.

    Args:
        basis: fitted on a sample of the rows.
        c0: coefficients of a first guess, (p,); `r_factor` belongs to the rest t - P c0.
        method: one of `methods`: "moments" is the fastest, for one feature spread over its range;
            "gram" serves while the sample's basis is nearly orthogonal on all rows; "qr" always.
    """

    def __init__(self, basis: ArnoldiBasis, c0: Floats, *, method: str = "qr") -> None:
        self._basis, self._c0 = basis, c0
        self._rows: QRAccumulator | GramAccumulator | MomentAccumulator
        if method == "moments":
            self._change = _in_chebyshev(basis)
            self._guess = self._change @ c0  # (degree + 1,)
            self._rows = MomentAccumulator(basis.degree)
        else:
            self._guess = c0
            kind = QRAccumulator if method == "qr" else GramAccumulator
            self._rows = kind(basis.n_columns)

    def add(self, X: ArrayLike, t: ArrayLike) -> None:
        """Add rows X (n, D) and t (n,).

        Raises:
            DataError: they are not finite or don't belong together.
        """
        matrix, target = as_pair(X, t)
        z = self._basis.scaled(matrix)
        if isinstance(self._rows, MomentAccumulator):
            self._rows.add(z[0], target, self._guess)
            return
        for start in range(0, target.size, CHUNK):
            part = slice(start, start + CHUNK)
            rows = _residual_rows(self._basis, self._c0, z[:, part], target[part])
            self._rows.add_rows(rows)

    def r_factor(self) -> RFactor:
        """The R factor of [P, t - P c0].

        Raises:
            IllConditioned: this method won't do; read the rows again with the next one.
        """
        found = self._rows.r_factor()
        if not isinstance(self._rows, QRAccumulator):
            refuse_loss(found, self._guess)
        return changed(found, self._change) if isinstance(self._rows, MomentAccumulator) else found


def refuse_loss(rest: RFactor, guess: Floats) -> None:
    """Refuse a Gram matrix that blurs what the columns explain of the rest.

    It squares the condition number, so that rounding moves the sum of squares by its square times
    the part that is explained. A first guess that fits all rows leaves little to explain.

    Args:
        rest: the R factor of [P, t - P guess].
        guess: (p,).

    Raises:
        IllConditioned: too much would be moved.
    """
    eps = np.finfo(np.float64).eps
    explained, left = float(np.linalg.norm(rest.R[:-1, -1])), float(rest.R[-1, -1])
    least = 16 * eps * float(np.linalg.norm(rest.with_target(guess).R[:, -1]))
    moved = eps * (condition(rest.R[:-1, :-1]) * explained) ** 2
    if moved > TOLERATED * max(left, least) ** 2:
        raise IllConditioned("rounding in the Gram matrix would change the residual")


def methods(basis: ArnoldiBasis) -> tuple[str, ...]:
    """How the rows of a basis can be compressed, the fastest first; the last always serves."""
    return ("moments", "gram", "qr") if basis.shift.size == 1 else ("gram", "qr")


def _in_chebyshev(basis: ArnoldiBasis) -> Floats:
    """C (degree + 1, p) with q_k = sum_j C_jk T_j(z) for a basis in one feature."""
    nodes = chebyshev_nodes(basis.degree + 1)
    rows = np.empty((basis.n_columns, nodes.size))
    basis.fill(nodes[None], rows)
    return chebyshev_coefficients(rows.T)


def fit_polynomial(
    X: ArrayLike,
    t: ArrayLike,
    degrees: Sequence[int],
    *,
    intercept: bool = True,
) -> PolynomialFit:
    """Minimise (3.5) over polynomials (3.8) of each degree: solution (4.5), no inverse.

    Args:
        X: inputs, (N,) or (N, D).
        t: targets, (N,).
        degrees: total degrees, in any order; all share one pass over the rows.
        intercept: False leaves the constant out.

    Raises:
        DataError: X or t is empty, not finite, or of the wrong shape.
        ValueError: no degrees, or one that is negative (without intercept: or 0).
    """
    matrix, target = as_pair(X, t)
    if len(degrees) == 0:
        raise ValueError("degrees must name at least one degree, got none")
    if min(degrees) < int(not intercept):
        raise ValueError(f"degrees must be at least {int(not intercept)}, got {min(degrees)}")
    top = max(degrees)
    if target.size > MANY_ROWS:
        sample = subsample_indices(matrix)
        basis, Q = fit_arnoldi(matrix[sample], top, intercept=intercept)
        # A column that vanishes on the sample may not vanish on all rows.
        if basis.rank == basis.n_columns:
            c0 = Q.T @ target[sample]  # (p,)
            r_factor = _r_factor_of_all(basis, c0, matrix, target)
            if r_factor is not None:
                return _fit_many(basis, c0, r_factor, degrees)
    basis, Q = fit_arnoldi(matrix, top, intercept=intercept)
    return _fit_few(basis, Q, target, degrees)


def _fit_few(
    basis: ArnoldiBasis, Q: Floats, target: Floats, degrees: Sequence[int]
) -> PolynomialFit:
    c = Q.T @ target  # (p,)
    residual = target - Q @ c
    # Projecting the residual once more removes what rounding left of the columns in it.
    correction = Q.T @ residual
    residual -= Q @ correction
    c += correction
    sizes = np.array([basis.size(degree) for degree in degrees])
    inside = np.arange(basis.n_columns)[:, None] < sizes[None]  # (p, n_degrees)
    # Adding the squares that are left out cancels nothing, unlike t^T t less those included.
    rss = float(residual @ residual) + np.where(inside, 0.0, c[:, None] ** 2).sum(axis=0)
    ranks = _ranks(basis, sizes)
    return PolynomialFit(
        basis, np.where(inside, c[:, None], 0.0), rss, tuple(degrees), ranks, target.size
    )


def _r_factor_of_all(
    basis: ArnoldiBasis, c0: Floats, matrix: Floats, target: Floats
) -> RFactor | None:
    """The R factor of [P, t - P c0], or None when the sample's basis is useless on all rows."""
    r_factor = compressed(basis, c0, [(matrix, target)])
    return None if loses_digits(r_factor, c0) else r_factor


def loses_digits(rest: RFactor, c0: Floats) -> bool:
    """Whether the sample, by its columns or its fit, doesn't stand for all rows.

    Args:
        rest: the R factor of [P, t - P c0] of all rows.
        c0: the sample's coefficients, (p,).
    """
    length, of_target = (float(np.linalg.norm(R[:, -1])) for R in (rest.R, rest.with_target(c0).R))
    return condition(rest.R[:-1, :-1]) > QR_CONDITION_LIMIT or length > LONGEST_REST * of_target


def compressed(
    basis: ArnoldiBasis, c0: Floats, batches: Iterable[tuple[Floats, Floats]]
) -> RFactor:
    """The R factor of [P, t - P c0] by the fastest method that serves.

    Args:
        basis: fitted on a sample of the rows.
        c0: coefficients of a first guess, (p,).
        batches: X (n, D) and t (n,); read once for each method that is tried.
    """
    for method in methods(basis)[:-1]:
        accumulator = PolynomialAccumulator(basis, c0, method=method)
        for X, t in batches:
            accumulator.add(X, t)
        try:
            return accumulator.r_factor()
        except IllConditioned:
            continue
    accumulator = PolynomialAccumulator(basis, c0)
    for X, t in batches:
        accumulator.add(X, t)
    return accumulator.r_factor()


def _fit_many(
    basis: ArnoldiBasis, c0: Floats, r_factor: RFactor, degrees: Sequence[int]
) -> PolynomialFit:
    sizes = np.array([basis.size(degree) for degree in degrees])
    W, rss = solve_nested(r_factor.with_target(c0), sizes.tolist())
    basis = replace(basis, factor=r_factor.R[:-1, :-1])
    return PolynomialFit(basis, W, rss, tuple(degrees), _ranks(basis, sizes), r_factor.n_rows)


def _residual_rows(basis: ArnoldiBasis, c0: Floats, z: Floats, target: Floats) -> Floats:
    """[P, t - P c0] transposed, (p+1, n)."""
    rows = np.empty((basis.n_columns + 1, target.size))
    basis.fill(z, rows[:-1])
    np.subtract(target, c0 @ rows[:-1], out=rows[-1])
    return rows


def _ranks(basis: ArnoldiBasis, sizes: Ints) -> Ints:
    return np.array([np.count_nonzero(basis.kept[:size]) for size in sizes], dtype=np.int64)


# Points over the box: several a column, and never few.
POINTS_A_COLUMN = 4
FEWEST_POINTS = 200


@dataclass(frozen=True)
class StreamPlan:
    """A basis and a method by which rows of a stream are added up.

    Attributes:
        basis: the columns.
        points: where the basis was made orthonormal, (n, D).
        Q: its columns there, (n, p).
        c0: coefficients of a first guess, (p,).
        method: one of `compress.methods`.
        last: whether there is no safer one.
    """

    basis: ArnoldiBasis
    points: Floats
    Q: Floats
    c0: Floats
    method: str
    last: bool = False

    def start(self) -> PolynomialAccumulator:
        """An empty accumulator for the rows."""
        return PolynomialAccumulator(self.basis, self.c0, method=self.method)

    def r_factor(self, rows: PolynomialAccumulator) -> RFactor:
        """The R factor of [P, t] of all rows that were added.

        Raises:
            IllConditioned: digits were lost; try the next plan.
        """
        rest = rows.r_factor()
        if not self.last and loses_digits(rest, self.c0):
            raise IllConditioned("the sample's columns or its fit don't stand for all rows")
        return rest.with_target(self.c0)

    def settled(
        self, r_factors: Sequence[RFactor], of_all: RFactor
    ) -> tuple[ArnoldiBasis, list[RFactor]]:
        """The basis without what is a combination of earlier columns on all rows.

        Points over a box know nothing of columns that are alike on the rows.

        Args:
            r_factors: of parts of the rows, in this basis.
            of_all: of all rows.

        Returns:
            The basis, and the same R factors in it.
        """
        kept = np.zeros(self.basis.n_columns, dtype=np.bool_)
        kept[independent(of_all)] = True
        if not self.last or (kept == self.basis.kept).all():
            return self.basis, list(r_factors)
        smaller, Q = fit_arnoldi(
            self.points, self.basis.degree, intercept=self.basis.intercept, kept=kept
        )
        change = self.Q.T @ Q  # (p, p)
        return smaller, [changed(one, change) for one in r_factors]


def stream_plans(
    X: Floats, t: Floats, low: Floats, high: Floats, degree: int, *, intercept: bool = True
) -> list[StreamPlan]:
    """How to add up rows, the fastest first; the last plan always works.

    Args:
        X, t: a sample of the rows, (n, D) and (n,), with the extremes of every feature.
        low, high: ranges of the features over all rows, (D,).
        degree: the highest total degree.
        intercept: whether the constant is a column.
    """
    basis, Q = fit_arnoldi(X, degree, intercept=intercept)
    # A column that vanishes on the sample may not vanish on all rows.
    quick = methods(basis) if basis.rank == basis.n_columns else ()
    found = [StreamPlan(basis, X, Q, Q.T @ t, method) for method in quick]
    points = np.concatenate([X, _over_box(low, high, basis.n_columns)])
    bounded, Q = fit_arnoldi(points, degree, intercept=intercept)
    return [*found, StreamPlan(bounded, points, Q, np.zeros(bounded.n_columns), "qr", last=True)]


def _over_box(low: Floats, high: Floats, n_columns: int) -> Floats:
    """Points of a box, (n, D), the denser the nearer to its faces, as polynomials need them."""
    n = max(FEWEST_POINTS, POINTS_A_COLUMN * n_columns)
    if low.size == 1:
        angles = (np.arange(n) + 0.5)[:, None] / n
    else:
        angles = np.random.default_rng(0).random((n, low.size))
    return low / 2 + high / 2 + (high / 2 - low / 2) * np.cos(np.pi * angles)
