"""Intervals lie in the range of their quantity on data that make extreme values.

Classes that a line separates, test parts of few rows, targets that a line meets exactly, two and
three seeds. Those of the small run of every experiment are checked in `test_every_experiment.py`.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from mlcli.experiments.summary import RANGES, range_of, summary
from mlcli.linear.statistics import Range
from tests.experiments.intervals import check, check_intervals

Run = Callable[..., Any]
CLASSES = ("--data", "classes.csv", "--target", "class")
NOISE = ("--data", "noise.csv", "--target", "class")
LINE = ("--data", "line.csv", "--target", "t")
RUNS: Mapping[str, tuple[str, ...]] = {
    "fit-poly of a line": ("fit-poly", *LINE, "--degrees", "1,2", "--path-penalty", "none"),
    "fit-poly of few rows": (
        "fit-poly",
        "--n-samples",
        "16",
        "--degrees",
        "1,8",
    ),
    "kfold of classes": (
        "kfold",
        *CLASSES,
        "--loss",
        "zero-one",
        "--degrees",
        "1",
        "--n-folds",
        "3",
        "--n-coverage",
        "0",
        "--n-nested",
        "1",
    ),
    "kfold of few rows": (
        "kfold",
        "--n-samples",
        "12",
        "--degrees",
        "0-3",
        "--n-folds",
        "3",
        "--n-coverage",
        "4",
        "--coverage-rows",
        "20",
        "--n-nested",
        "1",
    ),
    "bayes": (
        "bayes",
        "--n-samples",
        "12",
        "--degrees",
        "0-2",
        "--n-calibration",
        "5",
        "--n-surface",
        "4",
    ),
    "bias-variance": (
        "bias-variance",
        "--n-samples",
        "12",
        "--degrees",
        "0-5",
        "--n-datasets",
        "4",
        "--n-strengths",
        "3",
        "--descent-columns",
        "3,12,20",
    ),
    "logistic of classes": ("logistic", *CLASSES, "--l2", "0.01", "--n-study", "20"),
    "train-mlp of classes": (
        "train-mlp",
        *CLASSES,
        "--hidden",
        "4,6",
        "--n-epochs",
        "4",
        "--learning-rate",
        "0.1",
        "--batch-size",
        "8",
    ),
    "train-mlp of noise classes": (
        "train-mlp",
        *NOISE,
        "--hidden",
        "2,9",
        "--n-epochs",
        "9",
        "--learning-rate",
        "0.3",
        "--batch-size",
        "8",
        "--test-fraction",
        "0.1",
    ),
    "train-mlp of a line": (
        "train-mlp",
        *LINE,
        "--hidden",
        "4",
        "--n-epochs",
        "2",
        "--batch-size",
        "8",
    ),
    "lr-find": (
        "lr-find",
        *CLASSES,
        "--hidden",
        "4",
        "--n-steps",
        "60",
        "--compare-epochs",
        "1",
        "--batch-size",
        "8",
    ),
    "baseline of noise classes": ("baseline", *NOISE, "--n-folds", "3", "--n-epochs", "2"),
}


def write_data() -> None:
    """Two classes far apart, two that are noise, a line, and a line that one row lies far from."""
    rows = [(i / 30, (7 * i % 30) / 30) for i in range(30)]
    with Path("classes.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("a", "b", "class"))
        writer.writerows((a + 5 * (i % 2), b, i % 2) for i, (a, b) in enumerate(rows))
    with Path("noise.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("a", "b", "class"))
        writer.writerows((a, b, (i * i // 3) % 2) for i, (a, b) in enumerate(rows))
    with Path("far.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("x", "t"))
        writer.writerows((a, 1 + 2 * a + 90 * (i == 3)) for i, (a, _) in enumerate(rows[:8]))
    with Path("line.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("x", "t"))
        writer.writerows((a, 1 + 2 * a) for a, _ in rows)


@pytest.mark.parametrize("n_seeds", [2, 3])
@pytest.mark.parametrize("name", RUNS)
def test_every_interval_is_in_range(
    name: str, n_seeds: int, mlcli: Run, empty_folder: Path
) -> None:
    write_data()
    seeds = ("--n-seeds", str(n_seeds)) if not name.startswith("baseline") else ()
    done = mlcli(*RUNS[name], *seeds, "--out", "o", "--no-plots", "--quiet", "--jobs", "1")
    assert done.code == 0, done.err
    check_intervals(empty_folder / "o", classes="classes" in name or name == "lr-find")


def test_metrics_of_an_evaluation_are_in_range(mlcli: Run, empty_folder: Path) -> None:
    write_data()
    assert (
        mlcli(
            "logistic",
            *CLASSES,
            "--n-study",
            "20",
            "--n-seeds",
            "2",
            "--l2",
            "0.01",
            "--out",
            "o",
            "--no-plots",
            "--quiet",
        ).code
        == 0
    )
    assert (
        mlcli(
            "bayes",
            *LINE,
            "--degree",
            "0",
            "--degrees",
            "0",
            "--n-calibration",
            "0",
            "--out",
            "b",
            "--no-plots",
            "--quiet",
        ).code
        == 0
    )
    for folder, data in (("o", "classes.csv"), ("o", "noise.csv"), ("b", "far.csv")):
        done = mlcli("evaluate", folder, data, "--json")
        assert done.code == 0, done.err
        for name, one in done.json["metrics"].items():
            if one["ci_low"] is not None:
                found = (name, one["value"], one["ci_low"], one["ci_high"])
                check(found, classes=False)


def test_differences_of_two_runs_are_in_range(mlcli: Run, empty_folder: Path) -> None:
    write_data()
    flags = ("--n-study", "20", "--n-seeds", "2", "--no-plots", "--quiet", "--test-fraction", "0.2")
    assert mlcli("logistic", *NOISE, *flags, "--l2", "0.001", "--out", "a").code == 0
    assert mlcli("logistic", *NOISE, *flags, "--l2", "900", "--out", "b").code == 0
    done = mlcli("compare", "a", "b", "--json")
    assert done.code == 0, done.err
    found = 0
    for path, entry in done.json["comparisons"][0]["metrics"].items():
        (one,) = entry["differences"]
        if one is not None and one["ci_low"] is not None:
            within = range_of(path).of_difference
            assert within.least <= one["ci_low"] <= one["mean"] <= one["ci_high"] <= within.most
            found += within.most < 3
    assert found


def test_a_name_without_a_range_is_refused() -> None:
    assert range_of("init_he.test_accuracy").most == 1
    assert range_of("tests.init_0.5 - init_0.25") == Range()
    with pytest.raises(LookupError, match="no range is declared for 'novelty'"):
        summary([1.0, 2.0], "novelty")
    # No pattern stands behind a wider one that takes its names.
    names = [name for name in RANGES if not set(name) & set("*?[")]
    assert all(range_of(name) == RANGES[name] for name in names)
