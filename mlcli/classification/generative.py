"""Classes from their densities by Bayes' theorem, and where the linear ansatz is exact."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mlcli.classification.softmax import Floats, softmax

# A covariance of standardised features with a smaller eigenvalue than this is none.
FLAT = 1e-10


def log_odds(log_density_1: Floats, log_density_2: Floats, prior_1: float) -> Floats:
    """a = ln p(x|C_1) p(C_1) / (p(x|C_2) p(C_2)), eq (5.4), so that p(C_1|x) = sigma(a), (5.7).

    The printed (5.4) is the ratio itself, without its logarithm.

    Args:
        log_density_1: ln p(x|C_1), (N,).
        log_density_2: ln p(x|C_2), (N,).
        prior_1: p(C_1), in (0, 1); p(C_2) = 1 - p(C_1).

    Raises:
        ValueError: the prior is out of range.
    """
    if not 0 < prior_1 < 1:
        raise ValueError(f"the prior must be between 0 and 1, got {prior_1}")
    return np.asarray(log_density_1 - log_density_2 + np.log(prior_1) - np.log1p(-prior_1))


def class_scores(log_densities: Floats, priors: Floats) -> Floats:
    """a_k = ln p(x|C_k) p(C_k), eq (5.17), (N, K).

    Args:
        log_densities: ln p(x|C_k), (N, K).
        priors: p(C_k), (K,), positive, adding up to 1.

    Raises:
        ValueError: the priors are not a distribution.
    """
    if not ((priors > 0).all() and abs(float(priors.sum()) - 1.0) < 1e-12):
        raise ValueError(f"priors must be positive and add up to 1, got {priors.tolist()}")
    return np.asarray(log_densities + np.log(priors))


def posterior(log_densities: Floats, priors: Floats) -> Floats:
    """p(C_k|x) = p(x|C_k) p(C_k) / sum_j p(x|C_j) p(C_j), eqs (5.3), (5.16), (5.18); (N, K).

    (5.16) is printed with p(C_k) in the sum, which does not add up to 1. Arguments and errors as
    `class_scores`.
    """
    return softmax(class_scores(log_densities, priors))


def normal_class_weights(means: Floats, covariance: Floats, prior_1: float) -> Floats:
    """Weights (w_0, w) with which (5.8) is exact: normal classes of one covariance, (D + 1,).

    w = S^-1 (mu_1 - mu_2) and w_0 = (mu_2^T S^-1 mu_2 - mu_1^T S^-1 mu_1) / 2 + ln p(C_1)/p(C_2):
    the quadratic terms of the two densities cancel in the log odds.

    Args:
        means: mu_1 and mu_2, (2, D).
        covariance: S, (D, D), positive definite.
        prior_1: p(C_1), in (0, 1).

    Raises:
        ValueError: the prior is out of range.
    """
    if not 0 < prior_1 < 1:
        raise ValueError(f"the prior must be between 0 and 1, got {prior_1}")
    solved = np.linalg.solve(covariance, means.T)  # (D, 2)
    lengths = np.einsum("kd,dk->k", means, solved)  # (2,)
    constant = 0.5 * (lengths[1] - lengths[0]) + np.log(prior_1 / (1.0 - prior_1))
    return np.concatenate([[constant], solved[:, 0] - solved[:, 1]])


@dataclass(frozen=True)
class NormalClasses:
    """Normal classes of one covariance, the estimate of linear discriminant analysis.

    Attributes:
        means: mu_k, (K, D).
        covariance: S, (D, D), positive definite.
        priors: p(C_k), (K,).
    """

    means: Floats
    covariance: Floats
    priors: Floats

    def log_densities(self, X: Floats) -> Floats:
        """ln N(x|mu_k, S) at X (n, D) -> (n, K)."""
        L = np.linalg.cholesky(self.covariance)
        whitened = np.linalg.solve(L, (X[:, None, :] - self.means).reshape(-1, L.shape[0]).T)
        squares = (whitened**2).sum(axis=0).reshape(len(X), -1)  # (n, K)
        constant = -0.5 * L.shape[0] * np.log(2 * np.pi) - float(np.log(np.diag(L)).sum())
        return np.asarray(constant - 0.5 * squares)


def fit_normal_classes(
    X: Floats, labels: NDArray[np.int64], n_classes: int
) -> NormalClasses | None:
    """Means, shares and the pooled covariance of rows, with divisor N - K.

    Args:
        X: rows, (N, D).
        labels: class of each row, 0..K-1, (N,).
        n_classes: K.

    Returns:
        The classes; None if one has no row, or if the rows are flat within their classes.
    """
    counts = np.bincount(labels, minlength=n_classes)
    if (counts == 0).any() or labels.size <= n_classes:
        return None
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        middle, scale = X.mean(axis=0), X.std(axis=0)
        if not (np.isfinite(scale) & (scale > 0)).all():
            return None
        Z = (X - middle) / scale
        means = np.stack([Z[labels == k].mean(axis=0) for k in range(n_classes)])
        off = Z - means[labels]
        covariance = off.T @ off / (labels.size - n_classes)
        if not np.linalg.eigvalsh(covariance)[0] > FLAT:
            return None
        found = covariance * np.outer(scale, scale)
    if not (np.isfinite(found).all() and (np.diag(found) > 0).all()):
        return None
    return NormalClasses(middle + means * scale, found, counts / labels.size)
