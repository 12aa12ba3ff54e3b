"""Bases that are sums of functions of one feature: waves, bumps and steps."""

from __future__ import annotations

import numpy as np

from mlcli.classification.softmax import sigmoid
from mlcli.linear.arrays import Floats


def centres(low: float, high: float, degree: int) -> tuple[Floats, float]:
    """`degree` equally spaced centres mu in [low, high], ends included, and their spacing s.

    One centre sits in the middle and is as wide as the range; a range of no length counts as 1.
    """
    span = high - low if high > low else 1.0
    if degree < 2:
        return np.full(degree, low / 2 + high / 2), span
    return np.linspace(low, high, degree), span / (degree - 1)


def fourier_rows(x: Floats, low: float, high: float, degree: int) -> Floats:
    """sin and cos of k 2 pi (x - low) / (high - low), k = 1..degree, interleaved: (2 degree, N)."""
    span = high - low if high > low else 1.0
    angle = 2 * np.pi * np.arange(1, degree + 1)[:, None] * ((x - low) / span)  # (degree, N)
    return np.stack([np.sin(angle), np.cos(angle)], axis=1).reshape(2 * degree, x.size)


def gaussian_rows(x: Floats, low: float, high: float, degree: int) -> Floats:
    """exp(-(x - mu)^2 / (2 s^2)), one row a centre: (degree, N)."""
    mu, s = centres(low, high, degree)
    with np.errstate(over="ignore", under="ignore"):
        return np.asarray(np.exp(-0.5 * ((x - mu[:, None]) / s) ** 2))


def sigmoid_rows(x: Floats, low: float, high: float, degree: int) -> Floats:
    """1 / (1 + exp(-(x - mu) / s)), one row a centre: (degree, N)."""
    mu, s = centres(low, high, degree)
    z = (x - mu[:, None]) / s  # (degree, N)
    return sigmoid(z)
