"""The columns of many degrees at once: those of a degree are the first of those of a higher one.

What is computed once for the highest degree then serves them all. Gaussian bumps and sigmoids move
their centres with the degree, so each of their degrees is a family of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from mlcli.linear.arnoldi import fit_arnoldi
from mlcli.linear.arrays import Floats, Ints
from mlcli.linear.basis import fit_basis, spans_powers
from mlcli.linear.design import Design, build
from mlcli.linear.least_squares import orthonormal_columns
from mlcli.linear.redundant import UNRELATED, Related

MOVING = ("gaussian", "sigmoid")


@dataclass(frozen=True)
class NestedColumns:
    """Columns on the rows of the data, and anywhere else.

    Attributes:
        degrees: rising.
        sizes: how many of the first columns belong to each degree.
        rows: some rows of the data, as numbers or a slice -> the columns there, (n, p).
        evaluate: X (n, D) -> the columns there, (n, p).
        has_constant: whether the first column is one number everywhere.
    """

    degrees: tuple[int, ...]
    sizes: tuple[int, ...]
    rows: Callable[[Ints | slice], Floats]
    evaluate: Callable[[Floats], Floats]
    has_constant: bool


def families(kind: str, degrees: Sequence[int]) -> list[tuple[int, ...]]:
    """The degrees that can share their columns, each family rising."""
    rising = tuple(sorted(set(degrees)))
    if kind == "linear":
        return [(1,)]
    return [(degree,) for degree in rising] if kind in MOVING else [rising]


def orthonormal_family(
    kind: str, X: Floats, degrees: tuple[int, ...], *, intercept: bool = True
) -> NestedColumns:
    """Columns that are orthonormal on X, for least squares: their span is all that counts.

    Polynomials in any form span the same functions (`basis.spans_powers`) and come from one
    recurrence (`mlcli.linear.arnoldi`); other columns are made orthonormal one after the other. A
    column that depends on earlier ones is zero.

    Args:
        kind: a basis of `mlcli.linear.basis`.
        X: inputs, (N, D).
        degrees: one of `families`.
        intercept: whether the constant is a column.
    """
    top = degrees[-1]
    if spans_powers(kind, intercept):
        basis, Q = fit_arnoldi(X, top, intercept=intercept)
        sizes = tuple(basis.size(degree) for degree in degrees)
        return NestedColumns(degrees, sizes, Q.__getitem__, basis.evaluate, intercept)
    fixed = fit_basis(kind, X.min(axis=0), X.max(axis=0), top, intercept=intercept)
    order, sizes = _by_degree(fixed.degrees(), degrees)
    found = orthonormal_columns(fixed.evaluate(X)[:, order])

    def evaluate(points: Floats) -> Floats:
        return found.evaluate(fixed.evaluate(points)[:, order])

    return NestedColumns(degrees, sizes, found.Q.__getitem__, evaluate, intercept)


@dataclass(frozen=True)
class StandardisedFamily:
    """Columns that a penalty acts on: z-scores over all rows, behind the constant if there is one.

    Attributes:
        columns: [1, A] or A.
        design: what made A, its columns in the order of the basis.
        order: A's columns as numbers of the design's.
    """

    columns: NestedColumns
    design: Design
    order: Ints


def standardised_family(
    kind: str,
    X: Floats,
    t: Floats,
    degrees: tuple[int, ...],
    *,
    intercept: bool = True,
    scaled: bool = True,
    related: Related = UNRELATED,
) -> StandardisedFamily:
    """The columns of (3.13): the penalty depends on them, not only on what they span.

    Args:
        kind: a basis of `mlcli.linear.basis`.
        X, t: data, (N, D) and (N,).
        degrees: one of `families`.
        intercept: whether there is a constant, which no penalty touches.
        scaled: False leaves the columns unscaled (still centred when there is an intercept).
        related: as in `design.build`, which leaves out products that add nothing.
    """
    design = build(kind, X, t, degrees[-1], intercept=intercept, scaled=scaled, related=related)
    order, sizes = _by_degree(design.basis.degrees()[int(intercept) :], degrees)
    first = [np.ones((t.size, 1))] if intercept else []

    def evaluate(points: Floats) -> Floats:
        ones = [np.ones((points.shape[0], 1))] if intercept else []
        return np.concatenate([*ones, design.columns(points)[:, order]], axis=1)  # (n, p)

    P = np.concatenate([*first, design.A[:, order]], axis=1)  # (N, p)
    sizes = tuple(size + int(intercept) for size in sizes)
    columns = NestedColumns(degrees, sizes, P.__getitem__, evaluate, intercept)
    return StandardisedFamily(columns, design, order)


def _by_degree(owners: Ints, degrees: tuple[int, ...]) -> tuple[Ints, tuple[int, ...]]:
    """An order of columns in which each degree's come first, and their numbers."""
    order = np.argsort(owners, kind="stable")
    return order, tuple(int((owners <= degree).sum()) for degree in degrees)
