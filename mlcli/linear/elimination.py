"""Fraction-free elimination of a positive definite integer matrix."""

from __future__ import annotations

from dataclasses import dataclass


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
