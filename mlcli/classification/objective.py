"""What logistic regression minimises: a loss, class weights, and a penalty."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from mlcli.classification.softmax import (
    Floats,
    n_columns,
    probabilities,
    probabilities_and_rest,
)

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
Loss = Literal["cross-entropy", "square"]
# Rows per block of the Hessian's sum, so that their weighted copy stays in the cache.
BLOCK = 2048
# A column counts as far from 0 where |mean| / root mean square is larger than this.
FAR_FROM_ZERO = 0.99


@dataclass(frozen=True)
class Objective:
    """E(W) = sum_n r_n loss_n + l1 |W|_1 + l2 |W|^2, the penalty as in (3.13).

    Attributes:
        Phi: columns, (N, p).
        labels: class of each row, 0..K-1, (N,).
        n_classes: K.
        row_weights: r, (N,), which add up to 1: 1/N each, or more for a rarer class. The 1/N of
            (5.13) is missing from (5.22); it is here for both.
        l1, l2: strengths.
        free: columns without a penalty, usually the constant.
        loss: cross-entropy (5.13), (5.22), or the mean square (5.10).
        offset: added to the activations Phi W, (N, K) or (N, 1), or None.
    """

    Phi: Floats
    labels: Ints
    n_classes: int
    row_weights: Floats
    l1: float = 0.0
    l2: float = 0.0
    free: tuple[int, ...] = ()
    loss: Loss = "cross-entropy"
    offset: Floats | None = None

    @property
    def shape(self) -> tuple[int, int]:
        """(p, 1) for two classes, else (p, K)."""
        return self.Phi.shape[1], n_columns(self.n_classes)

    @property
    def gauge(self) -> Bools:
        """Columns without penalty, of more than two classes, (p,).

        Adding one number to the weights of such a column in all classes does not change E.
        """
        free = self.penalised[:, 0] * (self.l1 + self.l2) == 0
        return np.asarray(free & (self.shape[1] > 1))

    @property
    def free_constant(self) -> int | None:
        """Index of the first column without penalty that is a constant other than 0."""
        free = self.penalised[:, 0] * (self.l1 + self.l2) == 0
        for j in np.flatnonzero(free).tolist():
            column = self.Phi[:, j]
            if column[0] != 0 and (column == column[0]).all():
                return int(j)
        return None

    @property
    def one_class(self) -> bool:
        """Whether all rows are of one class."""
        return bool((self.labels == self.labels[0]).all())

    @cached_property
    def column_scale(self) -> Floats:
        """sqrt(sum_n r_n phi_nj^2) of each column, 1 for a column of 0, (p, 1)."""
        squares = np.einsum("n,nj,nj->j", self.row_weights, self.Phi, self.Phi)
        return np.where(squares > 0, np.sqrt(squares), 1.0)[:, None]

    @cached_property
    def largest_values(self) -> Floats:
        """max_n |phi_nj|, (p,)."""
        return np.asarray(np.abs(self.Phi).max(axis=0))

    @cached_property
    def penalised(self) -> Floats:
        """1 for each column with a penalty, 0 for the others, (p, 1)."""
        mask = np.ones((self.Phi.shape[1], 1))
        mask[list(self.free)] = 0.0
        return mask

    def activations(self, W: Floats, rows: slice = slice(None)) -> Floats:
        """a of each row, (N, K) or (N, 1), for W (p, K) or (p, 1)."""
        A = self.Phi[rows] @ W
        return A if self.offset is None else A + self.offset[rows]

    def value(self, W: Floats) -> float:
        """E(W) for W (p, K) or (p, 1)."""
        l1 = self.l1 * float((self.penalised * np.abs(W)).sum())
        return self._smooth_value(self.activations(W), W) + l1

    def smooth(self, W: Floats) -> tuple[float, Floats]:
        """E(W) without the l1 term, and its gradient, (p, K) or (p, 1)."""
        A = self.activations(W)  # (N, K)
        gradient = self.Phi.T @ (self.row_weights[:, None] * self._delta(A))  # (p, K)
        return self._smooth_value(A, W), gradient + 2.0 * self.l2 * self.penalised * W

    def evaluate(self, W: Floats) -> tuple[float, Floats]:
        """E(W), and the gradient of E without the l1 term."""
        value, gradient = self.smooth(W)
        return value + self.l1 * float((self.penalised * np.abs(W)).sum()), gradient

    def margin(self, W: Floats) -> float:
        """The smallest difference of a row's own activation and its largest other one.

        Positive if W classifies every row correctly.

        Rows of weight 0 do not count.
        """
        A = self.activations(W)
        if A.shape[1] == 1:
            margins = np.where(self.labels == 1, A[:, 0], -A[:, 0])
        else:
            own = A[np.arange(self.labels.size), self.labels]
            A[np.arange(self.labels.size), self.labels] = -np.inf
            margins = own - A.max(axis=1)
        return float(margins[self.row_weights > 0].min(initial=np.inf))

    def hessian(self, W: Floats) -> Floats:
        """Hessian of the smooth part with the cross-entropy, ordered class by class.

        The block of classes j, k is sum_n r_n s_nj (delta_jk - s_nk) phi_n phi_n^T + 2 l2 delta_jk;
        for two classes sum_n r_n sigma'(a_n) phi_n phi_n^T + 2 l2.

        Returns:
            (K p, K p), or (p, p) for two classes.
        """
        p, k = self.shape
        H = np.zeros((k, p, k, p))
        for start in range(0, self.labels.size, BLOCK):
            part = slice(start, start + BLOCK)
            self._add_block(H, self.Phi[part], self.activations(W, part), self.row_weights[part])
        for j in range(k):
            for i in range(j):
                H[j, :, i] = H[i, :, j].T
            H[j, np.arange(p), j, np.arange(p)] += 2.0 * self.l2 * self.penalised[:, 0]
        return H.reshape(k * p, k * p)

    def _add_block(self, H: Floats, P: Floats, A: Floats, r: Floats) -> None:
        S, rest = probabilities_and_rest(A)
        for j in range(S.shape[1]):
            for k in range(j, S.shape[1]):
                weight = r * S[:, j] * (rest[:, j] if j == k else -S[:, k])
                H[j, :, k] += P.T @ (weight[:, None] * P)

    def curvature_bound(self) -> float:
        """An upper bound of the largest curvature of the smooth part anywhere.

        A quarter (two classes) or a half of the largest eigenvalue of sum_n r_n phi_n phi_n^T,
        plus 2 l2: sigma' <= 1/4, and no softmax Jacobian is larger than 1/2.
        """
        weighted = np.sqrt(self.row_weights)[:, None] * self.Phi
        largest = float(np.linalg.eigvalsh(weighted.T @ weighted)[-1])
        return largest * (0.25 if self.n_classes == 2 else 0.5) + 2.0 * self.l2

    def violation(self, W: Floats) -> float:
        """`kkt_violation` of W in units of standardised columns; 0 at the minimum."""
        return kkt_violation(W, self.smooth(W)[1], self.l1 * self.penalised, self.column_scale)

    def _smooth_value(self, A: Floats, W: Floats) -> float:
        penalty = self.l2 * float((self.penalised * W**2).sum())
        return float(self.row_weights @ self._losses(A)) + penalty

    def _losses(self, A: Floats) -> Floats:
        """The loss of each row, (N,)."""
        if self.loss == "square":
            gap = probabilities(A) - np.eye(self.n_classes)[self.labels]  # (N, K)
            # With two classes the same residual occurs twice, and (5.10) counts it once.
            return np.asarray(0.5 * (gap**2).sum(axis=1) / (2 if self.n_classes == 2 else 1))
        if A.shape[1] == 1:
            a = A[:, 0]
            # ln(1 + e^a) - t a, with the larger exponential factored out.
            return np.asarray(np.maximum(a, 0.0) - self.labels * a + np.log1p(np.exp(-np.abs(a))))
        rows, top = np.arange(A.shape[0]), A.argmax(axis=1)
        below = A - A[rows, top][:, None]  # at most 0
        others = np.exp(below)
        others[rows, top] = 0.0
        # ln(1 + sum of the others) keeps its digits where the loss is near 0.
        return np.asarray(np.log1p(others.sum(axis=1)) - below[rows, self.labels])

    def _delta(self, A: Floats) -> Floats:
        """d loss / d a of each row, (N, K) or (N, 1).

        (s - t) for the cross-entropy (5.14), and (s - t) s' for the mean square (5.11): both with
        the opposite of the printed sign.
        """
        S, rest = probabilities_and_rest(A)
        E = S.copy()
        # s - 1 is computed as minus the sum of the other classes, which is accurate for s near 1.
        if A.shape[1] == 1:
            E[:, 0] = np.where(self.labels == 1, -rest[:, 0], S[:, 0])
        else:
            own = np.arange(self.labels.size), self.labels
            E[own] = -rest[own]
        if self.loss == "cross-entropy":
            return E
        if A.shape[1] == 1:
            return np.asarray(E * S * rest)
        return np.asarray(S * (E - (S * E).sum(axis=1, keepdims=True)))


@dataclass(frozen=True)
class CentredObjective:
    """E over centred columns, where an unpenalised constant column can absorb the means.

    Columns far from 0 are nearly multiples of the constant, and their products lose the digits in
    which they differ. Centring changes only the weight of the constant.

    Attributes:
        objective: E over the centred columns.
        shift: what was subtracted from each column, in units of the constant, (p, 1).
        constant: index of the constant's column.
    """

    objective: Objective
    shift: Floats
    constant: int

    @classmethod
    def of(cls, objective: Objective) -> CentredObjective:
        """The centred problem; unchanged where no column is far from 0."""
        same = cls(objective, np.zeros((objective.Phi.shape[1], 1)), 0)
        constant = objective.free_constant
        if constant is None:
            return same
        Phi = objective.Phi
        mean = objective.row_weights @ Phi  # (p,)
        far = np.abs(mean) > FAR_FROM_ZERO * objective.column_scale[:, 0]
        far[constant] = False
        if not far.any():
            return same
        mean = np.where(far, mean, 0.0)
        rest = Phi - mean
        flat = far & (np.abs(rest).max(axis=0) <= 1e-14 * np.abs(mean))
        rest[:, flat] = 0.0
        shift = (mean / Phi[0, constant])[:, None]
        return cls(replace(objective, Phi=rest), shift, constant)

    def centred(self, W: Floats) -> Floats:
        """Weights of the centred columns from those of the columns, (p, K)."""
        W = W.copy()
        W[self.constant] += (self.shift * W).sum(axis=0)
        return W

    def raw(self, W: Floats) -> Floats:
        """Weights of the columns from those of the centred ones, (p, K)."""
        W = W.copy()
        W[self.constant] -= (self.shift * W).sum(axis=0)
        return W


def kkt_violation(W: Floats, gradient: Floats, l1: Floats, scale: Floats) -> float:
    """The largest component of the least-norm subgradient, divided by the column's scale.

    That is the slope of E along the weight of a column of mean square 1, so that it does not depend
    on the units of the columns.

    Args:
        W: weights, (p, K) or (p, 1).
        gradient: of E without the l1 term, of W's shape.
        l1: strengths, (p, 1).
        scale: root mean squares of the columns, (p, 1).
    """
    at_zero = np.maximum(np.abs(gradient) - l1, 0.0)
    slope = np.where(W == 0, at_zero, np.abs(gradient + l1 * np.sign(W)))
    return float((slope / scale).max())


def even_weights(n_rows: int) -> Floats:
    """r_n = 1/N."""
    return np.full(n_rows, 1.0 / n_rows)


def class_row_weights(labels: Ints, class_weights: Floats) -> Floats:
    """r_n = c_k / N for a row of class k; balanced weights c_k = N / (K N_k) add up to 1."""
    return np.asarray(class_weights[labels] / labels.size)


def balanced_weights(labels: Ints, n_classes: int, row_weights: Floats | None = None) -> Floats:
    """c_k = N / (K N_k), so that every class has the same total weight, (K,).

    N and N_k are sums of `row_weights` (N,), or numbers of rows if it is left out.
    """
    counts = np.bincount(labels, row_weights, minlength=n_classes)
    total = labels.size if row_weights is None else row_weights.sum()
    least = 1 if row_weights is None else np.finfo(np.float64).tiny
    return np.asarray(total / (n_classes * np.maximum(counts, least)))
