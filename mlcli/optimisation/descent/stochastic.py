"""Stochastic gradient descent on minibatches (section 4.1.1), and the noise it settles into."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mlcli.optimisation.descent.quadratic import Quadratic

Floats = NDArray[np.float64]


def minibatch_excess(
    Phi: Floats,
    t: Floats,
    loss: Quadratic,
    learning_rates: Floats,
    batch_size: int,
    n_steps: int,
    rng: np.random.Generator,
) -> Floats:
    """Excess loss over the last half of the steps, starting at the minimum, (n_rates,).

    w <- w - eta / B sum_b grad E_b(w), eq (4.7) on B rows drawn with replacement; all learning
    rates see the same rows. A run that diverges gives infinity.

    Args:
        Phi, t: the rows, (N, p) and (N,).
        loss: their quadratic.
        learning_rates: eta, (n_rates,).
        batch_size: B.
        n_steps: steps; the first half is for settling.
        rng: draws the rows.
    """
    W = np.tile(loss.w_star, (learning_rates.size, 1))  # (n_rates, p)
    step_size = learning_rates[:, None] / batch_size
    total, counted = np.zeros(learning_rates.size), 0
    rows = rng.integers(t.size, size=(n_steps, batch_size))
    with np.errstate(over="ignore", invalid="ignore"):
        for step, drawn in enumerate(rows):
            columns = Phi[drawn]  # (B, p)
            residual = W @ columns.T - t[drawn]  # (n_rates, B)
            W = W - step_size * (residual @ columns)
            if 2 * step >= n_steps:
                total += loss.excess(W)
                counted += 1
        mean = total / counted
    return np.where(np.isfinite(mean), mean, np.inf)


def noise_floor(
    Phi: Floats, t: Floats, loss: Quadratic, learning_rate: float, batch_size: int
) -> float:
    """The stationary mean excess loss tr(H S) / 2, exactly; infinite where there is none.

    With d = w - w*, r the residuals at w* and E d = 0, the second moment S = E d d^T obeys

        S = (1 - eta H) S (1 - eta H) + eta^2 / B (sum_a phi_a phi_a^T (r_a^2 + phi_a^T S phi_a) / N
            - H S H),

    linear in S: the noise grows with the distance too, not only with the residuals. It has a
    solution that can be a covariance only while the learning rate is small enough for the batch.

    Args:
        Phi, t: the rows, (N, p) and (N,).
        loss: their quadratic.
        learning_rate: eta.
        batch_size: B, rows drawn with replacement.
    """
    n_rows, p = Phi.shape
    residual = t - Phi @ loss.w_star
    eta, H, eye = learning_rate, loss.H, np.eye(p)
    pairs = np.einsum("ai,aj->aij", Phi, Phi).reshape(n_rows, p * p)  # (N, p^2)
    source = eta**2 / batch_size * (residual**2 @ pairs) / n_rows  # (p^2,)
    shrink = np.kron(eye - eta * H, eye - eta * H)
    spread = eta**2 / batch_size * (pairs.T @ pairs / n_rows - np.kron(H, H))
    step = shrink + spread  # (p^2, p^2)
    if np.abs(np.linalg.eigvals(step)).max() >= 1.0:
        return float("inf")
    S = np.linalg.solve(np.eye(p * p) - step, source).reshape(p, p)
    return float(0.5 * (H * S).sum())
