"""The estimators in scikit-learn's tools, and the examples of their docstrings."""

from __future__ import annotations

import doctest
from importlib import import_module
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_diabetes, load_iris
from sklearn.ensemble import StackingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_predict, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from mlcli.estimators import (
    _HOMES,
    BayesianRegressor,
    LogisticClassifier,
    MLPClassifier,
    MLPRegressor,
    PolynomialRegressor,
)

CLASSIFIERS = [LogisticClassifier(), MLPClassifier("16", batch_size=16, random_state=0)]
REGRESSORS = [
    PolynomialRegressor(1),
    BayesianRegressor(1),
    MLPRegressor("8", n_epochs=20, random_state=0),
]


@pytest.mark.parametrize("model", CLASSIFIERS, ids=lambda m: type(m).__name__)
def test_classifiers_work_in_pipelines_and_folds(model: Any) -> None:
    X, y = load_iris(return_X_y=True)
    names = np.array(["a", "b", "c"])[y]
    piped = make_pipeline(StandardScaler(), model)
    assert cross_val_score(piped, X, names, cv=3).mean() > 0.9
    assert cross_val_predict(piped, X, names, cv=3, method="predict_proba").shape == (150, 3)


@pytest.mark.parametrize("model", REGRESSORS, ids=lambda m: type(m).__name__)
def test_regressors_work_in_pipelines_and_folds(model: Any) -> None:
    X, t = load_diabetes(return_X_y=True)
    assert cross_val_score(make_pipeline(StandardScaler(), model), X, t, cv=3).mean() > 0.35


def test_a_search_finds_the_degree() -> None:
    rng = np.random.default_rng(0)
    x = rng.uniform(-2, 2, (120, 1))
    t = x[:, 0] ** 3 - x[:, 0] + 0.3 * rng.normal(size=120)
    search = GridSearchCV(PolynomialRegressor(), {"degree": np.arange(1, 9)}, cv=5).fit(x, t)
    assert search.best_params_["degree"] >= 3
    scores = search.cv_results_["mean_test_score"]
    assert scores[2:].min() > scores[:2].max()
    strengths = {"l2": np.geomspace(1e-6, 1, 4), "penalty": ["l2"], "degree": [8]}
    assert GridSearchCV(PolynomialRegressor(), strengths).fit(x, t).best_params_["l2"] < 1


def test_a_search_finds_the_network() -> None:
    X, y = load_iris(return_X_y=True)
    grid = {"hidden": ["2", (16, 8)], "learning_rate": [1e-6, 0.05]}
    model = MLPClassifier(n_members=2, batch_size=16, random_state=0)
    search = GridSearchCV(model, grid, cv=3).fit(X, y)
    assert search.best_params_["learning_rate"] == 0.05
    assert search.best_score_ > 0.9


def test_estimators_stack() -> None:
    X, y = load_iris(return_X_y=True)
    parts = [(type(model).__name__, model) for model in CLASSIFIERS]
    stack = StackingClassifier(parts, LogisticRegression(), cv=3).fit(X, y)
    assert stack.score(X, y) > 0.9


def test_columns_of_a_data_frame_keep_their_names() -> None:
    X, t = load_diabetes(return_X_y=True, as_frame=True)
    X = X[["bmi", "bp"]]
    model = PolynomialRegressor(2).fit(X, t)
    assert model.feature_names_in_.tolist() == ["bmi", "bp"]
    assert model.terms_ == ["bmi", "bp", "bmi^2", "bmi*bp", "bp^2"]
    with pytest.raises(ValueError, match="feature names"):
        model.predict(X.rename(columns={"bmi": "weight"}))
    frame = pd.DataFrame({"bmi": X["bmi"].astype("float32"), "bp": X["bp"]})
    assert MLPRegressor("4", n_epochs=1).fit(frame, t).predict(frame).shape == t.shape


@pytest.mark.parametrize("home", sorted(set(_HOMES.values())))
def test_examples_come_out_as_written(home: str) -> None:
    failed, tried = doctest.testmod(import_module(f"mlcli.estimators.{home}"))
    assert tried
    assert not failed
