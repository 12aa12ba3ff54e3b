"""The estimators of the linear models: the commands' own answers, and scikit-learn's."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_iris
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import BayesianRidge, LinearRegression, LogisticRegression
from sklearn.preprocessing import PolynomialFeatures, StandardScaler

from mlcli.datasets.split import stratified_indices
from mlcli.estimators import BayesianRegressor, LogisticClassifier, PolynomialRegressor
from mlcli.linear.bayes import relevance
from mlcli.linear.penalised import elastic_net_path
from mlcli.rng import stream

Run = Callable[..., Any]


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def write(path: Path, X: np.ndarray, t: np.ndarray) -> None:
    lines = [",".join([*(f"x{i}" for i in range(1, X.shape[1] + 1)), "t"])]
    lines += [",".join(map(repr, [*x, y])) for x, y in zip(X.tolist(), t.tolist(), strict=True)]
    path.write_text("\n".join(lines) + "\n")


@pytest.fixture
def table() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    X = rng.uniform(-2, 3, (60, 2))
    return X, X[:, 0] ** 2 - X[:, 0] * X[:, 1] + 0.5 * rng.normal(size=60)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"basis": "legendre"},
        {"basis": "fourier"},
        {"solver": "lapack"},
        {"solver": "certified"},
        {"penalty": "l2", "l2": 0.03},
        {"penalty": "elastic"},
        {"basis": "linear", "penalty": "l1"},
    ],
)
def test_polynomial_regressor_agrees_with_fit_poly(
    mlcli: Run, empty_folder: Path, table: Any, options: Any
) -> None:
    X, t = table
    write(empty_folder / "a.csv", X, t)
    flags = [part for name, value in options.items() for part in (f"--{name}", str(value))]
    done = mlcli(
        "fit-poly",
        "--data",
        "a.csv",
        "--degrees",
        "3",
        "--test-fraction",
        "0",
        "--n-seeds",
        "1",
        "--path-penalty",
        "none",
        "--compare-solver",
        "none",
        "--no-plots",
        "--out",
        "o",
        *flags,
    )
    assert done.code == 0, done.err
    found = rows_of(empty_folder / "o" / "model" / "coefficients.csv")
    model = PolynomialRegressor(degree=3, **options).fit(X, t)
    assert model.terms_ == [row["term"] for row in found][1:]
    estimates = np.array([float(row["estimate"]) for row in found])
    np.testing.assert_array_equal(np.append(model.intercept_, model.coef_), estimates)
    if found[1]["std_error"]:
        assert model.std_error_ is not None
        errors = [float(row["std_error"]) for row in found][1:]
        np.testing.assert_allclose(model.std_error_, errors, rtol=1e-12)


def test_raw_coefficients_are_those_of_scikit_learn(table: Any) -> None:
    X, t = table
    columns = PolynomialFeatures(3, include_bias=False)
    peer = LinearRegression().fit(columns.fit_transform(X), t)
    model = PolynomialRegressor(3).fit(X, t)
    np.testing.assert_allclose(model.coef_, peer.coef_, rtol=1e-9, atol=1e-10)
    assert model.intercept_ == pytest.approx(peer.intercept_, rel=1e-9)
    named = PolynomialRegressor(3).fit(X, t).terms_
    assert [name.replace("*", " ") for name in named] == [
        name.replace("x1", "x2").replace("x0", "x1") for name in columns.get_feature_names_out()
    ]
    assert model.effective_rank_ == model.degrees_of_freedom_ == 10


def test_degree_300_is_as_safe_as_degree_3() -> None:
    x = np.cos(np.pi * (np.arange(400) + 0.5) / 400)[:, None]
    t = np.exp(np.sin(5 * x[:, 0]))
    model = PolynomialRegressor(300).fit(x, t)
    assert np.abs(model.predict(x) - t).max() < 1e-13


def test_without_rows_to_spare_there_are_no_standard_errors() -> None:
    model = PolynomialRegressor(1).fit([[0.0], [1.0]], [1.0, 3.0])
    assert model.std_error_ is None
    assert model.predict([[2.0]]) == pytest.approx([5.0])


@pytest.mark.usefixtures("every_digit")
@pytest.mark.parametrize(
    "options",
    [{}, {"prior": "ard"}, {"noise": "student"}, {"basis": "monomial", "prior_precision": 2.0}],
)
def test_bayesian_regressor_agrees_with_bayes(
    mlcli: Run, empty_folder: Path, table: Any, options: Any
) -> None:
    X, t = table
    write(empty_folder / "a.csv", X, t)
    named = {name.replace("_", "-"): value for name, value in options.items()}
    flags = [part for name, value in named.items() for part in (f"--{name}", str(value))]
    done = mlcli(
        "bayes",
        "--data",
        "a.csv",
        "--degree",
        "2",
        "--degrees",
        "2",
        "--n-seeds",
        "1",
        "--at",
        "a.csv",
        "--no-plots",
        "--json",
        "--out",
        "o",
        *flags,
    )
    assert done.code == 0, done.err
    model = BayesianRegressor(degree=2, **options).fit(X, t)
    weights = rows_of(empty_folder / "o" / "model" / "posterior_mean.csv")
    assert [row["term"] for row in weights][1:] == model.terms_
    means = [float(row["mean"]) for row in weights]
    np.testing.assert_array_equal(np.append(model.intercept_, model.coef_), means)
    metrics = json.loads((empty_folder / "o" / "details.json").read_text())
    assert model.log_evidence_ == metrics["log_evidence"]
    assert model.beta_ == metrics["noise_precision"]
    predicted = rows_of(empty_folder / "o" / "tables/predictive.csv")
    mean, std = model.predict(X, return_std=True)
    np.testing.assert_allclose(mean, [float(row["mean"]) for row in predicted], rtol=1e-13)
    np.testing.assert_allclose(std, [float(row["std"]) for row in predicted], rtol=1e-13)
    np.testing.assert_array_equal(mean, model.predict(X))


def test_evidence_is_at_least_that_of_bayesian_ridge(table: Any) -> None:
    X, t = table
    Phi = StandardScaler().fit_transform(PolynomialFeatures(2, include_bias=False).fit_transform(X))
    # Its prior on the precisions made as flat as ours, which has none.
    peer = BayesianRidge(
        alpha_1=0,
        alpha_2=0,
        lambda_1=0,
        lambda_2=0,
        tol=1e-10,
        max_iter=3000,
        fit_intercept=False,
        compute_score=True,
    )
    # Without a constant in either the two maximise the same function.
    peer.fit(Phi, t - t.mean())
    model = BayesianRegressor(basis="linear", intercept=False).fit(Phi, t - t.mean())
    np.testing.assert_allclose(model.coef_, peer.coef_, rtol=1e-6)
    assert model.beta_ == pytest.approx(peer.alpha_, rel=1e-6)
    assert model.alpha_ == pytest.approx(peer.lambda_, rel=1e-6)
    assert model.log_evidence_ == pytest.approx(peer.scores_[-1], rel=1e-6)
    std = model.predict(Phi, return_std=True)[1]
    np.testing.assert_allclose(std, peer.predict(Phi, return_std=True)[1], rtol=1e-6)


def test_intervals_have_their_stated_coverage() -> None:
    rng = np.random.default_rng(0)
    x = rng.uniform(-2, 2, (2000, 1))
    t = 1 + x[:, 0] - x[:, 0] ** 3 + rng.normal(size=2000)
    low, high = BayesianRegressor(3).fit(x[:200], t[:200]).predict_interval(x[200:], 0.9)
    assert ((low < t[200:]) & (t[200:] < high)).mean() == pytest.approx(0.9, abs=0.02)


@pytest.mark.parametrize("scale", [0.0, 1e-3, 1e3])
def test_targets_without_noise_are_fitted_with_a_warning(scale: float) -> None:
    x = np.linspace(-1, 1, 30)[:, None]
    with pytest.warns(ConvergenceWarning, match="fit the target exactly"):
        model = BayesianRegressor(3).fit(x, scale * x[:, 0] ** 3)
    np.testing.assert_allclose(model.predict(x), scale * x[:, 0] ** 3, rtol=1e-5, atol=1e-9 * scale)


@pytest.mark.parametrize("options", [{}, {"penalty": "l1"}, {"class_weight": "balanced"}])
def test_logistic_classifier_agrees_with_logistic(
    mlcli: Run, empty_folder: Path, options: Any
) -> None:
    flags = {"penalty": "--penalty", "class_weight": "--class-weights"}
    given = [part for name, value in options.items() for part in (flags[name], value)]
    done = mlcli(
        "logistic",
        "--data",
        "iris",
        "--n-seeds",
        "1",
        "--no-plots",
        "--n-study",
        "10",
        "--out",
        "o",
        *given,
    )
    assert done.code == 0, done.err
    X, y = load_iris(return_X_y=True)
    train, _ = stratified_indices(y, 0.25, stream(0, "split", 0))
    model = LogisticClassifier(**options).fit(X[train], y[train])
    found = rows_of(empty_folder / "o" / "model" / "coefficients.csv")
    estimates = np.array([float(row["estimate"]) for row in found]).reshape(3, -1)
    np.testing.assert_array_equal(model.coef_, estimates[:, 1:])
    # But for a number that they have in common, which no probability depends on.
    surplus = estimates[:, 0] - model.intercept_
    np.testing.assert_allclose(surplus, surplus[0], atol=1e-12)


@pytest.mark.parametrize("load", [load_breast_cancer, load_iris])
@pytest.mark.parametrize("class_weight", [None, "balanced"])
def test_coefficients_are_those_of_scikit_learn(load: Any, class_weight: Any) -> None:
    X, y = load(return_X_y=True)
    X = StandardScaler().fit_transform(X)
    C = 0.5
    peer = LogisticRegression(C=C, solver="newton-cholesky", tol=1e-12, class_weight=class_weight)
    peer.fit(X, y)
    model = LogisticClassifier(
        l2=1 / (2 * C * len(y)), standardize=False, class_weight=class_weight
    ).fit(X, y)
    np.testing.assert_allclose(model.coef_, peer.coef_, atol=1e-6)
    if len(peer.classes_) == 2:
        np.testing.assert_allclose(model.intercept_, peer.intercept_, atol=1e-6)
    np.testing.assert_allclose(model.predict_proba(X), peer.predict_proba(X), atol=1e-6)


def test_elastic_net_is_that_of_scikit_learn() -> None:
    X, y = load_breast_cancer(return_X_y=True)
    X, C, share = StandardScaler().fit_transform(X[:, :8]), 0.1, 0.4
    peer = LogisticRegression(solver="saga", C=C, l1_ratio=share, tol=1e-10, max_iter=100_000).fit(
        X, y
    )
    l1, l2 = share / (C * len(y)), (1 - share) / (2 * C * len(y))
    model = LogisticClassifier(penalty="elastic", l1=l1, l2=l2, standardize=False).fit(X, y)
    np.testing.assert_allclose(model.coef_, peer.coef_, atol=1e-6)


def test_weights_of_the_labels_move_the_decision() -> None:
    X, y = load_iris(return_X_y=True)
    names = np.array(["setosa", "versicolor", "virginica"])[y]
    even = LogisticClassifier().fit(X, names)
    heavy = LogisticClassifier(class_weight={"setosa": 1, "versicolor": 1, "virginica": 50}).fit(
        X, names
    )
    assert (heavy.predict(X) == "virginica").sum() > (even.predict(X) == "virginica").sum()


def test_too_few_steps_issue_a_warning() -> None:
    X, y = load_iris(return_X_y=True)
    with pytest.warns(ConvergenceWarning, match="descent has not converged in 3 steps"):
        LogisticClassifier(solver="descent", max_steps=3).fit(X, y)


def test_rows_that_are_separable_without_a_penalty_are_named_in_a_warning() -> None:
    X, y = [[0.0], [0.0], [1.0], [2.0]], ["no", "yes", "yes", "yes"]
    model = LogisticClassifier(penalty="none")
    with pytest.warns(ConvergenceWarning, match="separated, all but 2 of the classes no and yes,"):
        model.fit(X, y)
    with pytest.warns(ConvergenceWarning, match="the classes can be separated, so that no finite"):
        model.fit(X[1:], ["no", "yes", "yes"])


@pytest.mark.parametrize("options", [{}, {"class_weight": "balanced"}, {"penalty": "l1"}])
def test_a_weight_is_how_often_a_row_counts(options: Any) -> None:
    X, y = load_iris(return_X_y=True)
    weights = np.arange(y.size) % 4
    weighed = LogisticClassifier(**options).fit(X, y, sample_weight=weights)
    repeated = LogisticClassifier(**options).fit(X.repeat(weights, axis=0), y.repeat(weights))
    np.testing.assert_allclose(weighed.coef_, repeated.coef_, atol=1e-9)
    np.testing.assert_allclose(weighed.intercept_, repeated.intercept_, atol=1e-9)


def test_negative_weights_and_weights_of_one_class_are_rejected() -> None:
    X, y = load_iris(return_X_y=True)
    with pytest.raises(ValueError, match=r"[Nn]egative"):
        LogisticClassifier().fit(X, y, sample_weight=np.where(y == 0, -1.0, 1.0))
    with pytest.raises(ValueError, match="of two classes or more, got 1 class"):
        LogisticClassifier().fit(X, y, sample_weight=y == 0)


def test_certificates_and_a_warning_where_a_fit_was_cut_short(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(40, 3))
    t = X @ [1.0, -1.0, 0.5] + 0.1 * rng.normal(size=40)
    assert PolynomialRegressor().fit(X, t).certificate_ is None
    lasso = PolynomialRegressor(penalty="l1", l1=0.01)
    bayes = BayesianRegressor(degree=1, prior="ard")
    for model in (lasso, bayes):
        certificate = model.fit(X, t).certificate_
        assert certificate is not None
        assert certificate.converged
    monkeypatch.setitem(elastic_net_path.__kwdefaults__, "max_sweeps", 0)
    monkeypatch.setattr(relevance, "NEWTON_STEPS", 0)
    monkeypatch.setattr(relevance, "MAX_STEPS", 1)
    monkeypatch.setattr(relevance, "ROUNDS", 1)
    for model in (lasso, bayes):
        with pytest.warns(ConvergenceWarning, match="has not converged: .* tolerance"):
            assert not model.fit(X, t).certificate_.converged
