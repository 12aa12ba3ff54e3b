"""What a reader can move of `backprop`: the numbers of its tables, read with the csv module."""

from __future__ import annotations

import csv
import json
import math
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mlcli.experiments import load
from mlcli.experiments.explore import Explorable, Mark, State

Run = Callable[..., Any]
REPORT = Path(__file__).parents[2] / "reports" / "backprop"
LARGEST = 250_000
NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:e[+-]\d+)?")


def table(folder: Path, name: str) -> list[dict[str, str]]:
    with (folder / "tables" / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def explored(folder: Path = REPORT) -> dict[str, Explorable]:
    return {one.name: one for one in load("backprop").explore(folder)}


def own_run(mlcli: Run, *flags: str) -> dict[str, Explorable]:
    done = mlcli("backprop", *flags, "--no-plots", "--quiet", "--force", "--out", "o")
    assert done.code == 0, done.err
    return explored(Path("o"))


def marks(state: State, label: str) -> list[Mark]:
    return [one for panel in state.marks for one in panel if one.label == label]


def texts(state: State, label: str) -> list[str]:
    return [str(text) for one in marks(state, label) for text in one.texts]


def value(text: str) -> float:
    """The number at the end of what is written at a unit or on a line."""
    return float(text.rpartition(" ")[2].replace("−", "-"))


def in_formula(text: str) -> list[float]:
    """The numbers that are put into a sum, where a minus sign has brackets around it."""
    return [float(one) for one in NUMBER.findall(text)]


def checked(every: dict[str, Explorable]) -> None:
    """Finite fixed axes with all marks of units and lines in them, and a small page."""
    for one in every.values():
        assert len(json.dumps(one.to_dict())) <= LARGEST
        for panel in one.panels:
            assert np.isfinite([*panel.x_range, *panel.y_range]).all()
            assert panel.x_range[0] < panel.x_range[1]
            assert panel.y_range[0] < panel.y_range[1]
        for state in one.states.values():
            for panel, drawn in zip(one.panels, state.marks, strict=True):
                for mark in drawn:
                    for ends, values in ((panel.x_range, mark.x), (panel.y_range, mark.y)):
                        known = np.asarray(values, dtype=float)
                        known = known[np.isfinite(known)]
                        assert ends[0] <= known.min()
                        assert known.max() <= ends[1]


def test_each_step_says_its_formula_its_value_and_its_equation() -> None:
    rows = table(REPORT, "steps")
    one = explored()["steps"]
    assert len(one.states) == len(rows) == 33
    for place, row in enumerate(rows):
        says = one.states[(place,)].says
        assert says.startswith(f"Step {row['step']} of 33, ")
        assert (" back: " in says) == (row["pass"] == "backward")
        assert row["numbers"] in says
        assert says.endswith(f"= {float(row['value']):.4g}, {row['equation']}.")
    assert one.states[(6,)].says == (
        "Step 7 of 33, forward: a_1^(2) = w_11^(2) z_1^(1) + w_12^(2) z_2^(1) + w_13^(2) z_3^(1) "
        "+ b_1^(2) = (-0.56)*(-0.9641) + 0.11*0.8408 + (-0.47)*(-0.8477) + (-0.22) = 0.8108, "
        "(6.15), (6.30)."
    )
    # What is put in as it is stands once.
    assert one.states[(8,)].says == "Step 9 of 33, forward: y_1 = a_1^(2) = 0.8108, (6.22)."


@pytest.mark.parametrize("sizes", [None, "3-3-2-1", "2-6-5-2"])
def test_the_numbers_that_light_up_are_those_of_the_formula(
    mlcli: Run, empty_folder: Path, sizes: str | None
) -> None:
    folder = REPORT
    if sizes:
        row = "0.5,-1,2" if sizes.startswith("3") else "0.5,-1"
        own_run(mlcli, "--sizes", sizes, f"--at={row}", "--n-seeds", "2")
        folder = Path("o")
    one = explored(folder)["steps"]
    seen = set()
    for place, row in enumerate(table(folder, "steps")):
        state = one.states[(place,)]
        (computed,) = texts(state, "computed in this step")
        assert value(computed) == pytest.approx(float(row["value"]), rel=6e-3, abs=6e-4)
        if row["kind"] in ("a", "dW", "db", "z"):
            put_in = sorted(map(value, texts(state, "put in")))
            wanted = sorted(in_formula(row["numbers"]))
            assert put_in == pytest.approx(wanted, rel=6e-3, abs=6e-4)
            seen.add(row["kind"])
    assert seen == {"a", "dW", "db", "z"}


def test_numbers_are_written_from_the_step_that_computes_them_on() -> None:
    one = explored()["steps"]
    rows = table(REPORT, "steps")
    given = len(table(REPORT, "weights")) + 2 + 2
    before: set[tuple[float, float, int, str]] = set()
    for place in range(len(rows)):
        now = {
            (x, y, panel, str(text))
            for panel, drawn in enumerate(one.states[(place,)].marks)
            for mark in drawn
            for x, y, text in zip(np.asarray(mark.x), np.asarray(mark.y), mark.texts, strict=False)
        }
        assert len(now) == given + place + 1
        assert before <= now
        before = now


def test_an_error_of_a_hidden_unit_is_drawn_with_the_weights_behind_it() -> None:
    """delta_2 of layer 1, step 23: two lines in the forward panel, from the middle unit."""
    one = explored()["steps"]
    state = one.states[(22,)]
    (line,) = (mark for mark in state.marks[0] if mark.kind == "line")
    x, y = np.asarray(line.x), np.asarray(line.y)
    assert x[[0, 3]].tolist() == [188, 188]
    assert y[[0, 3]].tolist() == [134, 134]
    assert np.isnan(x[[2, 5]]).all()
    assert sorted(texts(state, "put in")) == sorted(
        ["0.11", "0.31", "a₂ = 1.22", "z₂ = 0.841", "δ₁ = 0.811", "δ₂ = −0.879"]
    )
    assert texts(state, "computed in this step") == ["δ₂ = −0.054"]


@pytest.mark.parametrize(
    ("loss", "put_in"),
    [("softmax-cross-entropy", ["a₁", "a₂"]), ("sigmoid-cross-entropy", ["a₂"])],
)
def test_an_output_uses_every_sum_only_with_softmax(
    mlcli: Run, empty_folder: Path, loss: str, put_in: list[str]
) -> None:
    one = own_run(mlcli, "--at=0.5,-1", "--sizes", "2-2", "--loss", loss, "--n-seeds", "1")["steps"]
    place = next(i for i, row in enumerate(table(Path("o"), "steps")) if row["quantity"] == "y_2")
    assert [text.split(" ")[0] for text in texts(one.states[(place,)], "put in")] == put_in


def test_the_point_is_at_the_error_of_its_step_with_the_interval_in_the_sentence() -> None:
    one = explored()["step_size"]
    rows = table(REPORT, "step_size")
    assert len(one.states) == len(rows)
    for place, which in ((0, "Rounding dominates"), (16, "Both errors matter"), (22, "The terms")):
        row, state = rows[place], one.states[(place,)]
        (point,) = (mark for mark in state.marks[0] if mark.kind == "points")
        error = 10 ** float(row["log10_central"])
        assert np.asarray(point.x).tolist() == [float(row["step"])]
        assert np.asarray(point.y) == pytest.approx([error])
        low, high = (10 ** float(row[f"log10_central_ci_{end}"]) for end in ("low", "high"))
        assert f"off by {error:.3g} of the largest gradient, mean of 16 networks" in state.says
        assert f"({low:.3g} to {high:.3g})" in state.says
        assert which in state.says
        parts = [10 ** float(row[f"log10_central_{name}"]) for name in ("truncation", "rounding")]
        assert f"{parts[0]:.3g} comes from the terms left out" in state.says
        assert f"at most {parts[1]:.3g} from rounding" in state.says
    best = min(range(len(rows)), key=lambda i: float(rows[i]["log10_central"]))
    assert one.start == (best,)


def test_theory_is_two_straight_lines() -> None:
    (panel,) = explored()["step_size"].panels
    slopes = {
        mark.label: np.diff(np.log10(np.asarray(mark.y))) / np.diff(np.log10(np.asarray(mark.x)))
        for mark in panel.fixed
        if mark.label.startswith("theory")
    }
    assert [round(float(one.mean()), 6) for one in slopes.values()] == [2, -1]
    assert all(np.ptp(one) < 1e-6 for one in slopes.values())


def test_both_terms_of_the_theory_add_up_to_it(mlcli: Run, empty_folder: Path) -> None:
    own_run(mlcli, "--at=0.5,-1", "--n-seeds", "1")
    for row in table(Path("o"), "step_size"):
        parts = [10 ** float(row[f"log10_central_{name}"]) for name in ("truncation", "rounding")]
        assert math.log10(sum(parts)) == pytest.approx(float(row["log10_central_theory"]))


def test_where_e_is_a_parabola_nothing_is_left_out(mlcli: Run, empty_folder: Path) -> None:
    flags = ("--at=1,2", "--sizes", "2-1", "--n-seeds", "2")
    one = own_run(mlcli, *flags)["step_size"]
    assert all(row["log10_central_truncation"] == "" for row in table(Path("o"), "step_size"))
    assert all("no terms are left out" in state.says for state in one.states.values())
    labels = [mark.label for mark in one.panels[0].fixed]
    assert not any("ε²" in label for label in labels)


@pytest.mark.parametrize(
    "flags",
    [
        ("--at=0.5,-1", "--sizes", "2-2-1", "--activation", "relu"),
        ("--at=1,2,-3,4,5,0.6", "--sizes", "6-6-6-6-6", "--loss", "softmax-cross-entropy"),
        ("--at=1e6,-1e-6", "--sizes", "2-1-3", "--activation", "linear"),
        ("--data", "iris"),
        ("--at=0.5", "--sizes", "1-1"),
    ],
)
def test_other_networks_fit_into_their_axes(
    mlcli: Run, empty_folder: Path, flags: tuple[str, ...]
) -> None:
    every = own_run(mlcli, *flags, "--n-seeds", "1")
    assert "steps" in every
    checked(every)
    assert not any("nan" in state.says for one in every.values() for state in one.states.values())
    if flags[0] == "--data":
        # A larger network has only the numbers of the step.
        assert not any(texts(state, "known") for state in every["steps"].states.values())


def test_the_committed_run_fits_into_its_axes() -> None:
    every = explored()
    assert list(every) == ["steps", "step_size"]
    checked(every)


@pytest.mark.parametrize(
    ("lost", "left"),
    [
        ("steps", ["step_size"]),
        ("weights", ["step_size"]),
        ("step_size", ["steps"]),
        ("check", ["steps", "step_size"]),
    ],
)
def test_a_run_without_a_table_has_what_the_others_give(
    tmp_path: Path, lost: str, left: list[str]
) -> None:
    shutil.copytree(REPORT, tmp_path / "o")
    (tmp_path / "o" / "tables" / f"{lost}.csv").unlink()
    found = explored(tmp_path / "o")
    assert list(found) == left
    if lost == "check":
        assert "networks (" not in found["step_size"].states[(0,)].says


def test_a_run_of_an_earlier_version_has_no_slider_of_the_step(tmp_path: Path) -> None:
    shutil.copytree(REPORT, tmp_path / "o")
    path = tmp_path / "o" / "tables" / "step_size.csv"
    text = path.read_text(encoding="utf-8").replace("log10_central_truncation", "other")
    path.write_text(text, encoding="utf-8")
    assert list(explored(tmp_path / "o")) == ["steps"]
    shutil.rmtree(tmp_path / "o" / "tables")
    assert explored(tmp_path / "o") == {}
