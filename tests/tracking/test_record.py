"""What is read of a run for its trackers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mlcli.errors import DataError
from mlcli.tracking.record import read_record, read_series

PROJECT = Path(__file__).parents[2]


def written(folder: Path, text: str) -> Path:
    path = folder / "curves.csv"
    path.write_text(text)
    return path


def test_columns_of_text_distinguish_curves(tmp_path: Path) -> None:
    path = written(tmp_path, "variant,epoch,loss,low\nhe,0,1.5,\nhe,1,1.0,0.5\nxavier,0,2.0,nan\n")
    assert read_series(path) == {
        "curves/he/loss": [(0, 1.5), (1, 1.0)],
        "curves/he/low": [(1, 0.5)],
        "curves/xavier/loss": [(0, 2.0)],
    }


def test_columns_of_numbers_distinguish_curves_if_text_does_not(tmp_path: Path) -> None:
    path = written(tmp_path, "v,epoch,layer,dead\na,0,1,0.1\na,0,2,0.2\na,1,1,0.3\na,1,2,0.4\n")
    assert read_series(path) == {
        "curves/a/layer 1/dead": [(0, 0.1), (1, 0.3)],
        "curves/a/layer 2/dead": [(0, 0.2), (1, 0.4)],
    }


def test_one_curve_needs_no_key(tmp_path: Path) -> None:
    path = written(tmp_path, "step,train/loss\n0,1\n10,inf\n20,3\n")
    assert read_series(path) == {"curves/train_loss": [(0, 1.0), (20, 3.0)]}


@pytest.mark.parametrize("text", ["degree,mse\n1,2.0\n", "epoch,loss\n0.5,1.0\n", "epoch,loss\n"])
def test_without_whole_steps_there_is_no_curve(tmp_path: Path, text: str) -> None:
    assert read_series(written(tmp_path, text)) == {}


def test_every_curve_of_the_reports_has_each_step_once() -> None:
    """No two rows of a file fall on one point, and names are such as trackers take."""
    n_series = 0
    for path in PROJECT.glob("reports/*/manifest.json"):
        record = read_record(path.parent)
        n_series += len(record.series)
        for name, points in record.series.items():
            steps = [step for step, _ in points]
            assert len(steps) == len(set(steps)), f"{path.parent.name}: {name}"
        for name in (*record.series, *record.metrics):
            assert all(mark.isalnum() or mark in "/_.- " for mark in name), name
            assert len(name) <= 250
    assert n_series > 200


def test_names_that_become_equal_are_numbered(
    mlcli: Callable[..., Any], empty_folder: Path
) -> None:
    assert (
        mlcli("fit-poly", "--degrees", "1", "--n-seeds", "2", "--no-plots", "--out", "a").code == 0
    )
    (empty_folder / "a/details.json").write_text('{"p=1": 1, "p:1": {"x": 2}, "p_1": 3, "t": "no"}')
    assert read_record(empty_folder / "a").metrics == {"p_1": 1.0, "p_1.x": 2.0, "p_1 2": 3.0}


def test_a_folder_without_a_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"manifest\.json"):
        read_record(tmp_path)
