"""The studies of `descent` on one data set: the main run, noise, flow and rates."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mlcli.certificate import Certificate
from mlcli.datasets.dataset import Dataset
from mlcli.datasets.source import Source
from mlcli.errors import NoAnswerError
from mlcli.experiments.descent.config import DescentConfig
from mlcli.linear.basis import Basis, fit_basis
from mlcli.optimisation.descent import (
    DescentPath,
    QuadraticLoss,
    best_momentum,
    best_plain,
    convergence_order,
    descend,
    diagonal_loss,
    distances_to_flow,
    exact_flow,
    integrated_flow,
    least_squares_loss,
    measured_critical_rate,
    measured_rate,
    minibatch_excess,
    momentum_critical_rate,
    noise_floor,
)
from mlcli.rng import stream

Array = NDArray[np.float64]
# The duration of the flow, in lifetimes of the slowest mode.
LIFETIMES = 1.0
N_EIGENVALUES = 8
FLAT = 1e-10
# Descent has converged at this share of the first excess loss.
SETTLED = 1e-6


@dataclass(frozen=True)
class DescentOutcome:
    """Result of one data set.

    Attributes:
        loss: its quadratic loss.
        learning_rate: of the main run.
        excess: loss above the minimum after each step, (n_steps + 1,).
        distance: |w - w*| at the end.
        measured_critical: the critical rate by bisection.
        noise, theory: noise floors, (n_batches, n_rates).
        flow_errors: distance to the flow, of the quadratic and of the log cosh loss, (2, n_counts).
        flow_orders: their slopes, (2,).
        rates: measured rates of plain descent and of momentum, (2, n_condition_numbers).
    """

    loss: QuadraticLoss
    learning_rate: float
    excess: Array
    distance: float
    measured_critical: float
    noise: Array
    theory: Array
    flow_errors: Array
    flow_orders: Array
    rates: Array

    @property
    def certificate(self) -> Certificate:
        """The excess loss at the end of the main run as a share of that at the start."""
        first = float(self.excess[0])
        left = float(self.excess[-1]) / first if first else 0.0
        return Certificate("excess loss / first excess loss", left, SETTLED)


def design(config: DescentConfig, data: Dataset) -> tuple[Basis, Array]:
    """The basis and its columns on the rows, (N, p)."""
    low, high = data.X.min(axis=0), data.X.max(axis=0)
    basis = fit_basis(config.basis, low, high, config.degree)
    return basis, basis.evaluate(data.X)


def quadratic_of(config: DescentConfig, data: Dataset) -> QuadraticLoss:
    """The loss of the model on a data set.

    Raises:
        NoAnswerError: the columns are dependent, so that there is no single minimum.
    """
    loss = least_squares_loss(design(config, data)[1], data.t)
    if not loss.values[0] > FLAT * loss.values[-1]:
        raise NoAnswerError(
            f"the loss is flat along a direction: its condition number is "
            f"{loss.condition_number:.1e}",
            hint="a lower --degree, or --basis legendre",
        )
    return loss


def main_run(config: DescentConfig, loss: QuadraticLoss) -> tuple[float, DescentPath]:
    """Descent from the origin at the learning rate of the config, or half the critical one.

    Raises:
        NoAnswerError: it diverges, naming the step.
    """
    critical = momentum_critical_rate(float(loss.values[-1]), config.momentum)
    eta = config.learning_rate or 0.5 * critical
    start = np.zeros(loss.w_star.size)
    path = descend(loss.gradient, start, eta, config.n_steps, momentum=config.momentum)
    higher = loss.excess(path.W[-1]) > loss.excess(start)
    if path.diverged_at is not None or (eta > critical and higher):
        step = path.diverged_at or int(np.argmax(loss.excess(path.W) > loss.excess(start)))
        raise NoAnswerError(
            f"descent diverged: at step {step} the loss was above where it began, since the "
            f"learning rate {eta:.4g} is above the critical {critical:.4g}",
            hint=f"--learning-rate {0.5 * critical:.3g}",
        )
    return eta, path


def replicate(config: DescentConfig, source: Source, index: int) -> DescentOutcome:
    """All studies on the data set of a seed."""
    data = source.replicate(index, config.seed).fitted_to()
    loss = quadratic_of(config, data)
    eta, path = main_run(config, loss)
    noise, theory = _noise(config, data, loss, index)
    errors = _flow(config, data, loss)
    counts = np.array(sorted(set(config.flow_steps)), dtype=np.float64)
    orders = np.array([convergence_order(1.0 / counts, row) for row in errors])
    start = np.zeros(loss.w_star.size)
    return DescentOutcome(
        loss,
        eta,
        loss.excess(path.W),
        float(np.linalg.norm(path.W[-1] - loss.w_star)),
        measured_critical_rate(loss, start),
        noise,
        theory,
        errors,
        orders,
        _rates(config, index),
    )


def _noise(
    config: DescentConfig, data: Dataset, loss: QuadraticLoss, index: int
) -> tuple[Array, Array]:
    Phi = design(config, data)[1]
    etas = loss.critical_rate * np.array(config.noise_rates)
    measured, theory = [], []
    for batch in config.batch_sizes:
        rng = stream(config.seed, "batches", index, batch)
        measured.append(minibatch_excess(Phi, data.t, loss, etas, batch, config.n_noise, rng))
        theory.append([noise_floor(Phi, data.t, loss, float(eta), batch) for eta in etas])
    return np.array(measured), np.array(theory)


def log_cosh_gradient(Phi: Array, t: Array, w: Array) -> Array:
    """Gradient -Phi^T tanh(t - Phi w) / N of 1/N sum ln cosh(t - phi w), which is not quadratic."""
    return np.asarray(-np.tanh(t - Phi @ w) @ Phi / t.size)


def _flow(config: DescentConfig, data: Dataset, loss: QuadraticLoss) -> Array:
    Phi, start = design(config, data)[1], np.zeros(loss.w_star.size)
    counts = sorted(set(config.flow_steps))
    # At the lowest count the steps must be well below the critical rate to follow the flow.
    duration = min(LIFETIMES / loss.values[0], 0.5 * counts[0] * loss.critical_rate)
    end = exact_flow(loss, start, np.array([duration]))[0]
    quadratic = distances_to_flow(loss.gradient, start, end, duration, counts)

    def gradient(w: Array) -> Array:
        return log_cosh_gradient(Phi, data.t, w)

    end = integrated_flow(gradient, start, np.array([duration]))[0]
    return np.stack([quadratic, distances_to_flow(gradient, start, end, duration, counts)])


def _rates(config: DescentConfig, index: int) -> Array:
    """Measured rates on quadratics of given condition numbers, from a random start."""
    found = np.empty((2, len(config.condition_numbers)))
    rng = stream(config.seed, "starts", index)
    for k, kappa in enumerate(config.condition_numbers):
        loss = diagonal_loss(np.geomspace(1.0, kappa, N_EIGENVALUES))
        start = rng.normal(size=N_EIGENVALUES)
        for row, tuned in enumerate((best_plain(1.0, kappa), best_momentum(1.0, kappa))):
            # Long enough that the slowest mode dominates, short enough to stay above rounding.
            n_steps = max(4, int(20 / -np.log(tuned.rate)))
            found[row, k] = measured_rate(loss, start, tuned, n_steps)
    return found
