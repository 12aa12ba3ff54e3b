"""Numbers of a run, computed again from its rows in a few plain lines."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from scipy.optimize import minimize
from scipy.special import expit, rel_entr

from mlcli.datasets.synthetic import SYNTHETIC, generator_of
from mlcli.experiments.bayes.config import BayesConfig
from mlcli.experiments.bayes.studies import LEVELS, calibration
from mlcli.experiments.fit_poly import paper
from mlcli.experiments.logistic.config import LogisticConfig
from mlcli.experiments.logistic.replicate import run_replicate, split_of
from mlcli.experiments.logistic.tables import plane_for
from mlcli.experiments.source import source_of
from mlcli.rng import stream
from mlcli.scale.workers import Processes

Run = Callable[..., Any]
Predict = Callable[[float], tuple[np.ndarray, np.ndarray]]


def legendre(x: np.ndarray, degree: int) -> np.ndarray:
    return np.polynomial.legendre.legvander(x / 2, degree)


def best_of(log_density: Callable[[np.ndarray], float], start: list[float]) -> np.ndarray:
    """Where a density of positive numbers is largest."""
    found = minimize(
        lambda logs: -log_density(np.exp(logs)),
        start,
        method="Nelder-Mead",
        options={"xatol": 1e-8, "fatol": 1e-10, "maxiter": 4000},
    )
    return np.exp(found.x)


def three_methods(x: np.ndarray, t: np.ndarray, nodes: np.ndarray, degree: int) -> list[Predict]:
    """Interval of t at nodes by maximum likelihood, evidence and unknown noise: mean, half."""
    Phi, rows = legendre(x, degree), legendre(nodes, degree)
    n, identity = t.size, np.eye(Phi.shape[1])
    w = np.linalg.lstsq(Phi, t, rcond=None)[0]
    sigma = np.sqrt(np.mean((t - Phi @ w) ** 2))

    def likely(level: float) -> tuple[np.ndarray, np.ndarray]:
        return rows @ w, np.full(nodes.size, stats.norm.ppf((1 + level) / 2) * sigma)

    def evidence(both: np.ndarray) -> float:
        covariance = np.eye(n) / both[1] + Phi @ Phi.T / both[0]
        return float(stats.multivariate_normal(np.zeros(n), covariance).logpdf(t))

    alpha, beta = best_of(evidence, [0.0, 0.0])
    S = np.linalg.inv(alpha * identity + beta * Phi.T @ Phi)

    def known(level: float) -> tuple[np.ndarray, np.ndarray]:
        std = np.sqrt(1 / beta + np.einsum("ni,ij,nj->n", rows, S, rows))
        return rows @ (beta * S @ Phi.T @ t), stats.norm.ppf((1 + level) / 2) * std

    a, b = (BayesConfig.model_fields[f"noise_{name}"].default for name in ("shape", "rate"))

    def student(ratio: np.ndarray) -> float:
        scale = b / a * (np.eye(n) + Phi @ Phi.T / ratio[0])
        return float(stats.multivariate_t(np.zeros(n), scale, df=2 * a).logpdf(t))

    (ratio,) = best_of(student, [0.0])
    V = np.linalg.inv(ratio * identity + Phi.T @ Phi)
    mean = V @ Phi.T @ t
    a_n, b_n = a + n / 2, b + (t @ t - mean @ np.linalg.solve(V, mean)) / 2

    def unknown(level: float) -> tuple[np.ndarray, np.ndarray]:
        scale = np.sqrt(b_n / a_n * (1 + np.einsum("ni,ij,nj->n", rows, V, rows)))
        return rows @ mean, stats.t.ppf((1 + level) / 2, 2 * a_n) * scale

    return [likely, known, unknown]


def test_coverage_of_bayes_is_the_probability_that_a_new_point_is_inside() -> None:
    config = BayesConfig(n_calibration=2)
    generator = generator_of(SYNTHETIC["noisy-cubic"])
    low, high, sigma = -2.0, 2.0, 1.95
    nodes = low + (high - low) * (np.arange(2000) + 0.5) / 2000
    truth = generator.spec.truth(nodes[:, None])
    for index, found in enumerate(calibration(config, generator, Processes(1))):
        data = generator.draw(stream(config.seed, "calibration", index), config.calibration_rows)
        methods = three_methods(data.X[:, 0], data.t, nodes, config.degree)
        for row, method in zip(found, methods, strict=True):
            expected = []
            for level in LEVELS:
                mean, half = method(level)
                ends = [(mean + side * half - truth) / sigma for side in (-1, 1)]
                expected.append(np.mean(stats.norm.cdf(ends[1]) - stats.norm.cdf(ends[0])))
            np.testing.assert_allclose(row, expected, atol=2e-4)


@pytest.mark.parametrize(
    ("shift", "inside"), [(0.0, True), (1.0, False), (-1.0, False), (0.4, True), (-0.4, True)]
)
def test_a_number_of_table_1_is_inside_if_it_is_among_the_central_95_percent(
    shift: float, inside: bool
) -> None:
    # 401 draws whose quantiles are known: even steps of 1/400 around each number.
    draws = np.linspace(-0.5, 0.5, 401)
    losses = {
        degree: np.column_stack([number + shift + draws for number in both])
        for degree, both in paper.TABLE_1.items()
    }
    found = paper.compare(losses)
    assert list(found) == ["degree_1", "degree_3", "degree_5", "degree_300"]
    rows = pd.DataFrame(paper.columns(found)).set_index(["degree", "loss"])
    for degree, printed in (
        (1, (4.11, 4.88)),
        (3, (3.63, 4.15)),
        (5, (3.61, 4.12)),
        (300, (3.24, 5120.0)),
    ):
        for name, number in zip(("train_mse", "test_mse"), printed, strict=True):
            one = found[f"degree_{degree}"][name]
            assert one["inside"] is inside
            middle = number + shift
            assert one["paper"] == number
            assert one["median"] == pytest.approx(middle)
            assert (one["q025"], one["q975"]) == pytest.approx((middle - 0.475, middle + 0.475))
            values = losses[degree][:, int(name == "test_mse")]
            # Student's, but for an end that is bent so that it stays above 0.
            reach = stats.t.ppf(0.975, 400) * values.std(ddof=1) / np.sqrt(401)
            assert one["mean_ci_high"] - middle == pytest.approx(reach, rel=0.02)
            assert middle - one["mean_ci_low"] == pytest.approx(reach, rel=0.02)
            assert one["n"] == 401
            assert rows.loc[(degree, name)].to_dict() == one


def test_few_draws_of_table_1_are_told_by_their_edges(mlcli: Run) -> None:
    done = mlcli(
        "fit-poly", "--degrees", "1,3", "--n-seeds", "3", "--no-plots", "--out", "o", "--json"
    )
    scores, table = (pd.read_csv(f"o/tables/{name}.csv") for name in ("scores", "table_1"))
    first = scores[scores.estimator == "lapack"]
    assert len(table) == 4
    for row in table.itertuples():
        values = first[first.degree == row.degree][row.loss]
        assert len(values) == row.n == 3
        expected = values.quantile([0.025, 0.5, 0.975])
        assert (row.q025, row.median, row.q975) == pytest.approx(tuple(expected), rel=1e-8)
        assert row.inside == (row.q025 <= row.paper <= row.q975)
        assert done.json["table_1"][f"degree_{row.degree}"][row.loss]["inside"] == row.inside


def information_of(p: np.ndarray, q: np.ndarray) -> tuple[float, float, float]:
    """H(p), D(p||q) and H(p, q), event by event."""
    pairs = [(a, b) for a, b in zip(p.ravel(), q.ravel(), strict=True) if a > 0]
    entropy = -sum(a * np.log(a) for a, _ in pairs)
    divergence = float(sum(rel_entr(a, b) for a, b in pairs))
    return entropy, divergence, -sum(a * np.log(b) for a, b in pairs)


def test_scores_and_information_of_logistic_are_those_of_scikit_learn() -> None:
    from sklearn import metrics
    from sklearn.linear_model import LogisticRegression

    config = LogisticConfig(standardize=False, l2=0.01, n_study=10, threshold=0.6)
    source = source_of(config)
    split = split_of(config, source, 0)
    plane = plane_for(config, source.feature_names, split)
    found = run_replicate(config, source, 0, plane)
    X, labels = split.X, split.classes.labels
    t, t_train = labels[split.test], labels[split.train]
    peer = LogisticRegression(C=1 / (2 * 0.01 * t_train.size), tol=1e-12, solver="newton-cg")
    P = peer.fit(X[split.train], t_train).predict_proba(X[split.test])
    called = (P[:, 1] > 0.6).astype(int)
    expected = {
        "test_accuracy": metrics.accuracy_score(t, called),
        "test_cross_entropy": metrics.log_loss(t, P),
        "test_brier": 2 * metrics.brier_score_loss(t, P[:, 1]),
        "test_precision": metrics.precision_score(t, called),
        "test_recall": metrics.recall_score(t, called),
        "test_f1": metrics.f1_score(t, called),
        "test_roc_auc": metrics.roc_auc_score(t, P[:, 1]),
        "test_average_precision": metrics.average_precision_score(t, P[:, 1]),
        "commonest_class_accuracy": np.mean(t == np.bincount(t_train).argmax()),
        "train_cross_entropy": metrics.log_loss(t_train, peer.predict_proba(X[split.train])),
        "train_accuracy": np.mean((peer.predict_proba(X[split.train])[:, 1] > 0.6) == t_train),
        "weight_norm": np.linalg.norm(peer.coef_),
        "n_nonzero": peer.coef_.size,
    }
    for name, value in expected.items():
        assert found.scores[name] == pytest.approx(value, abs=1e-6), name
    np.testing.assert_array_equal(found.confusion, metrics.confusion_matrix(t, called))
    # Ten cells of rows with similar predictions: the share of rows in each, and the mean P there.
    cells = np.array_split(np.argsort(P[:, 1], kind="stable"), 10)
    p = np.array([[np.sum(t[rows] == k) for k in (0, 1)] for rows in cells]) / t.size
    q = np.array([[P[rows, k].sum() for k in (0, 1)] for rows in cells]) / t.size
    # Against the true probability of each test row.
    truth = split.data.class_probability(X[split.test])
    rows = np.column_stack([1 - truth, truth]) / t.size
    # Against the rows themselves: each with its class and no other.
    drawn = np.column_stack([1 - t, t]) / t.size
    pairs = {"cells": (p, q), "truth": (rows, P / t.size), "rows": (drawn, P / t.size)}
    assert found.information.keys() == pairs.keys()
    for name, both in pairs.items():
        one = found.information[name]
        ours = (one.entropy, one.divergence, one.cross_entropy)
        assert ours == pytest.approx(information_of(*both), abs=1e-6)
        shares = both[0].sum(axis=1)
        assert found.entropy_of_x[name] == pytest.approx(-(shares * np.log(shares)).sum())
    assert found.information["truth"].divergence < 0.05
    assert found.log_likelihood == pytest.approx(-t.size * expected["test_cross_entropy"], abs=1e-4)
    scores, exact = found.plane.scores, np.column_stack([1 - truth, truth])
    of_law = {
        "law_cross_entropy": metrics.log_loss(t, exact),
        "fit_cross_entropy": metrics.log_loss(t, P),
        "excess": metrics.log_loss(t, P) - metrics.log_loss(t, exact),
        "divergence": rel_entr(exact, P).sum() / t.size,
        "absolute_difference": np.abs(truth - P[:, 1]).mean(),
        "law_accuracy": np.mean((truth > 0.5) == t),
        "fit_accuracy": np.mean((P[:, 1] > 0.5) == t),
    }
    assert scores == pytest.approx(of_law, abs=1e-6)
    # The border is where the fitted probability is the threshold.
    (line,) = found.plane.borders
    np.testing.assert_allclose(peer.predict_proba(line)[:, 1], 0.6, atol=1e-6)
    # The true probability tells the classes apart: it is that of class 1.
    assert metrics.roc_auc_score(t, truth) > 0.8
    at = found.by_threshold[:, 60]
    assert at == pytest.approx([expected[f"test_{k}"] for k in ("precision", "recall", "accuracy")])


@pytest.fixture
def perceptron(mlcli: Run, empty_folder: Path) -> Path:
    done = mlcli("perceptron", "--n-seeds", "1", "--n-points", "60", "--no-plots", "--out", "o")
    assert done.code == 0, done.err
    return empty_folder / "o" / "tables"


def stairs(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Edges of bins over [0, 1], and sin 2 pi x in their middles."""
    edges = np.arange(n + 1) / n
    return edges, np.sin(2 * np.pi * (edges[1:] + edges[:-1]) / 2)


