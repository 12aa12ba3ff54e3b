"""`mlcli runs`: which data each run read, and the one number that stands for it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mlcli.sweeps.headlines import shown_score

Run = Callable[..., Any]
PROJECT = Path(__file__).parents[2]


def test_a_file_has_its_name_and_a_run_its_score(mlcli: Run, empty_folder: Path) -> None:
    name = "measurements_of_the_summer_of_2026_at_the_second_station.csv"
    Path("data").mkdir()
    rows = "".join(f"{x},{x % 3},{x * x % 7}\n" for x in range(40))
    Path("data", name).write_text("x,z,t\n" + rows, encoding="utf-8")
    quiet = ("--data", f"data/{name}", "--no-plots", "--quiet", "--n-seeds", "2")
    assert mlcli("fit-poly", *quiet, "--degrees", "1,2").code == 0
    assert mlcli("bias-variance", *quiet, "--degrees", "1", "--n-datasets", "3").code == 0
    found = {run["command"]: run for run in mlcli("runs", "--json").json}
    run = found["fit-poly"]
    assert run["data"] == name
    metrics = json.loads(Path(run["folder"], "details.json").read_text(encoding="utf-8"))
    scores = {f"{d}.test_mse": metrics[d]["test_mse"]["mean"] for d in ("degree_1", "degree_2")}
    best = min(scores, key=lambda path: scores[path])
    assert run["score"]["metric"] == best
    assert run["score"]["value"] == scores[best]
    table = mlcli("runs").out
    assert max(map(len, table.splitlines())) <= 80
    assert f"test_mse {scores[best]:.4g}" in table
    assert name[:4] in table


@pytest.mark.parametrize(
    ("section", "metric"),
    [
        ("train_mlp", "init_he.test_accuracy"),
        ("train_cnn", "test_accuracy"),
        ("kfold", "selection_error"),
        ("bayes", "over_seeds.log_evidence"),
        ("filters", None),
    ],
)
def test_the_score_is_that_of_test_rows_and_of_variants_the_best(
    section: str, metric: str | None
) -> None:
    text = (PROJECT / "reports" / section / "details.json").read_text(encoding="utf-8")
    found = shown_score(section, json.loads(text))
    assert (found and found.path) == metric


def test_a_damaged_run_has_no_score(mlcli: Run, empty_folder: Path) -> None:
    quiet = ("--no-plots", "--quiet", "--n-seeds", "2", "--degrees", "1")
    assert mlcli("fit-poly", *quiet, "--out", "o").code == 0
    Path("o/details.json").write_text("[]", encoding="utf-8")
    (run,) = mlcli("runs", ".", "--json").json
    assert run["score"] is None


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_a_folder_that_is_not_there_is_a_usage_error(
    mlcli: Run, empty_folder: Path, options: tuple[str, ...]
) -> None:
    Path("rows.csv").write_text("x,t\n", encoding="utf-8")
    for name in ("nothing", "rows.csv"):
        done = mlcli("runs", name, *options)
        assert (done.code, done.out) == (2, "")
        assert done.err == f"mlcli: {name} is not a folder; try `mlcli runs` without a folder\n"
    # The default folder is there only after the first run.
    assert mlcli("runs").code == 0
