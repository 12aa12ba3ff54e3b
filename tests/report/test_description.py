"""The figure of `data describe`: what it leaves out is said."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mlcli.datasets.describe import describe_table
from mlcli.plotting import shortened
from mlcli.report.figures import description


def drawn(folder: Path, n_columns: int) -> tuple[str, list[str]]:
    """The title, and the labels of the correlations."""
    rng = np.random.default_rng(0)
    names = [f"measure$_{i:02d}_of_it" for i in range(n_columns - 1)] + ["y"]
    path = folder / "wide.csv"
    header = ",".join(names)
    np.savetxt(path, rng.normal(size=(30, n_columns)), delimiter=",", header=header, comments="")
    figure = description(describe_table(path, "y"))
    figure.canvas.draw()
    map_ = next(axes for axes in figure.axes if axes.get_title() == "correlations of features")
    return figure.get_suptitle(), [label.get_text() for label in map_.get_yticklabels()]


def test_columns_that_have_no_panel_are_counted(tmp_path: Path) -> None:
    assert drawn(tmp_path, 18)[0] == "wide.csv: 30 rows\n11 of 18 columns"
    assert drawn(tmp_path, 11)[0] == "wide.csv: 30 rows"


def test_a_name_that_is_cut_ends_in_an_ellipsis(tmp_path: Path) -> None:
    assert drawn(tmp_path, 4)[1] == ["measure\\$_…"] * 3
    assert shortened("abcdef", 6) == "abcdef"
    assert shortened("abcdefg", 6) == "abcde…"
