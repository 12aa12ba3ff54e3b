"""What can be moved in the report of `train-mlp`, beside its tables read with the csv module."""

from __future__ import annotations

import csv
import json
import math
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from figure_reading import REPORTS

from mlcli.experiments.train_mlp import EXPERIMENT

Run = Callable[..., Any]
Rows = list[dict[str, str]]
QUICK = ("--n-epochs", "1", "--hidden", "4", "--n-seeds", "2", "--quiet", "--no-plots")
LARGEST = 250_000


def rows_of(folder: Path, name: str, **equal: str) -> Rows:
    with (folder / "tables" / f"{name}.csv").open(newline="") as file:
        return [row for row in csv.DictReader(file) if all(row[k] == v for k, v in equal.items())]


def plane_of(folder: Path) -> dict[str, Any]:
    (found,) = EXPERIMENT.explore(folder)
    assert found.name == "plane"
    data = found.to_dict()
    assert len(json.dumps(data)) <= LARGEST
    for panel in data["panels"]:
        assert all(math.isfinite(end) for end in (*panel["xr"], *panel["yr"]))
        assert panel["xr"][0] < panel["xr"][1]
        assert panel["yr"][0] < panel["yr"][1]
        assert all(mark["x"] for mark in (*panel["fixed"], *panel["over"]))
    # A mark that several states share is written once.
    for state in data["states"].values():
        state["marks"] = [
            [data["shared"][mark] if isinstance(mark, int) else mark for mark in marks]
            for marks in state["marks"]
        ]
    # The script needs points in every mark: a network of one class has no border.
    for state in data["states"].values():
        assert all(mark["x"] for marks in state["marks"] for mark in marks)
    return data


def marks_of(state: dict[str, Any], panel: int, kind: str) -> list[dict[str, Any]]:
    return [mark for mark in state["marks"][panel] if mark["k"] == kind]


@pytest.fixture(scope="module")
def folder() -> Path:
    return REPORTS / "train_mlp"


@pytest.fixture(scope="module")
def data(folder: Path) -> dict[str, Any]:
    return plane_of(folder)


STATES = [(0, "normal"), (3, "zeros"), (5, "xavier"), (8, "he")]


def state_of(data: dict[str, Any], place: int, init: str) -> tuple[str, dict[str, Any]]:
    epochs, inits = (control["values"] for control in data["controls"])
    epoch = "0" if epochs[place] == "before training" else epochs[place]
    return epoch, data["states"][f"{place},{inits.index(init)}"]


@pytest.mark.parametrize(("place", "init"), STATES)
def test_the_shades_are_the_networks_of_the_weights(
    folder: Path, data: dict[str, Any], place: int, init: str
) -> None:
    epoch, state = state_of(data, place, init)
    (shades,) = marks_of(state, 0, "shades")
    points = rows_of(folder, "plane_inits", epoch=epoch)
    X = np.array([[float(row["x1"]), float(row["x2"])] for row in points])
    bias, *units = rows_of(folder, "plane_inits_units", epoch=epoch, init=init)
    first = np.array([[float(one["weight_1"]), float(one["weight_2"])] for one in units])
    z = np.maximum(X @ first.T + [float(one["bias"]) for one in units], 0)
    a = z @ np.array([float(one["to_2"]) - float(one["to_1"]) for one in units])
    a += float(bias["to_2"]) - float(bias["to_1"])
    # The table has three digits, a shade two.
    shown = np.array(shades["v"], dtype=float).ravel()
    np.testing.assert_allclose(shown, 1 / (1 + np.exp(-a)), atol=0.0056)
    wide = X[:, 0].max() - X[:, 0].min()
    np.testing.assert_allclose(shades["x"][1] - shades["x"][0], wide * 21 / 20, rtol=1e-3)


@pytest.mark.parametrize("place", [0, 4, 8])
def test_the_drawn_start_is_that_of_the_figures(
    folder: Path, data: dict[str, Any], place: int
) -> None:
    drawn = json.loads((folder / "details.json").read_text())["plane"]["drawn"]
    epoch, state = state_of(data, place, drawn)
    (shades,) = marks_of(state, 0, "shades")
    every = rows_of(folder, "plane_grid", epoch=epoch)
    p = [
        float(row["probability"]) if row["called"] == "1" else 1 - float(row["probability"])
        for row in every
    ]
    own = np.reshape(p, (41, 41))[::2, ::2]
    np.testing.assert_allclose(np.array(shades["v"], dtype=float), own, atol=0.0051)
    units = rows_of(folder, "plane_units", epoch=epoch)
    mine = rows_of(folder, "plane_inits_units", epoch=epoch, init=drawn)
    assert [{k: v for k, v in row.items() if k != "init"} for row in mine] == units


