"""`mlcli kfold` from the command line: contract, schemes, losses, models, bad input."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mlcli.errors import DataError
from mlcli.experiments.experiment import Context
from mlcli.scale.workers import Processes
from tests.experiments.contract import Cases

Run = Callable[..., Any]
SUMMARY = {"mean", "std", "ci_low", "ci_high", "n"}


def write_csv(path: Path, columns: dict[str, Any]) -> None:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))


def read(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def write_files() -> None:
    """60 rows of a cubic in groups of six, and the same without the groups."""
    rng = np.random.default_rng(0)
    x = rng.uniform(-2, 2, 60)
    rows = {"x": x, "t": x**3 - x + rng.normal(0, 0.5, 60)}
    write_csv(Path("plain.csv"), rows)
    write_csv(Path("cubic.csv"), rows | {"who": np.arange(60) // 6})


@pytest.fixture
def cubic(empty_folder: Path) -> Path:
    write_files()
    return empty_folder / "cubic.csv"


CASES = Cases(
    small="--degrees 0-4 --n-seeds 3 --n-coverage 10 --n-nested 2",
    anywhere=(
        "--degrees 1,2 --n-folds 3",
        "--degrees 1 --penalty l1 --n-folds 2",
        "--degrees 1 --penalty elastic --scheme leave-one-out",
        "--degrees 1 --model logistic --loss zero-one --penalty l2 --n-folds 2",
        "--degrees 1 --loss zero-one --scheme stratified --penalty l2 --n-folds 2",
    ),
    branches=(
        "--scheme time-ordered",
        "--scheme train-test",
        "--n-repeats 3",
        "--loss absolute",
        "--basis gaussian --degrees 1-3",
        "--basis fourier --degrees 0-3 --penalty l2",
        "--penalty l1 --n-strengths 4 --degrees 3",
        "--penalty elastic --n-strengths 4 --degrees 3 --rule one-se",
        "--no-intercept --degrees 1-3",
        "--data diabetes --basis linear",
        "--data wine --basis linear --loss zero-one --scheme stratified",
        "--data sine --n-samples 40 --degrees 30",
    ),
    refused={
        "--data plain.csv --n-folds 61": "at most the 60 rows, got 61",
        "--n-folds 1": "at least 2",
        "--data plain.csv --degrees 0-58": "training rows, the smallest training part has 54",
        "--scheme grouped": "goes with scheme grouped",
        "--group-column who": "goes with scheme grouped",
        "--data cubic.csv --features who --scheme grouped --group-column x": (
            "each of the 60 rows is a group"
        ),
        "--data cubic.csv --scheme grouped --group-column whom": "no column 'whom'; try 'who'",
        "--data plain.csv --scheme stratified": "2 to 30 classes, got 60 values",
        "--data plain.csv --loss zero-one": "2 to 30 classes, got 60 values",
        "--model logistic --penalty l2": "must be zero-one for model logistic",
        "--model logistic --loss zero-one": "must be l2 for model logistic",
        "--loss zero-one --penalty l1": "must be none or l2",
        "--strength-min 2 --strength-max 1": "at least strength_min",
        "--penalty l2 --strength-min 0": "above 0",
    },
    write=write_files,
)
BARE = ("kfold", *CASES.small.split(), "--no-plots", "--quiet", "--json")


def test_json_has_the_shape_that_scripts_read(mlcli: Run, empty_folder: Path) -> None:
    done = mlcli(*BARE, "--out", "o", "--n-folds", "10")
    assert done.code == 0, done.err
    assert done.out == (empty_folder / "o" / "details.json").read_text()
    for degree in range(5):
        assert set(done.json[f"degree_{degree}"]["cv_mse"]) == SUMMARY
        assert set(done.json[f"degree_{degree}"]["loo_mse"]) == SUMMARY
    assert done.json["best_degree"] in range(5)
    assert done.json["one_se_degree"] <= done.json["best_degree"]
    assert set(done.json["intervals"]) == {"naive", "corrected", "nested"}
    assert set(done.json["coverage"]["nested"]["own_error"]) == {
        "coverage",
        "ci_low",
        "ci_high",
        "median_width",
    }


def test_the_cubic_is_found(mlcli: Run) -> None:
    done = mlcli(
        "kfold",
        "--degrees",
        "0-8",
        "--n-seeds",
        "8",
        "--no-plots",
        "--quiet",
        "--json",
        "--n-coverage",
        "0",
        "--n-nested",
        "0",
    )
    assert (done.json["best_degree"], done.json["one_se_degree"]) == (3, 3)
    third = done.json["degree_3"]
    # The true error of a fit of 700 rows is the noise and a little more.
    assert 1.95**2 < third["expected_mse"]["mean"] < 1.95**2 * 1.02
    assert third["cv_mse"]["ci_low"] < third["expected_mse"]["mean"] < third["cv_mse"]["ci_high"]
    assert third["train_mse"]["mean"] < third["cv_mse"]["mean"]
    assert done.json["selection_error"]["mean"] >= third["cv_mse"]["mean"]
    assert done.json["coverage"] == {}


def test_one_data_set_has_corrected_intervals_over_its_folds(mlcli: Run, cubic: Path) -> None:
    done = mlcli(*BARE, "--data", "cubic.csv", "--features", "x", "--n-seeds", "2", "--out", "o")
    assert done.code == 0, done.err
    cv = done.json["degree_3"]["cv_mse"]
    assert cv["n"] == 20
    assert done.json["degree_3"]["train_mse"]["n"] == 1
    rows = [float(r["test_error"]) for r in read(Path("o/tables/splits.csv")) if r["degree"] == "3"]
    assert len(rows) == 10
    assert "expected_mse" not in done.json["degree_3"]


def test_one_draw_has_an_interval_over_its_folds(mlcli: Run) -> None:
    done = mlcli(*BARE, "--n-seeds", "1", "--n-folds", "5")
    cv = done.json["degree_3"]["cv_mse"]
    assert (cv["n"], done.json["independent"]) == (5, False)
    assert cv["ci_low"] < cv["mean"] < cv["ci_high"]
    assert done.json["degree_3"]["expected_mse"]["n"] == 1


def test_scikit_learn_agrees_on_leave_one_out(mlcli: Run, cubic: Path) -> None:
    from sklearn.linear_model import LinearRegression
    from sklearn.model_selection import LeaveOneOut, cross_val_score

    done = mlcli(*BARE, "--data", "cubic.csv", "--features", "x", "--scheme", "leave-one-out")
    rows = read(cubic)
    x, t = (np.array([float(row[key]) for row in rows]) for key in ("x", "t"))
    scores = cross_val_score(
        LinearRegression(),
        np.vander(x, 4)[:, :3],
        t,
        cv=LeaveOneOut(),
        scoring="neg_mean_squared_error",
    )
    assert done.json["degree_3"]["cv_mse"]["mean"] == pytest.approx(-scores.mean(), rel=1e-9)
    assert done.json["degree_3"]["cv_mse"]["n"] == 60
    assert done.json["degree_3"]["loo_mse"]["mean"] == pytest.approx(-scores.mean(), rel=1e-9)


@pytest.mark.parametrize("n_rows", [3, 29, 30, 31])
@pytest.mark.parametrize("more", [(), ("--penalty", "l2", "--n-strengths", "2")])
def test_leaving_one_out_of_few_rows(mlcli: Run, n_rows: int, more: tuple[str, ...]) -> None:
    """Up to 30 splits, the cross-validation is also done within each split's training rows."""
    few = ("--n-samples", str(n_rows), "--degrees", "0,1", "--n-coverage", "0", "--n-seeds", "1")
    done = mlcli(*BARE, *few, "--scheme", "leave-one-out", *more)
    assert done.code == 0, done.err
    assert done.json["n_splits"] == n_rows
    assert ("selection_error" in done.json) == (n_rows <= 30)


