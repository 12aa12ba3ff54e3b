"""One seed: split, fit, and every score of the test part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mlcli.certificate import Certificate
from mlcli.classification.classifier import LogisticModel
from mlcli.classification.information import Information, information
from mlcli.classification.newton import LogisticFit
from mlcli.datasets.dataset import Dataset
from mlcli.datasets.source import Source
from mlcli.datasets.split import stratified_indices
from mlcli.errors import DataError
from mlcli.experiments.logistic.classes import TargetClasses, classes_of, fit_from_config
from mlcli.experiments.logistic.config import LogisticConfig
from mlcli.experiments.logistic.densities import Plane, PlaneOutcome, plane_outcome
from mlcli.experiments.logistic.likelihood import log_likelihood_of, rows_information
from mlcli.experiments.logistic.studies import Saturation, Separable, saturation, separable
from mlcli.rng import stream
from mlcli.scores import (
    Calibration,
    ThresholdCounts,
    accuracy,
    average_precision,
    brier_score,
    calibration,
    class_rates,
    confusion_matrix,
    mean_cross_entropy,
    rates_at_thresholds,
    roc_auc,
    shares_at_thresholds,
    threshold_counts,
)

Array = NDArray[np.float64]
Ints = NDArray[np.int64]
N_GRID = 101
GRID = np.linspace(0, 1, N_GRID)
N_CELLS = 10


@dataclass(frozen=True)
class LogisticOutcome:
    """Result of one seed.

    Attributes:
        scores: by name; NaN where one is undefined.
        confusion: test rows of class i that are predicted to be of class j, (K, K).
        roc: recall at even false-positive rates, mean over the classes, (N_GRID,), or None.
        precision: precision at even recalls, the same.
        by_threshold: precision, recall and accuracy at even p_0, (3, N_GRID), of two classes.
        shares_by_threshold: true and false positives, false and true negatives at even p_0 as
            shares of the test rows, (4, N_GRID), of two classes.
        calibration: of class 1 of two, of the predicted class of more.
        information: of the cells of the test rows; of the rows themselves; of the truth where
            p(C_1|x) is known.
        entropy_of_x: H of the cells or rows alone, without their classes, by the same names.
        log_likelihood: ln of (5.23) of the test rows.
        plane: result in the plane of two features; None if there is none.
        certificate: of the fit on the training rows.
        no_minimum: why E has no finite minimum on the training rows; None where it may have one.
        saturation, separable: results of the studies.
        n_train: number of training rows.
    """

    scores: dict[str, float]
    confusion: Ints
    roc: Array | None
    precision: Array | None
    by_threshold: Array | None
    shares_by_threshold: Array | None
    calibration: Calibration
    information: dict[str, Information]
    entropy_of_x: dict[str, float]
    log_likelihood: float
    plane: PlaneOutcome | None
    certificate: Certificate
    no_minimum: str | None
    saturation: Saturation
    separable: Separable
    n_train: int


@dataclass(frozen=True)
class LogisticSplit:
    """The rows of one seed and their split, gaps filled from the training rows."""

    X: Array
    classes: TargetClasses
    train: Ints
    test: Ints
    data: Dataset


def split_of(config: LogisticConfig, source: Source, index: int) -> LogisticSplit:
    """The data set of a seed and its split, which is stratified by class.

    Raises:
        DataError: every class has one row, which leaves none for testing.
    """
    data = source.replicate(index, config.seed)
    classes = classes_of(config, data)
    rng = stream(config.seed, "split", index)
    train, test = stratified_indices(classes.labels, config.test_fraction, rng)
    if not test.size:
        raise DataError(
            f"{source.name} has one row per class, which leaves no test row", hint="more data"
        )
    data = data.fitted_to(train)
    return LogisticSplit(data.X, classes, train, test, data)


def run_replicate(
    config: LogisticConfig, source: Source, index: int, plane: Plane | None
) -> LogisticOutcome:
    """Fit on the training rows of a seed and score the rest."""
    split = split_of(config, source, index)
    labels, K = split.classes.labels, split.classes.size
    model = fit_from_config(
        config, split.X[split.train], labels[split.train], K, related=split.data.related
    )
    P, t = model.predict(split.X[split.test]), labels[split.test]
    counts = confusion_matrix(t, predicted_classes(config, P), K)
    roc, precision, areas = _curves(P, t)
    chosen = P[:, 1] if K == 2 else P.max(axis=1)
    right = (t == 1) if K == 2 else (P.argmax(axis=1) == t)
    bins = calibration(right, chosen, config.n_calibration_bins)
    scores = _scores(config, model, split, P, counts) | areas
    scores["test_calibration_error"] = bins.expected_error
    cells = _cells(P, t)
    every = {"cells": cells[0], "rows": rows_information(P, t)}
    of_x = {"cells": cells[1], "rows": float(np.log(t.size)), "truth": float(np.log(t.size))}
    truth = split.data.class_probability
    if truth is not None and config.positive in (None, 1.0):
        every["truth"] = _against_truth(truth(split.X[split.test]), P)
    return LogisticOutcome(
        scores,
        counts,
        roc,
        precision,
        rates_at_thresholds(t == 1, P[:, 1], GRID) if K == 2 else None,
        shares_at_thresholds(t == 1, P[:, 1], GRID) if K == 2 else None,
        bins,
        every,
        {name: of_x[name] for name in every},
        log_likelihood_of(P, t),
        None
        if plane is None
        else plane_outcome(
            config, source, split.X, split.classes, (split.train, split.test), plane
        ),
        model.fit.certificate,
        why_no_minimum(model.fit, split.classes.names),
        saturation(config, model),
        separable(config, model),
        split.train.size,
    )


def why_no_minimum(fit: LogisticFit, names: Sequence[str]) -> str | None:
    """Which training rows can be separated and where the loss then goes; None if not known to be.

    Args:
        fit: to the training rows.
        names: of the classes.
    """
    if not fit.separable:
        return None
    found, towards = fit.separation, ""
    if found is not None and found.infimum > 0:
        towards = f" towards {found.infimum:.4g}"
    return (
        f"the training rows can be separated{found.exception(names) if found else ''}, and without "
        f"a penalty the loss then falls for ever{towards} as the weights grow"
    )


def predicted_classes(config: LogisticConfig, P: Array) -> Ints:
    """The predicted class of each row: by the threshold (5.2), or of K > 2 the likeliest."""
    if P.shape[1] == 2:
        return (P[:, 1] > config.threshold).astype(np.int64)
    return np.asarray(P.argmax(axis=1))


def _scores(
    config: LogisticConfig, model: LogisticModel, split: LogisticSplit, P: Array, counts: Ints
) -> dict[str, float]:
    labels, K = split.classes.labels, split.classes.size
    t, t_train = labels[split.test], labels[split.train]
    P_train = model.predict(split.X[split.train])
    found = class_rates(counts)
    # Of two classes the rates are those of C_1; of more, plain means over the classes.
    of = slice(1, 2) if K == 2 else slice(None)
    common = np.bincount(t_train, minlength=K).argmax()
    W = model.fit.W[int(model.intercept) :]
    return {
        "test_accuracy": accuracy(t, predicted_classes(config, P)),
        "test_cross_entropy": mean_cross_entropy(t, P),
        "test_brier": brier_score(t, P),
        "test_precision": float(np.nan_to_num(found.precision[of]).mean()),
        "test_recall": float(np.nan_to_num(found.recall[of]).mean()),
        "test_f1": float(np.nan_to_num(found.f1[of]).mean()),
        "train_accuracy": accuracy(t_train, predicted_classes(config, P_train)),
        "train_cross_entropy": mean_cross_entropy(t_train, P_train),
        "commonest_class_accuracy": float((t == common).mean()),
        "n_steps": float(model.fit.n_steps),
        "converged": float(model.fit.converged),
        "largest_violation": model.objective.violation(model.fit.W),
        "n_nonzero": float((W != 0).sum()),
        "weight_norm": float(np.linalg.norm(W)),
    }


def _curves(P: Array, t: Ints) -> tuple[Array | None, Array | None, dict[str, float]]:
    of = [1] if P.shape[1] == 2 else list(range(P.shape[1]))
    return curves([threshold_counts(t == k, P[:, k]) for k in of])


def curves(
    found: Sequence[ThresholdCounts | None],
) -> tuple[Array | None, Array | None, dict[str, float]]:
    """Curves at even places and their areas, means over the classes, each against all others."""
    every = [one for one in found if one is not None]
    if not every:
        return None, None, {"test_roc_auc": np.nan, "test_average_precision": np.nan}
    roc = np.mean([np.interp(GRID, d.false_positive_rate, d.recall) for d in every], axis=0)
    # The precision of a recall is that of the first threshold that reaches it.
    precision = np.mean(
        [d.precision[np.searchsorted(d.recall, np.minimum(GRID, 1 - 1e-12))] for d in every], axis=0
    )
    areas = {
        "test_roc_auc": float(np.mean([roc_auc(d) for d in every])),
        "test_average_precision": float(np.mean([average_precision(d) for d in every])),
    }
    return roc, precision, areas


def _cells(P: Array, t: Ints) -> tuple[Information, float]:
    """(C.5) for the test rows in cells of similar predictions, and the entropy of the cells.

    p(cell, k) is the share of rows, q(cell, k) the share of the cell times its mean prediction.
    With single rows as cells the entropy of p would be 0 and the divergence the loss itself.
    """
    order = np.argsort(P[:, -1], kind="stable")
    K = P.shape[1]
    p, q = [], []
    for rows in np.array_split(order, min(N_CELLS, t.size)):
        p.append(np.bincount(t[rows], minlength=K) / t.size)
        q.append(P[rows].sum(axis=0) / t.size)
    return information(np.array(p), np.array(q)), entropy_of_cells(np.array(p))


def entropy_of_cells(p: Array) -> float:
    """-sum_c p(c) ln p(c) of cells, from the shares of rows of each cell and class, (C, K)."""
    shares = p.sum(axis=1)
    return information(shares, shares).entropy


def _against_truth(p_true: Array, P: Array) -> Information:
    """(C.5) of the true p(C_k|x) and the fitted one over the test rows."""
    truth = np.column_stack([1.0 - p_true, p_true]) / p_true.size
    return information(truth, P / p_true.size)
