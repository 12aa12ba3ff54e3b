"""`logistic` in batches: the optimum and the scores that the same rows have in memory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from mlcli.classification.classifier import coefficients
from mlcli.datasets.source import open_source
from mlcli.datasets.split import test_mask as bernoulli
from mlcli.datasets.streaming import StreamSource
from mlcli.errors import DataError
from mlcli.experiments import logistic
from mlcli.experiments.experiment import Context
from mlcli.experiments.logistic.classes import fit_from_config
from mlcli.experiments.logistic.config import LogisticConfig
from mlcli.experiments.logistic.replicate import predicted_classes
from mlcli.experiments.logistic.streamed import StreamedFit, classes_in_batches, run_streamed
from mlcli.experiments.logistic.streamed_scores import StreamedScores
from mlcli.rng import stream
from mlcli.scale.workers import Processes
from mlcli.scores import (
    average_precision,
    brier_score,
    calibration,
    confusion_matrix,
    mean_cross_entropy,
    rates_at_thresholds,
    roc_auc,
    shares_at_thresholds,
    threshold_counts,
)

N = 40_000
Table = dict[str, np.ndarray]


def classes(n_classes: int, n: int = N) -> Table:
    rng = np.random.default_rng(n_classes)
    X = np.column_stack([rng.normal(size=n), rng.exponential(size=n)])
    A = X @ rng.normal(size=(2, n_classes)) + rng.gumbel(size=(n, n_classes))
    return {"a": X[:, 0], "b": 100 + 5 * X[:, 1], "t": A.argmax(axis=1) * 1.0 + 3}


def opened(path: Path, table: Table) -> StreamSource:
    parquet.write_table(pa.table(table), path)
    source = open_source(str(path), stream_rows=1000)
    assert isinstance(source, StreamSource)
    return source


def fit_streamed(config: LogisticConfig, source: Any) -> StreamedFit:
    classes = classes_in_batches(config, source)
    return run_streamed(config, source, classes, lambda done, total, note="", **_: None)


@pytest.mark.parametrize(
    ("n_classes", "given"),
    [
        (2, {}),
        (2, {"penalty": "none"}),
        (2, {"penalty": "l1", "l1": 0.01}),
        (2, {"penalty": "elastic", "basis": "polynomial", "degree": 3}),
        (2, {"standardize": False, "class_weights": "1,3"}),
        (2, {"intercept": False}),
        (3, {}),
        (3, {"class_weights": "balanced", "basis": "legendre", "degree": 2}),
        (3, {"positive": 4.0}),
        (3, {"penalty": "l1", "l1": 0.003}),
    ],
    ids=str,
)
def test_the_optimum_and_the_scores_are_those_in_memory(
    tmp_path: Path, n_classes: int, given: dict[str, Any]
) -> None:
    table = classes(n_classes)
    config = LogisticConfig(data="a", n_seeds=2, n_study=20, **given)
    found = fit_streamed(config, opened(tmp_path / "a.parquet", table))
    X, t = np.column_stack([table["a"], table["b"]]), table["t"]
    labels = (t == 4).astype(int) if config.positive else (t - 3).astype(int)
    K = 2 if config.positive else n_classes
    for index, outcome in enumerate(found.outcomes):
        test = bernoulli(N, config.test_fraction, stream(config.seed, "split", index))
        model = fit_from_config(config, X[~test], labels[~test], K)
        scores = outcome.scores
        P, of = model.predict(X[test]), labels[test]
        if index == 0:
            np.testing.assert_allclose(found.model.predict(X[test]), P, rtol=0, atol=1e-9)
            W, errors = coefficients(found.model)
            W_whole, errors_whole = coefficients(model)
            if K > 2:
                # One number added to every constant changes no probability.
                W[0] -= W[0].mean()
                W_whole[0] -= W_whole[0].mean()
            np.testing.assert_allclose(W, W_whole, rtol=1e-8, atol=1e-8 * np.abs(W_whole).max())
            assert (errors is None) == (errors_whole is None)
            if errors is not None:
                np.testing.assert_allclose(errors, errors_whole, rtol=1e-6)
        np.testing.assert_array_equal(
            outcome.confusion, confusion_matrix(of, predicted_classes(config, P), K)
        )
        assert scores["test_accuracy"] == (predicted_classes(config, P) == of).mean()
        assert scores["test_cross_entropy"] == pytest.approx(mean_cross_entropy(of, P), rel=1e-9)
        assert scores["test_brier"] == pytest.approx(brier_score(of, P), rel=1e-9)
        P_train = model.predict(X[~test])
        right = (predicted_classes(config, P_train) == labels[~test]).mean()
        assert scores["train_accuracy"] == pytest.approx(right, rel=1e-12)
        assert scores["train_cross_entropy"] == pytest.approx(
            mean_cross_entropy(labels[~test], P_train), rel=1e-9
        )
        curves: Any = [threshold_counts(of == k, P[:, k]) for k in ([1] if K == 2 else range(K))]
        # The bound is a promise; rows that share a bin are nearly always half and half.
        auc = float(np.mean([roc_auc(one) for one in curves]))
        assert abs(scores["test_roc_auc"] - auc) <= min(5e-6, found.auc_error)
        precision = float(np.mean([average_precision(one) for one in curves]))
        assert scores["test_average_precision"] == pytest.approx(precision, abs=1e-3)
        chosen, hit = (P[:, 1], of == 1) if K == 2 else (P.max(axis=1), P.argmax(axis=1) == of)
        bins = calibration(hit, chosen, config.n_calibration_bins)
        np.testing.assert_array_equal(outcome.calibration.counts, bins.counts)
        np.testing.assert_allclose(outcome.calibration.observed, bins.observed, rtol=1e-12)
        if K == 2:
            assert outcome.by_threshold is not None
            called = P[:, 1] > 0.3
            assert outcome.by_threshold[2, 30] == pytest.approx((called == (of == 1)).mean())
            assert outcome.by_threshold[1, 30] == pytest.approx(called[of == 1].mean())
            assert outcome.shares_by_threshold is not None
            every = confusion_matrix(of, called.astype(int), 2) / of.size
            np.testing.assert_allclose(
                outcome.shares_by_threshold[:, 30],
                [every[1, 1], every[0, 1], every[1, 0], every[0, 0]],
            )
        cells, rows = outcome.information["cells"], outcome.information["rows"]
        assert cells.cross_entropy == pytest.approx(cells.entropy + cells.divergence, rel=1e-12)
        # H(p, q) of the rows comes from their likelihood, row by row.
        log_loss = scores["test_cross_entropy"]
        assert rows.cross_entropy - np.log(of.size) == pytest.approx(log_loss, rel=1e-9)
        assert rows.divergence == pytest.approx(log_loss, rel=1e-9)
        assert outcome.log_likelihood == pytest.approx(-of.size * log_loss, rel=1e-9)
        assert outcome.entropy_of_x["rows"] == rows.entropy == np.log(of.size)
        assert outcome.entropy_of_x["cells"] == pytest.approx(np.log(10), abs=0.02)
        assert scores["converged"] == 1
        assert scores["largest_violation"] < 1e-8


def test_a_probability_at_a_threshold_is_below_it() -> None:
    """A row is called where p > p_0, not at p_0, also where rows are counted in bins."""
    p = np.array([0.0, 0.25, 0.5, 0.5, 0.75, 1.0])
    t = np.array([0, 1, 0, 1, 1, 1])
    P = np.column_stack([1 - p, p])
    found = StreamedScores(LogisticConfig(data="a"), 2, P)
    for rows in (slice(0, 2), slice(2, 6)):
        found.add(P[rows], t[rows])
    by_threshold = found.by_threshold()
    assert by_threshold is not None
    for place, threshold in ((0, 0.0), (25, 0.25), (50, 0.5), (75, 0.75), (100, 1.0)):
        called = p > threshold
        assert by_threshold[1, place] == called[t == 1].mean()
        assert by_threshold[2, place] == (called == (t == 1)).mean()
    np.testing.assert_array_equal(found.counts, [[2, 0], [2, 2]])


def test_all_columns_of_thresholds_agree_with_those_of_rows_in_memory() -> None:
    rng = np.random.default_rng(3)
    # Some probabilities are thresholds themselves, one is 0 and one is 1.
    p = np.concatenate([rng.random(300), np.linspace(0, 1, 101)])
    t = (rng.random(p.size) < p).astype(int)
    P = np.column_stack([1 - p, p])
    found = StreamedScores(LogisticConfig(data="a"), 2, P)
    for rows in np.array_split(np.arange(p.size), 7):
        found.add(P[rows], t[rows])
    thresholds = np.linspace(0, 1, 101)
    for streamed, whole in (
        (found.by_threshold(), rates_at_thresholds),
        (found.shares_by_threshold(), shares_at_thresholds),
    ):
        assert streamed is not None
        np.testing.assert_array_equal(streamed, whole(t == 1, p, thresholds))


def test_a_streamed_run_has_all_results(tmp_path: Path) -> None:
    """All results are there, and the file is read once per step."""
    source = opened(tmp_path / "a.parquet", classes(2))
    n_passes = 0
    read = source.batches

    def counted(*rows: int) -> Any:
        nonlocal n_passes
        n_passes += 1
        return read(*rows)

    source.batches = counted  # type: ignore[method-assign]
    config = LogisticConfig(data="a", n_seeds=3, n_study=20)
    prepared = logistic.EXPERIMENT.prepare(config, source)
    assert logistic.EXPERIMENT.plan(prepared)["classes"] == 2
    assert n_passes == 0
    result = logistic.EXPERIMENT.run(prepared, Context(Processes(1)))
    # Columns in two passes, scores in one, and no more than five for the fit of all three seeds.
    assert n_passes <= 8
    whole = open_source(str(tmp_path / "a.parquet"))
    prepared = logistic.EXPERIMENT.prepare(config, whole)
    in_memory = logistic.EXPERIMENT.run(prepared, Context(Processes(1)))
    assert set(result.metrics) == set(in_memory.metrics)
    assert set(result.tables) == set(in_memory.tables)
    for name in result.tables:
        assert list(result.tables[name]) == list(in_memory.tables[name])
    assert "read in batches" in result.warnings[0]
    # Other rows are in the test split, but the same law is behind them.
    for name in ("test_accuracy", "test_roc_auc", "test_cross_entropy", "train_cross_entropy"):
        one, other = result.metrics[name]["mean"], in_memory.metrics[name]["mean"]
        assert one == pytest.approx(other, abs=0.01)


def test_separable_classes_stay_finite_as_in_memory(tmp_path: Path) -> None:
    n = 4_000
    rng = np.random.default_rng(5)
    x = rng.uniform(-1, 1, n)
    table = {"a": x, "b": rng.normal(size=n), "t": (x > 0) * 1.0}
    source = opened(tmp_path / "a.parquet", table)
    config = LogisticConfig(data="a", n_seeds=1, n_study=20)
    found = fit_streamed(config, source)
    test = bernoulli(n, config.test_fraction, stream(config.seed, "split", 0))
    X = np.column_stack([x, table["b"]])
    model = fit_from_config(config, X[~test], table["t"][~test].astype(int), 2)
    np.testing.assert_allclose(found.model.fit.W, model.fit.W, rtol=1e-8, atol=1e-10)
    # Without a penalty the weights grow with every step, and each step is a pass or more.
    free = config.model_copy(update={"penalty": "none", "max_steps": 30})
    outcome = fit_streamed(free, source).outcomes[0]
    assert outcome.scores["test_accuracy"] > 0.999
    assert np.isfinite(outcome.scores["weight_norm"])


def test_options_that_need_all_rows_are_rejected(tmp_path: Path) -> None:
    source = opened(tmp_path / "a.parquet", classes(3))
    for solver in ("lbfgs", "descent"):
        with pytest.raises(DataError, match="only --solver newton with --loss cross-entropy"):
            logistic.EXPERIMENT.prepare(LogisticConfig(data="a", solver=solver), source)
    with pytest.raises(DataError, match="--positive must be a label"):
        logistic.EXPERIMENT.prepare(LogisticConfig(data="a", positive=9.0), source)
    with pytest.raises(DataError, match="got 'four'"):
        logistic.EXPERIMENT.prepare(LogisticConfig(data="a", positive="four"), source)
    numbers = opened(tmp_path / "b.parquet", classes(2) | {"t": np.arange(N) * 1.0})
    with pytest.raises(DataError, match="must be classes, got more than 1000 values"):
        logistic.EXPERIMENT.prepare(LogisticConfig(data="b"), numbers)
    rare = classes(2)
    rare["t"][17] = 9.0
    rare = opened(tmp_path / "c.parquet", rare)  # type: ignore[assignment]
    with pytest.raises(DataError, match=r"class 9 has no row in the training part of repeat \d"):
        fit_streamed(LogisticConfig(data="c", n_seeds=30, n_study=20), rare)