def smoothed(x: np.ndarray, n: int, steepness: float) -> np.ndarray:
    """Bumps of sigmoids with a steepness in units of 1 / bin, (6.9) and (6.11)."""
    edges, heights = stairs(n)
    up = expit(steepness * n * (x[:, None] - edges[:-1]))
    down = expit(steepness * n * (x[:, None] - edges[1:]))
    return (up - down) @ heights


def test_staircases_of_perceptron_are_bumps_at_the_middles_of_bins(perceptron: Path) -> None:
    table = pd.read_csv(perceptron / "approximation.csv")
    x = table.x.to_numpy()
    np.testing.assert_allclose(table.function, np.sin(2 * np.pi * x), atol=1e-9)
    for n in (4, 8, 16):
        # At an edge either bin will do.
        inside = np.abs(x * n - np.round(x * n)) > 1e-9
        expected = stairs(n)[1][np.floor(x * n).astype(int)]
        np.testing.assert_allclose(table[f"{n} bins"][inside], expected[inside], atol=1e-9)
    np.testing.assert_allclose(table.smooth, smoothed(x, 16, 2.0), atol=1e-9)
    fine = np.linspace(0, 1, 20_001)[1:-1]
    rate = pd.read_csv(perceptron / "rate.csv")
    assert rate.n_bins.tolist() == [4, 8, 16, 32, 64, 128, 256]
    for row in rate.itertuples():
        place = np.minimum((fine * row.n_bins).astype(int), row.n_bins - 1)
        gap = np.abs(stairs(row.n_bins)[1][place] - np.sin(2 * np.pi * fine))
        assert row.largest_error == pytest.approx(gap.max(), rel=5e-3)
        assert row.rms_error == pytest.approx(np.sqrt(np.mean(gap**2)), rel=1e-3)


