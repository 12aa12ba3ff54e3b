"""Products of columns that are combinations of others by how the columns were made."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from mlcli.linear.arrays import Floats
from mlcli.linear.monomials import Monomial

# Groups of features that stand for the categories of one column, and pairs of features that are
# the sine and the cosine of one angle.
Related = tuple[Sequence[range], Sequence[tuple[int, int]]]
UNRELATED: Related = ((), ())
# Of the terms that are left out so many are named in a note; all of them in the files.
SHOWN_TERMS = 5
# s^2 + c^2 of a sine and a cosine of one angle is 1 but for rounding.
ROUNDING = 1e-12


@dataclass(frozen=True)
class Redundant:
    """Which products of features add nothing to those of lower degree.

    Attributes:
        squares: features whose square does not: of 0 and 1, x^2 = x.
        cosines: features whose square does not where there is a constant: c^2 = 1 - s^2.
        pairs: pairs of features, rising, whose product does not: it is 0 in every row.
    """

    squares: frozenset[int] = frozenset()
    cosines: frozenset[int] = frozenset()
    pairs: frozenset[tuple[int, int]] = frozenset()

    def left_out(self, monomials: Iterable[Monomial], intercept: bool) -> tuple[int, ...]:
        """The places of the products that add nothing.

        Args:
            monomials: each as the features that are multiplied, repeated and rising.
            intercept: whether the constant is among them.
        """
        squares = self.squares | (self.cosines if intercept else frozenset())
        return tuple(
            place
            for place, monomial in enumerate(monomials)
            if any(monomial.count(feature) > 1 for feature in squares.intersection(monomial))
            or any(pair in self.pairs for pair in combinations(sorted(set(monomial)), 2))
        )


NOTHING = Redundant()


def is_binary(X: Floats) -> NDArray[np.bool_]:
    """Which columns of X (N, D) are 0 or 1 in every row, (D,)."""
    return np.asarray(((X == 0) | (X == 1)).all(axis=0))


def find_redundant(
    X: Floats, categories: Iterable[range] = (), angles: Iterable[tuple[int, int]] = ()
) -> Redundant:
    """What is redundant among features, as far as these rows have it too.

    Args:
        X: (N, D).
        categories: the features that stand for the categories of one column.
        angles: pairs of features that are the sine and the cosine of one angle.
    """
    squares = frozenset(np.flatnonzero(is_binary(X)).tolist())
    pairs = {
        (a, b)
        for group in categories
        for a, b in combinations(group, 2)
        if not (X[:, a] * X[:, b]).any()
    }
    cosines = {
        c for s, c in angles if np.abs(X[:, s] ** 2 + X[:, c] ** 2 - 1).max(initial=0.0) <= ROUNDING
    }
    return Redundant(squares, frozenset(cosines), frozenset(pairs))


def left_out_notes(names: Sequence[str]) -> list[str]:
    """A sentence that names the products that are left out, where there are any."""
    if not names:
        return []
    more = f" and {len(names) - SHOWN_TERMS} more" * (len(names) > SHOWN_TERMS)
    shown = ", ".join(names[:SHOWN_TERMS])
    return [f"left out, being combinations of other columns: {shown}{more}"]


def left_out_entry(names: Sequence[str]) -> dict[str, list[str]]:
    """The same names for JSON, where there are any."""
    return {"left_out": list(names)} if names else {}
