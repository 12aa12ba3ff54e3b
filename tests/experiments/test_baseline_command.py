"""baseline on data with a law, on pure noise, and against scikit-learn."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mlcli.experiments.baseline.compare import compare, scores_of
from mlcli.experiments.baseline.methods import METHODS, TrainingRows
from mlcli.experiments.baseline.task import BaselineTask
from tests.experiments.contract import Cases

Run = Callable[..., Any]
CASES = Cases(
    small="--data iris --n-folds 3 --n-epochs 3",
    anywhere=("--n-folds 2 --methods linear,ridge,logistic,neighbours",),
    refused={
        "iris --score mse": "--score must be one of accuracy, brier, cross-entropy",
        "iris --n-folds 51": "each class of target 'class' must be of at least 51 rows",
        "nowhere.csv": "nowhere.csv does not exist",
        "iris --target clas": "has no column 'clas'; try 'class'",
        "iris --methods tree": "must be one or several of constant, linear",
    },
)
QUICK = ("--n-epochs", "3", "--n-folds", "4", "--no-plots", "--quiet", "--json")


def write_noise(path: Path, n: int = 120, *, classes: bool = False) -> None:
    rng = np.random.default_rng(4)
    t = rng.integers(2, size=n) if classes else rng.normal(size=n)
    with path.open("w") as file:
        file.write("a,b,t\n")
        for (a, b), y in zip(rng.normal(size=(n, 2)).tolist(), t.tolist(), strict=True):
            file.write(f"{a!r},{b!r},{y!r}\n")


@pytest.mark.parametrize("classes", [False, True])
def test_nothing_beats_the_constant_on_noise(mlcli: Run, classes: bool) -> None:
    write_noise(Path("noise.csv"), classes=classes)
    flags = ("--n-epochs", "3", "--out", "o", "--quiet")
    done = mlcli("baseline", "noise.csv", *flags)
    assert done.code == 0, done.err
    assert "Nothing beats the constant: on these 120 rows no method predicts 't'" in done.out
    assert "seconds a fit" in done.out
    assert Path("o/figures/methods.png").stat().st_size > 5000
    metrics = mlcli("baseline", "noise.csv", *flags, "--json").json
    assert metrics["nothing_beats_the_constant"] is True
    assert "seconds" not in str(metrics)


def test_methods_beat_the_constant_on_iris_and_diabetes(mlcli: Run) -> None:
    iris = mlcli("baseline", "iris", *QUICK).json
    assert iris["score"] == "accuracy"
    assert set(iris["models"]) == {
        "constant",
        "logistic",
        "polynomial",
        "neighbours",
        "trees",
        "mlp",
    }
    assert iris["models"]["constant"]["accuracy"]["mean"] == pytest.approx(1 / 3, abs=0.02)
    assert iris["models"]["logistic"]["accuracy"]["mean"] > 0.93
    assert iris["models"]["logistic"]["beats_constant"]
    methods = "linear,ridge,polynomial,trees"
    diabetes = mlcli("baseline", "diabetes", *QUICK, "--methods", methods).json
    assert diabetes["best"] in ("linear", "ridge", "polynomial")
    assert 0.4 < diabetes["models"]["linear"]["r2"]["mean"] < 0.55
    assert diabetes["models"]["linear"]["difference"]["ci_high"] < 0


def test_the_same_bytes_whatever_the_number_of_workers(mlcli: Run) -> None:
    write_noise(Path("noise.csv"))
    texts = []
    for jobs in ("1", "2"):
        done = mlcli("baseline", "noise.csv", *QUICK, "--jobs", jobs, "--out", jobs)
        assert done.code == 0, done.err
        texts.append((Path(jobs) / "tables/folds.csv").read_text())
    assert texts[0] == texts[1]


def test_every_method_has_the_same_folds_and_scikit_learn_s_scores() -> None:
    from sklearn.dummy import DummyRegressor
    from sklearn.linear_model import LinearRegression
    from sklearn.neighbors import KNeighborsRegressor

    rng = np.random.default_rng(0)
    X = rng.normal(size=(80, 3))
    t = X[:, 0] + rng.normal(size=80)
    rows = TrainingRows(X[:60], t[:60], 0, rng)
    peers = {"constant": DummyRegressor(), "linear": LinearRegression()}
    for name, peer in peers.items():
        mine = METHODS[name](rows)(X[60:])
        assert mine == pytest.approx(peer.fit(X[:60], t[:60]).predict(X[60:]))
    shift, scale = X[:60].mean(axis=0), X[:60].std(axis=0)
    mine = METHODS["neighbours"](rows)(X[60:])
    Z = (X - shift) / scale
    found = [
        KNeighborsRegressor(k).fit(Z[:60], t[:60]).predict(Z[60:]) for k in (1, 2, 5, 10, 20, 50)
    ]
    assert any(np.allclose(mine, one) for one in found)


def test_ridge_shrinks_on_noise_and_not_on_an_exact_law() -> None:
    rng = np.random.default_rng(1)
    X, noise = rng.normal(size=(100, 20)), rng.normal(size=100)
    of_noise = METHODS["ridge"](TrainingRows(X, noise, 0, rng))(X)
    assert of_noise.std() < 0.5 * METHODS["linear"](TrainingRows(X, noise, 0, rng))(X).std()
    law = X @ np.arange(20)
    assert METHODS["ridge"](TrainingRows(X, law, 0, rng))(X) == pytest.approx(law, abs=0.5)


def task(n_methods: int) -> BaselineTask:
    splits = [(np.arange(90), np.arange(10)) for _ in range(10)]
    return BaselineTask(
        np.zeros((100, 1)), np.zeros(100), (), splits, None, "mse", ("constant",) * n_methods
    )


def test_the_verdict_allows_for_the_number_of_methods() -> None:
    rng = np.random.default_rng(2)
    constant = {"mse": 1 + 0.1 * rng.normal(size=10)}
    better = {"mse": constant["mse"] - 0.04 + 0.05 * rng.normal(size=10)}
    alone = compare(task(2), {"constant": constant, "a": better})
    p = alone["models"]["a"]["difference"]
    assert p["p_holm"] == p["p_value"]
    noise = {f"n{i}": {"mse": constant["mse"] + 0.05 * rng.normal(size=10)} for i in range(9)}
    among = compare(task(11), {"constant": constant, "a": better, **noise})
    assert among["models"]["a"]["difference"]["p_holm"] == pytest.approx(
        min(1.0, 10 * p["p_value"])
    )


def test_scores_of_probabilities() -> None:
    splits = [(np.arange(2), np.array([0, 1])), (np.arange(2), np.array([1]))]
    one = BaselineTask(np.zeros((2, 1)), np.array([0, 1]), ("a", "b"), splits, None, "accuracy", ())
    found = scores_of(one, [np.array([[0.8, 0.2], [0.6, 0.4]]), np.array([[0.0, 1.0]])])
    assert found["accuracy"].tolist() == [0.5, 1.0]
    assert found["brier"] == pytest.approx([(0.08 + 0.72) / 2, 0.0])
    assert found["cross-entropy"] == pytest.approx([-np.log(0.8 * 0.4) / 2, 0.0])


def test_images_have_a_cnn(mlcli: Run) -> None:
    rng = np.random.default_rng(3)
    y = np.arange(60) % 2
    X = rng.normal(size=(60, 8, 8)) + 0.8 * y[:, None, None]
    np.savez("images.npz", X=X, y=y)
    flags = ("--methods", "cnn,mlp", "--cnn-epochs", "2", *QUICK)
    found = mlcli("baseline", "images.npz", *flags)
    assert found.code == 0, found.err
    assert set(found.json["models"]) == {"constant", "cnn", "mlp"}
    assert found.json["models"]["mlp"]["accuracy"]["mean"] > 0.8


def test_predict_refuses_a_run_of_baseline(mlcli: Run) -> None:
    write_noise(Path("noise.csv"))
    assert mlcli("baseline", "noise.csv", *QUICK, "--methods", "linear", "--out", "o").code == 0
    assert "leaves no model" in mlcli("predict", "o", "noise.csv").err
    with Path("o/tables/folds.csv").open(newline="") as file:
        assert len(list(csv.DictReader(file))) == 8
