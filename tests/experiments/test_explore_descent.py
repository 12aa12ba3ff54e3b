"""What a reader of `descent` can move is what its tables say."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable
from math import log, log10
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mlcli.experiments.descent.explore import explorables

Run = Callable[..., Any]
FOLDER = Path("reports/descent")
RATES = [f"{k / 10:.1f}" for k in range(1, 12)]
MOMENTA = ["0", "0.5", "0.8", "0.9", "0.95"]


def rows_of(folder: Path, table: str, rate: float, momentum: float) -> list[dict[str, float]]:
    with (folder / "tables" / f"{table}.csv").open(newline="") as file:
        every = [{k: float(v or "nan") for k, v in row.items()} for row in csv.DictReader(file)]
    return [row for row in every if (row["rate"], row["momentum"]) == (rate, momentum)]


def shown(position: tuple[int, int], folder: Path = FOLDER) -> tuple[dict[str, Any], str]:
    """The marks by their kind and label, and the sentence."""
    (found,) = explorables(folder)
    state = found.to_dict()["states"][f"{position[0]},{position[1]}"]
    marks = {(i, mark["k"], mark.get("l", "")): mark for i in (0, 1) for mark in state["marks"][i]}
    return marks, state["says"]


def test_both_controls_move_over_every_rate_and_momentum() -> None:
    (found,) = explorables(FOLDER)
    assert [list(one.values) for one in found.controls] == [RATES, MOMENTA]
    assert found.start == (4, 0)
    assert len({state.says for state in found.states.values()}) == 55
    assert len(json.dumps(found.to_dict())) < 250_000
    for panel in found.panels:
        ends = (*panel.x_range, *panel.y_range)
        assert np.isfinite(ends).all()
        assert panel.x_range[0] < panel.x_range[1]
        assert panel.y_range[0] < panel.y_range[1]


@pytest.mark.parametrize("position", [(4, 0), (8, 0), (3, 1), (8, 3), (0, 4)])
def test_a_state_that_converges_shows_its_path_loss_and_factor(position: tuple[int, int]) -> None:
    rate, momentum = float(RATES[position[0]]), float(MOMENTA[position[1]])
    paths = rows_of(FOLDER, "grid_paths", rate, momentum)
    (one,) = rows_of(FOLDER, "grid_factors", rate, momentum)
    marks, says = shown(position)
    for kind, label in (("line", ""), ("points", "descent")):
        mark = marks[0, kind, label]
        inside = [abs(row["stiff"]) < 50 for row in paths]
        assert all(inside)
        assert mark["x"] == pytest.approx([row["stiff"] for row in paths], rel=1e-3)
        assert mark["y"] == pytest.approx([row["soft"] for row in paths], rel=1e-3)
    mark = marks[1, "line", "descent"]
    assert mark["x"] == list(range(61))
    assert mark["y"] == pytest.approx([row["excess"] for row in paths], rel=1e-3)
    theory = marks[1, "line", "slope of theory"]
    assert theory["d"]
    (start, end), (high, low) = theory["x"], theory["y"]
    assert (start, high) == (0, mark["y"][0])
    assert log(low / high) / end == pytest.approx(log(one["theory"]), rel=1e-2)
    assert " converges" in says
    assert f"by {one['measured']:.4g} (theory: {one['theory']:.4g})" in says
    assert f"falls tenfold in {-1 / log10(one['measured']):.3g} steps" in says
    rise = max(row["excess"] for row in paths) / paths[0]["excess"]
    assert ("first rises" in says) == (rise > 1.1)
    assert f"{rise:.4g} times its start" in says or rise <= 1.1
    assert (f"{1 + momentum:.4g} times that of plain descent" in says) == (momentum > 0)


def test_the_sentence_says_what_happens_at_the_critical_rate_and_above_it() -> None:
    for j, momentum in enumerate(MOMENTA):
        critical, above = (shown((i, j))[1] for i in (9, 10))
        (one,) = rows_of(FOLDER, "grid_factors", 1.1, float(momentum))
        assert "neither converges nor diverges" in critical
        assert "by 1 (theory: 1)." in critical
        assert " diverges." in above
        assert f"by {one['measured']:.4g} (theory: {one['theory']:.4g})" in above
        assert f"grows tenfold in {1 / log10(one['measured']):.3g} steps" in above
        assert not any("converges." in says for says in (critical, above))


def test_the_sentence_says_which_direction_is_the_slowest(tmp_path: Path) -> None:
    assert "The softest direction is the slowest: a larger rate" in shown((4, 0))[1]
    assert "All directions shrink equally fast" in shown((3, 1))[1]
    # With another softest direction the stiffest decides.
    shutil.copytree(FOLDER / "tables", tmp_path / "tables")
    path = tmp_path / "tables" / "grid_factors.csv"
    with path.open(newline="") as file:
        every = list(csv.DictReader(file))
    (row,) = (one for one in every if (one["rate"], one["momentum"]) == ("0.9", "0.0"))
    row["soft_theory"] = "0.1"
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(row))
        writer.writeheader()
        writer.writerows(every)
    assert "The stiffest direction is the slowest: a smaller rate" in shown((8, 0), tmp_path)[1]


def test_contours_are_those_of_the_loss_in_the_plane() -> None:
    (found,) = explorables(FOLDER)
    (row,) = rows_of(FOLDER, "grid_factors", 0.5, 0.0)
    contours = found.panels[0].fixed[0]
    a, b = np.asarray(contours.x), np.asarray(contours.y)
    height = row["lambda_max"] * a**2 + row["lambda_min"] * b**2
    parts = [part for part in np.split(height, np.flatnonzero(np.isnan(a)) + 1) if part.size]
    levels = [float(part[0]) for part in parts]
    for part, level in zip(parts, levels, strict=True):
        np.testing.assert_allclose(part[:-1], level)
    np.testing.assert_allclose(np.array(levels[:-1]) / levels[1:], 4)


def test_paths_and_factors_follow_the_recursion_of_descent_with_momentum() -> None:
    for rate, momentum in ((0.5, 0.0), (0.9, 0.8), (1.0, 0.95), (1.1, 0.5)):
        rows = rows_of(FOLDER, "grid_paths", rate, momentum)
        (one,) = rows_of(FOLDER, "grid_factors", rate, momentum)
        eta = rate * 2 * (1 + momentum) / one["lambda_max"]
        assert one["learning_rate"] == pytest.approx(eta)
        factors = {}
        for name, curvature in (("stiff", one["lambda_max"]), ("soft", one["lambda_min"])):
            d = [row[name] for row in rows]
            expected = [d[0], (1 - eta * curvature) * d[0]]
            while len(expected) < len(d):
                moved = momentum * (expected[-1] - expected[-2])
                expected.append(expected[-1] + moved - eta * curvature * expected[-1])
            np.testing.assert_allclose(d, expected, rtol=1e-4, atol=1e-6)
            roots = np.roots([1, eta * curvature - 1 - momentum, momentum])
            factors[name] = np.abs(roots).max() ** 2
            assert one[f"{name}_theory"] == pytest.approx(factors[name], abs=1e-6)
        assert one["theory"] == pytest.approx(max(factors.values()), abs=1e-6)
        assert one["measured"] == pytest.approx(one["theory"], rel=0.01)


@pytest.mark.parametrize("more", ["", "--degree 1 --basis legendre", "--data diabetes"])
def test_a_run_on_other_data_can_be_moved_too(mlcli: Run, more: str) -> None:
    basis = "--basis linear" if "diabetes" in more else ""
    few = "--n-seeds 2 --n-noise 20 --n-steps 20 --no-plots --quiet --out o"
    done = mlcli("descent", *more.split(), *basis.split(), *few.split())
    assert done.code == 0, done.err
    (found,) = explorables(Path("o"))
    for panel in found.panels:
        assert np.isfinite((*panel.x_range, *panel.y_range)).all()
    (one,) = rows_of(Path("o"), "grid_factors", 0.4, 0.5)
    assert f"by {one['measured']:.4g} (theory: " in shown((3, 1), Path("o"))[1]


def test_a_run_without_the_tables_or_with_no_loss_has_none(tmp_path: Path) -> None:
    assert explorables(tmp_path) == []
    shutil.copytree(FOLDER / "tables", tmp_path / "tables")
    assert len(explorables(tmp_path)) == 1
    path = tmp_path / "tables" / "grid_paths.csv"
    first, *rest = path.read_text().splitlines()
    # At the minimum from the start, there is nothing to see.
    path.write_text("\n".join([first, *(row.rpartition(",")[0] + ",0.0" for row in rest)]))
    assert explorables(tmp_path) == []
    path.write_text(first.replace("excess", "other") + "\n")
    assert explorables(tmp_path) == []