def test_steepness_of_perceptron_is_in_bins_and_live_units_have_a_slope(perceptron: Path) -> None:
    table = pd.read_csv(perceptron / "deformation.csv")
    x = np.linspace(0, 1, 5001)[1:-1]
    edges = stairs(16)[0]
    for row in table.itertuples():
        gap = smoothed(x, 16, row.steepness) - np.sin(2 * np.pi * x)
        assert row.rms_error == pytest.approx(np.sqrt(np.mean(gap**2)), rel=2e-3)
        # sigma' / max sigma' = 1 / cosh^2(z / 2) is 1 % where cosh(z / 2) = 10.
        reach = 2 * np.arccosh(10) / (16 * row.steepness)
        share = np.minimum(edges + reach, 1) - np.maximum(edges - reach, 0)
        assert row.live_units == pytest.approx(share.mean(), abs=2e-3)


def test_gates_of_perceptron_have_the_truth_tables_of_the_notes(perceptron: Path) -> None:
    table = pd.read_csv(perceptron / "gates.csv").set_index("unit")
    inputs = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])

    def fires(unit: str) -> np.ndarray:
        row = table.loc[unit]
        return inputs @ [row.w_1, row.w_2] + row.b > 0

    assert fires("NAND").tolist() == [True, True, True, False]
    assert fires("XOR hidden").tolist() == [False, False, False, True]
    xor = np.where(fires("XOR hidden"), fires("XOR, hidden 1"), fires("XOR, hidden 0"))
    assert xor.tolist() == [False, True, True, False]
    # No input with the hidden unit on makes the output fire: its line lies beyond (1, 1).
    assert not fires("XOR, hidden 1").any()


def test_learning_of_perceptron_makes_the_mistakes_of_rosenblatts_rule(perceptron: Path) -> None:
    rows, runs = (pd.read_csv(perceptron / f"{name}.csv") for name in ("rows", "learning"))
    X = np.column_stack([rows.x_1, rows.x_2, np.ones(len(rows))])
    w, mistakes, wrong = np.zeros(3), 0, True
    while wrong:
        wrong = False
        for x, side in zip(X, rows.side, strict=True):
            if side * (w @ x) <= 0:
                w, mistakes, wrong = w + side * x, mistakes + 1, True
    assert len(rows) == 60
    widest = runs[runs.margin == 0.2].iloc[0]
    assert mistakes == widest.mistakes
    np.testing.assert_allclose(rows[["w_1", "w_2", "b"]].iloc[0], w, atol=1e-8)
    assert (rows.side * (X @ w) > 0).all()
    # Novikoff's bound of the best line is at most that of the one the rows were drawn with.
    assert mistakes <= widest.bound <= (np.sqrt(3) / 0.2) ** 2 * (1 + 0.4**2) * 1.0001