def test_two_folds_have_no_nested_interval_and_coverage_of_the_others(mlcli: Run) -> None:
    more = ("--degrees", "1,3", "--n-folds", "2", "--n-seeds", "2", "--n-coverage", "30")
    done = mlcli("kfold", *more, "--no-plots", "--json")
    assert done.code == 0, done.err
    assert set(done.json["intervals"]) == {"naive", "corrected"}
    assert set(done.json["coverage"]) == {"naive", "corrected", "n", "rows", "degree"}


@pytest.mark.parametrize(
    ("flags", "line"),
    [
        ("--degrees 0-4 --n-coverage 0", "fit-poly --degrees 3"),
        ("--data iris --loss zero-one --degrees 1", "logistic --degree 1 --data iris"),
        (
            "--data sine --basis fourier --degrees 1,2 --n-coverage 0",
            "fit-poly --degrees 1 --basis fourier --data sine",
        ),
    ],
)
def test_the_next_command_shows_the_fit_of_the_choice(
    mlcli: Run, empty_folder: Path, flags: str, line: str
) -> None:
    done = mlcli("kfold", *flags.split(), "--n-seeds", "2", "--n-nested", "0", "--no-plots")
    assert done.code == 0, done.err
    assert done.err.splitlines()[-1] == f"try next: mlcli {line}"


def test_groups_by_name(mlcli: Run, cubic: Path, empty_folder: Path) -> None:
    rows = read(cubic)
    write_csv(
        empty_folder / "named.csv",
        {
            "x": [r["x"] for r in rows],
            "t": [r["t"] for r in rows],
            "who": [f"patient {r['who']}" for r in rows],
        },
    )
    arguments = ("--scheme", "grouped", "--group-column", "who", "--n-folds", "5", "--out")
    by_number = mlcli(*BARE, "--data", "cubic.csv", *arguments, "a")
    by_name = mlcli(*BARE, "--data", "named.csv", *arguments, "b")
    assert by_number.code == by_name.code == 0, by_name.err
    assert by_name.json["degree_3"]["cv_mse"] == by_number.json["degree_3"]["cv_mse"]
    assert {row["n_test"] for row in read(Path("b/tables/splits.csv"))} == {"12"}


