"""Automatic relevance determination: one prior precision a column.

The evidence is raised one column at a time, each step to the exact best precision of that column
(Tipping and Faul, AISTATS 2003); a column whose best precision is infinite leaves the model. The
evidence never falls.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import log, pi

import numpy as np

from mlcli.linear.arrays import Floats, Ints
from mlcli.linear.triangle import Triangle

# A step that raises the log evidence by less ends the search.
ENOUGH = 1e-9
MAX_STEPS = 10_000
# Of a column's length: what is left of it beside the others, below this, is rounding.
NEGLIGIBLE = 1e-12


@dataclass(frozen=True)
class Relevance:
    """The precisions of the columns.

    Attributes:
        prior_precisions: alpha_j, (p,); infinite where the column was dropped.
        noise_precision: beta.
        log_evidence: in nats.
        history: the log evidence after each step.
    """

    prior_precisions: Floats
    noise_precision: float
    log_evidence: float
    history: tuple[float, ...]

    @property
    def kept(self) -> Ints:
        """The columns that are left."""
        return np.flatnonzero(np.isfinite(self.prior_precisions))


@dataclass
class _State:
    """Where the search is: G = Phi^T Phi, c = Phi^T t, and the precisions so far."""

    G: Floats
    c: Floats
    tt: float
    n_rows: int
    alpha: Floats
    beta: float

    def solve(self) -> tuple[Ints, Floats, Floats]:
        """The columns in the model, their posterior mean and covariance."""
        used = np.flatnonzero(np.isfinite(self.alpha))
        A = np.diag(self.alpha[used]) + self.beta * self.G[np.ix_(used, used)]
        scale = 1.0 / np.sqrt(np.diagonal(A))
        S = scale[:, None] * np.linalg.inv(A * np.outer(scale, scale)) * scale
        return used, self.beta * S @ self.c[used], S

    def evidence(self) -> float:
        used, m, _ = self.solve()
        A = np.diag(self.alpha[used]) + self.beta * self.G[np.ix_(used, used)]
        rss = self.rss(used, m)
        logs = self.n_rows * log(self.beta / (2 * pi)) + float(np.log(self.alpha[used]).sum())
        energy = self.beta * rss + float(self.alpha[used] @ m**2)
        return 0.5 * (logs - energy - float(np.linalg.slogdet(A)[1]))

    def rss(self, used: Ints, m: Floats) -> float:
        left = self.tt - 2 * float(self.c[used] @ m) + float(m @ self.G[np.ix_(used, used)] @ m)
        return max(left, 0.0)


def relevance(triangle: Triangle) -> Relevance:
    """Maximise the evidence over beta and all alpha_j.

    With C = I / beta + sum_j phi_j phi_j^T / alpha_j and C_-j without column j, s_j = phi_j^T
    C_-j^-1 phi_j and q_j = phi_j^T C_-j^-1 t: the best alpha_j is s_j^2 / (q_j^2 - s_j) if that is
    positive, else infinite.

    Args:
        triangle: that of [Phi t], t not exactly a combination of the columns.
    """
    R = triangle.R
    length = np.linalg.norm(R[:-1, :-1], axis=0)
    unit = np.where(length > 0, length, 1.0)
    Q = R[:, :-1] / unit  # columns of length 1
    t = R[:, -1]
    state = _State(Q.T @ Q, Q.T @ t, float(t @ t), triangle.n_rows, np.full(unit.size, np.inf), 0.0)
    state.beta = 10.0 * state.n_rows / state.tt
    first = int(np.abs(state.c).argmax())
    state.alpha[first] = 1.0 / max(state.c[first] ** 2, NEGLIGIBLE)
    history = [state.evidence()]
    for _ in range(MAX_STEPS):
        gain = _best_step(state, length > 0) + _noise_step(state)
        history.append(state.evidence())
        if gain < ENOUGH:
            break
    return Relevance(state.alpha * unit**2, state.beta, history[-1], tuple(history))


def _best_step(state: _State, possible: np.ndarray) -> float:
    """Take the one change of a precision that raises the evidence most; returns the rise."""
    used, m, S = state.solve()
    P = state.beta * state.G[:, used]  # (p, n_used)
    big_s = state.beta * np.diagonal(state.G) - np.einsum("ij,jk,ik->i", P, S, P)
    big_q = state.beta * (state.c - state.G[:, used] @ m)
    s, q = big_s.copy(), big_q.copy()
    inside = np.isfinite(state.alpha)
    alpha = state.alpha[inside]
    s[inside] = alpha * big_s[inside] / (alpha - big_s[inside])
    q[inside] = alpha * big_q[inside] / (alpha - big_s[inside])
    theta = q**2 - s
    usable = possible & (s > NEGLIGIBLE * state.beta) & np.isfinite(theta)
    wanted = np.where(usable & (theta > 0), s**2 / np.where(theta > 0, theta, 1.0), np.inf)
    gains = _share(wanted, s, q) - _share(state.alpha, s, q)
    gains[~usable & ~inside] = 0.0
    best = int(np.where(np.isfinite(gains), gains, -np.inf).argmax())
    if not gains[best] > 0 or (np.isinf(wanted[best]) and used.size == 1):
        return 0.0
    before, old = state.evidence(), state.alpha[best]
    state.alpha[best] = wanted[best]
    rise = state.evidence() - before
    if rise <= 0:
        state.alpha[best] = old
        return 0.0
    return rise


def _share(alpha: Floats, s: Floats, q: Floats) -> Floats:
    """What a column adds to the log evidence: (ln a/(a+s) + q^2/(a+s)) / 2, 0 for a infinite."""
    finite = np.isfinite(alpha)
    total = np.where(finite, alpha + s, 1.0)
    positive = finite & (total > 0)
    ratio = np.where(positive, alpha, 1.0) / np.where(positive, total, 1.0)
    return np.where(positive, 0.5 * (np.log(ratio) + q**2 / np.where(positive, total, 1.0)), 0.0)


def _noise_step(state: _State) -> float:
    """beta = (N - gamma) / rss, halfway back until the evidence has risen."""
    used, m, S = state.solve()
    gamma = used.size - float(state.alpha[used] @ np.diagonal(S))
    rss = state.rss(used, m)
    before, old = state.evidence(), state.beta
    if not (rss > 0 and state.n_rows > gamma):
        return 0.0
    target = (state.n_rows - gamma) / rss
    for share in (1.0, 0.5, 0.25, 0.125):
        state.beta = old * (target / old) ** share
        rise = state.evidence() - before
        if rise > 0:
            return rise
    state.beta = old
    return 0.0
