"""Automatic relevance determination: one prior precision a column.

The evidence is raised one column at a time, each step to the exact best precision of that column
(Tipping and Faul, AISTATS 2003); a column whose best precision is infinite leaves the model. Then
Newton steps in the logarithms of all precisions take what is left to the maximum, since single
steps crawl where columns are alike. The evidence never falls.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from math import log, pi, sqrt

import numpy as np
from numpy.typing import NDArray

from mlcli.certificate import Certificate
from mlcli.linear.arrays import Floats, Ints
from mlcli.linear.bayes.evidence import evidence_certificate
from mlcli.linear.r_factor import RFactor

Bools = NDArray[np.bool_]

# Single steps that raise the log evidence by less leave the rest to Newton steps.
ENOUGH = 1e-9
MAX_STEPS = 10_000
NEWTON_STEPS = 50
# Of a column's length: what is left of it beside the others, below this, is rounding.
NEGLIGIBLE = 1e-12
# A Newton step changes no logarithm of a precision by more, and ends after so many halvings.
FARTHEST = 3.0
HALVINGS = 40
# A derivative below this share of the number of rows, or of the largest curvature, is level.
ROUNDING = 1e-13
# Rounds of single steps and Newton steps; a second one is needed where the last ones free a column.
ROUNDS = 20


@dataclass(frozen=True)
class Relevance:
    """The precisions of the columns.

    Attributes:
        prior_precisions: alpha_j, (p,); infinite where the column was dropped.
        noise_precision: beta.
        log_evidence: in nats.
        history: the log evidence after each step.
        certificate: the largest derivative of the log evidence by ln beta and ln alpha_j, and of
            the dropped columns (q_j^2 / s_j - 1) / 2 where it is positive: one of them would raise
            the evidence.
    """

    prior_precisions: Floats
    noise_precision: float
    log_evidence: float
    history: tuple[float, ...]
    certificate: Certificate

    @property
    def kept(self) -> Ints:
        """The columns that are left."""
        return np.flatnonzero(np.isfinite(self.prior_precisions))


@dataclass(frozen=True)
class _Problem:
    """Columns Q of length 1, (p+1, p), zero ones apart, and t of length 1, (p+1,)."""

    Q: Floats
    t: Floats
    n_rows: int


@dataclass(frozen=True)
class _State:
    """The model at given precisions, by a QR of [sqrt(beta) Q_used; diag(sqrt(alpha_used))].

    With C = I / beta + sum_j phi_j phi_j^T / alpha_j, C^-1 = beta (I - H), and what remains of
    [phi; 0] beside those columns has the inner products phi^T (I - H) phi': nothing cancels.
    """

    problem: _Problem
    alpha: Floats
    beta: float

    @cached_property
    def used(self) -> Ints:
        """The columns in the model."""
        return np.flatnonzero(np.isfinite(self.alpha))

    @cached_property
    def _factors(self) -> tuple[Floats, Floats]:
        Q = self.problem.Q[:, self.used]
        rows = np.concatenate([sqrt(self.beta) * Q, np.diag(np.sqrt(self.alpha[self.used]))])
        basis, R = np.linalg.qr(rows)
        return basis, R

    @cached_property
    def _residuals(self) -> tuple[Floats, Floats]:
        """What remains of all columns, (p+1+k, p), and of the target, (p+1+k,)."""
        every = np.column_stack([self.problem.Q, self.problem.t])
        every = np.concatenate([every, np.zeros((self.used.size, every.shape[1]))])
        basis = self._factors[0]
        every -= basis @ (basis.T @ every)
        return every[:, :-1], every[:, -1]

    @cached_property
    def sqrt_factor(self) -> Floats:
        """F with F F^T the posterior covariance, (k, k)."""
        return np.asarray(np.linalg.solve(self._factors[1], np.eye(self.used.size)))

    @cached_property
    def mean(self) -> Floats:
        """The posterior mean, (k,)."""
        rows = self.problem.t.size
        return sqrt(self.beta) * self.sqrt_factor @ (self._factors[0][:rows].T @ self.problem.t)

    @cached_property
    def variances(self) -> Floats:
        """The diagonal of the posterior covariance, (k,)."""
        return np.asarray((self.sqrt_factor**2).sum(axis=1))

    @cached_property
    def rss(self) -> float:
        """|t - Phi m|^2."""
        left = self._residuals[1][: self.problem.t.size]
        return float(left @ left)

    @cached_property
    def evidence(self) -> float:
        """ln p(t | alpha, beta), t in units of its length."""
        left = self._residuals[1]
        ratios = np.abs(np.diagonal(self._factors[1])) / np.sqrt(self.alpha[self.used])
        fit = self.problem.n_rows * log(self.beta / (2 * pi)) - self.beta * float(left @ left)
        return 0.5 * fit - float(np.log(ratios).sum())

    @cached_property
    def sparsity_and_quality(self) -> tuple[Floats, Floats]:
        """s_j = phi_j^T C_-j^-1 phi_j and q_j = phi_j^T C_-j^-1 t, C_-j without column j, (p,)."""
        columns, left = self._residuals
        s = self.beta * np.einsum("ij,ij->j", columns, columns)
        q = self.beta * (left @ columns)
        # In the model alpha - S = alpha^2 v and Q = alpha m, v the posterior variance.
        s[self.used] /= self.alpha[self.used] * self.variances
        q[self.used] = self.mean / self.variances
        return s, q

    @property
    def usable(self) -> Bools:
        """Columns that are more than rounding beside the others, (p,)."""
        there = np.linalg.norm(self.problem.Q, axis=0) > 0
        s, _ = self.sparsity_and_quality
        return np.asarray(there & (s > NEGLIGIBLE**2 * self.beta))

    @cached_property
    def slopes(self) -> Floats:
        """Derivatives of the log evidence by ln alpha_j of the columns used and ln beta, (k+1,)."""
        alpha = self.alpha[self.used]
        inside = alpha * self.variances  # 1 - gamma_j
        gamma = self.used.size - float(inside.sum())
        of_noise = self.problem.n_rows - gamma - self.beta * self.rss
        return 0.5 * np.append(1.0 - inside - alpha * self.mean**2, of_noise)

    def curvature(self) -> Floats:
        """Second derivatives by the same, (k+1, k+1)."""
        a, m, S = self.alpha[self.used], self.mean, self.sqrt_factor @ self.sqrt_factor.T
        pairs = np.outer(a, a) * S * (S + 2 * np.outer(m, m))
        SD = S * a
        spread, pull = self.variances - (SD * S).sum(axis=1), SD @ m  # of S and m by -ln beta, ln b
        of_alpha = -np.diag(a * (self.variances + m**2)) + pairs
        cross = a * (spread - 2 * m * pull)
        of_noise = -float(a @ spread) - self.beta * self.rss + 2 * float((a * m) @ pull)
        return 0.5 * np.block([[of_alpha, cross[:, None]], [cross[None], np.array([[of_noise]])]])


def relevance(r_factor: RFactor) -> Relevance:
    """Maximise the evidence over beta and all alpha_j.

    With C = I / beta + sum_j phi_j phi_j^T / alpha_j and C_-j without column j, s_j = phi_j^T
    C_-j^-1 phi_j and q_j = phi_j^T C_-j^-1 t: the best alpha_j is s_j^2 / (q_j^2 - s_j) if that is
    positive, else infinite.

    Args:
        r_factor: that of [Phi t], t not exactly a combination of the columns.
    """
    R = r_factor.R
    length, of_target = np.linalg.norm(R[:, :-1], axis=0), float(np.linalg.norm(R[:, -1]))
    unit = np.where(length > 0, length, 1.0)
    problem = _Problem(R[:, :-1] / unit, R[:, -1] / of_target, r_factor.n_rows)
    c = problem.t @ problem.Q
    alpha = np.full(unit.size, np.inf)
    first = int(np.abs(c).argmax())
    alpha[first] = 1.0 / max(c[first] ** 2, NEGLIGIBLE)
    state = _State(problem, alpha, 10.0 * problem.n_rows)
    history = [state.evidence]
    for _ in range(ROUNDS):
        state = _newton_steps(_single_steps(state, history), history)
        certificate = _certificate(state)
        if certificate.converged:
            break
    shift = -r_factor.n_rows * log(of_target)
    return Relevance(
        state.alpha * (unit / of_target) ** 2,
        state.beta / of_target**2,
        history[-1] + shift,
        tuple(value + shift for value in history),
        certificate,
    )


def _single_steps(state: _State, history: list[float]) -> _State:
    """Steps of one column and of the noise, until they raise the evidence no more."""
    for _ in range(MAX_STEPS):
        found = _noise_step(_best_step(state))
        gain = found.evidence - state.evidence
        state = found
        history.append(state.evidence)
        if gain < ENOUGH:
            break
    return state


def _best_step(state: _State) -> _State:
    """Take the one change of a precision that raises the evidence most."""
    s, q = state.sparsity_and_quality
    theta = q**2 - s
    usable = state.usable
    wanted = np.where(usable & (theta > 0), s**2 / np.where(theta > 0, theta, 1.0), np.inf)
    inside = np.isfinite(state.alpha)
    gains = _share(wanted, s, q) - _share(state.alpha, s, q)
    gains[~usable & ~inside] = 0.0
    best = int(np.where(np.isfinite(gains), gains, -np.inf).argmax())
    if not gains[best] > 0 or (np.isinf(wanted[best]) and state.used.size == 1):
        return state
    alpha = state.alpha.copy()
    alpha[best] = wanted[best]
    return _higher(state, replace(state, alpha=alpha))


def _share(alpha: Floats, s: Floats, q: Floats) -> Floats:
    """What a column adds to the log evidence: (ln a/(a+s) + q^2/(a+s)) / 2, 0 for a infinite."""
    finite = np.isfinite(alpha)
    total = np.where(finite, alpha + s, 1.0)
    return np.where(finite, 0.5 * (q**2 / total - np.log1p(s / np.where(finite, alpha, 1.0))), 0.0)


def _noise_step(state: _State) -> _State:
    """beta = (N - gamma) / rss, part of the way where the whole does not raise the evidence."""
    gamma = state.used.size - float(state.alpha[state.used] @ state.variances)
    if not (state.rss > 0 and state.problem.n_rows > gamma):
        return state
    target = (state.problem.n_rows - gamma) / state.rss
    for share in (1.0, 0.5, 0.25, 0.125):
        found = replace(state, beta=state.beta * (target / state.beta) ** share)
        if found.evidence > state.evidence:
            return found
    return state


def _higher(before: _State, after: _State) -> _State:
    return after if after.evidence > before.evidence else before


def _newton_steps(state: _State, history: list[float]) -> _State:
    """Steps in ln alpha_j of the columns used and ln beta, each as far as it raises the evidence.

    Directions along which the evidence curves upwards are followed uphill all the same.
    """
    for _ in range(NEWTON_STEPS):
        slopes = state.slopes
        if np.abs(slopes).max() <= ROUNDING * state.problem.n_rows:
            break
        values, vectors = np.linalg.eigh(state.curvature())
        along = vectors.T @ slopes / np.maximum(np.abs(values), ROUNDING * np.abs(values).max())
        step = vectors @ along
        step *= min(1.0, FARTHEST / float(np.abs(step).max()))
        found = state
        for halving in range(HALVINGS):
            alpha, factors = state.alpha.copy(), np.exp(step * 0.5**halving)
            alpha[state.used] *= factors[:-1]
            found = _higher(state, replace(state, alpha=alpha, beta=state.beta * factors[-1]))
            if found is not state:
                break
        if found is state:
            break
        state = found
        history.append(state.evidence)
    return state


def _certificate(state: _State) -> Certificate:
    s, q = state.sparsity_and_quality
    outside = state.usable & ~np.isfinite(state.alpha)
    free = 0.5 * float((q[outside] ** 2 / s[outside] - 1.0).max(initial=0.0))
    steepest = float(np.abs(state.slopes).max())
    return evidence_certificate(max(steepest, free), state.problem.n_rows)
