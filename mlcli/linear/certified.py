"""Least squares with every digit right for the data as stored.

Floats are exact binary fractions, so (4.4) can be formed and solved in integers; only the final
answers are rounded, once each.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import nan
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mlcli.errors import DataError
from mlcli.linear.arrays import Floats, as_pair
from mlcli.linear.basis import count_columns
from mlcli.linear.dyadic import ratio_to_float, root_to_float, split
from mlcli.linear.monomials import Monomial, exponents, graded_monomials


@dataclass(frozen=True)
class Elimination:
    """The normal equations G w = g (4.4) solved in integers.

    Attributes:
        determinant: det G.
        weights: w_j det G, p of them.
        minors: (G^-1)_jj det G, p of them.
        rss_numerator: (t^T t - g^T G^-1 g) det G.
    """

    determinant: int
    weights: list[int]
    minors: list[int]
    rss_numerator: int


def eliminate(gram: list[list[int]]) -> Elimination | None:
    """Bareiss elimination of [[G, g], [g^T, t^T t]] with the unit matrix carried along.

    Step k replaces a_ij by (d_k a_ij - a_ik a_kj) / d_{k-1}, where the division is exact and d_k
    is the k-th leading minor. With M the carried matrix, L = D^-1 M and
    G^-1 = sum_i M_i^T M_i / (d_{i-1} d_i), so that nothing has to be substituted back.

    Args:
        gram: the upper triangle by rows, p+1 of them, the last column g and t^T t.

    Returns:
        None when G is singular.
    """
    p = len(gram) - 1
    rows = [list(row) for row in gram]  # rows[i][j - i] is a_ij, j >= i
    carried = [[0] * i + [1] for i in range(p)]
    minors_before = [1]
    for k in range(p):
        pivot, previous = rows[k][0], minors_before[-1]
        if pivot == 0:
            return None
        for i in range(k + 1, p + 1):
            factor = rows[k][i - k]
            above = rows[k][i - k :]
            rows[i] = [
                (pivot * a - factor * b) // previous for a, b in zip(rows[i], above, strict=True)
            ]
            if i < p:
                tail = carried[k] + [0] * (i - k)
                carried[i] = [
                    (pivot * a - factor * b) // previous
                    for a, b in zip(carried[i], tail, strict=True)
                ]
        minors_before.append(pivot)
    z = [rows[i][p - i] for i in range(p)]
    return _collect(minors_before, carried, z, rows[p][0])


def _collect(
    leading: list[int], carried: list[list[int]], z: list[int], rss_numerator: int
) -> Elimination:
    """Cramer's numerators from sums over i of M_ij M_ij and M_ij z_i over d_{i-1} d_i."""
    p = len(z)
    det = leading[-1]
    # The sums are integers: with each term cut to a 2^-guard, rounding finds them exactly.
    guard = p.bit_length() + 4
    weights, minors = [0] * p, [0] * p
    for i, row in enumerate(carried):
        below = leading[i] * leading[i + 1]
        lifted = det << guard
        for j, m in enumerate(row):
            weights[j] += m * z[i] * lifted // below
            minors[j] += m * m * lifted // below
    half = 1 << (guard - 1)
    return Elimination(
        det,
        [(value + half) >> guard for value in weights],
        [(value + half) >> guard for value in minors],
        rss_numerator,
    )


Integers = NDArray[Any]  # Python integers of any length, as objects
# p^3 (p bits)^1.6, the products of the elimination at Karatsuba's rate; about a minute's worth.
MOST_WORK = 1.5e13


@dataclass(frozen=True)
class CertifiedFit:
    """Correctly rounded least squares in raw monomials.

    Attributes:
        w: weights of (3.8), (p,), in the graded order of `basis.Basis`.
        std_error: their standard errors, (p,); NaN when N = p leaves no residual degree of freedom.
        rss: residual sum of squares, twice (3.5).
        residual_std: sqrt(rss / (N - p)); NaN when N = p.
        r_squared: 1 - rss / tss, tss about the mean with an intercept and about 0 without; NaN
            when tss is 0.
        n_rows: N.
    """

    w: Floats
    std_error: Floats
    rss: float
    residual_std: float
    r_squared: float
    n_rows: int


