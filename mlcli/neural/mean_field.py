"""Variance of signals and errors from layer to layer in a wide network (section 7.1).

In a wide layer a sum over many independent weights is Gaussian, so one number per layer describes
it: a^(l) ~ N(0, q^(l)). For ReLU the factors hold at any width, in the mean over the weights.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mlcli.neural.activations import find_activation
from mlcli.neural.device import to_numpy
from mlcli.neural.initialisation import weight_variance

Floats = NDArray[np.float64]
N_NODES = 16
# The Gaussian's density beyond is below 1e-17 of its peak.
REACH = 9.0
# Panels halve towards 0 so many times: h near 0 is resolved up to std(a) = 1e12.
N_HALVINGS = 40


class GaussianMoments(NamedTuple):
    """Means over a ~ N(0, q).

    Attributes:
        mean: E h(a).
        square: E h(a)^2.
        slope_square: E h'(a)^2.
    """

    mean: float
    square: float
    slope_square: float

    @property
    def variance(self) -> float:
        """Var h(a)."""
        return self.square - self.mean**2


class LayerVariances(NamedTuple):
    """Theory of the hidden layers l = 1, ..., L; each array (L,).

    Attributes:
        forward: Var a^(l), as it enters h.
        backward: Var delta^(l) of delta^(l) = dE/da^(l), in units of Var delta^(L+1).
    """

    forward: Floats
    backward: Floats


def _gaussian_rule() -> tuple[Tensor, Tensor]:
    """Nodes x > 0 and weights, density included: sum w f(x) is the half of E f, (n,) each."""
    near = [0.0, *(2.0**-k for k in range(N_HALVINGS, 0, -1))]
    ends = np.array([*near, *np.arange(1.0, REACH + 0.25, 0.5)])
    t, w = np.polynomial.legendre.leggauss(N_NODES)
    half = np.diff(ends)[:, None] / 2  # (panels, 1)
    x = ends[:-1, None] + half * (t + 1)  # (panels, N_NODES)
    weights = half * w * np.exp(-(x**2) / 2) / math.sqrt(2 * math.pi)
    return torch.from_numpy(x.ravel()), torch.from_numpy(weights.ravel())


def activation_curve(name: str, a: Floats) -> tuple[Floats, Floats]:
    """h(a) and h'(a), both of the shape of a (Figures 12 and 13).

    Raises:
        ValueError: h has a slope that is learnt or drawn, so that a does not determine it.
    """
    z, slope = _curve(name, torch.from_numpy(np.ascontiguousarray(a, dtype=np.float64)))
    return to_numpy(z), to_numpy(slope)


def _curve(name: str, a: Tensor) -> tuple[Tensor, Tensor]:
    value = find_activation(name).value
    if value is None:
        raise ValueError(f"{name} has a slope that a does not determine")
    a = a.detach().requires_grad_()
    z = value(a)
    (slope,) = torch.autograd.grad(z.sum(), a)
    return z.detach(), slope


def moments(name: str, q: float) -> GaussianMoments:
    """E h(a), E h(a)^2 and E h'(a)^2 for a ~ N(0, q), to 12 digits for q up to 1e24.

    Gauss-Legendre rules on panels of x = a / sqrt(q), split at 0, where h may have a kink, and
    halving towards it, where h bends on the scale of a = 1 however large q is.

    Args:
        name: of h.
        q: variance, positive.

    Raises:
        ValueError: q is not positive, or h has a slope that is learnt or drawn.
    """
    if not q > 0:
        raise ValueError(f"q must be positive, got {q}")
    x, w = _gaussian_rule()
    z, slope = _curve(name, math.sqrt(q) * torch.cat([x, -x]))
    w = torch.cat([w, w])
    return GaussianMoments(*(float((w * f).sum()) for f in (z, z.square(), slope.square())))


def variances(
    activation: str, scheme: str, sizes: Sequence[int], *, batch_norm: bool = False
) -> LayerVariances:
    """Var a^(l) and Var delta^(l) for inputs of mean square 1 and zero biases.

    Forward, (7.9) with the mean square of z = h(a) in place of its variance, since h need not be
    centred: q^(l) = n^(l-1) Var(w^(l)) E h(a)^2 with a ~ N(0, q^(l-1)), and q^(1) = D Var(w^(1)).
    Backward, (7.16) with the h' that (7.11) leaves out:
    Var delta^(l) = n^(l+1) Var(w^(l+1)) E h'(a)^2 Var delta^(l+1).
    For ReLU E h^2 = q/2 and E h'^2 = 1/2: a factor of n Var(w) / 2 in both directions.

    With batch normalisation before h, a^(l) is the normalised one: its variance is 1. Let
    u = sum_j w_j z_j be its input and g = dE/da. In a large minibatch the derivative of (7.24) is
    dE/du = (g - mean g - a mean(g a)) / sigma, whose variance is that of g over sigma^2, and
    sigma^2 = n^(l-1) Var(w) Var h(a). The weights cancel:
    Var delta^(l-1) = n^(l) / n^(l-1) E h'(a)^2 / Var h(a) Var delta^(l) with a ~ N(0, 1).
    For ReLU and equal widths that is pi / (pi - 1) = 1.467 (Yang et al. 2019). It assumes rows of
    equal norm, which holds for ReLU, sigmoid and tanh. For SiLU and GELU the norms grow apart,
    errors concentrate where h is steep, and the true factor is larger.

    Args:
        activation: h.
        scheme: of initialisation.
        sizes: D, n^(1), ..., n^(L), K.
        batch_norm: whether each hidden layer normalises its input over the minibatch.

    Raises:
        ValueError: a name is unknown, or h has a slope that is learnt or drawn.
    """
    slope = find_activation(activation).negative_slope
    var_w = [weight_variance(scheme, *pair, slope) for pair in pairwise(sizes)]
    n_layers = len(sizes) - 2
    forward, seen = np.ones(n_layers), []
    square = 1.0
    for layer in range(n_layers):
        if not batch_norm:
            forward[layer] = sizes[layer] * var_w[layer] * square
        seen.append(_moments_or_nan(activation, float(forward[layer])))
        square = seen[-1].square
    backward = np.empty(n_layers)
    error = 1.0
    for layer in reversed(range(n_layers)):
        if batch_norm and layer < n_layers - 1:
            gain = sizes[layer + 2] / sizes[layer + 1] / seen[layer].variance
        else:
            gain = sizes[layer + 2] * var_w[layer + 1]
        error *= gain * seen[layer].slope_square
        backward[layer] = error
    return LayerVariances(forward, backward)


def _moments_or_nan(name: str, q: float) -> GaussianMoments:
    """Moments, or NaN where the signal has left the range of a float."""
    if 1e-300 < q < 1e300:
        return moments(name, q)
    return GaussianMoments(math.nan, math.nan, math.nan)


def same_sign_share(activation: str, q: float, n: int) -> float:
    """Probability that the gradient of n weights of a neuron has one sign, in a large minibatch.

    By (7.23) the gradient sums delta z_k over the rows. With delta centred and nearly independent
    of z, the sums are Gaussian, and two of them have the correlation
    rho = (E h)^2 / E h^2: rows do not average it away. All n have one sign with probability
    2 int phi(t) Phi(t sqrt(rho / (1 - rho)))^n dt, which is 2^(1-n) if h is centred.

    Args:
        activation: h of the layer before.
        q: variance of its a.
        n: weights, at least 1.

    Raises:
        ValueError: q is not positive, or h has a slope that is learnt or drawn.
    """
    found = moments(activation, q)
    rho = found.mean**2 / found.square
    x, w = _gaussian_rule()
    t = torch.cat([x, -x])
    below = torch.special.ndtr(t * math.sqrt(rho / (1.0 - rho)))
    return float(2.0 * (torch.cat([w, w]) * below**n).sum())
