"""Least squares on both sides of the interpolation threshold: the shortest of all solutions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from mlcli.linear.arrays import EPSILON, Floats, Ints
from mlcli.linear.basis import fit_basis

COLUMNS = ("legendre", "orthonormal")


def legendre_columns(x: Floats, low: float, high: float, n_columns: int, kind: str) -> Floats:
    """The first polynomials of Legendre on [low, high], (n,) -> (n, n_columns).

    Args:
        x: points, (n,).
        low, high: the range of x ~ U(low, high).
        n_columns: p, degrees 0 to p - 1.
        kind: ``legendre`` is P_k, with |P_k| <= 1 on the range; ``orthonormal`` is
            sqrt(2k + 1) P_k, whose mean square over x is 1. They span the same functions, but the
            first makes high degrees dearer to a shortest solution.

    Raises:
        ValueError: the kind is neither.
    """
    if kind not in COLUMNS:
        raise ValueError(f"the columns must be one of {', '.join(COLUMNS)}, got {kind!r}")
    P = fit_basis("legendre", [low], [high], n_columns - 1).evaluate(x[:, None])  # (n, p)
    return P * np.sqrt(2 * np.arange(n_columns) + 1) if kind == "orthonormal" else P


@dataclass(frozen=True)
class MinimumNorm:
    """Shortest least-squares solutions of S data sets with the first p columns.

    Attributes:
        W: (S, p).
        effective_rank: singular values above the cut, (S,).
    """

    W: Floats
    effective_rank: Ints

    @property
    def norm(self) -> Floats:
        """|w|, (S,)."""
        return np.asarray(np.linalg.norm(self.W, axis=1))


def minimum_norm(Phi: Floats, t: Floats) -> MinimumNorm:
    """w = Phi^+ t, eq (4.5) with the Moore-Penrose inverse, for each of S data sets.

    With N >= p independent columns this is least squares; with p > N it passes through every row,
    and of all w that do it is the shortest. Which function that is depends on the columns, not
    only on what they span. Singular values below eps max(N, p) times the largest count as zero.

    Args:
        Phi: columns, (S, N, p).
        t: targets, (S, N).
    """
    U, s, Vt = np.linalg.svd(Phi, full_matrices=False)  # (S, N, r), (S, r), (S, r, p)
    cut = EPSILON * max(Phi.shape[1:]) * s.max(axis=1, initial=0.0)  # (S,)
    used = s > cut[:, None]
    inverse = np.where(used, 1.0 / np.where(used, s, 1.0), 0.0)
    c = inverse * np.einsum("snr,sn->sr", U, t)  # (S, r)
    return MinimumNorm(np.einsum("srp,sr->sp", Vt, c), used.sum(axis=1))


def minimum_norms(Phi: Floats, t: Floats, sizes: Sequence[int]) -> Iterator[MinimumNorm]:
    """`minimum_norm` with the first p columns of Phi (S, N, P) for each p in `sizes`."""
    for size in sizes:
        yield minimum_norm(Phi[:, :, :size], t)
