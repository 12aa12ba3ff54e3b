"""Evaluating a recurrence for orthonormal polynomials at new points."""

from __future__ import annotations

import numpy as np

from mlcli.linear.arrays import Floats, Ints


def evaluate_rows(z: Floats, H: Floats, features: Ints, parents: Ints, rows: Floats) -> None:
    """H[k, k] q_k = z_i q_parent(k) - sum_{j<k} H[j, k] q_j, written into `rows`.

    Args:
        z: scaled features, (D, n).
        H: upper triangular, (p, p).
        features, parents: i and parent(k) of each column, (p,).
        rows: where to write, (p, n).
    """
    with np.errstate(over="ignore", invalid="ignore", under="ignore"):
        if z.shape[0] == 1:
            _three_term(z[0], H, features, rows)
        else:
            _full(z, H, features, parents, rows)


def _three_term(z: Floats, H: Floats, features: Ints, rows: Floats) -> None:
    p = rows.shape[0]
    # Plain floats: indexing an array element by element costs more than the arithmetic.
    norm = np.diagonal(H).tolist()
    middle, below = np.diagonal(H, 1).tolist(), np.diagonal(H, 2).tolist()
    rank = next((k for k, h in enumerate(norm) if h == 0.0), p)
    rows[rank:] = 0.0
    if rank == 0:
        return
    if features[0] < 0:
        rows[0] = 1.0 / norm[0]
    else:
        np.multiply(z, 1.0 / norm[0], out=rows[0])
    step = np.empty(z.size)
    for k in range(1, rank):
        np.multiply(z, 1.0 / norm[k], out=step)
        step -= middle[k - 1] / norm[k]
        if k == 1:
            np.multiply(step, rows[0], out=rows[1])
            continue
        step *= rows[k - 1]
        np.multiply(rows[k - 2], below[k - 2] / norm[k], out=rows[k])
        np.subtract(step, rows[k], out=rows[k])


def _full(z: Floats, H: Floats, features: Ints, parents: Ints, rows: Floats) -> None:
    for k in range(rows.shape[0]):
        if H[k, k] == 0.0:
            rows[k] = 0.0
            continue
        if features[k] < 0:
            rows[k] = 1.0 / H[k, k]
            continue
        rows[k] = z[features[k]]
        if parents[k] >= 0:
            rows[k] *= rows[parents[k]]
        if k:
            rows[k] -= H[:k, k] @ rows[:k]
        rows[k] /= H[k, k]
