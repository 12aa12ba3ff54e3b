"""`mlcli data describe`: types, pairs, leaks and odd files, each against a plain recount."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from mlcli.datasets import describe_sample
from mlcli.datasets.dataset import task_by_values
from mlcli.datasets.describe import describe_table
from mlcli.datasets.describe_columns import n_outliers
from mlcli.errors import DataError

Run = Callable[..., Any]


def write(folder: Path, columns: dict[str, Any], name: str = "a.csv") -> Path:
    path = folder / name
    frame = pd.DataFrame(columns)
    frame.to_parquet(path) if path.suffix == ".parquet" else frame.to_csv(path, index=False)
    return path


def column(found: dict[str, Any], name: str) -> dict[str, Any]:
    return next(one for one in found["columns"] if one["name"] == name)


def leaks(found: dict[str, Any]) -> dict[str, str]:
    return {one["name"]: one["how"] for one in found["target"]["leaks"]}


@pytest.mark.parametrize("name", ["a.csv", "a.parquet"])
def test_types_missing_values_and_ranges(tmp_path: Path, name: str) -> None:
    table = {
        "x": [0.5, None, 2.5, 1.5],
        "n": [3, 1, 2, 2],
        "word": ["b", "a", None, "b"],
        "day": ["2024-02-01", "2024-01-01", "2024-01-03", None],
        "same": [7, 7, 7, 7],
        "flag": [True, False, True, True],
        "none": [None, None, None, None],
    }
    found = describe_table(write(tmp_path, table, name))
    types = {one["name"]: one["type"] for one in found["columns"]}
    assert types == {
        "x": "number",
        "n": "whole number",
        "word": "text",
        "day": "date",
        "same": "constant",
        "flag": "whole number",
        "none": "empty",
    }
    x = column(found, "x")
    assert (x["n_missing"], x["min"], x["median"], x["max"]) == (1, 0.5, 1.5, 2.5)
    assert column(found, "word")["most_frequent"][0] == {"value": "b", "n": 2}
    assert column(found, "day")["min"] == "2024-01-01"
    assert column(found, "day")["median"] == "2024-01-03"
    assert {"'same' is constant: 7", "'none' has no values"} <= set(found["warnings"])
    assert found["target"] is None


def test_dates_as_time_stamps_and_day_first(tmp_path: Path) -> None:
    when = pd.to_datetime(["2020-01-01 12:00", "2020-01-02 00:00"])
    found = describe_table(write(tmp_path, {"when": when}, "a.parquet"))
    assert column(found, "when")["type"] == "date"
    assert column(found, "when")["min"] == "2020-01-01 12:00:00"
    found = describe_table(write(tmp_path, {"when": ["31/01/2020", "01/02/2020"]}))
    assert column(found, "when")["max"] == "2020-02-01"


def test_dates_with_two_readings_are_warned_of(tmp_path: Path) -> None:
    found = describe_table(write(tmp_path, {"when": ["01/01/2010", "02/01/2010"]}))
    assert found["warnings"] == [
        "'when' has dates with two readings: '02/01/2010' is 2010-01-02 with the day first, as "
        "shown here, or 2010-02-01 with the month first; --dates when:dmy or when:mdy says "
        "which"
    ]
    for cells in (
        ["01/01/2010", "13/01/2010"],
        ["01/13/2010", "02/01/2010"],
        ["01/01/2010", "02/02/2010"],
        ["2010-01-01", "2010-02-01"],
        ["01.01.2010", "02.01.2010"],
    ):
        found = describe_table(write(tmp_path, {"when": cells}))
        assert (column(found, "when")["type"], found["warnings"]) == ("date", [])


def test_correlations_are_pandas_own_over_pairs_of_known_values(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 4)) @ rng.normal(size=(4, 4)) + 1e6
    X[rng.random(X.shape) < 0.2] = np.nan
    frame = pd.DataFrame(X, columns=list("abcy"))
    found = describe_table(write(tmp_path, dict(frame)))
    r = frame.corr()
    assert len(found["correlations"]["largest"]) == 3
    for pair in found["correlations"]["largest"]:
        assert pair["r"] == pytest.approx(r.loc[pair["a"], pair["b"]], abs=1e-6)
    for one in found["target"]["correlations"]:
        assert one["r"] == pytest.approx(r.loc[one["name"], "y"], abs=1e-6)
    sizes = [abs(pair["r"]) for pair in found["correlations"]["largest"]]
    assert sizes == sorted(sizes, reverse=True)


def test_outliers_by_median_and_mad() -> None:
    x = np.r_[np.arange(11.0), 100.0]
    median = np.median(x)
    mad = np.median(np.abs(x - median))
    assert n_outliers(x) == int((0.6745 * np.abs(x - median) / mad > 3.5).sum()) == 1
    assert n_outliers(np.r_[np.zeros(9), 5.0]) is None


def test_leaks_of_a_number(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    y = rng.normal(size=80)
    table = {
        "honest": y + rng.normal(size=80),
        "copy": y,
        "units": 32 + 1.8 * y,
        "bent": np.exp(-2 * y),
        "y": y,
    }
    found = describe_table(write(tmp_path, table))
    told = leaks(found)
    assert set(told) == {"copy", "units", "bent"}
    assert told["copy"] == "equals the target in every row"
    assert told["units"].startswith("is the target in other units")
    assert told["bent"] == "rises and falls with the target: rank correlation -1.000000"
    assert found["duplicate_columns"] == [["copy", "y"]]
    assert found["target"]["task"] == "regression"


@pytest.mark.parametrize("names", [["a", "b", "c"], [0, 1, 2]])
def test_leaks_of_a_class(tmp_path: Path, names: list[Any]) -> None:
    rng = np.random.default_rng(2)
    labels = rng.integers(0, 3, 90)
    table = {
        "honest": labels + rng.normal(size=90),
        "unlike": [f"id{i}" for i in range(90)],
        "ward": [["x", "z", "y"][k] for k in labels],
        "part": labels // 2,
        "level": 10.0 * labels + rng.random(90),
        "t": [names[k] for k in labels],
    }
    found = describe_table(write(tmp_path, table))
    assert found["target"]["task"] == "classification"
    told = leaks(found)
    assert told["ward"] == "tells the class: each of its values goes with one class"
    assert told["level"] == "tells the class: its ranges in the classes do not overlap"
    assert set(told) == {"ward", "level"}
    counts = {one["value"]: one["n"] for one in found["target"]["classes"]}
    assert counts == {str(name): int((labels == k).sum()) for k, name in enumerate(names)}
    level = next(one for one in found["target"]["correlations"] if one["name"] == "level")
    x = np.array(table["level"])
    between = sum((labels == k).sum() * (x[labels == k].mean() - x.mean()) ** 2 for k in range(3))
    assert level["r"] == pytest.approx(np.sqrt(between / ((x - x.mean()) ** 2).sum()))


def test_duplicates_rare_classes_and_strangers(tmp_path: Path) -> None:
    n = 60
    table: dict[str, Any] = {
        "row": range(n),
        "a": [i % 7 for i in range(n)],
        "b": [i % 7 for i in range(n)],
        "c": [32 - 1.8 * (i % 7) for i in range(n)],
        "mixed": ["?" if i == 3 else str(i) for i in range(n)],
        "t": [int(i < 4) for i in range(n)],
    }
    warnings = describe_table(write(tmp_path, table))["warnings"]
    assert "duplicate columns: 'a', 'b'" in warnings
    assert "'row' counts the rows" in warnings
    assert "'c' is 'a' in other units: correlation -1.000000" in warnings
    assert not any(line.startswith("'b' is 'a'") for line in warnings)
    assert "'mixed' is mostly numbers, but also holds '?'" in warnings
    assert "rare classes: 1 (4 rows)" in warnings
    del table["row"], table["mixed"]
    found = describe_table(write(tmp_path, table))
    assert found["n_duplicate_rows"] == pd.DataFrame(table).duplicated().sum() > 0


def test_large_files_are_sampled_evenly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(describe_sample, "SAMPLE_ROWS", 500)
    monkeypatch.setattr(describe_sample, "BLOCK_BYTES", 4096)
    path = write(tmp_path, {"row": np.arange(20_000), "t": np.arange(20_000) * 0.5})
    found = describe_table(path)
    assert (found["n_rows"], found["n_sampled"]) == (20_000, 500)
    assert column(found, "row")["n_distinct"] == 500
    counts = np.array(column(found, "row")["histogram"]["counts"])
    assert ((counts > 3) & (counts < 60)).all()
    assert describe_table(path) == found
    assert describe_table(path, seed=1) != found


def test_unusable_files_are_refused_in_one_sentence(tmp_path: Path, mlcli: Run) -> None:
    (tmp_path / "empty.csv").touch()
    (tmp_path / "heading.csv").write_text("a,b\n")
    (tmp_path / "twice.csv").write_text("a,a\n1,2\n")
    (tmp_path / "ragged.csv").write_text("a,b\n1,2\n3\n")
    (tmp_path / "note.txt").write_text("a\n")
    for name in ("empty.csv", "heading.csv", "twice.csv", "ragged.csv", "note.txt", "no.csv"):
        done = mlcli("data", "describe", name)
        assert done.code == 2, name
        assert done.err.count("\n") == 1
        assert done.out == ""
    with pytest.raises(DataError, match="try 'one'"):
        describe_table(write(tmp_path, {"one": [1, 2]}), "ones")
    found = describe_table(write(tmp_path, {"one": [1.5, 2]}), "one")
    assert found["target"]["task"] == "regression"
    found = describe_table(write(tmp_path, {"x": [1, 2], "y": [None, None]}))
    assert found["target"]["task"] is None
    long = describe_table(write(tmp_path, {"x": ["w" * 1_000_000, "v"], "y": [1, 2.5]}))
    assert len(column(long, "x")["most_frequent"][1]["value"]) == 40


def test_infinite_and_huge_values(tmp_path: Path) -> None:
    table = {
        "x": [1e308, -1e308, np.inf, 0.0],
        "d": [0, 5e-324, 0, 0],
        "y": [1.0, 2, 3, 4],
        "only": [np.inf, -np.inf, np.inf, np.inf],
    }
    found = describe_table(write(tmp_path, table))
    assert column(found, "x")["n_infinite"] == 1
    assert "'x' holds 1 infinite values" in found["warnings"]


def test_the_command_prints_json_and_draws(mlcli: Run, empty_folder: Path) -> None:
    rng = np.random.default_rng(3)
    t = rng.integers(0, 2, 40)
    table = {"$x_1$": rng.normal(size=40), "word": ["a", "b"] * 20, "z": t + 0.1, "t": t}
    write(empty_folder, table)
    done = mlcli("data", "describe", "a.csv", "--json", "--figure", "a.png")
    assert done.code == 0, done.err
    assert done.json["target"]["leaks"][0]["name"] == "z"
    with Image.open("a.png") as image:
        assert image.width > 300
    shown = mlcli("data", "describe", "a.csv", "--target", "z")
    assert shown.code == 0
    assert shown.err == ""
    assert "leakage: 't' is the target in other units" in shown.out
    assert "a.csv: 40 rows, 4 columns" in shown.out
    assert mlcli("data", "describe", "a.csv", "--figure", "a.gif").code == 2


def test_tables_and_images_in_npz_files_and_folders(mlcli: Run, empty_folder: Path) -> None:
    np.savez("t.npz", X=np.arange(20.0).reshape(10, 2), t=np.arange(10.0))
    found = mlcli("data", "describe", "t.npz", "--json").json
    assert [one["name"] for one in found["columns"]] == ["X_0", "X_1", "t"]
    for k, name in enumerate(("cat", "dog")):
        (empty_folder / "pets" / name).mkdir(parents=True)
        for i in range(3):
            Image.new("L", (5, 4), 40 * k + 10 * (i // 2)).save(f"pets/{name}/{i}.png")
    found = mlcli("data", "describe", "pets", "--json").json
    assert found["image_shape"] == [4, 5]
    assert [(one["value"], one["n"]) for one in found["classes"]] == [("cat", 3), ("dog", 3)]
    assert "2 of 6 images equal an earlier one" in found["warnings"]
    assert "6 images of 4 x 5" in mlcli("data", "describe", "pets").out


def test_the_rule_of_classes() -> None:
    assert task_by_values(np.repeat([0.0, 1, 2], 5)) == "classification"
    assert task_by_values(np.arange(15.0)) == "regression"
    assert task_by_values(np.repeat([0.5, 1], 5)) == "regression"
    assert task_by_values(np.ones(5)) == "regression"
