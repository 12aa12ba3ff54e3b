"""Cross-validation against scikit-learn's, on the same folds: ratios, never a gate."""

from __future__ import annotations

import numpy as np
import pytest

from mlcli.linear.polynomial import fit_polynomial
from mlcli.selection.cross_validation import (
    fold_losses,
    least_squares_fits,
    merged,
    polynomial_blocks,
)
from mlcli.selection.folds import Folds, k_fold
from mlcli.selection.leave_one_out import least_squares_loo
from mlcli.selection.penalised import penalised_fits, standardised_blocks
from tests.benchmarks.conftest import Stopwatch
from tests.benchmarks.data import cubic

Array = np.ndarray


def numbers(folds: Folds, n_rows: int) -> Array:
    found = np.empty(n_rows, dtype=int)
    for split in range(folds.n_splits):
        found[folds.test_rows(split)] = split
    return found


def exact_folds(X: Array, t: Array, degrees: tuple[int, ...], folds: Folds) -> Array:
    columns, parts = polynomial_blocks(X, t, degrees, folds.blocks)
    fits = least_squares_fits(parts, folds, columns.sizes)
    return fold_losses(columns, t, folds, fits, parts=parts).test


def test_ten_folds_of_a_million_rows(stopwatch: Stopwatch) -> None:
    import sklearn
    from sklearn.linear_model import LinearRegression
    from sklearn.model_selection import PredefinedSplit, cross_val_score
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import PolynomialFeatures

    X, t = cubic(1_000_000)
    folds = k_fold(t.size, 10, np.random.default_rng(1))
    split = PredefinedSplit(numbers(folds, t.size))
    peer = make_pipeline(PolynomialFeatures(10, include_bias=False), LinearRegression())

    def theirs() -> Array:
        return -cross_val_score(peer, X, t, cv=split, scoring="neg_mean_squared_error")

    ours = exact_folds(X, t, (10,), folds)[0]
    assert ours == pytest.approx(theirs(), rel=1e-6)
    works = [
        lambda: exact_folds(X, t, (10,), folds),
        theirs,
        lambda: fit_polynomial(X, t, [10]),
    ]
    times = stopwatch.rounds(works, 3)
    name = f"cross_val_score of scikit-learn {sklearn.__version__} on the same folds"
    stopwatch.keep("ten-folds", [t[1] / t[0] for t in times], name)
    stopwatch.keep("ten-folds-own-fit", [t[0] / t[2] for t in times], "our own single fit")


def test_ten_folds_of_a_hundred_strengths(stopwatch: Stopwatch) -> None:
    import sklearn
    from sklearn.linear_model import Ridge
    from sklearn.model_selection import GridSearchCV, PredefinedSplit

    X, t = cubic(100_000)
    folds = k_fold(t.size, 10, np.random.default_rng(1))
    l2s = np.geomspace(1e-4, 10, 100)[::-1].tolist()

    def ours() -> Array:
        family, parts = standardised_blocks("polynomial", X, t, (20,), folds.blocks)
        sizes, zeros = family.columns.sizes, [0.0] * len(l2s)
        found = penalised_fits(parts, folds, sizes, zeros, l2s, has_constant=True)
        return fold_losses(family.columns, t, folds, found.fits, parts=parts).test

    # They get the columns ready made; ours are made from x within the time.
    A = standardised_blocks("polynomial", X[:], t, (20,), folds.blocks)[0].columns
    columns = A.rows(slice(None))[:, 1:]
    search = GridSearchCV(
        Ridge(),
        {"alpha": [2 * 90_000 * l2 for l2 in l2s]},
        cv=PredefinedSplit(numbers(folds, t.size)),
        scoring="neg_mean_squared_error",
        refit=False,
    )
    times = stopwatch.rounds([ours, lambda: search.fit(columns, t)], 3, warm=False)
    theirs = -search.cv_results_["mean_test_score"]
    difference = float(np.abs(ours().mean(axis=1) / theirs - 1).max())
    stopwatch.keep(
        "strengths",
        [b / a for a, b in times],
        f"GridSearchCV of scikit-learn {sklearn.__version__} on ready-made columns",
        f"errors differ by {difference:.0e}",
    )


def test_leaving_out_each_of_100_000_rows(stopwatch: Stopwatch) -> None:
    X, t = cubic(100_000)

    def ours() -> Array:
        columns, parts = polynomial_blocks(X, t, (10,), [np.arange(t.size)])
        return least_squares_loo(columns, t, merged(parts)).loo

    times = stopwatch.rounds([ours, lambda: fit_polynomial(X, t, [10])], 15)
    stopwatch.keep("leave-one-out", [a / b for a, b in times], "times our own single fit")
