"""Scores of other programs: every format gives the same values, and bad ones are one sentence."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from mlcli.review.scores import READERS, Scores, is_scores, read_scores

Run = Callable[..., Any]
VALUES = {seed: 0.9 + 0.01 * (seed % 3) + 0.001 * seed for seed in range(6)}
LONG = pd.DataFrame({"seed": list(VALUES), "metric": "acc", "value": list(VALUES.values())})
WIDE = pd.DataFrame({"seed": list(VALUES), "acc": list(VALUES.values())})


def write(frame: pd.DataFrame, path: Path) -> Path:
    if path.suffix == ".parquet":
        frame.to_parquet(path)
    elif path.suffix in (".jsonl", ".ndjson"):
        frame.to_json(path, orient="records", lines=True)
    else:
        frame.to_csv(path, index=False, sep="\t" if path.suffix == ".tsv" else ",")
    return path


@pytest.mark.parametrize("ending", READERS)
@pytest.mark.parametrize("frame", [LONG, WIDE], ids=["long", "wide"])
def test_long_and_wide_tables_of_every_format_are_the_same_scores(
    tmp_path: Path, ending: str, frame: pd.DataFrame
) -> None:
    found = read_scores(write(frame, tmp_path / f"s{ending}"))
    assert found.by_seed["acc"] == pytest.approx(VALUES)
    assert found.overlaps == {}


def test_a_variant_is_part_of_the_path_and_a_fold_part_of_the_seed(tmp_path: Path) -> None:
    rows = [
        {"variant": variant, "seed": seed, "fold": fold, "acc": seed + fold / 10}
        for variant in ("a", "b")
        for seed in (0, 1)
        for fold in range(5)
    ]
    found = read_scores(write(pd.DataFrame(rows), tmp_path / "s.csv"))
    assert list(found.by_seed) == ["a.acc", "b.acc"]
    assert found.by_seed["b.acc"][1, 4] == pytest.approx(1.4)
    # Five folds: each tests a fifth and trains on the rest.
    assert found.overlaps == {"a.acc": 0.25, "b.acc": 0.25}
    only_folds = pd.DataFrame({"fold": range(4), "acc": [1.0, 2.0, 3.0, 5.0]})
    assert read_scores(write(only_folds, tmp_path / "f.csv")).overlaps == {"acc": 1 / 3}


def test_sizes_of_the_splits_give_nadeau_and_bengio_s_variance(tmp_path: Path) -> None:
    frame = WIDE.assign(n_train=80, n_test=20)
    scores = read_scores(write(frame, tmp_path / "s.csv"))
    assert scores.overlaps == {"acc": 0.25}
    values = np.array(list(VALUES.values()))
    half = stats.t.ppf(0.975, 5) * values.std(ddof=1) * np.sqrt(1 / 6 + 20 / 80)
    assert scores.metrics()["acc"]["ci_low"] == pytest.approx(values.mean() - half)
    assert scores.metrics()["acc"]["mean"] == pytest.approx(values.mean())


def test_a_share_in_per_cent_is_not_cut_at_one(tmp_path: Path) -> None:
    frame = pd.DataFrame({"seed": range(4), "test_accuracy": [97.0, 98.0, 97.5, 98.5]})
    found = read_scores(write(frame, tmp_path / "s.csv")).metrics()["test_accuracy"]
    assert 96 < found["ci_low"] < 97.75 < found["ci_high"] < 100


def mlflow_runs(folder: Path, rows: Mapping[Any, float], parent: bool = False) -> Path:
    """Runs of one experiment, written by MLflow itself."""
    mlflow = pytest.importorskip("mlflow")
    client = mlflow.MlflowClient(tracking_uri=folder.resolve().as_uri())
    experiment = client.create_experiment("e")
    above = client.create_run(experiment).info.run_id if parent else ""
    if not parent:
        deleted = client.create_run(experiment).info.run_id
        client.delete_run(deleted)
    for seed, value in rows.items():
        tags = {"mlflow.parentRunId": above} if parent else {}
        run = client.create_run(experiment, tags=tags).info.run_id
        client.log_param(run, "seed", seed)
        client.log_metric(run, "val/acc", 0.0, step=0)
        client.log_metric(run, "val/acc", value, step=1)
    return folder / experiment / above


@pytest.mark.parametrize("parent", [False, True])
def test_runs_of_mlflow_are_one_seed_each(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, parent: bool
) -> None:
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    place = mlflow_runs(tmp_path / "mlruns", VALUES, parent)
    assert is_scores(place)
    assert read_scores(place).by_seed["val.acc"] == pytest.approx(VALUES)


@pytest.mark.parametrize("named", [False, True])
def test_folders_of_dvclive_are_one_seed_each(tmp_path: Path, named: bool) -> None:
    live = pytest.importorskip("dvclive.live")
    for seed, value in VALUES.items():
        folder = tmp_path / "runs" / (f"run_{seed}" if named else "abcdef"[seed])
        with live.Live(str(folder), save_dvc_exp=False, dvcyaml=None) as one:
            if not named:
                one.log_param("seed", seed)
            one.log_metric("val/acc", value)
    assert read_scores(tmp_path / "runs").by_seed == {"val.acc": pytest.approx(VALUES)}
    assert read_scores(folder).by_seed == {"val.acc": {5: pytest.approx(VALUES[5])}}


def test_run_folders_are_not_taken_for_dvclive_s(mlcli: Run, tmp_path: Path) -> None:
    mlcli("fit-poly", "--degrees", "1", "--n-seeds", "2", "--no-plots", "--out", "runs/a")
    assert not is_scores(Path("runs"))
    Path("runs/a/manifest.json").unlink()
    assert not is_scores(Path("runs"))
    assert not is_scores(Path("runs/a"))


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("s.csv", "", "s.csv is empty"),
        ("s.csv", "seed,acc\n", "has no row of scores"),
        ("s.csv", "acc\n0.5\n", "has no column seed or fold; try columns seed,metric,value"),
        ("s.csv", "seed,n_train\n0,5\n", "has no column of scores"),
        ("s.csv", "seed,acc\n0,nan\n", "line 2, acc must be a finite number, got nan"),
        ("s.csv", "seed,acc\n0,\n", "line 2, acc must be a finite number, got nothing"),
        ("s.csv", "seed,acc\n0,1\n1,good\n", "line 3, acc must be a finite number, got good"),
        ("s.csv", "seed,acc\n0,1\n,2\n", "line 3: there is no seed"),
        ("s.csv", "seed,acc\n0,1\n0,2\n", "line 3: acc of seed 0 is there twice"),
        ("s.csv", "seed,fold,acc\n0,1,1\n0,1,2\n", "acc of seed 0, fold 1 is there twice"),
        ("s.csv", "seed,acc,acc\n0,1,1\n", "has two columns acc"),
        ("s.csv", "seed,acc\n0,1,1\n", "line 2 must be 2 cells, got 3"),
        ("s.csv", "seed,acc,n_train,n_test\n0,1,0,5\n", "n_train and n_test must be above 0"),
        ("s.csv", "seed,metric,value\n0,,1\n", "the metric has no name"),
        ("s.csv", "seed,acc\n0,\xff\n", "s.csv is not a table in UTF-8"),
        ("s.jsonl", "", "s.jsonl is empty"),
        ("s.jsonl", "{\n", "line 1 must be a JSON object"),
        ("s.jsonl", "[1]\n", "line 1 must be a JSON object"),
        ("s.jsonl", '{"seed":0,"acc":null}\n', "acc must be a finite number, got nothing"),
        ("s.jsonl", '{"seed":0,"acc":true}\n', "acc must be a finite number, got True"),
        ("s.jsonl", '{"seed":0,"acc":1}\n{"seed":1}\n', "line 2 must be a JSON object of seed"),
        ("s.parquet", "no", "s.parquet is not a Parquet file"),
        ("s.txt", "seed,acc\n0,1\n", "s.txt must be a folder or a file .csv, .tsv"),
    ],
)
def test_bad_scores_are_one_sentence_and_nothing_is_written(
    mlcli: Run, empty_folder: Path, name: str, text: str, words: str
) -> None:
    Path(name).write_bytes(text.encode("latin-1"))
    write(WIDE, Path("good.csv"))
    before = sorted(empty_folder.rglob("*"))
    for command in (
        ("compare", "good.csv", name, "--out", "page", "--fail-if-worse", "acc"),
        ("check", name, "--assert", "acc.mean > 0"),
        ("power", name, "--out", "curve"),
    ):
        done = mlcli(*command)
        assert (done.code, done.out) == (2, "")
        assert words in done.err
        assert len(done.err.splitlines()) == 1
        assert "this is a bug" not in done.err
    assert sorted(empty_folder.rglob("*")) == before


def test_a_run_without_a_seed_is_named(tmp_path: Path) -> None:
    run = tmp_path / "exp" / "abc"
    (run / "metrics").mkdir(parents=True)
    for folder in (run, run.parent):
        (folder / "meta.yaml").write_text("lifecycle_stage: active\n")
    (run / "metrics/acc").write_text("0 0.5 0\n")
    with pytest.raises(Exception, match="has no seed; try a parameter seed"):
        read_scores(run.parent)
    (run / "params").mkdir()
    (run / "params/seed").write_text("3")
    assert read_scores(run) == Scores({"acc": {3: 0.5}})
    (run / "metrics/acc").write_text("0 0.5\n")
    with pytest.raises(Exception, match="must be lines of time, value and step"):
        read_scores(run)
    live = tmp_path / "live"
    live.mkdir()
    (live / "metrics.json").write_text(json.dumps({"acc": 0.5, "step": 3}))
    with pytest.raises(Exception, match="has no seed; try a parameter seed, or a name that ends"):
        read_scores(live)
    (live / "metrics.json").write_text("[1]")
    with pytest.raises(Exception, match="must be a JSON object"):
        read_scores(live)
