"""Logistic regression on rows: the columns of a basis, what is minimised, and the solver."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from mlcli.classification.first_order import fit_descent, fit_lbfgs
from mlcli.classification.newton import LogisticFit, fit_newton, standard_errors
from mlcli.classification.objective import Ints, Loss, Objective, class_row_weights
from mlcli.classification.softmax import Floats, probabilities
from mlcli.errors import NoAnswerError
from mlcli.linear.design import Design, build
from mlcli.linear.redundant import UNRELATED, Related

# With more weights than this the Hessian is not inverted for standard errors.
MOST_ERRORS = 500


@dataclass(frozen=True)
class LogisticSettings:
    """How a classifier is fitted.

    Attributes:
        basis, degree: columns phi, as in `linear.basis.fit_basis`.
        intercept: whether there is a constant w_0, which no penalty touches.
        standardize: whether the penalty is on the coefficients of standardised columns.
        loss: cross-entropy (5.13) or mean square (5.10).
        solver: newton, for the cross-entropy; lbfgs, without l1; or descent.
        l1, l2: strengths of (3.13).
        learning_rate: of descent; None: one that never diverges.
        max_steps: the largest number of steps.
    """

    basis: str = "linear"
    degree: int = 1
    intercept: bool = True
    standardize: bool = True
    loss: Loss = "cross-entropy"
    solver: Literal["newton", "lbfgs", "descent"] = "newton"
    l1: float = 0.0
    l2: float = 0.001
    learning_rate: float | None = None
    max_steps: int = 10_000


@dataclass(frozen=True)
class LogisticModel:
    """A fitted classifier.

    Attributes:
        design: the columns, standardised on the training rows.
        intercept: whether a constant column precedes them.
        objective: what was minimised; of a table that is read in batches, on its sample.
        fit: the weights.
        errors: standard errors of the weights, (p, K), if they are known already.
    """

    design: Design
    intercept: bool
    objective: Objective
    fit: LogisticFit
    errors: Floats | None = None

    def columns(self, X: Floats) -> Floats:
        """Phi at X, (n, p)."""
        return with_constant(self.design.columns(X), self.intercept)

    def predict(self, X: Floats) -> Floats:
        """p(C_k|x) at X (n, D) -> (n, K)."""
        return probabilities(self.columns(X) @ self.fit.W)


def with_constant(A: Floats, intercept: bool) -> Floats:
    """A with a column of ones in front if there is an intercept."""
    return np.column_stack([np.ones(A.shape[0]), A]) if intercept else A


def fit_classifier(
    settings: LogisticSettings,
    X: Floats,
    labels: Ints,
    n_classes: int,
    class_weights: Floats | None = None,
    row_weights: Floats | None = None,
    related: Related = UNRELATED,
) -> LogisticModel:
    """Minimise the loss on training rows.

    Args:
        settings: basis, penalty and solver.
        X: rows, (N, D).
        labels: class of each row, 0..K-1, (N,).
        n_classes: K.
        class_weights: weight of each class, (K,); by default 1.
        row_weights: how often each row counts, (N,); by default once.
        related: as in `linear.design.build`.

    Raises:
        NoAnswerError: descent diverged, naming the step.
    """
    design, objective = _objective_of(
        settings, X, labels, n_classes, class_weights, row_weights, related
    )
    start = np.zeros(objective.shape)
    if settings.solver == "newton":
        found = fit_newton(objective, max_steps=settings.max_steps)
    elif settings.solver == "lbfgs":
        found = fit_lbfgs(objective, start, settings.max_steps)
    else:
        found = fit_descent(objective, start, settings.learning_rate, settings.max_steps)
    if found.diverged_at is not None:
        safe = 1.0 / objective.curvature_bound()
        raise NoAnswerError(
            f"descent diverged: at step {found.diverged_at} the loss was far above where it began, "
            f"at the learning rate {settings.learning_rate:.4g}",
            hint=f"--learning-rate {safe:.2g}",
        )
    return LogisticModel(design, settings.intercept, objective, found)


def _objective_of(
    settings: LogisticSettings,
    X: Floats,
    labels: Ints,
    n_classes: int,
    class_weights: Floats | None,
    row_weights: Floats | None,
    related: Related,
) -> tuple[Design, Objective]:
    """Standardised columns of the training rows, and the objective on them."""
    design = build(
        settings.basis,
        X,
        labels.astype(np.float64),
        settings.degree,
        intercept=settings.intercept,
        scaled=settings.standardize,
        weights=row_weights,
        related=related,
    )
    by_class = np.ones(n_classes) if class_weights is None else class_weights
    weights = class_row_weights(labels, by_class)
    if row_weights is not None:
        weights = weights * row_weights
    objective = Objective(
        with_constant(design.A, settings.intercept),
        labels,
        n_classes,
        weights / weights.sum(),
        l1=settings.l1,
        l2=settings.l2,
        free=(0,) if settings.intercept else (),
        loss=settings.loss,
    )
    return design, objective


def coefficients(model: LogisticModel) -> tuple[Floats, Floats | None]:
    """Weights of the columns in x itself, and their standard errors, (p, K) each.

    The standard errors are those of the standardised columns, rescaled; the constant has none.
    They are None with an l1 penalty, with the mean square, and for more than `MOST_ERRORS` weights.
    """
    W, first = model.fit.W, int(model.intercept)
    raw = np.stack([model.design.raw(w) for w in W[first:].T], axis=1)  # (p, K)
    if model.intercept:
        raw[0] += W[0] - model.design.scaling.t_mean
    objective = model.objective
    if objective.l1 or objective.loss == "square" or W.size > MOST_ERRORS:
        return raw, None
    known = standard_errors(objective, W) if model.errors is None else model.errors
    errors = known[first:]
    scaled = np.stack([model.design.raw(e) for e in errors.T], axis=1)
    if model.intercept:
        scaled[0] = np.nan
    return raw, np.abs(scaled)
