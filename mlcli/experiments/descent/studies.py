"""The studies of `descent` on one data set: the main run, noise, flow and rates."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from mlcli.certificate import Certificate
from mlcli.datasets.dataset import Dataset
from mlcli.datasets.source import Source
from mlcli.errors import NoAnswerError
from mlcli.experiments.descent.config import DescentConfig
from mlcli.linear.basis import Basis, count_columns, fit_basis
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
    minibatch_wandering,
    momentum_critical_rate,
    penalised_path,
    stationary_moment,
)
from mlcli.optimisation.escape import BoundedLoss, minibatch_walk, two_groups
from mlcli.rng import stream

Array = NDArray[np.float64]
# The duration of the flow, in lifetimes of the slowest mode.
LIFETIMES = 1.0
N_EIGENVALUES = 8
FLAT = 1e-10
# Descent has converged at this share of the first excess loss.
SETTLED = 1e-6
# Runs of each seed that start near a local minimum, and their steps.
N_ESCAPES = 25
ESCAPE_STEPS = 500
# Rows that a model with more columns overfits, and the steps that it takes.
MOST_TRAIN, LEAST_TRAIN, COLUMNS_A_ROW = 20, 3, 3
OVERFIT_STEPS = 1_000_000
N_SHOWN_STEPS = 61
# Strengths of weight decay to choose from, in units of the largest curvature.
DECAYS = np.geomspace(1e-6, 1.0, 25)


@dataclass(frozen=True)
class Overfit:
    """Descent that first overfits and then goes on with weight decay (footnote 2).

    Attributes:
        n_train, n_columns, degree: size of the model and its rows.
        steps: numbers of steps of both parts, (n,).
        errors: mean squared errors, (2, n, 2): without and with decay; steps; training, test rows.
        strength: of the decay, chosen on validation rows, in units of the largest curvature.
    """

    n_train: int
    n_columns: int
    degree: int
    steps: Array
    errors: Array
    strength: float


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
        spread, spread_theory: root mean squares of w - w* along the stiffest and the softest
            direction where minibatch descent has settled, (n_batches, n_rates, 2).
        escaped: share of runs that left a local minimum, (n_batches, n_rates).
        overfit: descent that overfits and is then regularised; None with too few rows.
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
    spread: Array
    spread_theory: Array
    escaped: Array
    overfit: Overfit | None
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
    wandering = _noise(config, data, loss, index)
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
        *wandering,
        _escapes(config, index),
        overfit_and_regularise(data, stream(config.seed, "overfit", index)),
        errors,
        orders,
        _rates(config, index),
    )


def _noise(
    config: DescentConfig, data: Dataset, loss: QuadraticLoss, index: int
) -> tuple[Array, Array, Array, Array]:
    """Excess loss and spread of minibatch descent: noise, theory, spread, spread_theory."""
    Phi = design(config, data)[1]
    etas = loss.critical_rate * np.array(config.noise_rates)
    ends = loss.vectors[:, [-1, 0]]  # (p, 2)
    noise, theory, spread, spread_theory = [], [], [], []
    for batch in config.batch_sizes:
        rng = stream(config.seed, "batches", index, batch)
        found = minibatch_wandering(Phi, data.t, loss, etas, batch, config.n_noise, rng)
        exact = [stationary_moment(Phi, data.t, loss, float(eta), batch) for eta in etas]
        noise.append(found.excess)
        theory.append([np.inf if S is None else loss.mean_excess(S) for S in exact])
        spread.append([root_mean_squares(S, ends) for S in found.moment])
        spread_theory.append(
            [np.full(2, np.inf) if S is None else root_mean_squares(S, ends) for S in exact]
        )
    return np.array(noise), np.array(theory), np.array(spread), np.array(spread_theory)


def root_mean_squares(moment: Array, directions: Array) -> Array:
    """sqrt(v^T S v) of a second moment S (p, p) along unit vectors in columns (p, k), (k,)."""
    with np.errstate(over="ignore", invalid="ignore"):
        return np.asarray(np.sqrt(np.einsum("ik,ij,jk->k", directions, moment, directions)))


@cache
def two_minima() -> BoundedLoss:
    """100 rows in two groups; the smaller one makes a local minimum, the larger the global one."""
    return two_groups(100, 0.35, 1.5, 0.5)


def escape_starts() -> Array:
    """Where each run of the escape starts: around the local minimum, half way to the barrier."""
    local, barrier, _ = two_minima().stationary
    return np.asarray(local + (barrier - local) / 2 * np.linspace(-1.0, 1.0, N_ESCAPES))


def escape_rates(config: DescentConfig) -> Array:
    """The learning rates of the noise floor, in units of the critical one of `two_minima`."""
    return two_minima().critical_rate * np.array(config.noise_rates)


def _escapes(config: DescentConfig, index: int) -> Array:
    """Share of the runs of one seed that end beyond the barrier, (n_batches, n_rates)."""
    loss, starts, etas = two_minima(), escape_starts(), escape_rates(config)
    found = []
    for batch in config.batch_sizes:
        rng = stream(config.seed, "escape", index, batch)
        *_, last = minibatch_walk(loss, starts, etas, batch, ESCAPE_STEPS, rng)
        found.append((last > loss.stationary[1]).mean(axis=1))
    return np.array(found)


def overfit_and_regularise(data: Dataset, rng: np.random.Generator) -> Overfit | None:
    """Descent on so few rows that it can memorise them, then on with weight decay (footnote 2).

    Legendre polynomials with at least three columns for each training row. The strength of the
    decay is the one whose minimum has the least error on as many other rows; all that are left are
    test rows.
    """
    n = min(MOST_TRAIN, data.t.size // 4)
    if n < LEAST_TRAIN:
        return None
    n_features, degree = data.X.shape[1], 1
    while count_columns("legendre", n_features, degree) < COLUMNS_A_ROW * n:
        degree += 1
    Phi = fit_basis("legendre", data.X.min(axis=0), data.X.max(axis=0), degree).evaluate(data.X)
    train, validation, test = np.split(rng.permutation(data.t.size), [n, 2 * n])
    t = data.t - data.t[train].mean()
    stiffest = float(np.linalg.norm(Phi[train], 2)) ** 2 / n
    shown = np.geomspace(1, OVERFIT_STEPS, N_SHOWN_STEPS)
    steps = np.concatenate([[0], np.unique(shown.round())])

    def path(start: Array, decay: float, counts: Array) -> Array:
        l2 = decay * stiffest
        return penalised_path(Phi[train], t[train], start, 1 / (stiffest + l2), l2, counts)

    def error(W: Array, rows: NDArray[np.int64]) -> Array:
        return np.asarray(((t[rows] - W @ Phi[rows].T) ** 2).mean(axis=1))

    memorised = path(np.zeros(Phi.shape[1]), 0.0, steps)
    start, last = memorised[-1], np.array([np.inf])
    ends = np.concatenate([path(start, float(decay), last) for decay in DECAYS])
    best = float(DECAYS[error(ends, validation).argmin()])
    regularised = path(start, best, steps)
    errors = [[error(W, rows) for rows in (train, test)] for W in (memorised, regularised)]
    return Overfit(n, Phi.shape[1], degree, steps, np.array(errors).transpose(0, 2, 1), best)


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