@pytest.mark.parametrize(("place", "init"), STATES)
def test_each_line_is_where_its_unit_is_zero(
    folder: Path, data: dict[str, Any], place: int, init: str
) -> None:
    epoch, state = state_of(data, place, init)
    units = rows_of(folder, "plane_inits_units", epoch=epoch, init=init)[1:]
    ends = []
    for mark in marks_of(state, 1, "line"):
        if mark["c"] == "ink":
            continue
        pairs = list(zip(mark["x"], mark["y"], strict=True))
        ends += [(mark["c"], pairs[i], pairs[i + 1]) for i in range(0, len(pairs), 3)]
    arrows = marks_of(state, 1, "arrow")
    if init == "zeros":
        assert not ends
        assert not arrows
        return
    assert len(ends) == len(arrows) == len(units)
    for unit in units:
        w, b = [float(unit["weight_1"]), float(unit["weight_2"])], float(unit["bias"])
        k = int(float(unit["to_2"]) > float(unit["to_1"]))
        size = math.hypot(*w)

        def away(x: float, y: float, w: list[float] = w, b: float = b, s: float = size) -> float:
            return (w[0] * x + w[1] * y + b) / s

        assert [
            one for one in ends if one[0] == k and abs(away(*one[1])) + abs(away(*one[2])) < 2e-3
        ]
        assert [
            one
            for one in arrows
            if one["c"] == k
            and abs(away(one["x"][0], one["y"][0])) < 2e-3
            and away(one["x"][1], one["y"][1]) > 0.05
        ]


@pytest.mark.parametrize(("place", "init"), STATES)
def test_the_sentence_and_the_curves_are_the_tables(
    folder: Path, data: dict[str, Any], place: int, init: str
) -> None:
    epoch, state = state_of(data, place, init)
    (row,) = rows_of(folder, "plane_epochs", epoch=epoch, init=init)
    for name in ("accuracy", "disagreement"):
        for column in (name, f"{name}_ci_low", f"{name}_ci_high"):
            assert f"{float(row[column]):.4g}" in state["says"]
    curves = [mark for mark in marks_of(state, 2, "line") if mark["c"] != "points"]
    every = rows_of(folder, "plane_epochs", init=init)
    for mark, name in zip(curves, ("accuracy", "disagreement"), strict=True):
        assert mark["x"] == [max(float(one["epoch"]), 0.5) for one in every]
        np.testing.assert_allclose(mark["y"], [float(one[name]) for one in every], rtol=6e-4)
    here = [(mark["x"], mark["y"][0]) for mark in marks_of(state, 2, "points")]
    assert [x for x, _ in here] == [[max(float(epoch), 0.5)]] * 2
    assert math.isclose(here[0][1], float(row["accuracy"]), rel_tol=6e-4)
    best = {(one["x1"], one["x2"]): one["law_class"] for one in rows_of(folder, "plane_final")}
    points = rows_of(folder, "plane_inits", epoch=epoch)
    wrong = [best[one["x1"], one["x2"]] != one[f"predicted_{init}"] for one in points]
    assert len(wrong) == 441
    assert f"differs from it on {sum(wrong) / 441:.2g} of the plane" in state["says"]
    assert f"Initialisation {init}, " in state["says"]
    same = "All 6 hidden units are the same" in state["says"]
    assert same == (init == "zeros") != ("lines of 6 of its 6" in state["says"])


def test_the_border_of_the_best_rule_is_where_its_classes_are_equally_probable(
    folder: Path, data: dict[str, Any]
) -> None:
    final = rows_of(folder, "plane_final")
    X = np.array([[float(one["x1"]), float(one["x2"])] for one in final])
    near = np.array([float(one["law_probability"]) < 0.7 for one in final])
    classes = np.array([one["law_class"] for one in final])
    for panel in data["panels"][:2]:
        (line,) = [mark for mark in panel["over"] if mark["c"] == "truth"]
        there = np.array([p for p in zip(line["x"], line["y"], strict=True) if p[0] is not None])
        apart = np.hypot(*(there[:, None] - X).T)  # (points of the grid, points of the line)
        assert apart[near].min(axis=1).max() < 0.16
        assert all(set(classes[here]) == {"0", "1"} for here in (apart < 0.15).T)
    points = [mark for mark in data["panels"][0]["over"] if mark["k"] == "points"]
    rows = rows_of(folder, "plane_rows")[:200]
    for k, mark in enumerate(points):
        own = [float(row["x1"]) for row in rows if row["class"] == str(k)]
        np.testing.assert_allclose(mark["x"], own, rtol=6e-4)


