"""The classes of a target, their weights, and the fit that a config describes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcli.classification.classifier import LogisticModel, LogisticSettings, fit_classifier
from mlcli.classification.objective import balanced_weights
from mlcli.datasets.dataset import Dataset
from mlcli.errors import DataError
from mlcli.experiments.logistic.config import BALANCE, LogisticConfig
from mlcli.linear.redundant import UNRELATED, Related

Array = NDArray[np.float64]
Ints = NDArray[np.int64]
MAX_CLASSES = 1000
SHOWN_LABELS = 10
# With fewer rows per class than this on average, the target is a measurement, not a class.
ROWS_A_CLASS = 5


@dataclass(frozen=True)
class TargetClasses:
    """The classes of a target.

    Attributes:
        names: values of the target in the order of the labels, (K,); of one value v against all
            others, ("not v", v).
        labels: class of each row, 0..K-1, (N,); of two classes, C_1 of (5.1) is 1.
        values: of the target in each class, (K,); None stands for any other value.
    """

    names: tuple[str, ...]
    labels: Ints
    values: tuple[float | None, ...] = ()

    @property
    def size(self) -> int:
        """K."""
        return len(self.names)


def classes_of(config: LogisticConfig, data: Dataset) -> TargetClasses:
    """The classes of a data set.

    Raises:
        DataError: the target has one value, does not have the label --positive, or is a
            measurement.
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
) -> TargetClasses:
    """`classes_of` from the distinct values of the target, without the rows' labels.

    Args:
        config: validated parameters.
        values: ascending values of the target, (K,).
        names: their names, (K,).
        n_rows: N.
        target_name: its name in messages.

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
        return TargetClasses(others_and_it, nobody, (None, float(values[place])))
    if values.size > max(2, min(MAX_CLASSES, n_rows // ROWS_A_CLASS)):
        raise DataError(
            what,
            must=f"classes, each with {ROWS_A_CLASS} rows or more on average",
            got=f"{values.size} values in {n_rows} rows",
            hint="another --target",
        )
    return TargetClasses(names, nobody, tuple(values.tolist()))


def _place_of(label: float | str, values: Array, names: tuple[str, ...], what: str) -> int:
    """Index of the class with a label, which is its name or the target's value."""
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


def labels_of(classes: TargetClasses, t: Array) -> Ints:
    """Class of each row, (n,), from the target's values."""
    if classes.values[0] is None:
        return np.asarray(t == classes.values[1], dtype=np.int64)
    return np.asarray(np.searchsorted(np.array(classes.values), t), dtype=np.int64)


def strengths_of(config: LogisticConfig) -> tuple[float, float]:
    """The strengths of l1 and l2 under the penalty, 0 for those that it does not use."""
    l1 = config.l1 * (config.penalty in ("l1", "elastic"))
    return l1, config.l2 * (config.penalty in ("l2", "elastic"))


def class_weights_of(
    config: LogisticConfig, labels: Ints, n_classes: int, row_weights: Array | None = None
) -> Array:
    """Weight c_k of each class, (K,).

    Balanced weights count a row as often as its row weight says, or once.

    Raises:
        DataError: there is not one weight per class."""
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


def settings_of(config: LogisticConfig) -> LogisticSettings:
    """The settings of the fits, without class weights."""
    l1, l2 = strengths_of(config)
    return LogisticSettings(
        config.basis,
        config.degree,
        config.intercept,
        config.standardize,
        config.loss,
        config.solver,
        l1,
        l2,
        config.learning_rate,
        config.max_steps,
    )


def fit_from_config(
    config: LogisticConfig,
    X: Array,
    labels: Ints,
    n_classes: int,
    row_weights: Array | None = None,
    related: Related = UNRELATED,
) -> LogisticModel:
    """`classification.classifier.fit_classifier` with the settings and class weights of a config.

    Raises:
        DataError: the class weights are not one per class.
        NoAnswerError: descent diverged, naming the step.
    """
    by_class = class_weights_of(config, labels, n_classes, row_weights)
    return fit_classifier(settings_of(config), X, labels, n_classes, by_class, row_weights, related)
