"""The densities that the posterior is made of, term by term (appendix B)."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from mlcli.linear.arrays import Floats


def normal_log_density(t: ArrayLike, mean: ArrayLike, precision: float) -> Floats:
    """ln N(t | mu, 1/beta) = 1/2 ln(beta / 2 pi) - beta/2 (t - mu)^2, eq (B.4), in nats.

    Print has beta / (2 pi) in the exponent, which is no density: it does not integrate to 1.

    Args:
        t: any shape.
        mean: mu, a shape that broadcasts with t.
        precision: beta > 0.
    """
    off = np.asarray(t, dtype=np.float64) - np.asarray(mean, dtype=np.float64)
    return np.asarray(0.5 * np.log(precision / (2 * np.pi)) - 0.5 * precision * off**2)


def log_posterior_unnormalised(
    Phi: Floats, t: Floats, w: Floats, prior_precision: float, noise_precision: float
) -> float:
    """-beta/2 sum_a (t_a - w . phi_a)^2 - alpha/2 sum_j w_j^2, the exponent of (B.15).

    Likelihood times prior, where print says evidence for likelihood; the prior is on w_0 too,
    which (3.13) leaves free.

    Args:
        Phi: design matrix, (N, p).
        t: targets, (N,).
        w: weights, (p,).
        prior_precision: alpha.
        noise_precision: beta.
    """
    off = t - Phi @ w  # (N,)
    return float(-0.5 * noise_precision * (off @ off) - 0.5 * prior_precision * (w @ w))


def exponent(
    Phi: Floats, t: Floats, prior_precision: float, noise_precision: float
) -> tuple[Floats, Floats]:
    """A and b of the exponent -1/2 w^T A w + b^T w of (B.15), eqs (B.16) and (B.17).

    A = alpha I + beta Phi^T Phi is S_N^-1 and b = beta Phi^T t is S_N^-1 m_N, by comparison with
    (B.18). All sums run from 0: w_0 is one of the weights. Arguments as
    `log_posterior_unnormalised`; (p, p) and (p,).
    """
    A = prior_precision * np.eye(Phi.shape[1]) + noise_precision * (Phi.T @ Phi)
    return A, noise_precision * (Phi.T @ t)
