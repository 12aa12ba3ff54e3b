"""Gradient descent on a quadratic loss: rates, momentum, minibatches, gradient flow (section 4)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from mlcli.errors import NoAnswerError

Floats = NDArray[np.float64]
# A weight beyond this has diverged: its square still fits into a float.
FAR = 1e150
# Steps whose places are kept at a time.
BLOCK = 512


@dataclass(frozen=True)
class QuadraticLoss:
    """E(w) = floor + 1/2 (w - w*)^T H (w - w*).

    Attributes:
        H: Hessian, (p, p).
        w_star: the minimum, the closed form (4.5), (p,).
        floor: E at the minimum.
        values: eigenvalues of H, ascending, (p,).
        vectors: eigenvectors in columns, (p, p).
    """

    H: Floats
    w_star: Floats
    floor: float
    values: Floats
    vectors: Floats

    @property
    def critical_rate(self) -> float:
        """2 / lambda_max: descent diverges if and only if the learning rate is above it."""
        return 2.0 / float(self.values[-1])

    @property
    def condition_number(self) -> float:
        """lambda_max / lambda_min, infinite where the smallest is 0."""
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            return float(self.values[-1] / self.values[0])

    def gradient(self, W: Floats) -> Floats:
        """H (w - w*), for W (p,) or (k, p)."""
        return (W - self.w_star) @ self.H

    def excess(self, W: Floats) -> Floats:
        """E(w) - floor >= 0, without cancellation, for W (p,) -> () or (k, p) -> (k,)."""
        along = (W - self.w_star) @ self.vectors
        with np.errstate(over="ignore"):
            return np.asarray(0.5 * (along**2 @ self.values))

    def mean_excess(self, moment: Floats) -> float:
        """tr(H S) / 2: the mean excess loss of weights whose E (w - w*)(w - w*)^T is S (p, p)."""
        return float(0.5 * (self.H * moment).sum())


def least_squares_loss(Phi: Floats, t: Floats) -> QuadraticLoss:
    """E(w) = 1/(2N) |t - Phi w|^2: (3.5), with the 1/N of (4.7); H = Phi^T Phi / N.

    Args:
        Phi: design matrix, (N, p). Of dependent columns the smallest eigenvalue is 0, and the
            minimum is not finite.
        t: targets, (N,).
    """
    n_rows = t.size
    U, s, Vt = np.linalg.svd(Phi, full_matrices=False)
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        w_star = Vt.T @ (U.T @ t / s)
        rest = t - Phi @ w_star
        values = s[::-1] ** 2 / n_rows
        floor = float(rest @ rest) / (2 * n_rows)
        return QuadraticLoss(Phi.T @ Phi / n_rows, w_star, floor, values, Vt[::-1].T)


def diagonal_loss(values: Floats) -> QuadraticLoss:
    """A quadratic with the given ascending eigenvalues (p,), whose minimum is 0 at the origin."""
    p = values.size
    return QuadraticLoss(np.diag(values), np.zeros(p), 0.0, values, np.eye(p))


@dataclass(frozen=True)
class DescentPath:
    """The path of a descent.

    Attributes:
        W: weights after 0, 1, ... steps, (n_steps + 1, p); fewer where it diverged.
        diverged_at: the step at which a weight exceeded `FAR`, or None.
    """

    W: Floats
    diverged_at: int | None


def descend(
    gradient: Callable[[Floats], Floats],
    start: Floats,
    learning_rate: float,
    n_steps: int,
    *,
    momentum: float = 0.0,
) -> DescentPath:
    """w <- w - eta grad E(w), eq (4.6); with momentum v <- mu v - eta grad E(w), w <- w + v.

    The gradient of (4.1) lacks its minus sign in print.

    Args:
        gradient: of the loss, (p,) -> (p,).
        start: w_0, (p,).
        learning_rate: eta > 0.
        n_steps: steps to take.
        momentum: mu in [0, 1).
    """
    W = np.empty((n_steps + 1, start.size))
    W[0] = start
    w, v = start.copy(), np.zeros_like(start)
    for step in range(1, n_steps + 1):
        v = momentum * v - learning_rate * gradient(w)
        w = w + v
        if not np.abs(w).max() < FAR:
            return DescentPath(W[:step].copy(), step)
        W[step] = w
    return DescentPath(W, None)


def momentum_critical_rate(largest: float, momentum: float) -> float:
    """2 (1 + mu) / lambda_max: momentum allows a larger learning rate."""
    return 2.0 * (1.0 + momentum) / largest


def momentum_factors(curvatures: Floats, learning_rate: float, momentum: float) -> Floats:
    """The spectral radius of a step with momentum along directions of given curvatures, (k,).

    Along an eigenvector of the Hessian, d_{n+1} = (1 + mu - eta lambda) d_n - mu d_{n-1}: the
    distance shrinks in the long run by the larger root of z^2 - (1 + mu - eta lambda) z + mu = 0.
    The roots are complex, of modulus sqrt(mu), unless the step is small or near the critical one.

    Args:
        curvatures: eigenvalues lambda, (k,).
        learning_rate, momentum: eta and mu; without momentum it is |1 - eta lambda|.
    """
    trace = 1.0 + momentum - learning_rate * curvatures
    inside = trace**2 - 4.0 * momentum
    real = (np.abs(trace) + np.sqrt(np.maximum(inside, 0.0))) / 2
    return np.where(inside < 0, sqrt(momentum), real)


@dataclass(frozen=True)
class DescentSettings:
    """The best fixed settings for a quadratic, and the factor by which a step shrinks the distance.

    Attributes:
        learning_rate, momentum: eta and mu.
        rate: the asymptotic factor per step.
    """

    learning_rate: float
    momentum: float
    rate: float


def best_plain(smallest: float, largest: float) -> DescentSettings:
    """eta = 2 / (lambda_min + lambda_max): the rate is (kappa - 1) / (kappa + 1)."""
    return DescentSettings(
        2.0 / (smallest + largest), 0.0, (largest - smallest) / (largest + smallest)
    )


def best_momentum(smallest: float, largest: float) -> DescentSettings:
    """Polyak's heavy ball: the rate is (sqrt kappa - 1) / (sqrt kappa + 1).

    eta = 4 / (sqrt lambda_max + sqrt lambda_min)^2 and mu = rate^2.
    """
    root = sqrt(largest) + sqrt(smallest)
    rate = (sqrt(largest) - sqrt(smallest)) / root
    return DescentSettings(4.0 / root**2, rate**2, rate)


def measured_rate(
    loss: QuadraticLoss, start: Floats, tuned: DescentSettings, n_steps: int
) -> float:
    """The factor per step over the second half of a run, from the distances to the minimum."""
    path = descend(loss.gradient, start, tuned.learning_rate, n_steps, momentum=tuned.momentum)
    distance = np.linalg.norm(path.W - loss.w_star, axis=1)
    half = n_steps // 2
    return float((distance[-1] / distance[half]) ** (1.0 / (n_steps - half)))


def measured_critical_rate(
    loss: QuadraticLoss, start: Floats, *, n_steps: int = 2000, n_halvings: int = 16
) -> float:
    """The learning rate above which the loss has grown after many steps, by bisection.

    It uses no eigenvalue, only whether a run ends lower than it began.

    Args:
        loss: the quadratic.
        start: w_0, not the minimum, (p,).
        n_steps: steps of each run.
        n_halvings: halvings of the bracket, whose ends differ by a factor of 4 at first.
    """
    low, high = loss.critical_rate / 2, loss.critical_rate * 2
    first = float(loss.excess(start))
    for _ in range(n_halvings):
        middle = (low + high) / 2
        path = descend(loss.gradient, start, middle, n_steps)
        grown = path.diverged_at is not None or float(loss.excess(path.W[-1])) > first
        low, high = (low, middle) if grown else (middle, high)
    return (low + high) / 2


def exact_flow(loss: QuadraticLoss, start: Floats, times: Floats) -> Floats:
    """w(t) = w* + V exp(-Lambda t) V^T (w_0 - w*) at each time, (n_times, p)."""
    along = (start - loss.w_star) @ loss.vectors  # (p,)
    decayed = along * np.exp(-np.outer(times, loss.values))  # (n_times, p)
    return loss.w_star + decayed @ loss.vectors.T


def integrated_flow(gradient: Callable[[Floats], Floats], start: Floats, times: Floats) -> Floats:
    """The flow of any loss by a Runge-Kutta method of order 8, (n_times, p); times ascend."""
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


def convergence_order(step_sizes: Floats, errors: Floats) -> float:
    """The slope of ln error against ln step size, by least squares; NaN where an error is 0."""
    if not (errors > 0).all():
        return float("nan")
    x, y = np.log(step_sizes), np.log(errors)
    x = x - x.mean()
    return float(x @ y / (x @ x))


@dataclass(frozen=True)
class Wandering:
    """Where minibatch descent is over the last half of its steps, for each of k learning rates.

    Attributes:
        excess: the mean excess loss, (k,); infinite where a run diverges.
        moment: the mean of (w - w*)(w - w*)^T, (k, p, p); not finite where a run diverges.
    """

    excess: Floats
    moment: Floats


def minibatch_wandering(
    Phi: Floats,
    t: Floats,
    loss: QuadraticLoss,
    learning_rates: Floats,
    batch_size: int,
    n_steps: int,
    rng: np.random.Generator,
) -> Wandering:
    """Where minibatch descent is over the last half of its steps, starting at the minimum.

    w <- w - eta / B sum_b grad E_b(w), eq (4.7) on B rows drawn with replacement; all learning
    rates see the same rows.

    Args:
        Phi, t: the rows, (N, p) and (N,).
        loss: their quadratic.
        learning_rates: eta, (n_rates,).
        batch_size: B.
        n_steps: steps; the first half is for settling.
        rng: draws the rows.
    """
    k, p = learning_rates.size, loss.w_star.size
    W = np.tile(loss.w_star, (k, 1))  # (n_rates, p)
    step_size = learning_rates[:, None] / batch_size
    excess, moment, counted = np.zeros(k), np.zeros((k, p, p)), 0
    rows = rng.integers(t.size, size=(n_steps, batch_size))
    with np.errstate(over="ignore", invalid="ignore"):
        for first in range(0, n_steps, BLOCK):
            places = []
            for step, drawn in enumerate(rows[first : first + BLOCK], start=first):
                columns = Phi[drawn]  # (B, p)
                residual = W @ columns.T - t[drawn]  # (n_rates, B)
                W = W - step_size * (residual @ columns)
                if 2 * step >= n_steps:
                    places.append(W)
            if places:
                found = np.stack(places)  # (n, n_rates, p)
                excess += loss.excess(found.reshape(-1, p)).reshape(-1, k).sum(axis=0)
                apart = (found - loss.w_star).transpose(1, 2, 0)  # (n_rates, p, n)
                moment += apart @ apart.transpose(0, 2, 1)
                counted += len(places)
        mean = excess / counted
    return Wandering(np.where(np.isfinite(mean), mean, np.inf), moment / counted)


def minibatch_path(
    Phi: Floats,
    t: Floats,
    start: Floats,
    learning_rate: float,
    batch_size: int,
    n_steps: int,
    rng: np.random.Generator,
) -> DescentPath:
    """The path of minibatch descent (4.8) from a start (p,), B rows drawn with replacement."""

    def gradient(w: Floats) -> Floats:
        drawn = rng.integers(t.size, size=batch_size)
        columns = Phi[drawn]
        return np.asarray((columns @ w - t[drawn]) @ columns / batch_size)

    return descend(gradient, start, learning_rate, n_steps)


def stationary_moment(
    Phi: Floats, t: Floats, loss: QuadraticLoss, learning_rate: float, batch_size: int
) -> Floats | None:
    """S = E (w - w*)(w - w*)^T of minibatch descent in the long run, exactly, (p, p).

    With d = w - w*, r the residuals at w* and E d = 0, it obeys

        S = (1 - eta H) S (1 - eta H) + eta^2 / B (sum_a phi_a phi_a^T (r_a^2 + phi_a^T S phi_a) / N
            - H S H),

    linear in S: the noise grows with the distance too, not only with the residuals.

    Args:
        Phi, t: the rows, (N, p) and (N,).
        loss: their quadratic.
        learning_rate: eta.
        batch_size: B, rows drawn with replacement.

    Returns:
        None where there is no such S: it exists only while eta is small enough for the batch.
    """
    n_rows, p = Phi.shape
    residual = t - Phi @ loss.w_star
    eta, H, eye = learning_rate, loss.H, np.eye(p)
    pairs = np.einsum("ai,aj->aij", Phi, Phi).reshape(n_rows, p * p)  # (N, p^2)
    source = eta**2 / batch_size * (residual**2 @ pairs) / n_rows  # (p^2,)
    shrink = np.kron(eye - eta * H, eye - eta * H)
    spread = eta**2 / batch_size * (pairs.T @ pairs / n_rows - np.kron(H, H))
    step = shrink + spread  # (p^2, p^2)
    if np.abs(np.linalg.eigvals(step)).max() >= 1.0:
        return None
    return np.asarray(np.linalg.solve(np.eye(p * p) - step, source).reshape(p, p))


def noise_floor(
    Phi: Floats, t: Floats, loss: QuadraticLoss, learning_rate: float, batch_size: int
) -> float:
    """The stationary mean excess loss of minibatch descent; infinite where there is none.

    Args: as of `stationary_moment`.
    """
    moment = stationary_moment(Phi, t, loss, learning_rate, batch_size)
    return float("inf") if moment is None else loss.mean_excess(moment)


def penalised_path(
    Phi: Floats, t: Floats, start: Floats, learning_rate: float, l2: float, steps: Floats
) -> Floats:
    """Weights of descent on |t - Phi w|^2 / 2N + l2 |w|^2 / 2 after some numbers of steps, (n, p).

    In the right singular vectors of Phi each weight moves by itself: a step multiplies its distance
    from the minimum by 1 - eta (s^2 / N + l2). So a million steps cost what one costs.

    Args:
        Phi: columns, (N, p), dependent ones and p > N included.
        t: targets, (N,).
        start: w_0, (p,).
        learning_rate: eta, below 2 / (s_max^2 / N + l2).
        l2: strength of the penalty, the weight decay; 0: none.
        steps: whole numbers, in any order, (n,).
    """
    n_rows, p = Phi.shape
    U, s, Vt = np.linalg.svd(Phi, full_matrices=True)
    # A singular value that is rounding is 0: along it the loss is flat.
    s = np.where(s > max(Phi.shape) * np.finfo(np.float64).eps * s[0], s, 0.0)
    curvature, pull = np.full(p, float(l2)), np.zeros(p)
    curvature[: s.size] += s**2 / n_rows
    pull[: s.size] = s * (U.T @ t)[: s.size] / n_rows
    moved = curvature > 0
    end = np.divide(pull, curvature, out=np.zeros(p), where=moved)
    along = Vt @ start
    shrunk = (1.0 - learning_rate * curvature) ** steps[:, None]
    return np.asarray((np.where(moved, end, along) + np.where(moved, along - end, 0) * shrunk) @ Vt)
