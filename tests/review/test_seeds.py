"""Values of seeds, found only where they are what the mean was made of."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mlcli.experiments.summary import summary
from mlcli.linear.statistics import ANY
from mlcli.review.compare import compare
from mlcli.review.runs import Run
from mlcli.review.seeds import per_seed

REPORTS = Path(__file__).parents[2] / "reports"


def run(folder: Path, metrics: dict[str, object], **tables: str) -> Run:
    for name, text in tables.items():
        (folder / f"{name}.csv").write_text(text, encoding="utf-8")
    return Run("r", folder, {"command": "fit-poly"}, metrics)


def test_a_group_belongs_to_the_metric_that_its_values_make(tmp_path: Path) -> None:
    table = "variant,seed,score,other\na,0,1,9\na,1,2,9\nb,0,3,9\nb,1,5,9\n"
    metrics = {"x": {"score": summary([1.0, 2.0], ANY)}, "y": {"score": summary([3.0, 5.0], ANY)}}
    found = per_seed(run(tmp_path, metrics, members=table))
    assert found == {"x.score": {0: 1.0, 1: 2.0}, "y.score": {0: 3.0, 1: 5.0}}


@pytest.mark.parametrize(
    "table",
    [
        "seed,score\n0,1\n1,2.1\n",
        # The mean is right and the spread is not.
        "seed,score\n0,0.5\n1,2.5\n",
        "seed,score\n0,1\n",
        "seed,score\n0,1\n1,\n",
        "seed,score\n0,1\n0,2\n",
        "seed,other\n0,1\n1,2\n",
        "epoch,score\n0,1\n1,2\n",
        "seed,score\nfirst,1\nsecond,2\n",
        "",
    ],
)
def test_values_that_are_not_the_metric_s_are_not_taken(tmp_path: Path, table: str) -> None:
    assert per_seed(run(tmp_path, {"score": summary([1.0, 2.0], ANY)}, members=table)) == {}


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
        one = run(tmp_path / name, {"score": score}, members="seed,score\n0,1\n1,2\n")
        runs.append(Run(name, one.folder, one.manifest | manifest, one.metrics))
    assert per_seed(runs[1]) == {}
    for pair in (runs, runs[::-1]):
        assert compare(pair)["metrics"]["score"]["differences"] == [None]


def test_of_groups_with_the_same_mean_only_the_one_that_is_named(tmp_path: Path) -> None:
    table = "variant,seed,score\na,0,1\na,1,3\nb,0,3\nb,1,1\n"
    same = summary([1.0, 3.0], ANY)
    found = per_seed(run(tmp_path, {"b": {"score": same}, "q": {"score": same}}, members=table))
    assert found == {"b.score": {0: 3.0, 1: 1.0}}


@pytest.mark.parametrize("section", ["fit_poly", "train_mlp", "train_cnn", "lr_find"])
def test_the_test_scores_of_shipped_runs_are_found(section: str) -> None:
    folder = REPORTS / section
    metrics = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    found = per_seed(Run("r", folder, {"command": section}, metrics))
    assert any(path.rpartition(".")[2].startswith("test_") for path in found)
