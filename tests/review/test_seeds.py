"""The value of each seed behind a mean, as a run writes and as `compare` reads them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mlcli.errors import DataError
from mlcli.experiments.summary import summary
from mlcli.linear.statistics import ANY
from mlcli.review.compare import compare
from mlcli.review.runs import Run, per_seed
from mlcli.run.files import csv_text, seed_columns

HEADING = "variant,metric,seed,value\n"
REPORTS = Path(__file__).parents[2] / "reports"


def run(folder: Path, metrics: dict[str, object], seeds: str) -> Run:
    (folder / "seeds.csv").write_text(seeds, encoding="utf-8")
    return Run("r", folder, {"command": "fit-poly"}, metrics)


def test_values_come_from_the_rows_of_their_variant(tmp_path: Path) -> None:
    metrics = {"x": {"score": summary([1.0, 2.0], ANY)}, "y": {"score": summary([3.0, 5.0], ANY)}}
    seeds = csv_text(seed_columns(metrics, 2))
    assert seeds.splitlines()[:2] == ["variant,metric,seed,value", "x,score,0,1.0"]
    found = per_seed(run(tmp_path, metrics, seeds))
    assert found == {"x.score": {0: 1.0, 1: 2.0}, "y.score": {0: 3.0, 1: 5.0}}


def test_a_summary_of_another_number_of_values_has_no_rows() -> None:
    metrics = {"folds": summary([1.0, 2.0, 3.0], ANY), "score": summary([1.0, 2.0], ANY)}
    assert seed_columns(metrics, 2)["metric"] == ["score", "score"]


@pytest.mark.parametrize("rows", [",score,0,1\n", ",score,0,1\n,score,1,\n", ",other,0,1\n"])
def test_values_that_are_not_all_there_are_not_taken(tmp_path: Path, rows: str) -> None:
    one = run(tmp_path, {"score": summary([1.0, 2.0], ANY)}, HEADING + rows)
    assert per_seed(one) == {}


@pytest.mark.parametrize(
    ("seeds", "said"),
    [
        ("", "line 1 must be the heading variant,metric,seed,value"),
        (HEADING + ",score,0\n", "line 2 must be 4 cells"),
        (HEADING + ",score,first,1\n", "line 2 must be a seed and a value"),
        (HEADING + ",score,0,one\n", "line 2 must be a seed and a value"),
    ],
)
def test_another_table_is_refused_with_its_line(tmp_path: Path, seeds: str, said: str) -> None:
    with pytest.raises(DataError, match=said):
        per_seed(run(tmp_path, {}, seeds))


ODD = [
    {"mean": float("nan")},
    {"mean": float("inf")},
    {"std": None},
    {"std": float("nan")},
    {"mean": "1.5"},
    {"n": None},
    {"ci_low": None},
]


@pytest.mark.parametrize("odd", ODD, ids=str)
def test_a_mean_that_is_no_number_has_no_values_and_no_difference(
    tmp_path: Path, odd: dict[str, object]
) -> None:
    manifest = {key: {} for key in ("config", "data", "versions", "seeds")} | {"run": "a"}
    runs = []
    for name, score in (("a", summary([1.0, 2.0], ANY)), ("b", summary([1.0, 2.0], ANY) | odd)):
        (tmp_path / name).mkdir()
        rows = HEADING + ",score,0,1\n,score,1,2\n"
        one = run(tmp_path / name, {"score": score}, rows)
        runs.append(Run(name, one.folder, one.manifest | manifest, one.metrics))
    assert per_seed(runs[1]) == {}
    for pair in (runs, runs[::-1]):
        assert compare(pair)["metrics"]["score"]["differences"] == [None]


@pytest.mark.parametrize("section", ["fit_poly", "train_mlp", "train_cnn", "lr_find"])
def test_the_test_scores_of_shipped_runs_are_found(section: str) -> None:
    folder = REPORTS / section
    metrics = json.loads((folder / "details.json").read_text(encoding="utf-8"))
    found = per_seed(Run("r", folder, {"command": section}, metrics))
    assert any(path.rpartition(".")[2].startswith("test_") for path in found)
