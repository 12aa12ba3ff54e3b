"""The threshold that a reader of the report moves has the numbers of the tables of the run."""

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

from mlcli.experiments.explore import Explorable, Mark
from mlcli.experiments.logistic.explore import MOST_ROWS, explorables

Run = Callable[..., Any]
RUN = REPORTS / "logistic"
ENDS = ("", "_ci_low", "_ci_high")
POSITIONS = pytest.mark.parametrize("position", [0, 9, 24, 40, 48])


def rows_of(folder: Path, name: str) -> list[dict[str, str]]:
    with (folder / "tables" / f"{name}.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def at(position: int, folder: Path = RUN) -> dict[str, float]:
    """The row of thresholds.csv of a position."""
    wanted = 0.02 * (position + 1)
    for row in rows_of(folder, "thresholds"):
        if math.isclose(float(row["threshold"]), wanted, abs_tol=1e-9):
            return {key: float(value) if value else math.nan for key, value in row.items()}
    raise AssertionError(wanted)


def the(folder: Path = RUN) -> Explorable:
    (found,) = explorables(folder)
    return found


def copied(folder: Path) -> Path:
    """Tables and model of the committed run."""
    for name in ("tables", "model"):
        shutil.copytree(RUN / name, folder / name)
    return folder


def marks(found: Explorable, position: int, panel: int) -> list[Mark]:
    return list(found.states[(position,)].marks[panel])


def test_it_starts_at_the_threshold_of_the_run() -> None:
    found = the()
    assert found.controls[0].values[0] == "0.02"
    assert found.controls[0].values[-1] == "0.98"
    assert found.controls[0].values[found.start[0]] == "0.50"


@POSITIONS
def test_the_matrix_and_the_points_on_the_curves_are_those_of_the_table(position: int) -> None:
    found, row = the(), at(position)
    cells, beside = marks(found, position, 1)
    expected = [
        [row["false_negatives"], row["true_positives"]],
        [row["true_negatives"], row["false_positives"]],
    ]
    np.testing.assert_allclose(np.abs(np.asarray(cells.values)), expected)
    for texts, values in zip(cells.texts, expected, strict=True):
        shown = [float(text) for text in texts]
        np.testing.assert_allclose(shown, [100 * value for value in values], atol=0.051)
    kinds = ("false_negatives", "true_positives", "true_negatives", "false_positives")
    assert list(beside.texts[:4]) == [name.replace("_", " ") for name in kinds]
    for text, name in zip(beside.texts[4:], kinds, strict=True):
        ends = [float(end) for end in str(text).split(" to ")]
        expected_ends = [100 * row[f"{name}{end}"] for end in ENDS[1:]]
        np.testing.assert_allclose(ends, expected_ends, atol=0.051)
    for panel, x, y in ((2, "false_positive_rate", "recall"), (3, "recall", "precision")):
        across, up, point = marks(found, position, panel)
        assert (list(np.asarray(point.x)), list(np.asarray(point.y))) == ([row[x]], [row[y]])
        assert list(np.asarray(across.x)) == [row[f"{x}{end}"] for end in ENDS[1:]]
        assert list(np.asarray(up.y)) == [row[f"{y}{end}"] for end in ENDS[1:]]
        # The point is on the curve that is drawn.
        curve = found.panels[panel].fixed[1]
        places = np.column_stack([np.asarray(curve.x), np.asarray(curve.y)])
        assert (np.isclose(places, [row[x], row[y]]).all(axis=1)).any()


@POSITIONS
def test_the_sentence_says_the_rates_and_what_the_change_costs(position: int) -> None:
    found, row, start = the(), at(position), at(24)
    said = found.states[(position,)].says
    share = "{:.3f} ({:.3f} to {:.3f})"
    recall, precision = (
        share.format(*(row[f"{name}{end}"] for end in ENDS)) for name in ("recall", "precision")
    )
    assert said.startswith(
        f"At p0 {row['threshold']:.2f} recall is {recall} and precision {precision}; of 100 "
    )
    numbers = [float(word.strip("().")) for word in said.split(";")[1].split() if has_digit(word)]
    false = [100 * row[f"false_positives{end}"] for end in ENDS]
    np.testing.assert_allclose(numbers[:4], [100, *false], atol=0.051)
    changes = [100 * (row[name] - start[name]) for name in ("false_positives", "false_negatives")]
    if position == 24:
        assert numbers[4:] == [pytest.approx(100 * row["false_negatives"], abs=0.051)]
        return
    np.testing.assert_allclose(numbers[4:], [0.5, *np.abs(changes)], atol=0.051)
    more = ["more" if change > 0 else "fewer" for change in changes]
    assert [word for word in said.split() if word in ("more", "fewer")] == more


def has_digit(word: str) -> bool:
    return any(letter.isdigit() for letter in word) and word != "p0"


@POSITIONS
def test_the_boundary_is_where_the_log_odds_are_those_of_the_threshold(position: int) -> None:
    with (RUN / "model" / "coefficients.csv").open(newline="", encoding="utf-8") as file:
        w = [float(row["estimate"]) for row in csv.DictReader(file)]
    p0 = at(position)["threshold"]
    line, wrong = marks(the(), position, 0)
    x, y = np.asarray(line.x), np.asarray(line.y)
    assert x.size >= 2
    np.testing.assert_allclose(w[0] + w[1] * x + w[2] * y, math.log(p0 / (1 - p0)), atol=1e-4)
    rows = rows_of(RUN, "points")
    assert len(rows) <= MOST_ROWS
    expected = []
    for row in rows:
        a = w[0] + w[1] * float(row["x"]) + w[2] * float(row["y"])
        if (1 / (1 + math.exp(-a)) > p0) != (row["class"] == "1"):
            expected.append((float(row["x"]), float(row["y"])))
    shown = zip(np.asarray(wrong.x), np.asarray(wrong.y), strict=True)
    assert sorted(shown) == sorted(expected)


def test_the_plane_is_shaded_by_the_probabilities_of_the_table() -> None:
    panel = the().panels[0]
    shades = panel.fixed[0]
    values = np.asarray(shades.values)
    grid = rows_of(RUN, "boundary")
    side = math.isqrt(len(grid))
    for i, j in ((0, 0), (3, 7), (30, 12)):
        p = float(grid[2 * i * side + 2 * j]["probability"])
        assert values[i, j] == pytest.approx(0.5 + 0.4 * (p - 0.5), abs=0.0051)
    # Each cell is about its place.
    low, high = np.asarray(shades.x)
    wide = (high - low) / values.shape[1]
    assert low + 1.5 * wide == pytest.approx(float(grid[2]["x"]))


def test_rows_of_other_than_two_features_are_shown_by_their_predictions(tmp_path: Path) -> None:
    folder = copied(tmp_path)
    model = json.loads((folder / "model" / "model.json").read_text(encoding="utf-8"))
    model["features"] = ["x1", "x2", "x3"]
    (folder / "model" / "model.json").write_text(json.dumps(model), encoding="utf-8")
    found = the(folder)
    assert found.panels[0].x == "predicted probability of class 1"
    down, up = found.panels[0].fixed[:2]
    first = {key: float(value) for key, value in rows_of(folder, "thresholds")[0].items() if value}
    positives = first["true_positives"] + first["false_negatives"]
    assert np.sum(up.y) == pytest.approx(100 * positives)
    assert np.sum(down.y) == pytest.approx(-100 * (1 - positives))
    for position in (0, 20, 48):
        row = at(position)
        missed, false, line = marks(found, position, 0)
        assert np.nansum(missed.y) == pytest.approx(100 * row["false_negatives"], abs=1e-6)
        assert np.nansum(false.y) == pytest.approx(-100 * row["false_positives"], abs=1e-6)
        assert list(np.asarray(line.x)) == [row["threshold"]] * 2
    # The other panels are the same.
    assert found.states[(7,)].says == the().states[(7,)].says


def test_bars_that_are_cut_off_say_how_high_they_are(tmp_path: Path) -> None:
    folder = copied(tmp_path)
    (folder / "model" / "model.json").unlink()
    rows = rows_of(folder, "thresholds")
    for row in rows[1:-1]:
        # All but few predictions are near 0 and 1.
        row["true_positives"], row["false_negatives"] = "0.5", "0.065625"
        row["false_positives"], row["true_negatives"] = "0.02", "0.414375"
    rows[50]["true_positives"], rows[50]["false_negatives"] = "0.49", "0.075625"
    with (folder / "tables" / "thresholds.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    panel = the(folder).panels[0]
    assert panel.y_range[1] == pytest.approx(1.05 * 2.0)
    assert set(panel.fixed[2].texts) == {"6.56 %", "50 %", "41.4 %"}


def test_other_runs_have_it_as_far_as_they_have_its_tables(mlcli: Run, tmp_path: Path) -> None:
    small = ("logistic", "--n-seeds", "1", "--n-study", "300")
    mlcli(*small, "--data", "iris", "--out", "three")
    assert explorables(Path("three")) == []
    mlcli(*small, "--data", "iris", "--positive", "1", "--threshold", "0.3", "--out", "one")
    found = the(Path("one"))
    assert found.controls[0].values[found.start[0]] == "0.30"
    said = found.states[found.start].says
    assert "(" not in said
    assert "called not 1" in found.panels[1].fixed[0].texts
    (Path("one") / "tables" / "thresholds.csv").write_text("threshold,recall\n0.5,0.9\n")
    assert explorables(Path("one")) == []
    assert explorables(tmp_path / "nowhere") == []


def test_a_precision_of_no_rows_is_undefined(tmp_path: Path) -> None:
    folder = copied(tmp_path)
    path = folder / "tables" / "thresholds.csv"
    rows = rows_of(folder, "thresholds")
    for end in ENDS:
        rows[98][f"precision{end}"] = ""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    said = the(folder).states[(48,)].says
    assert "precision undefined, as some seed has no row called 1;" in said


def test_every_state_is_small_and_in_finite_axes() -> None:
    found = the()
    assert len(json.dumps(found.to_dict())) < 250_000
    assert len(found.states) == 49
    for panel in found.panels:
        for low, high in (panel.x_range, panel.y_range):
            assert math.isfinite(low)
            assert math.isfinite(high)
            assert low < high
    assert len({state.says for state in found.states.values()}) == 49
