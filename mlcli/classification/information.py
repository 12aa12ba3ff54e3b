"""Likelihood, entropy, Kullback-Leibler divergence and cross-entropy (appendix C), in nats."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mlcli.classification.softmax import Floats


def bernoulli_log_probability(p: Floats, t: Floats) -> Floats:
    """ln q(x, t) = t ln p + (1 - t) ln(1 - p), eq (C.8), of each row, (N,), in nats.

    Args:
        p: p(C_1|x), (N,).
        t: 1 for C_1, else 0, (N,).
    """
    with np.errstate(divide="ignore"):
        return np.where(t > 0, np.log(p), np.log1p(-p))


def categorical_log_probability(P: Floats, T: Floats) -> Floats:
    """sum_k t_k ln y_k of each row, the logarithm of a factor of (5.23), (N,), in nats.

    Args:
        P: y_k = p(C_k|x), (N, K).
        T: one-hot targets of (5.21), (N, K).
    """
    with np.errstate(divide="ignore"):
        return np.asarray(np.where(T > 0, np.log(P), 0.0).sum(axis=1))


def log_likelihood(log_probabilities: Floats) -> float:
    """ln prod_n q_n, eqs (5.23) and (5.24): maximising it is minimising the cross-entropy."""
    return float(log_probabilities.sum())


def empirical_cross_entropy(log_probabilities: Floats) -> float:
    """H(p, q) = -1/N sum_alpha ln q(x_alpha, t_alpha), eqs (C.9) and (C.10), in nats per row.

    p is the empirical distribution (C.7), 1/N on each row, and q any model: (C.8) gives the
    cross-entropy loss (5.13), and (C.11) the squared error (3.5) up to constants. The printed
    (C.10) has ln(1 - ln p) where ln(1 - p) is meant.
    """
    return -float(log_probabilities.mean())


@dataclass(frozen=True)
class Information:
    """The three terms of (C.5), each computed independently.

    Attributes:
        entropy: H(p) = -sum p ln p (C.2).
        divergence: D(p||q) = -sum p ln(q/p) (C.3).
        cross_entropy: H(p, q) = -sum p ln q (C.5).
    """

    entropy: float
    divergence: float
    cross_entropy: float


def information(p: Floats, q: Floats) -> Information:
    """The terms for two distributions over the same events, any shape, each adding up to 1.

    Events with p = 0 add nothing, whatever q is; if only q is 0, the divergence is infinite.
    """
    seen = p > 0
    p, q = p[seen], q[seen]
    with np.errstate(divide="ignore"):
        return Information(
            float(-(p * np.log(p)).sum()),
            float(-(p * np.log(q / p)).sum()),
            float(-(p * np.log(q)).sum()),
        )


def expected_excess(n_weights: int, n_rows: int) -> float:
    """d / (2 n): the mean of D(p||q) over training sets, in nats per row, to first order in 1/n.

    q is the fit of d weights to n rows by maximum likelihood, and the law p is among the models.
    It holds because 2 n D(p||q) is then chi-squared with d degrees of freedom (Wilks).
    """
    return n_weights / (2.0 * n_rows)
