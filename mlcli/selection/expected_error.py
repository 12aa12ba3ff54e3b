"""The expected loss (2.6) where p(x, t) is known: x uniform, normal noise around f~(x)."""

from __future__ import annotations

from math import pi, sqrt

import numpy as np

from mlcli.linear.arrays import Floats
from mlcli.linear.statistics import normal_cdf


def uniform_quadrature(low: float, high: float, n_nodes: int) -> tuple[Floats, Floats]:
    """Gauss-Legendre nodes and weights for averages over x ~ U(low, high).

    sum_i w_i g(x_i) is the mean of g, exact for polynomials g of degree up to 2 n_nodes - 1.

    Returns:
        nodes (n_nodes,) in the units of x, and weights (n_nodes,) that sum to 1.
    """
    nodes, weights = np.polynomial.legendre.leggauss(n_nodes)
    return low + (high - low) * (nodes + 1) / 2, weights / 2


def expected_squared_error(
    predictions: Floats, truth: Floats, weights: Floats, noise_std: float
) -> Floats:
    """E (t - y(x))^2 = E (y(x) - f~(x))^2 + noise variance, eq (A.12).

    Args:
        predictions: y at the nodes, (n_nodes, k).
        truth: f~ at the nodes, (n_nodes,).
        weights: of the nodes, (n_nodes,).
        noise_std: standard deviation of t around f~.

    Returns:
        (k,), in the units of t squared.
    """
    with np.errstate(over="ignore"):
        return np.asarray(weights @ (predictions - truth[:, None]) ** 2 + noise_std**2)


def expected_absolute_error(
    predictions: Floats, truth: Floats, weights: Floats, noise_std: float
) -> Floats:
    """E |t - y(x)|: at a distance d = |y - f~| and noise s the mean of a folded normal,

    s sqrt(2/pi) exp(-d^2 / (2 s^2)) + d erf(d / (s sqrt 2)). Arguments as above; (k,), units of t.
    """
    d = np.abs(predictions - truth[:, None])  # (n_nodes, k)
    if noise_std == 0.0:
        return np.asarray(weights @ d)
    with np.errstate(over="ignore", under="ignore"):
        z = d / noise_std
        mean = noise_std * sqrt(2 / pi) * np.exp(-0.5 * z**2)
        mean += d * (2.0 * normal_cdf(z) - 1.0)
    return np.asarray(weights @ mean)
