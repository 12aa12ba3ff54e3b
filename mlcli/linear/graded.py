"""The one order of monomials: by total degree, then x1 before x2.

For two features: 1, x1, x2, x1^2, x1*x2, x2^2, ... It is a monomial order (a <= b implies
x*a <= x*b), so the columns up to any degree are the first columns of every higher degree.
"""

from __future__ import annotations

from itertools import chain, combinations_with_replacement

import numpy as np

from mlcli.linear.arrays import Ints

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
