"""The figures of `kfold` where there is one degree only."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mlcli.experiments.kfold import figures as kfold
from mlcli.plotting import read_table

Run = Callable[..., Any]


@pytest.mark.parametrize(("n_seeds", "drawn_bars"), [("1", 1), ("3", 5)])
def test_one_degree_has_points_with_bars(
    mlcli: Run, empty_folder: Path, n_seeds: str, drawn_bars: int
) -> None:
    done = mlcli(
        "kfold",
        "--degrees",
        "2",
        "--n-seeds",
        n_seeds,
        "--n-samples",
        "40",
        "--no-plots",
        "--n-coverage",
        "0",
        "--out",
        "o",
        "--quiet",
    )
    assert done.code == 0, done.err
    table = read_table(empty_folder / "o/tables/errors.csv")
    figure = kfold.errors(table)
    figure.canvas.draw()
    (axes,) = figure.axes
    assert axes.get_title() == "Errors at degree 2, with 95 % intervals"
    assert axes.get_legend() is None
    labels = [label.get_text() for label in axes.get_yticklabels()]
    assert labels[-1] == "cross-validated error"
    assert len(labels) == len(axes.containers) == 5
    assert sum(bool(one.has_xerr) for one in axes.containers) == drawn_bars
    low, high = axes.containers[-1].lines[2][0].get_segments()[0][:, 0]
    assert [low, high] == pytest.approx(
        [float(table[f"cv_ci_{end}"][0]) for end in ("low", "high")]
    )
    without = {name: [""] if "_ci_" in name else column for name, column in table.items()}
    assert kfold.errors(without).axes[0].get_title() == "Errors at degree 2"
    chosen = kfold.choices(read_table(empty_folder / "o/tables/choices.csv"))
    assert [label.get_text() for label in chosen.axes[0].get_xticklabels()] == ["2"]


def test_several_degrees_are_curves_still(mlcli: Run, empty_folder: Path) -> None:
    done = mlcli(
        "kfold",
        "--degrees",
        "1,2",
        "--n-seeds",
        "2",
        "--n-samples",
        "40",
        "--no-plots",
        "--n-coverage",
        "0",
        "--out",
        "o",
        "--quiet",
    )
    assert done.code == 0, done.err
    (axes,) = kfold.errors(read_table(empty_folder / "o/tables/errors.csv")).axes
    assert axes.get_xlabel() == "degree"
    assert axes.get_legend() is not None
