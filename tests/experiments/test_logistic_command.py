"""`mlcli logistic` from the command line: contract, scores, studies, bad input."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.experiments.contract import Cases

Run = Callable[..., Any]


def write_files() -> None:
    Path("line.csv").write_text("x,t\n" + "".join(f"{i},{int(i > 14)}\n" for i in range(30)))
    flat = "".join(f"{i},{2 * i},{i % 3}\n" for i in range(30))
    Path("flat.csv").write_text("x,y,t\n" + flat)
    Path("one.csv").write_text("x,t\n0,1\n1,1\n2,1\n")


CASES = Cases(
    small="--n-seeds 3 --n-study 200",
    anywhere=(
        "--penalty l1 --l1 0.01",
        "--penalty l2 --l2 1e-3",
    ),
    branches=(
        "--data iris --penalty elastic --l1 0.02",
        "--data iris --n-study 10",
        "--data iris --positive 1 --plane 'petal width (cm),sepal width (cm)'",
        "--data wine --solver lbfgs --basis legendre --degree 2",
        "--solver descent --penalty none --loss square",
        "--solver descent --penalty l1 --class-weights 1,3",
        "--noise-std 0 --basis gaussian --degree 4 --no-intercept",
        "--data line.csv",
        "--data two-moons --basis polynomial --degree 3 --plane x2,x1",
        "--data spirals --positive 1 --threshold 0.4",
        "--data flat.csv",
    ),
    refused={
        "--data one.csv": "of two classes or more, got only 1",
        "--data iris --positive 7": "--positive must be a label of target",
        "--data diabetes": "must be classes",
        "--data iris --positive rose": "got 'rose'; try one of 0, 1, 2",
        "--class-weights 1,2,3": "one weight for each of 2 classes, got 3",
        "--class-weights 1,-2": "none, balanced or positive numbers",
        "--threshold 1": "below 1",
        "--data iris --threshold 0.4": "left out with more than two classes",
        "--loss square": "solver newton is for the cross-entropy",
        "--solver lbfgs --penalty l1": "has no l1",
        "--plane x1,x9": "two of the features, got 'x9'",
        "--plane x1": "must name two features",
        "--learning-rate 0": "above 0",
        "--l2 -1": "at least 0",
        "--data digits --basis polynomial --degree 2": "solver lbfgs",
        "--degree 0 --basis polynomial": "no column to fit",
    },
    no_answer={
        "--solver descent --l2 5 --learning-rate 3": "diverged: at step",
    },
    write=write_files,
)
BARE = ("logistic", *CASES.small.split(), "--no-plots", "--quiet", "--json")


def test_one_row_per_class_is_an_error(mlcli: Run, empty_folder: Path) -> None:
    Path("a.csv").write_text("x,t\n0,1\n1,2\n")
    done = mlcli("logistic", "--data", "a.csv", "--out", "o")
    assert done.code == 2
    assert "a.csv has one row per class, which leaves no test row" in done.err
    assert not Path("o").exists()


def test_breast_cancer_has_the_scores_of_the_issue(mlcli: Run) -> None:
    done = mlcli(
        "logistic",
        "--data",
        "breast_cancer",
        "--n-seeds",
        "4",
        "--n-study",
        "50",
        "--no-plots",
        "--quiet",
        "--json",
    )
    assert done.code == 0, done.err
    for name in ("test_accuracy", "test_cross_entropy", "test_roc_auc"):
        assert set(done.json[name]) == {"mean", "std", "ci_low", "ci_high", "n"}
    assert done.json["test_accuracy"]["mean"] > 0.95
    assert done.json["test_roc_auc"]["mean"] > 0.98


def test_coefficients_in_x_are_those_of_scikit_learn(mlcli: Run, empty_folder: Path) -> None:
    """Without standardisation and with every row but one in training, to 1e-6."""
    from sklearn.datasets import load_iris
    from sklearn.linear_model import LogisticRegression

    from mlcli.datasets.source import open_source
    from mlcli.experiments.logistic.config import LogisticConfig
    from mlcli.experiments.logistic.replicate import split_of

    done = mlcli(*BARE, "--data", "iris", "--no-standardize", "--l2", "0.01", "--out", "o")
    assert done.code == 0, done.err
    config = LogisticConfig(data="iris", n_seeds=3)
    train = split_of(config, open_source("iris"), 0).train
    X, t = load_iris(return_X_y=True)
    peer = LogisticRegression(
        C=1 / (2 * 0.01 * train.size), tol=1e-12, max_iter=10_000, solver="newton-cg"
    ).fit(X[train], t[train])
    with Path("o/model/coefficients.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    ours = np.array([float(row["estimate"]) for row in rows]).reshape(3, 5)
    np.testing.assert_allclose(ours[:, 1:], peer.coef_, atol=1e-6)
    theirs = peer.intercept_
    np.testing.assert_allclose(ours[:, 0] - ours[:, 0].mean(), theirs - theirs.mean(), atol=1e-6)


def test_the_studies_show_what_the_notes_say(mlcli: Run) -> None:
    done = mlcli(*BARE, "--n-study", "1500")
    saturation = done.json["saturation"]
    cross, square = (
        [saturation[f"activation_{a}"][loss]["median_steps"] for a in (1, 4, 8)]
        for loss in ("cross_entropy", "square")
    )
    assert cross[-1] <= 10
    # From confident starts the mean square takes tens of times as long, and ever longer.
    assert square[2] > 20 * cross[2]
    assert square[2] > 5 * square[1] > 25
    separable = done.json["separable"]
    free, tied = separable["no_penalty"], separable["l2"]
    assert free["norm_at_end"]["mean"] > 1.15 * free["norm_halfway"]["mean"]
    assert tied["norm_at_end"]["mean"] == pytest.approx(tied["norm_halfway"]["mean"], rel=1e-3)
    assert tied["norm_at_end"]["mean"] == pytest.approx(tied["norm_of_minimum"]["mean"], rel=1e-3)
    information = done.json["information"]
    for terms in information.values():
        assert terms["divergence"]["mean"] > 0
    assert information["rows"]["largest_difference"] < 1e-13
    off = information["truth"]["difference"]
    assert off["ci_low"] < 0 < off["ci_high"]


def test_a_lower_threshold_finds_more_and_errs_more(mlcli: Run) -> None:
    low, high = (mlcli(*BARE, "--threshold", p).json for p in ("0.1", "0.9"))
    assert low["test_recall"]["mean"] > high["test_recall"]["mean"]
    assert low["test_precision"]["mean"] < high["test_precision"]["mean"]
    assert low["test_roc_auc"] == high["test_roc_auc"]


def test_balanced_classes_find_the_rare_one(mlcli: Run, empty_folder: Path) -> None:
    rng = np.random.default_rng(0)
    t = (np.arange(300) % 15 == 0).astype(int)
    x = rng.normal(size=300) + 1.5 * t
    Path("rare.csv").write_text("x,t\n" + "".join(f"{a},{b}\n" for a, b in zip(x, t, strict=True)))
    plain, even = (
        mlcli(*BARE, "--data", "rare.csv", "--class-weights", weights).json
        for weights in ("none", "balanced")
    )
    assert even["test_recall"]["mean"] > plain["test_recall"]["mean"] + 0.3


def write_correlated(name: str, noise: float) -> None:
    """Two features of correlation -0.9 and a target from the sign of their noisy sum."""
    rng = np.random.default_rng(0)
    X = rng.multivariate_normal([0, 0], [[1, -0.9], [-0.9, 1]], size=120)
    t = (X.sum(axis=1) + noise * rng.normal(size=120) > 0).astype(int)
    lines = [f"{a},{b},{k}\n" for (a, b), k in zip(X.tolist(), t.tolist(), strict=True)]
    Path(name).write_text("a,b,t\n" + "".join(lines))


def test_l1_on_negatively_correlated_features_classifies(mlcli: Run, empty_folder: Path) -> None:
    write_correlated("two.csv", 0.1)
    done = mlcli(*BARE, "--data", "two.csv", "--penalty", "l1", "--l1", "0.01")
    assert (done.code, done.err) == (0, "")
    assert done.json["test_accuracy"]["mean"] > 0.85
    assert done.json["converged"]["mean"] == 1
    certificate = done.json["certificates"]["logistic regression"]
    assert certificate["largest"] <= certificate["tolerance"]
    assert certificate["n_certified"] == 3


def test_separable_classes_without_penalty_have_no_answer(mlcli: Run, empty_folder: Path) -> None:
    write_correlated("two.csv", 0.0)
    for solver in ("newton", "lbfgs"):
        done = mlcli(*BARE, "--data", "two.csv", "--penalty", "none", "--solver", solver)
        assert (done.code, done.out) == (4, "")
        assert "relative duality gap must be at most 1e-09" in done.err
        assert "try --penalty l2: the training rows can be separated" in done.err


def test_classes_that_are_separable_in_part_are_named_with_the_infimum(
    mlcli: Run, empty_folder: Path
) -> None:
    rows = "0,a\n" * 8 + "0,b\n" * 8 + "1,b\n" * 8
    Path("part.csv").write_text("x,t\n" + rows)
    done = mlcli(*BARE, "--data", "part.csv", "--penalty", "none")
    assert (done.code, done.out) == (4, "")
    # Where x is 0 the training rows of the first seed are 6 of one class and 7 of the other.
    towards = -(6 * np.log(6 / 13) + 7 * np.log(7 / 13)) / 18
    assert (
        "--penalty l2: the training rows can be separated, all but 13 of the classes a and b, and "
        f"without a penalty the loss then falls for ever towards {towards:.4g} as the weights grow"
    ) in done.err


def test_a_fit_of_the_right_columns_is_as_far_from_the_law_as_theory_has_it(mlcli: Run) -> None:
    """d/(2n) nats, and no matter in which order the plane has the features."""
    flags = ("logistic", "--n-seeds", "40", "--n-study", "10", "--no-plots", "--quiet", "--json")
    plain, turned = (mlcli(*flags, *more).json["densities"] for more in ((), ("--plane", "x2,x1")))
    assert plain["law"] == "known"
    assert plain["expected_excess"] == 3 / 600
    found = plain["divergence"]
    assert found["ci_low"] < plain["expected_excess"] < found["ci_high"]
    assert found["mean"] == pytest.approx(plain["expected_excess"], rel=0.35)
    assert plain["excess"]["ci_low"] < found["mean"] < plain["excess"]["ci_high"]
    assert turned["features"] == ["x2", "x1"]
    for name in ("divergence", "excess", "absolute_difference", "law_cross_entropy"):
        assert turned[name]["mean"] == pytest.approx(plain[name]["mean"], rel=1e-6)


def test_the_exact_posterior_is_better_than_lines_by_what_the_notes_of_the_set_say(
    mlcli: Run,
) -> None:
    """Of the moons: the best classifier has an accuracy of 0.97, a line 0.87."""
    done = mlcli(*BARE, "--data", "two-moons", "--n-samples", "4000")
    found = done.json["densities"]
    assert found["law_accuracy"]["mean"] == pytest.approx(0.97, abs=0.01)
    assert found["fit_accuracy"]["mean"] == pytest.approx(0.87, abs=0.02)
    assert found["divergence"]["ci_low"] > 0.1
    cubic = mlcli(*BARE, "--data", "two-moons", "--basis", "polynomial", "--degree", "5")
    assert cubic.json["densities"]["divergence"]["mean"] < 0.5 * found["divergence"]["mean"]


def test_data_of_unknown_law_have_normal_classes_in_the_plane(mlcli: Run) -> None:
    """The scores of linear discriminant analysis in the two features, by scikit-learn."""
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
    from sklearn.metrics import log_loss

    from mlcli.datasets.source import open_source
    from mlcli.experiments.logistic.config import LogisticConfig
    from mlcli.experiments.logistic.replicate import split_of

    plane = "petal width (cm),sepal width (cm)"
    done = mlcli(*BARE, "--data", "iris", "--plane", plane)
    found = done.json["densities"]
    assert (found["law"], found["features"]) == ("normal", plane.split(","))
    assert "expected_excess" not in found
    losses = []
    for index in range(3):
        split = split_of(LogisticConfig(data="iris"), open_source("iris"), index)
        X, t = split.X[:, [3, 1]], split.classes.labels
        lda = LinearDiscriminantAnalysis(solver="lsqr").fit(X[split.train], t[split.train])
        # Its covariance has the divisor N, ours N - K.
        n = split.train.size
        scores = lda.decision_function(X[split.test]) - np.log(lda.priors_)
        A = scores * (n - 3) / n + np.log(lda.priors_)
        P = np.exp(A) / np.exp(A).sum(axis=1, keepdims=True)
        losses.append(log_loss(t[split.test], P))
    assert found["law_cross_entropy"]["mean"] == pytest.approx(np.mean(losses), rel=1e-6)


def test_flat_classes_have_no_densities_and_the_run_goes_on(mlcli: Run, empty_folder: Path) -> None:
    write_files()
    done = mlcli(*BARE[:-1], "--data", "flat.csv", "--out", "o")
    assert done.code == 0, done.err
    assert "densities" not in done.out.replace("fits of two", "")
    assert Path("o/tables/densities.csv").read_text().count("\n") == 1
    assert Path("o/tables/borders.csv").read_text().count("\n") > 1


def test_the_next_command_follows_from_the_numbers(mlcli: Run) -> None:
    flags = ("logistic", *CASES.small.split(), "--no-plots")

    def asked(*more: str) -> str:
        err = mlcli(*flags, *more).err
        return next(line for line in err.splitlines() if line.startswith("try next: "))[10:]

    assert asked().startswith("mlcli logistic --threshold 0.")
    moons = "mlcli logistic --basis polynomial --degree 3 --data two-moons"
    assert asked("--data", "two-moons") == moons
    assert asked("--data", "iris", "--n-seeds", "2") in {
        f"mlcli logistic --positive={k} --data iris --n-seeds 2" for k in (1, 2)
    } | {f"mlcli logistic --positive={k} --data iris" for k in (1, 2)}
    weighed = "mlcli logistic --class-weights balanced --positive=1 --data iris"
    assert asked("--data", "iris", "--positive", "1", "--threshold", "0.3") == weighed
    slow = ("--data", "two-moons", "--solver", "lbfgs", "--degree", "3", "--basis", "polynomial")
    assert asked(*slow).startswith("mlcli logistic --threshold 0.")
    assert "--solver lbfgs" in asked(*slow)