def test_three_classes_have_borders_without_shades(mlcli: Run) -> None:
    flags = ("--data", "spirals", "--init", "zeros,he", "--activation", "prelu")
    assert mlcli("train-mlp", *flags, *QUICK, "--out", "o").code == 0
    data = plane_of(Path("o"))
    assert data["panels"][0]["title"] == "Border between the classes"
    rows = [mark for mark in data["panels"][0]["over"] if mark["k"] == "points"]
    assert [mark["c"] for mark in rows] == [0, 1, 2]
    for state in data["states"].values():
        assert not marks_of(state, 0, "shades")
    last, (_, inits) = len(data["controls"][0]["values"]) - 1, data["controls"]
    (line,) = marks_of(data["states"][f"{last},{inits['values'].index('he')}"], 0, "line")
    assert 3 < len(line["x"]) <= 170


def test_many_units_and_starts_stay_small(mlcli: Run) -> None:
    inits = "zeros,normal,uniform,xavier,he,lecun,orthogonal,he-fan-out,he-uniform,lecun-uniform"
    flags = ("--data", "two-moons", "--init", inits, "--activation", "tanh", "--plane-units", "64")
    assert mlcli("train-mlp", *flags, *QUICK, "--out", "o").code == 0
    data = plane_of(Path("o"))
    epochs, starts = (control["values"] for control in data["controls"])
    assert epochs[0] == "before training"
    assert epochs[-1] == "8"
    assert starts == inits.split(",")
    state = data["states"][f"{len(epochs) - 1},1"]
    assert len(marks_of(state, 1, "arrow")) == 8
    assert "those with the 8 largest outgoing weights are drawn" in state["says"]


def test_a_start_that_diverged_is_said_to_have(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "o")
    for name, gone in (
        ("plane_inits", ("predicted_he", "probability_he")),
        ("plane_inits_units", ("weight_1", "weight_2", "bias", "to_1", "to_2")),
        ("plane_epochs", ("accuracy", "accuracy_ci_low", "accuracy_ci_high")),
    ):
        rows = rows_of(folder, name)
        for row in rows:
            if row["epoch"] == "128" and row.get("init", "he") == "he":
                row.update(dict.fromkeys(gone, ""))
        with (tmp_path / "o" / "tables" / f"{name}.csv").open("w", newline="") as file:
            writer = csv.DictWriter(file, rows[0])
            writer.writeheader()
            writer.writerows(rows)
    _, state = state_of(plane_of(tmp_path / "o"), 8, "he")
    assert "there is no accuracy" in state["says"]
    assert "diverged: nothing" in state["says"]
    assert not marks_of(state, 1, "arrow")


@pytest.mark.parametrize("lost", ["plane_inits", "plane_inits_units"])
def test_a_run_without_the_tables_has_nothing_to_move(
    folder: Path, tmp_path: Path, lost: str
) -> None:
    shutil.copytree(folder, tmp_path / "o")
    (tmp_path / "o" / "tables" / f"{lost}.csv").unlink()
    assert EXPERIMENT.explore(tmp_path / "o") == []


def test_a_run_without_the_study_has_nothing_to_move(mlcli: Run) -> None:
    flags = ("--data", "two-moons", "--plane-units", "0")
    assert mlcli("train-mlp", *flags, *QUICK, "--out", "o").code == 0
    assert EXPERIMENT.explore(Path("o")) == []


def test_own_rows_without_a_law_have_no_best_rule(mlcli: Run) -> None:
    rng = np.random.default_rng(3)
    t = rng.integers(0, 2, 120)
    x = rng.normal(size=(120, 2)) + 2 * t[:, None]
    lines = [f"{a:.3f},{b:.3f},{'yes' if c else 'no'}" for (a, b), c in zip(x, t, strict=True)]
    Path("own.csv").write_text("\n".join(["cost in $,price in $,buys", *lines]) + "\n")
    flags = ("--data", "own.csv", "--target", "buys")
    assert mlcli("train-mlp", *flags, *QUICK, "--out", "o").code == 0
    data = plane_of(Path("o"))
    assert data["panels"][0]["x"] == "cost in $"
    assert [mark["k"] for mark in data["panels"][0]["over"]] == ["points", "points"]
    assert not data["panels"][2]["fixed"]
    for state in data["states"].values():
        assert "best rule" not in state["says"]
        assert "differs" not in state["says"]
        assert "networks of 2 seeds classify" in state["says"]
