"""From a config and rows to a fitted classifier."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcli.classification.first_order import fit_descent, fit_lbfgs
from mlcli.classification.newton import LogisticFit, fit_newton, standard_errors
from mlcli.classification.objective import Objective, balanced_weights, class_row_weights
from mlcli.classification.softmax import probabilities
from mlcli.datasets.dataset import Dataset
from mlcli.errors import DataError, NoAnswerError
from mlcli.experiments.logistic.config import BALANCE, LogisticConfig
from mlcli.linear.design import Design, build
from mlcli.linear.redundant import UNRELATED, Related

Array = NDArray[np.float64]
Ints = NDArray[np.int64]
MAX_CLASSES = 1000
SHOWN_LABELS = 10
# Fewer rows a class than this, on average, are measurements rather than classes.
ROWS_A_CLASS = 5


@dataclass(frozen=True)
class Classes:
    """The classes of a target.

    Attributes:
        names: values of the target in the order of the numbers, (K,); of one against all others,
            ("not v", v) with the value v.
        labels: number of the class of each row, (N,); C_1 of (5.1) is number 1 of two.
        values: of the target in each class, (K,); None stands for any other value.
    """

    names: tuple[str, ...]
    labels: Ints
    values: tuple[float | None, ...] = ()

    @property
    def size(self) -> int:
        """K."""
        return len(self.names)


def classes_of(config: LogisticConfig, data: Dataset) -> Classes:
    """The classes to learn.

    Raises:
        DataError: the target has one value, has no label that is named, or is no class at all.
    """
    values = np.unique(data.t)
    names = data.names_of(values)
    classes = classes_of_values(config, values, names, data.t.size, data.target_name)
    return replace(classes, labels=labels_of(classes, data.t))


def classes_of_values(
    config: LogisticConfig,
    values: Array,
    names: tuple[str, ...],
    n_rows: int,
    target_name: str,
) -> Classes:
    """The same from the rising values of the target in N rows, without the rows' labels.

    Args:
        config: validated parameters.
        values: of the target, (K,).
        names: what they are called.
        n_rows: N.
        target_name: what messages call the target.

    Raises:
        DataError: as `classes_of`.
    """
    what = f"target '{target_name}'"
    nobody = np.empty(0, dtype=np.int64)
    if values.size < 2:
        raise DataError(what, must="of two classes or more", got=f"only {names[0]}")
    if config.positive is not None:
        place = _place_of(config.positive, values, names, what)
        others_and_it = (f"not {names[place]}", names[place])
        return Classes(others_and_it, nobody, (None, float(values[place])))
    if values.size > max(2, min(MAX_CLASSES, n_rows // ROWS_A_CLASS)):
        raise DataError(
            what,
            must=f"classes, each with {ROWS_A_CLASS} rows or more on average",
            got=f"{values.size} values in {n_rows} rows",
            hint="another --target",
        )
    return Classes(names, nobody, tuple(values.tolist()))


def _place_of(label: float | str, values: Array, names: tuple[str, ...], what: str) -> int:
    """Which class a label is of: by its word, or by the target's value."""
    known: list[Any] = list(names) if isinstance(label, str) else values.tolist()
    if label in known:
        return known.index(label)
    more = f" and {len(names) - SHOWN_LABELS} more" if len(names) > SHOWN_LABELS else ""
    raise DataError(
        "--positive",
        must=f"a label of {what}",
        got=repr(label) if isinstance(label, str) else f"{label:g}",
        hint=f"one of {', '.join(names[:SHOWN_LABELS])}{more}",
    )


def labels_of(classes: Classes, t: Array) -> Ints:
    """The number of the class of each row, (n,), by the target's values in the classes."""
    if classes.values[0] is None:
        return np.asarray(t == classes.values[1], dtype=np.int64)
    return np.asarray(np.searchsorted(np.array(classes.values), t), dtype=np.int64)


def strengths_of(config: LogisticConfig) -> tuple[float, float]:
    """The strengths of l1 and l2 that the penalty has."""
    l1 = config.l1 * (config.penalty in ("l1", "elastic"))
    return l1, config.l2 * (config.penalty in ("l2", "elastic"))


