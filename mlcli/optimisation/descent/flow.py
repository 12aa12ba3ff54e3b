"""The gradient flow dw/dt = -grad E(w), eq (4.13): descent with steps of no size."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from mlcli.errors import NoAnswerError
from mlcli.optimisation.descent.gradient import descend
from mlcli.optimisation.descent.quadratic import Quadratic

Floats = NDArray[np.float64]


def exact_flow(loss: Quadratic, start: Floats, times: Floats) -> Floats:
    """w(t) = w* + V exp(-Lambda t) V^T (w_0 - w*), each eigenvector by itself; (n_times, p)."""
    along = (start - loss.w_star) @ loss.vectors  # (p,)
    decayed = along * np.exp(-np.outer(times, loss.values))  # (n_times, p)
    return loss.w_star + decayed @ loss.vectors.T


def integrated_flow(gradient: Callable[[Floats], Floats], start: Floats, times: Floats) -> Floats:
    """The flow of any loss by SciPy's Runge-Kutta of order 8, (n_times, p); times rise from 0."""
    from scipy.integrate import solve_ivp

    found = solve_ivp(
        lambda _, w: -gradient(w),
        (0.0, float(times[-1])),
        start,
        method="DOP853",
        t_eval=times,
        rtol=1e-11,
        atol=1e-13,
    )
    if not found.success:
        raise NoAnswerError(f"the gradient flow could not be integrated: {found.message}")
    return np.asarray(found.y.T, dtype=np.float64)


def distances_to_flow(
    gradient: Callable[[Floats], Floats],
    start: Floats,
    end: Floats,
    duration: float,
    n_steps: list[int],
) -> Floats:
    """|w_n - w(T)| for descent in n steps of eta = T / n, (n_counts,).

    Args:
        gradient: of the loss.
        start: w_0, (p,).
        end: w(T) of the flow, (p,).
        duration: T.
        n_steps: counts n.
    """
    found = []
    for n in n_steps:
        path = descend(gradient, start, duration / n, n)
        found.append(float(np.linalg.norm(path.W[-1] - end)))
    return np.array(found)


def order(step_sizes: Floats, errors: Floats) -> float:
    """The slope of ln error against ln step size, by least squares."""
    x, y = np.log(step_sizes), np.log(errors)
    x = x - x.mean()
    return float(x @ y / (x @ x))
