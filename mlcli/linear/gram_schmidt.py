"""Building orthonormal columns: x times an earlier column, less its part along all of them."""

from __future__ import annotations

from math import sqrt

import numpy as np
from numpy.typing import NDArray

from mlcli.linear.arrays import Floats, Ints
from mlcli.linear.graded import Monomial

# A column whose new part is below this share of it is rounding: after reorthogonalisation that is
# about 1e-16 times the root of the number of rows, while inputs that differ in their last three
# digits still leave 1e-12.
DEPENDENT = 1e-12
# "Twice is enough" (Kahan): a pass that removes less than this share needs no other.
LITTLE_LEFT = 0.5


def one_feature(
    z: Floats, n_columns: int, intercept: bool, n_kept: int | None = None
) -> tuple[Floats, Floats]:
    """Stieltjes' three-term step and a full pass against all earlier columns.

    Args:
        z: the scaled feature, (N,).
        n_columns: p.
        intercept: whether the first column is the constant (else z itself).
        n_kept: how many columns are to be kept at the most; the rest stay zero.

    Returns:
        Q as rows, (p, N), and H (p, p), tridiagonal above.
    """
    Q, H = np.zeros((n_columns, z.size)), np.zeros((n_columns, n_columns))
    v = np.ones_like(z) if intercept else z.copy()
    for k in range(n_columns if n_kept is None else n_kept):
        size = _size(v)
        if k:
            v, size = z * Q[k - 1], _size(v)
            for j in range(max(0, k - 2), k):
                H[j, k] = Q[j] @ v
            v -= H[max(0, k - 2) : k, k] @ Q[max(0, k - 2) : k]
            # The corrections outside the band are rounding and stay out of the recurrence.
            correction = _orthogonalise(v, Q[:k])
            H[max(0, k - 2) : k, k] += correction[-2:]
        rest = _size(v)
        if rest <= DEPENDENT * size:
            break
        H[k, k], Q[k] = rest, v / rest
    return Q, H


def several_features(
    z: Floats,
    monomials: list[Monomial],
    features: Ints,
    parents: Ints,
    kept: NDArray[np.bool_] | None = None,
) -> tuple[Floats, Floats]:
    """Two full Gram-Schmidt passes a column, in the graded order of the monomials.

    A monomial with a dropped divisor is skipped: on the data the divisor is a combination of
    earlier columns, so its multiples are too.

    Args:
        z: the scaled features, (D, N).
        monomials: p of them.
        features, parents: (p,), as in `ArnoldiBasis`.
        kept: which columns may be kept, (p,); None: all.

    Returns:
        Q as rows, (p, N), and H (p, p), upper triangular.
    """
    p = len(monomials)
    Q, H = np.zeros((p, z.shape[1])), np.zeros((p, p))
    dropped: set[Monomial] = set()
    for k, monomial in enumerate(monomials):
        divisors = [monomial[:i] + monomial[i + 1 :] for i in range(len(monomial))]
        if (kept is not None and not kept[k]) or any(one in dropped for one in divisors):
            dropped.add(monomial)
            continue
        v = z[features[k]].copy() if features[k] >= 0 else np.ones(z.shape[1])
        if parents[k] >= 0:
            v *= Q[parents[k]]
        size = _size(v)
        for _ in range(2):
            h = Q[:k] @ v  # (k,)
            v -= h @ Q[:k]
            H[:k, k] += h
        rest = _size(v)
        if rest <= DEPENDENT * size:
            dropped.add(monomial)
            H[:, k] = 0.0
            continue
        H[k, k], Q[k] = rest, v / rest
    return Q, H


def _orthogonalise(v: Floats, Q: Floats) -> Floats:
    """Remove from v (N,), in place, its part along the rows of Q (k, N); return that part (k,)."""
    total = np.zeros(Q.shape[0])
    for _ in range(3):
        before = _size(v)
        h = Q @ v  # (k,)
        v -= h @ Q
        total += h
        if _size(v) > LITTLE_LEFT * before:
            break
    return total


def _size(v: Floats) -> float:
    return sqrt(v @ v)