def certified_polynomial(
    X: ArrayLike, t: ArrayLike, degree: int, *, intercept: bool = True, max_columns: int = 64
) -> CertifiedFit:
    """The solution (4.5) in raw monomials (3.8), in exact integers.

    The Gram matrix's entries are moments sum_a x_a^(m+n), so each is summed only once.

    Args:
        X: inputs, (N,) or (N, D).
        t: targets, (N,).
        degree: total degree; 1 is linear regression (3.11).
        intercept: False leaves the constant out.
        max_columns: more columns than this are refused, as the work grows like their fifth power.

    Raises:
        DataError: the data are empty or not finite, the columns are exactly collinear, there are
            more than `max_columns`, or their exact sums are too long.
        ValueError: the degree is negative, or 0 without an intercept.
    """
    matrix, target = as_pair(X, t)
    n_rows, n_features = matrix.shape
    if degree < int(not intercept):
        raise ValueError(f"the degree must be at least {int(not intercept)}, got {degree}")
    p = count_columns("polynomial", n_features, degree, intercept)
    if p > max_columns:
        raise DataError(
            "the columns of a certified fit",
            must=f"at most {max_columns}",
            got=f"{p}",
            hint="a lower degree or the solver arnoldi",
        )
    monomials = graded_monomials(n_features, degree, intercept=intercept)
    whole = [_integers(column) for column in matrix.T]
    y, t_power = _integers(target)
    gram = _gram(monomials, [x for x, _ in whole], y, n_rows)
    solved = _solve(gram, n_rows)
    powers = exponents(monomials, n_features) @ np.array([power for _, power in whole])
    total = _total(gram, y, n_rows, intercept)
    return _rounded(solved, powers.tolist(), t_power, total, n_rows)


def _solve(gram: list[list[int]], n_rows: int) -> Elimination:
    """The normal equations solved, unless that would take too long or can't be done."""
    p = len(gram) - 1
    bits = max(entry.bit_length() for row in gram for entry in row)
    if p**3 * float(p * bits) ** 1.585 > MOST_WORK:
        raise DataError(
            f"the exact arithmetic of {p} columns with {bits}-bit sums",
            must="less than about a minute of work",
            got="more",
            hint="a lower degree or the solver arnoldi",
        )
    solved = eliminate(gram)
    if solved is None:
        raise DataError(
            f"the {p} columns of a certified fit",
            must=f"linearly independent on the {n_rows} rows",
            got="an exactly singular matrix",
            hint="a lower degree, or leaving out features that repeat others",
        )
    return solved


def _integers(values: Floats) -> tuple[Integers, int]:
    """Integers v and a power e with values = v 2^e exactly, (N,)."""
    pairs = [split(value) for value in values.tolist()]
    power = min((e for m, e in pairs if m), default=0)
    whole = np.empty(len(pairs), dtype=object)
    whole[:] = [m << (e - power) if m else 0 for m, e in pairs]
    return whole, power


def _gram(
    monomials: list[Monomial], features: list[Integers], y: Integers, n_rows: int
) -> list[list[int]]:
    """[Phi t]^T [Phi t] in integers, upper triangle, (p+1) rows."""
    ones = np.empty(n_rows, dtype=object)
    ones[:] = 1
    columns: dict[Monomial, Integers] = {(): ones}
    for monomial in monomials:
        if monomial:
            last = features[monomial[-1]]
            parent = columns.get(monomial[:-1], ones)
            columns[monomial] = parent * last if len(monomial) > 1 else last
    moments: dict[Monomial, int] = {}
    rows = []
    for i, left in enumerate(monomials):
        row = []
        for right in monomials[i:]:
            key = tuple(sorted(left + right))
            if key not in moments:
                moments[key] = int(np.dot(columns[left], columns[right]))
            row.append(moments[key])
        rows.append([*row, int(np.dot(columns[left], y))])
    rows.append([int(np.dot(y, y))])
    return rows


def _total(gram: list[list[int]], y: Integers, n_rows: int, intercept: bool) -> tuple[int, int]:
    """The total sum of squares of t as a ratio, about its mean with an intercept."""
    square = gram[-1][0]
    return (n_rows * square - int(y.sum()) ** 2, n_rows) if intercept else (square, 1)


def _rounded(
    solved: Elimination, powers: list[int], t_power: int, total: tuple[int, int], n_rows: int
) -> CertifiedFit:
    """Units of the data put back, everything rounded once."""
    free = n_rows - len(powers)
    det, rss = solved.determinant, solved.rss_numerator
    w = [
        ratio_to_float(numerator, det, t_power - power)
        for numerator, power in zip(solved.weights, powers, strict=True)
    ]
    if free:
        std_error = [
            root_to_float(rss * minor, free * det * det, 2 * (t_power - power))
            for minor, power in zip(solved.minors, powers, strict=True)
        ]
        residual_std = root_to_float(rss, free * det, 2 * t_power)
    else:
        std_error, residual_std = [nan] * len(powers), nan
    tss, share = total
    r_squared = ratio_to_float(tss * det - share * rss, tss * det) if tss else nan
    rss_float = ratio_to_float(rss, det, 2 * t_power)
    return CertifiedFit(
        np.array(w), np.array(std_error), rss_float, residual_std, r_squared, n_rows
    )
