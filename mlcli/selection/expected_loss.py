"""The expected loss (2.6) and the best prediction where p(x, t) is known (appendix A).

Either x is uniform with normal noise around f~(x), or p(x, t) is a table.
"""

from __future__ import annotations

from dataclasses import dataclass
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


def expected_loss(p: Floats, losses: Floats) -> float:
    """E[L(t, f(x))] = sum_ij p(x_i, t_j) L_ij, eqs (2.6) and (A.2).

    Args:
        p: joint probabilities, (n_x, n_t), which add up to 1.
        losses: L(t_j, f(x_i)), (n_x, n_t).
    """
    return float((p * losses).sum())


def expected_squared_loss(p: Floats, t: Floats, f: Floats) -> float:
    """E (t - f(x))^2, eqs (A.3) and (A.4).

    Args:
        p: joint probabilities, (n_x, n_t).
        t: values of the target, (n_t,).
        f: predictions, (n_x,).
    """
    return expected_loss(p, (t - f[:, None]) ** 2)


def squared_loss_gradient(p: Floats, t: Floats, f: Floats) -> Floats:
    """dE/df(x_i) = -2 sum_j (t_j - f_i) p_ij, eq (A.5) with the factor 2 that print leaves out.

    Arguments as `expected_squared_loss`; (n_x,).
    """
    return np.asarray(-2.0 * ((t - f[:, None]) * p).sum(axis=1))


def regression_function(p: Floats, t: Floats) -> Floats:
    """f~(x) = E(t|x) = sum_j t_j p(x, t_j) / p(x), eqs (A.6) and (A.7), (n_x,): where (A.5) is 0.

    Args:
        p: joint probabilities, (n_x, n_t); every x has some.
        t: values of the target, (n_t,).

    Raises:
        ValueError: an x has probability 0, so that nothing is known of t there.
    """
    at_x = p.sum(axis=1)  # (n_x,)
    if not (at_x > 0).all():
        raise ValueError("every x must have a positive probability")
    return np.asarray(p @ t / at_x)


def excess_and_noise(p: Floats, t: Floats, f: Floats) -> tuple[float, float]:
    """E (f - f~)^2 and E (t - f~)^2, the two terms of (A.12): only the first depends on f.

    The cross term 2 E (f - f~)(f~ - t) vanishes, (A.11). Arguments as `expected_squared_loss`.
    """
    best = regression_function(p, t)
    excess = float(p.sum(axis=1) @ (f - best) ** 2)
    return excess, expected_squared_loss(p, t, best)


def joint_density(x: Floats, t: Floats, truth: Floats, width: float, noise_std: float) -> Floats:
    """p(x, t) = N(t | f~(x), noise variance) / width where x is uniform, (n_x, n_t).

    Args:
        x: points within the range of x, (n_x,).
        t: values of the target, (n_t,).
        truth: f~ at x, (n_x,).
        width: of the range of x.
        noise_std: standard deviation of t around f~, > 0.
    """
    z = (t - truth[:, None]) / noise_std  # (n_x, n_t)
    with np.errstate(under="ignore"):
        return np.asarray(np.exp(-0.5 * z**2) / (sqrt(2 * pi) * noise_std * width))


@dataclass(frozen=True)
class LossParts:
    """Means over drawn rows, one per prediction function (k,): loss = excess + 2 cross + noise.

    Attributes:
        loss: of (t - f)^2, eq (A.4).
        excess: of (f - g)^2, g = f~ in (A.12).
        cross: of (f - g)(g - t), which is 0 in the mean over t for g = f~, eq (A.11).
        noise: of (t - g)^2.
    """

    loss: Floats
    excess: Floats
    cross: Floats
    noise: Floats


def loss_parts(f: Floats, g: Floats, t: Floats) -> LossParts:
    """The square of (A.8), taken apart around g and averaged over rows drawn from p(x, t).

    Args:
        f: predictions at the rows, (n, k).
        g: what (A.8) adds and takes off there, (n,): f~, or another function to see it fail.
        t: targets of the rows, (n,).
    """
    off, left = f - g[:, None], g - t  # (n, k) and (n,)
    with np.errstate(over="ignore", invalid="ignore"):
        return LossParts(
            loss=((t[:, None] - f) ** 2).mean(axis=0),
            excess=(off**2).mean(axis=0),
            cross=left @ off / t.size,
            noise=np.full(off.shape[1], (left**2).mean()),
        )


def loss_slopes(f: Floats, t: Floats, directions: Floats, weights: Floats) -> Floats:
    """d/d eps E (t - f - eps h)^2 at eps = 0: -2 E (t - f) h, eq (A.5) along h, (k, m).

    On drawn rows of weight 1/n it is measured. At the nodes of a quadrature, with f~ for t, it is
    exact, since the mean of t - f at x is f~ - f.

    Args:
        f: predictions, (n, k).
        t: targets, (n,).
        directions: h, (n, m).
        weights: of the rows or nodes, (n,), with sum 1.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        return np.asarray(-2.0 * ((t[:, None] - f) * weights[:, None]).T @ directions)