def test_ridge_chooses_a_strength(mlcli: Run, cubic: Path) -> None:
    done = mlcli(
        *BARE,
        "--data",
        "cubic.csv",
        "--features",
        "x",
        "--penalty",
        "l2",
        "--degrees",
        "3,12",
        "--out",
        "o",
    )
    assert done.json["one_se_strength"] >= 0
    assert {"best_strength", "largest_relative_gap"} <= set(done.json)
    grid = {row["strength"] for row in read(Path("o/tables/errors.csv"))}
    assert len(grid) == 19
    assert json.loads(Path("o/model/model.json").read_text())["strength"] in map(float, grid)


def test_logistic_tells_the_flowers_apart(mlcli: Run) -> None:
    done = mlcli(
        *BARE,
        "--data",
        "iris",
        "--model",
        "logistic",
        "--penalty",
        "l2",
        "--loss",
        "zero-one",
        "--degrees",
        "1",
        "--n-strengths",
        "3",
        "--out",
        "o",
    )
    assert done.code == 0, done.err
    error = done.json["degree_1"]["cv_error_rate"]
    assert 0.01 < error["mean"] < 0.06
    assert 0 <= error["ci_low"] < error["ci_high"] <= 1
    rows = read(Path("o/model/coefficients.csv"))
    weights = {(row["class"], row["term"]): float(row["estimate"]) for row in rows}
    assert len(weights) == 15
    from sklearn.datasets import load_iris

    X, labels = load_iris(return_X_y=True)
    scores = np.array(
        [
            [
                weights[(f"{c}.0", term)]
                for term in ("0", *dict.fromkeys(r["term"] for r in rows[1:5]))
            ]
            for c in range(3)
        ]
    )
    predicted = (np.column_stack([np.ones(150), X]) @ scores.T).argmax(axis=1)
    assert (predicted != labels).mean() == pytest.approx(
        done.json["degree_1"]["train_error_rate"]["mean"]
    )


def test_classes_and_targets_that_can_not_be_used(mlcli: Run, empty_folder: Path) -> None:
    rare = {"x": range(12), "t": [0] * 9 + [1] * 3}
    write_csv(empty_folder / "rare.csv", rare)
    done = mlcli(
        "kfold",
        "--data",
        "rare.csv",
        "--scheme",
        "stratified",
        "--loss",
        "zero-one",
        "--n-folds",
        "5",
        "--degrees",
        "1",
    )
    assert done.code == 2
    assert "class 1 has 3 member(s), fewer than the 5 folds" in done.err
    write_csv(empty_folder / "flat.csv", {"x": range(20), "t": [3] * 20})
    done = mlcli("kfold", "--data", "flat.csv", "--degrees", "1")
    assert done.code == 2
    assert "has the same value in every row" in done.err


def test_a_file_in_batches_has_the_same_errors(tmp_path: Path) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    from mlcli.datasets.source import open_source
    from mlcli.experiments import kfold
    from mlcli.experiments.kfold.config import KfoldConfig

    rng = np.random.default_rng(1)
    x = rng.uniform(-1, 2, 30_000)
    table = pa.table({"x": x, "t": x**3 - x + rng.normal(size=x.size)})
    parquet.write_table(table, tmp_path / "big.parquet")
    config = KfoldConfig(
        data=str(tmp_path / "big.parquet"),
        degrees=(0, 1, 3, 6),
        n_seeds=2,
        n_folds=5,
        n_nested=0,
        rule="one-se",
    )
    found = []
    for stream_rows in (1000, 10**9):
        source = open_source(config.data, stream_rows=stream_rows)
        assert source.streamed == (stream_rows == 1000)
        prepared = kfold.EXPERIMENT.prepare(config, source)
        assert kfold.EXPERIMENT.plan(prepared)["splits a repeat"] == 5
        found.append(kfold.EXPERIMENT.run(prepared, Context(Processes(1))))
    streamed, whole = (one.metrics for one in found)
    assert streamed["one_se_degree"] == whole["one_se_degree"] == 3
    for degree in (0, 1, 3, 6):
        one, other = streamed[f"degree_{degree}"], whole[f"degree_{degree}"]
        # Other folds, but so many rows that it hardly matters.
        assert one["cv_mse"]["mean"] == pytest.approx(other["cv_mse"]["mean"], rel=1e-3)
        for name in ("train_mse", "gcv"):
            assert one[name]["mean"] == pytest.approx(other[name]["mean"], rel=1e-10)
        assert one["cv_mse"]["n"] == 10
    ours, theirs = (one.model_tables["coefficients"] for one in found)
    assert ours["term"] == theirs["term"]
    for key in ("estimate", "std_error"):
        np.testing.assert_allclose(ours[key], theirs[key], rtol=1e-8)
    flat = table.set_column(1, "t", pa.array(np.ones(x.size)))
    parquet.write_table(flat, tmp_path / "flat.parquet")
    with pytest.raises(DataError, match="the same value in every row"):
        kfold.EXPERIMENT.prepare(config, open_source(str(tmp_path / "flat.parquet"), stream_rows=9))
    with pytest.raises(Exception, match="read in batches"):
        kfold.EXPERIMENT.prepare(
            config.model_copy(update={"penalty": "l2"}), open_source(config.data, stream_rows=9)
        )
