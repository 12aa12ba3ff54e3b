"""Monomials: their one order, and the change from orthonormal polynomials to powers of x.

The order is by total degree, then x1 before x2: for two features 1, x1, x2, x1^2, x1*x2, x2^2, ...
It is a monomial order (a <= b implies x*a <= x*b), so the columns up to any degree are the first
columns of every higher degree.

The coefficients of powers alternate and grow like 3^degree, so the change of basis is carried in
fixed point with as many bits as the recurrence can grow by, and 128 more.
"""

from __future__ import annotations

from itertools import chain, combinations_with_replacement
from math import ceil, log2
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from mlcli.linear.arrays import Floats, Ints
from mlcli.linear.dyadic import integer_root_to_float, integer_to_float, split

Monomial = tuple[int, ...]


def graded_monomials(n_features: int, degree: int, *, intercept: bool = True) -> list[Monomial]:
    """The monomials as sorted tuples of feature indices; () is the constant, (0, 0) is x1^2."""
    first = 0 if intercept else 1
    if n_features == 1:
        return [(0,) * k for k in range(first, degree + 1)]
    levels = (combinations_with_replacement(range(n_features), k) for k in range(first, degree + 1))
    return list(chain.from_iterable(levels))


def exponents(monomials: list[Monomial], n_features: int) -> Ints:
    """The power of each feature in each monomial, (n_monomials, D)."""
    powers = np.zeros((len(monomials), n_features), dtype=np.int64)
    for row, monomial in enumerate(monomials):
        for feature in monomial:
            powers[row, feature] += 1
    return powers


GUARD_BITS = 128
Integers = NDArray[Any]  # Python integers of any length, as objects


class Recurrence(Protocol):
    """What `raw_coefficients` needs of an `ArnoldiBasis`."""

    @property
    def shift(self) -> Floats: ...
    @property
    def scale(self) -> Floats: ...
    @property
    def features(self) -> Ints: ...
    @property
    def parents(self) -> Ints: ...
    @property
    def H(self) -> Floats: ...


def raw_coefficients(
    basis: Recurrence, monomials: list[Monomial], c: Floats, inverse: Floats | None
) -> tuple[Floats, Floats]:
    """w = T c and the norms of the rows of T R^-1, with q_k = sum_j T_jk x^j.

    Args:
        basis: the recurrence.
        monomials: the first m of its monomials.
        c: (m,).
        inverse: R^-1 (m, m), or None for the identity.

    Returns:
        (m,) and (m,); beyond a float's range, inf.
    """
    # Units of u = x / 2^s, of size 1 on the data, keep the powers comparable; 2^s is exact.
    powers = np.frexp(np.maximum(np.abs(basis.shift), basis.scale))[1].astype(int)  # (D,)
    T, bits = _columns(basis, monomials, powers)
    w = _combine(T, c)
    spread = T if inverse is None else [_combine(T, column) for column in inverse.T]
    squares = np.zeros(len(monomials), dtype=object)
    for column in spread:
        squares[: column.size] += column * column
    units = (exponents(monomials, powers.size) @ powers).tolist()
    pairs = list(zip(units, w, squares, strict=True))
    estimates = [integer_to_float(value, -bits - unit) for unit, value, _ in pairs]
    errors = [integer_root_to_float(square, -2 * (bits + unit)) for unit, _, square in pairs]
    return np.array(estimates), np.array(errors)


def _columns(
    basis: Recurrence, monomials: list[Monomial], powers: Ints
) -> tuple[list[Integers], int]:
    """T's columns as integers over 2^bits; column k has its k+1 first entries."""
    bits = GUARD_BITS + _growth(basis, len(monomials), powers)
    where = {monomial: k for k, monomial in enumerate(monomials)}
    times = [_raising(where, monomials, i) for i in range(powers.size)]
    T: list[Integers] = []
    for k in range(len(monomials)):
        column = np.zeros(k + 1, dtype=object)
        norm = float(basis.H[k, k])
        if norm != 0.0:
            i, parent = int(basis.features[k]), int(basis.parents[k])
            if i < 0:
                column[0] = 1 << bits
            else:
                _raise(column, T[parent] if parent >= 0 else None, bits, times[i], k)
                _rescale(column, T, basis, k, int(powers[i]))
            mantissa, power = split(norm)
            column = (column << max(0, -power)) // (mantissa << max(0, power))
        T.append(column)
    return T, bits


def _raising(where: dict[Monomial, int], monomials: list[Monomial], feature: int) -> Ints:
    """Position of x_i times each monomial, -1 beyond the last."""
    raised = [where.get(tuple(sorted((*monomial, feature))), -1) for monomial in monomials]
    return np.array(raised, dtype=np.int64)


def _raise(column: Integers, parent: Integers | None, bits: int, raised: Ints, k: int) -> None:
    """column = u_i times the parent, or u_i itself."""
    if parent is None:
        column[k] = 1 << bits
    else:
        column[raised[: parent.size]] = parent


def _rescale(column: Integers, T: list[Integers], basis: Recurrence, k: int, power: int) -> None:
    """column becomes (2^s column - shift parent) / scale - sum_j H_jk q_j, in place."""
    i, parent = int(basis.features[k]), int(basis.parents[k])
    column <<= power - split(float(basis.scale[i]))[1]
    ratio = float(basis.shift[i] / basis.scale[i])
    terms = [(int(j), float(basis.H[j, k])) for j in np.flatnonzero(basis.H[:k, k])]
    if parent >= 0:
        terms.append((parent, ratio))
    for j, factor in terms:
        if factor != 0.0:
            mantissa, exponent = split(factor)
            other = T[j] * mantissa
            column[: other.size] -= other << exponent if exponent >= 0 else other >> -exponent


def _growth(basis: Recurrence, m: int, powers: Ints) -> int:
    """Bits by which a rounding error can grow on its way through the recurrence."""
    bound = np.zeros(m)
    for k in range(m):
        i, parent = int(basis.features[k]), int(basis.parents[k])
        norm = float(basis.H[k, k])
        if norm == 0.0:
            continue
        previous = np.append(bound[:k], 0.0)
        weights = np.append(np.abs(basis.H[:k, k]), 0.0)
        if i >= 0:
            weights[parent if parent >= 0 else k] += (
                2.0 ** int(powers[i]) + abs(float(basis.shift[i]))
            ) / float(basis.scale[i])
        top = float(previous.max())
        total = float(weights @ np.exp2(previous - top)) if i >= 0 else 1.0
        bound[k] = max(0.0, top + log2(max(total, 1e-300)) - log2(norm))
    return ceil(float(bound.max(initial=0.0)))


def _combine(T: list[Integers], c: Floats) -> Integers:
    """sum_k c_k T[k], integers over the same power of two."""
    total = np.zeros(len(T), dtype=object)
    for column, factor in zip(T, c.tolist(), strict=True):
        if factor != 0.0:
            mantissa, power = split(factor)
            scaled = column * mantissa
            total[: column.size] += scaled << power if power >= 0 else scaled >> -power
    return total
