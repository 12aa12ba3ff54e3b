"""Every interval of every command lies in the range that its quantity can have, and has its mean.

On data that make extreme values: classes that a line separates, test parts of few rows, targets
that a line meets exactly, two and three seeds.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from mlcli.experiments.summary import RANGES, range_of, summary
from mlcli.json_file import read_json
from mlcli.linear.statistics import SHARE, Range

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
    "descent": ("descent", "--n-noise", "60", "--n-steps", "30"),
    "logistic of classes": ("logistic", *CLASSES, "--l2", "0.01", "--n-study", "20"),
    "perceptron": ("perceptron", "--n-bins", "4,16", "--n-points", "20"),
    "propagate": (
        "propagate",
        "--activations",
        "sigmoid,relu",
        "--inits",
        "he",
        "--depths",
        "3",
        "--width",
        "16",
        "--n-rows",
        "8",
        "--sign-counts",
        "2",
        "--batch-sizes",
        "1,4",
        "--n-batches",
        "2",
        "--train-depth",
        "3",
        "--train-width",
        "8",
        "--train-steps",
        "30",
        "--train-rates",
        "0.01",
        "--train-rows",
        "60",
        "--train-seeds",
        "2",
    ),
    "filters": ("filters", "--n-images", "12", "--longest-side", "24"),
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
    "train-cnn": (
        "train-cnn",
        "--data",
        "digits",
        "--layers",
        "conv 2 3x3,relu,pool max 2,flatten",
        "--n-epochs",
        "1",
        "--max-shift",
        "1",
        "--test-views",
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


Found = tuple[str, float, float, float]


def in_metrics(tree: Mapping[str, Any], path: str = "") -> Iterator[Found]:
    """Path, mean and ends of every interval of a tree of metrics."""
    for key, value in tree.items():
        if isinstance(value, Mapping):
            at = f"{path}.{key}" if path else key
            if value.get("ci_low") is not None:
                means = (value[name] for name in ("mean", "estimate", "coverage") if name in value)
                yield at, next(means), value["ci_low"], value["ci_high"]
            yield from in_metrics(value, at)


# The column of the mean beside plain `ci_low` and `ci_high`.
MEANS = ("mean", "estimate", "coverage", "measured", "distance", "observed", "rows")


def in_table(path: Path) -> Iterator[Found]:
    """The same of a table, with the name of the column for the path."""
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    for low in [name for name in (rows[0] if rows else {}) if name.endswith("ci_low")]:
        stem = low.removesuffix("ci_low").removesuffix("_")
        means = (stem, f"{stem}_mse", f"mean_{stem}") if stem else MEANS
        # Table 1 of the notes has medians beside the interval of the mean.
        name = next((name for name in means if name in rows[0]), low)
        quantity = name if name == f"{stem}_mse" or not stem else stem
        for row in rows:
            if row[low]:
                high = row[low.removesuffix("low") + "high"]
                yield f"{path.stem}.{quantity}", float(row[name]), float(row[low]), float(high)


def declared(path: str, *, classes: bool) -> Range:
    """The range of what a path of these runs names."""
    table, _, name = path.rpartition(".")
    if classes and (" - " in path or path == "tests.mean" or name.startswith("difference")):
        return SHARE.of_difference
    if table in ("intervals", "coverage.naive", "coverage.corrected", "coverage.nested") or (
        name in ("estimate", "own_error", "expected_error")
    ):
        coverage = "coverage" in table
        return range_of("coverage" if coverage else "error_rate" if classes else "mse")
    if name == "mean":
        return range_of(
            {"calibration": "coverage", "scores": "accuracy", "table_1": "mse"}.get(
                table, "difference"
            )
        )
    if name == "difference":
        return Range()
    if classes and name in ("cv", "train", "loo", "expected", "selection_error", "score"):
        return SHARE
    return range_of(path)


def check(found: Found, *, classes: bool) -> None:
    path, mean, low, high = found
    range_ = declared(path, classes=classes)
    # Ten digits are written.
    slack = 1e-9 * max(abs(mean), abs(low), abs(high))
    assert range_.least <= low, found
    assert high <= range_.most, found
    assert low - slack <= mean <= high + slack, found


@pytest.mark.parametrize("n_seeds", [2, 3])
@pytest.mark.parametrize("name", RUNS)
def test_every_interval_is_in_range(
    name: str, n_seeds: int, mlcli: Run, empty_folder: Path
) -> None:
    write_data()
    seeds = ("--n-seeds", str(n_seeds)) if not name.startswith("baseline") else ()
    done = mlcli(*RUNS[name], *seeds, "--out", "o", "--no-plots", "--quiet", "--jobs", "1")
    assert done.code == 0, done.err
    classes = "classes" in name or name == "lr-find" or name == "train-cnn"
    found = list(in_metrics(read_json(empty_folder / "o/details.json")))
    for path in (empty_folder / "o").glob("tables/*.csv"):
        found += in_table(path)
    assert found
    for one in found:
        check(one, classes=classes)


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
