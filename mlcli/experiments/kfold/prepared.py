"""Cross-validation where each fold prepares its inputs: gaps filled from its own training rows.

The exact shortcuts take one matrix of inputs for all folds. Where the folds' statistics make
different ones, every model is fitted anew on each fold, its columns scaled by the training rows.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mlcli.certificate import Certificate, require, worst_of
from mlcli.datasets.dataset import Dataset
from mlcli.experiments.kfold.classes import (
    class_refit,
    labels_of,
    linear_class_scores,
    logistic_losses,
)
from mlcli.experiments.kfold.config import KfoldConfig
from mlcli.experiments.kfold.refits import grid, least_squares_refit
from mlcli.experiments.kfold.scores import Scores, linear_scores
from mlcli.experiments.kfold.splits import Known, degrees_of
from mlcli.linear.design import build
from mlcli.linear.penalised import fit_path, strengths_of
from mlcli.linear.redundant import Related
from mlcli.selection.exact import Refit
from mlcli.selection.folds import Folds
from mlcli.selection.losses import LOSSES

Array = NDArray[np.float64]
Ints = NDArray[np.int64]


def scores_of(config: KfoldConfig, data: Dataset, folds: Folds, known: Known | None) -> Scores:
    """The scores of linear models on one partition, by the shortcuts where they are right.

    Raises:
        DataError: a training part lacks a category of its test part.
    """
    alike = fitted_alike(data, folds)
    if alike is None:
        return _by_refits(config, data, folds)
    if config.loss == "zero-one":
        return linear_class_scores(config, alike.X, alike.t, folds, alike.related)
    return linear_scores(config, alike.X, alike.t, folds, known, alike.related)


def fitted_alike(data: Dataset, folds: Folds) -> Dataset | None:
    """The data as every training part prepares them; None where the parts differ.

    Raises:
        DataError: a training part lacks a category of its test part.
    """
    whole = data.fitted_to()
    if data.preparation is None:
        return whole
    alike = [
        np.array_equal(data.fitted_to(folds.train_rows(split)).X, whole.X)
        for split in range(folds.n_splits)
    ]
    return whole if all(alike) else None


@dataclass(frozen=True)
class _Fitted:
    """What the fits to some rows say of others.

    Attributes:
        y: (n_degrees, n_strengths, n).
        gap: the largest duality gap as a share of E(0).
        certificate: of the worst l1 fit; None where every fit is in closed form.
    """

    y: Array
    gap: float
    certificate: Certificate | None


def _predictions(
    config: KfoldConfig, X: Array, t: Array, train: Ints, test: Ints, related: Related
) -> _Fitted:
    """Fits of every degree and strength to training rows, asked about test rows."""
    degrees, n_train = degrees_of(config), train.size
    if config.penalty == "none":
        refit = least_squares_refit(config, X, t, degrees)
        found = [refit(train, test, model)[None] for model in range(len(degrees))]
        return _Fitted(np.stack(found), 0.0, None)
    strengths, found, gap, certificate = grid(config).tolist(), [], 0.0, None
    for degree in degrees:
        design = build(
            config.basis,
            X[train],
            t[train],
            degree,
            intercept=config.intercept,
            scaled=config.standardize,
            related=related,
        )
        l1s, l2s = strengths_of(config.penalty, strengths, strengths)
        path = fit_path(design.A, design.b, n_train, l1s, l2s)
        gap = max(gap, float(path.relative_gap.max()))
        certificate = worst_of(certificate, path.certificate)
        found.append(design.predict(X[test], path.w).T)  # (n_strengths, n)
    return _Fitted(np.stack(found), gap, certificate)


def _losses(
    config: KfoldConfig, data: Dataset, train: Ints, test: Ints
) -> tuple[Array, float, Certificate | None]:
    """Mean losses on test rows, (n_degrees, n_strengths), and the largest duality gap."""
    X, t = data.fitted_to(train).X, data.t
    if config.model == "logistic":
        return logistic_losses(config, X, t, train, test, data.related), 0.0, None
    if config.loss != "zero-one":
        fitted = _predictions(config, X, t, train, test, data.related)
        shape = fitted.y.shape
        loss = LOSSES[config.loss](t[test], fitted.y.reshape(-1, test.size).T).mean(axis=0)
        return loss.reshape(shape[:2]), fitted.gap, fitted.certificate
    _, labels = labels_of(t)
    every = [
        _predictions(config, X, one, train, test, data.related)
        for one in np.eye(labels.max() + 1)[labels].T
    ]
    called = np.stack([one.y for one in every]).argmax(axis=0)  # (n_degrees, n_strengths, n)
    wrong = called != labels[test]
    worst = worst_of(*(one.certificate for one in every))
    return wrong.mean(axis=2), max(one.gap for one in every), worst


def _by_refits(config: KfoldConfig, data: Dataset, folds: Folds) -> Scores:
    every = np.arange(data.t.size)
    train, gap, certificate = _losses(config, data, every, every)
    test = np.empty((*train.shape, folds.n_splits))
    for split in range(folds.n_splits):
        rows = folds.train_rows(split), folds.test_rows(split)
        test[:, :, split], one, its = _losses(config, data, *rows)
        gap, certificate = max(gap, one), worst_of(certificate, its)
    nothing = np.full_like(train, np.nan)
    return Scores(
        test,
        train,
        nothing,
        nothing,
        nothing,
        np.full_like(test, np.nan),
        n_refits=test.size,
        relative_gap=gap,
        certificate=certificate,
    )


def prepared_refit(config: KfoldConfig, data: Dataset, degree: int, strength: float) -> Refit:
    """One model fitted to the given rows, its inputs prepared by them; predicts the target.

    A category that the rows lack counts as their average here: rows are left out again and again,
    of which some partition will hold all of a rare one.
    """
    assert data.preparation is not None
    data = replace(data, preparation=replace(data.preparation, unseen="average"))
    one = config.model_copy(
        update={
            "degrees": (degree,),
            "strength_min": strength,
            "strength_max": strength,
            "n_strengths": 1,
        }
    )

    def refit(train: Ints, test: Ints, model: int) -> Array:
        X = data.fitted_to(train).X
        if config.loss == "zero-one":
            fit = class_refit(config, X, data.t, degree, strength, data.related)
            return fit(train, test, 0)
        found = _predictions(one, X, data.t, train, test, data.related)
        require(found.certificate, "a refit of the chosen model")
        return np.asarray(found.y[0, 0])

    return refit