def class_weights_of(
    config: LogisticConfig, labels: Ints, n_classes: int, row_weights: Array | None = None
) -> Array:
    """c_k, (K,), where a row counts as often as its weight says, or once."""
    if config.class_weights == BALANCE[0]:
        return np.ones(n_classes)
    if config.class_weights == BALANCE[1]:
        return balanced_weights(labels, n_classes, row_weights)
    given = np.array([float(part) for part in config.class_weights.split(",")])
    if given.size != n_classes:
        raise DataError(
            "--class-weights",
            must=f"one weight for each of {n_classes} classes",
            got=str(given.size),
        )
    return given


@dataclass(frozen=True)
class Classifier:
    """A fitted model.

    Attributes:
        design: the columns, standardised on the training rows.
        intercept: whether a constant stands before them.
        objective: what was minimised; of a table that is read in batches, on its sample.
        fit: the weights.
        errors: standard errors of the weights, (p, K), where they are known already.
    """

    design: Design
    intercept: bool
    objective: Objective
    fit: LogisticFit
    errors: Array | None = None

    def columns(self, X: Array) -> Array:
        """Phi at X, (n, p)."""
        return with_constant(self.design.columns(X), self.intercept)

    def predict(self, X: Array) -> Array:
        """p(C_k|x) at X (n, D) -> (n, K)."""
        return probabilities(self.columns(X) @ self.fit.W)


def with_constant(A: Array, intercept: bool) -> Array:
    """A column of ones before the others, if asked for."""
    return np.column_stack([np.ones(A.shape[0]), A]) if intercept else A


def objective_of(
    config: LogisticConfig,
    X: Array,
    labels: Ints,
    n_classes: int,
    row_weights: Array | None = None,
    related: Related = UNRELATED,
) -> tuple[Design, Objective]:
    """Standardised columns of the training rows, and what is to be minimised.

    A row weight of 2 is the same as the row twice; left out, each row counts once.
    """
    design = build(
        config.basis,
        X,
        labels.astype(np.float64),
        config.degree,
        intercept=config.intercept,
        scaled=config.standardize,
        weights=row_weights,
        related=related,
    )
    l1, l2 = strengths_of(config)
    by_class = class_weights_of(config, labels, n_classes, row_weights)
    weights = class_row_weights(labels, by_class)
    if row_weights is not None:
        weights = weights * row_weights
    objective = Objective(
        with_constant(design.A, config.intercept),
        labels,
        n_classes,
        weights / weights.sum(),
        l1=l1,
        l2=l2,
        free=(0,) if config.intercept else (),
        loss=config.loss,
    )
    return design, objective


def fit_classifier(
    config: LogisticConfig,
    X: Array,
    labels: Ints,
    n_classes: int,
    row_weights: Array | None = None,
    related: Related = UNRELATED,
) -> Classifier:
    """Minimise the loss on training rows, each counted as often as its weight says, or once.

    `related` as in `linear.design.build`.

    Raises:
        NoAnswerError: descent diverged, naming the step.
    """
    design, objective = objective_of(config, X, labels, n_classes, row_weights, related)
    start = np.zeros(objective.shape)
    if config.solver == "newton":
        found = fit_newton(objective, max_steps=config.max_steps)
    elif config.solver == "lbfgs":
        found = fit_lbfgs(objective, start, config.max_steps)
    else:
        found = fit_descent(objective, start, config.learning_rate, config.max_steps)
    if found.diverged_at is not None:
        safe = 1.0 / objective.curvature_bound()
        raise NoAnswerError(
            f"descent diverged: at step {found.diverged_at} the loss was far above where it began, "
            f"at the learning rate {config.learning_rate:.4g}",
            hint=f"--learning-rate {safe:.2g}",
        )
    return Classifier(design, config.intercept, objective, found)


def coefficients(model: Classifier) -> tuple[Array, Array | None]:
    """Weights of the columns in x itself, (p, K), and of their standard errors where there are any.

    The errors are those of the standardised columns carried over, without the constant's.
    """
    W, first = model.fit.W, int(model.intercept)
    raw = np.stack([model.design.raw(w) for w in W[first:].T], axis=1)  # (p, K)
    if model.intercept:
        raw[0] += W[0] - model.design.scaling.t_mean
    objective = model.objective
    if objective.l1 or objective.loss == "square" or W.size > 500:
        return raw, None
    known = standard_errors(objective, W) if model.errors is None else model.errors
    errors = known[first:]
    scaled = np.stack([model.design.raw(e) for e in errors.T], axis=1)
    if model.intercept:
        scaled[0] = np.nan
    return raw, np.abs(scaled)
