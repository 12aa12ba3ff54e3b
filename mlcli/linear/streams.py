"""Polynomial columns for rows that are met once, chosen by a sample of them.

A basis that is orthonormal on a sample is nearly so on all rows, and the fit of the sample leaves
little over: sums of what is left lose no digits. Where a few rows lie far from all the sample's,
polynomials that are small on the sample are huge on those; that is found out by the condition
number, and the rows are read again in a basis that is bounded on the whole box of the features.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mlcli.linear.arnoldi import ArnoldiBasis, fit_arnoldi
from mlcli.linear.arrays import Floats
from mlcli.linear.compress import PolynomialAccumulator, loses_digits, methods
from mlcli.linear.moments import changed
from mlcli.linear.triangle import IllConditioned, Triangle, independent

# Points over the box: several a column, and never few.
POINTS_A_COLUMN = 4
FEWEST_POINTS = 200


@dataclass(frozen=True)
class Way:
    """A basis and a method by which rows are taken in.

    Attributes:
        basis: the columns.
        points: where the basis was made orthonormal, (n, D).
        Q: its columns there, (n, p).
        c0: coefficients of a first guess, (p,).
        method: one of `compress.methods`.
        last: whether there is no safer way.
    """

    basis: ArnoldiBasis
    points: Floats
    Q: Floats
    c0: Floats
    method: str
    last: bool = False

    def start(self) -> PolynomialAccumulator:
        """Takes in rows."""
        return PolynomialAccumulator(self.basis, self.c0, method=self.method)

    def triangle(self, rows: PolynomialAccumulator) -> Triangle:
        """The triangle of [P, t] of all rows that were taken in.

        Raises:
            IllConditioned: digits were lost; the next way is to be tried.
        """
        rest = rows.triangle()
        if not self.last and loses_digits(rest, self.c0):
            raise IllConditioned("the sample's columns or its fit don't stand for all rows")
        return rest.with_target(self.c0)

    def settled(
        self, triangles: Sequence[Triangle], of_all: Triangle
    ) -> tuple[ArnoldiBasis, list[Triangle]]:
        """The basis without what is a combination of earlier columns on all rows.

        Points over a box know nothing of columns that are alike on the rows.

        Args:
            triangles: of parts of the rows, in the way's basis.
            of_all: of all rows.

        Returns:
            The basis, and the same triangles in it.
        """
        kept = np.zeros(self.basis.n_columns, dtype=np.bool_)
        kept[independent(of_all)] = True
        if not self.last or (kept == self.basis.kept).all():
            return self.basis, list(triangles)
        smaller, Q = fit_arnoldi(
            self.points, self.basis.degree, intercept=self.basis.intercept, kept=kept
        )
        change = self.Q.T @ Q  # (p, p)
        return smaller, [changed(one, change) for one in triangles]


def ways(
    X: Floats, t: Floats, low: Floats, high: Floats, degree: int, *, intercept: bool = True
) -> list[Way]:
    """The ways to take in rows, the fastest first; the last one always serves.

    Args:
        X, t: a sample of the rows, (n, D) and (n,), with the extremes of every feature.
        low, high: ranges of the features over all rows, (D,).
        degree: the highest total degree.
        intercept: whether the constant is a column.
    """
    basis, Q = fit_arnoldi(X, degree, intercept=intercept)
    # A column that vanishes on the sample may not vanish on all rows.
    quick = methods(basis) if basis.rank == basis.n_columns else ()
    found = [Way(basis, X, Q, Q.T @ t, method) for method in quick]
    points = np.concatenate([X, _over_box(low, high, basis.n_columns)])
    bounded, Q = fit_arnoldi(points, degree, intercept=intercept)
    return [*found, Way(bounded, points, Q, np.zeros(bounded.n_columns), "qr", last=True)]


def _over_box(low: Floats, high: Floats, n_columns: int) -> Floats:
    """Points of a box, (n, D), the denser the nearer to its faces, as polynomials ask for."""
    n = max(FEWEST_POINTS, POINTS_A_COLUMN * n_columns)
    if low.size == 1:
        angles = (np.arange(n) + 0.5)[:, None] / n
    else:
        angles = np.random.default_rng(0).random((n, low.size))
    return low / 2 + high / 2 + (high / 2 - low / 2) * np.cos(np.pi * angles)
