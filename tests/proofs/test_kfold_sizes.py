"""The shortcuts of `kfold` against refits, on every number of rows from 3 to 40."""

from __future__ import annotations

import numpy as np
import pytest

from mlcli.experiments.cross_validation.refits import least_squares_refit, penalised_refit
from mlcli.experiments.cross_validation.scores import MOST_INNER_FOLDS, linear_scores
from mlcli.experiments.cross_validation.spec import CrossValidationSpec
from mlcli.selection import folds as schemes
from mlcli.selection.cross_validation import LOSSES
from mlcli.selection.folds import Folds

Array = np.ndarray
DEGREES = (0, 1)
SIZES = range(3, 41)


def split(scheme: str, n_rows: int) -> Folds:
    k, rng = min(5, n_rows), np.random.default_rng(n_rows)
    if scheme == "leave-one-out":
        return schemes.leave_one_out(n_rows)
    if scheme == "stratified":
        # Rows in pairs, so that each class has as many rows as there are folds.
        return schemes.stratified(np.arange(n_rows) % 2, max(2, n_rows // 4), rng)
    if scheme == "grouped":
        return schemes.grouped(np.arange(n_rows) // 2, 2, rng)
    if scheme == "time-ordered":
        return schemes.time_ordered(n_rows, max(2, n_rows // 6))
    if scheme == "train-test":
        return schemes.train_test(n_rows, 0.4, rng)
    return schemes.k_fold(n_rows, k, rng)


def refitted(spec: CrossValidationSpec, X: Array, t: Array, train: Array, test: Array) -> Array:
    """Mean losses on test rows, (n_degrees, n_strengths), each model fitted to the other rows."""
    found = []
    for i, degree in enumerate(DEGREES):
        for strength in spec.strengths:
            if spec.penalty == "none":
                y = least_squares_refit(spec, X, t, DEGREES)(train, test, i)
            else:
                y = penalised_refit(spec, X, t, degree, strength)(train, test, 0)
            found.append(LOSSES[spec.loss](t[test], y).mean())
    return np.reshape(found, (len(DEGREES), -1))


def within(spec: CrossValidationSpec, X: Array, t: Array, folds: Folds, outer: int) -> Array:
    """The same cross-validation once more, on the training blocks of one split."""
    blocks = [block for b, block in enumerate(folds.blocks) if b != folds.test[outer]]
    losses = []
    for held in range(len(blocks)):
        train = np.concatenate([one for b, one in enumerate(blocks) if b != held])
        losses.append(refitted(spec, X, t, train, blocks[held]))
    return np.mean(losses, axis=0)


SETTINGS = [
    (scheme, penalty, loss)
    for scheme in ("kfold", "stratified", "grouped", "leave-one-out", "time-ordered", "train-test")
    for penalty in ("none", "l2", "l1")
    for loss in ("squared", "absolute")
    if penalty != "l1" or (scheme, loss) == ("leave-one-out", "squared")
]


@pytest.mark.parametrize(("scheme", "penalty", "loss"), SETTINGS)
def test_every_number_of_rows(scheme: str, penalty: str, loss: str) -> None:
    spec = CrossValidationSpec(
        DEGREES,
        loss=loss,
        penalty=penalty,
        strengths=(0.0,) if penalty == "none" else (1.0, 0.01),
        leave_one_out=scheme == "leave-one-out",
    )
    for n_rows in SIZES:
        if n_rows < 5 and scheme in ("stratified", "grouped", "kfold"):
            continue
        rng = np.random.default_rng(n_rows)
        X = rng.normal(size=(n_rows, 1))
        t = 2 * X[:, 0] - 1 + rng.normal(size=n_rows)
        folds = split(scheme, n_rows)
        if folds.n_train.min() < len(DEGREES):
            continue
        found = linear_scores(spec, X, t, folds, None)
        for one in range(folds.n_splits):
            expected = refitted(spec, X, t, folds.train_rows(one), folds.test_rows(one))
            np.testing.assert_allclose(found.test[:, :, one], expected, rtol=1e-6, atol=1e-9)
        each_once = folds.n_splits == len(folds.blocks)
        inside = each_once and loss == "squared" and penalty != "l1"
        inside &= 3 <= folds.n_splits <= MOST_INNER_FOLDS
        assert np.isnan(found.inner).any() != inside, n_rows
        if inside and (n_rows < 9 or n_rows in (30, 31)):
            for one in (0, folds.n_splits - 1):
                expected = within(spec, X, t, folds, one)
                np.testing.assert_allclose(found.inner[:, :, one], expected, rtol=1e-6, atol=1e-9)
