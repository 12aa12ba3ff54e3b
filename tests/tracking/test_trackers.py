"""Runs logged with the real libraries, and read back with their own readers."""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from contextlib import chdir
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mlcli.run.details import flat, is_number
from mlcli.tracking import TRACKERS

Mlcli = Callable[..., Any]
TRAIN = (
    "train-mlp",
    "--data",
    "iris",
    "--hidden",
    "4",
    "--init",
    "he,xavier",
    "--n-seeds",
    "2",
    "--n-epochs",
    "3",
    "--device",
    "cpu",
    "--jobs",
    "1",
    "--quiet",
)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one finished run below runs/."""
    from mlcli.__main__ import call

    folder = tmp_path_factory.mktemp("trained")
    with chdir(folder):
        assert call(list(TRAIN)) == 0
    return folder


@pytest.fixture
def finished(trained: Path, empty_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The run folder of a copy, in the working folder."""
    for name in list(os.environ):
        if name.startswith("MLFLOW_"):
            monkeypatch.delenv(name)
    shutil.copytree(trained / "runs", empty_folder / "runs")
    (one,) = (empty_folder / "runs/train-mlp").glob("[!.]*")
    return one


def numbers(run: Path) -> dict[str, float]:
    """The numbers of details.json by path: by other code than the record's."""
    metrics = flat(json.loads((run / "details.json").read_text()))
    return {path: value for path, value in metrics.items() if is_number(value)}


def curve(run: Path, variant: str, column: str) -> list[tuple[int, float]]:
    with (run / "tables/curves.csv").open() as file:
        return [
            (int(row["epoch"]), float(row[column]))
            for row in csv.DictReader(file)
            if row["variant"] == variant
        ]


def mlflow_runs() -> list[Any]:
    from mlflow import MlflowClient

    client = MlflowClient(Path("mlruns").resolve().as_uri())
    experiment = client.get_experiment_by_name("mlcli/train-mlp")
    return client.search_runs([experiment.experiment_id])


def test_mlflow_has_everything_once(mlcli: Mlcli, finished: Path, tmp_path: Path) -> None:
    assert mlcli(*TRAIN, "--track", "mlflow").code == 0
    assert mlcli(*TRAIN, "--track", "mlflow").code == 0
    from mlflow import MlflowClient

    (run,) = mlflow_runs()
    assert run.info.status == "FINISHED"
    client = MlflowClient(Path("mlruns").resolve().as_uri())
    expected = numbers(finished)
    assert len(expected) > 40
    assert {key: run.data.metrics[key] for key in expected} == expected
    history = client.get_metric_history(run.info.run_id, "curves/he/validation_loss")
    assert [(one.step, one.value) for one in history] == curve(finished, "he", "validation_loss")
    manifest = json.loads((finished / "manifest.json").read_text())
    for key, entry in manifest["config"].items():
        assert run.data.params[f"{key}.source"] == entry["source"]
    assert run.data.params["init"] == "he,xavier"
    assert run.data.params["n_epochs"] == "3"
    assert run.data.tags["mlcli.run"] == finished.name
    assert run.data.tags["mlcli.data_sha256"] == manifest["data"]["sha256"]
    assert run.data.tags["mlcli.command"].startswith("mlcli train-mlp --data iris")
    # What is there is a run folder: its hashes hold, and it predicts.
    (tmp_path / "copied").mkdir()
    copied = client.download_artifacts(run.info.run_id, "", str(tmp_path / "copied"))
    assert mlcli("verify", copied, "--hashes-only").code == 0
    assert mlcli("evaluate", copied, "iris").code == 0


def test_mlflow_replaces_what_is_not_whole_or_not_the_same(mlcli: Mlcli, finished: Path) -> None:
    assert mlcli(*TRAIN, "--track", "mlflow").code == 0
    (first,) = mlflow_runs()
    from mlflow import MlflowClient

    client = MlflowClient(Path("mlruns").resolve().as_uri())
    client.set_terminated(first.info.run_id, "KILLED")
    assert mlcli(*TRAIN, "--track", "mlflow").code == 0
    (second,) = mlflow_runs()
    assert second.info.run_id != first.info.run_id
    client.set_tag(second.info.run_id, "mlcli.manifest_sha256", "of another version")
    assert mlcli(*TRAIN, "--track", "mlflow").code == 0
    (third,) = mlflow_runs()
    assert third.info.run_id != second.info.run_id


def test_tensorboard_reads_the_same_numbers(mlcli: Mlcli, finished: Path) -> None:
    for _ in range(2):
        assert mlcli(*TRAIN, "--track", "tensorboard").code == 0
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    folder = Path("runs/tensorboard/train-mlp") / finished.name
    assert len(list(folder.iterdir())) == 1
    events = EventAccumulator(str(folder))
    events.Reload()
    expected = numbers(finished)
    for path, value in expected.items():
        (one,) = events.Scalars(f"metrics/{path}")
        assert one.value == np.float32(value)
    found = [(one.step, one.value) for one in events.Scalars("curves/xavier/validation_loss")]
    assert found == [
        (epoch, np.float32(loss)) for epoch, loss in curve(finished, "xavier", "validation_loss")
    ]
    (picture,) = events.Images("figures/curves")
    assert picture.encoded_image_string == (finished / "figures/curves.png").read_bytes()
    texts = {
        tag: events.Tensors(tag)[0].tensor_proto.string_val[0].decode()
        for tag in ("config/text_summary", "manifest.json/text_summary")
        if tag in events.Tags()["tensors"]
    } or {
        tag: events.Tensors(tag)[0].tensor_proto.string_val[0].decode()
        for tag in ("config", "manifest.json")
    }
    joined = "\n".join(texts.values())
    assert "| init | he,xavier | flag |" in joined
    assert (finished / "manifest.json").read_text() in joined


def test_dvclive_leaves_git_and_dvc_alone(mlcli: Mlcli, finished: Path, empty_folder: Path) -> None:
    subprocess.run(["git", "init", "--quiet", "."], check=True)
    (empty_folder / "dvc.yaml").write_text("stages: {}\n")
    for _ in range(2):
        assert mlcli(*TRAIN, "--track", "dvclive").code == 0
    assert sorted(path.name for path in empty_folder.iterdir()) == [
        ".git",
        "dvc.yaml",
        "dvclive",
        "runs",
    ]
    assert not (empty_folder / ".git/index").exists()
    assert (empty_folder / "dvc.yaml").read_text() == "stages: {}\n"
    from dvclive.serialize import load_yaml

    there = Path("dvclive/train-mlp")
    metrics = json.loads((there / "metrics.json").read_text())
    expected = numbers(finished)
    assert {key: metrics[key] for key in expected} == expected
    params = load_yaml(there / "params.yaml")
    assert params["train-mlp"]["init"] == "he,xavier"
    assert params["sources"]["init"] == "flag"
    assert params["tags"]["mlcli.run"] == finished.name
    with (there / "plots/metrics/curves/he/validation_loss.tsv").open() as file:
        rows = [
            (int(row["step"]), float(row["validation_loss"]))
            for row in csv.DictReader(file, delimiter="\t")
        ]
    assert rows == curve(finished, "he", "validation_loss")
    manifest = (there / "artifacts/manifest.json").read_bytes()
    assert manifest == (finished / "manifest.json").read_bytes()
    from PIL import Image

    with (
        Image.open(there / "plots/images/curves.png") as kept,
        Image.open(finished / "figures/curves.png") as drawn,
    ):
        assert np.array_equal(np.asarray(kept), np.asarray(drawn))


def test_dvc_reads_what_dvclive_wrote(
    mlcli: Mlcli, finished: Path, empty_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a folder of DVC's, as a stage, whose variables are set."""
    from dvc.api import metrics_show, params_show
    from dvc.repo import Repo

    Repo.init(no_scm=True).close()
    stage = (
        "stages:\n  train_mlp:\n    cmd: mlcli train-mlp\n"
        "metrics: [dvclive/train-mlp/metrics.json]\nparams: [dvclive/train-mlp/params.yaml]\n"
    )
    (empty_folder / "dvc.yaml").write_text(stage)
    with monkeypatch.context() as inside:
        inside.setenv("DVC_STAGE", "train_mlp")
        inside.setenv("DVC_ROOT", str(empty_folder))
        assert mlcli(*TRAIN, "--out", "out", "--no-plots", "--track", "dvclive").code == 0
        assert os.environ["DVC_ROOT"] == str(empty_folder)
    assert (empty_folder / "dvc.yaml").read_text() == stage
    assert metrics_show().items() >= numbers(empty_folder / "out").items()
    assert params_show()["train-mlp"]["hidden"] == "4"


def test_several_at_once_and_nothing_else_changes(mlcli: Mlcli, finished: Path) -> None:
    before = {path: path.read_bytes() for path in finished.rglob("*") if path.is_file()}
    done = mlcli(*TRAIN[:-1], "--json", "--track", "tensorboard, dvclive,tensorboard")
    assert done.code == 0
    assert done.out == (finished / "details.json").read_text()
    assert done.err.splitlines()[-2:] == [
        f"tracked by tensorboard: runs/tensorboard/train-mlp/{finished.name}",
        "tracked by dvclive: dvclive/train-mlp",
    ]
    assert before == {path: path.read_bytes() for path in finished.rglob("*") if path.is_file()}
    listed = mlcli("runs", "--json").json
    assert [one["run"] for one in listed] == [finished.name]


def test_a_server_that_is_not_there_costs_no_result(
    mlcli: Mlcli, finished: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://me:secret@127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    done = mlcli(*TRAIN, "--json", "--track", "mlflow,tensorboard")
    assert done.code == 1
    assert done.out == (finished / "details.json").read_text()
    assert len(done.err.splitlines()) == 1
    assert done.err.startswith("mlcli: mlflow failed (MlflowException: ")
    assert done.err.endswith(f"the result is in {finished.relative_to(Path.cwd())}\n")
    assert "secret" not in done.err
    assert Path("runs/tensorboard/train-mlp", finished.name).is_dir()


@pytest.mark.parametrize(
    ("tracker", "folder"),
    [("tensorboard", "runs/tensorboard/train-mlp/{}"), ("dvclive", "dvclive/train-mlp")],
)
def test_a_folder_with_other_files_is_never_replaced(
    mlcli: Mlcli, finished: Path, tracker: str, folder: str
) -> None:
    mine = Path(folder.format(finished.name)) / "mine.txt"
    mine.parent.mkdir(parents=True)
    mine.write_text("kept")
    done = mlcli(*TRAIN, "--track", tracker)
    assert done.code == 1
    assert f"{tracker} failed ({mine.parent} holds mine.txt" in done.err
    assert [path.name for path in mine.parent.iterdir()] == ["mine.txt"]


@pytest.mark.parametrize("tracker", TRACKERS)
def test_ctrl_c_while_tracking_keeps_the_run(
    mlcli: Mlcli, finished: Path, monkeypatch: pytest.MonkeyPatch, tracker: str
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    where = {
        "mlflow": "mlflow.MlflowClient.log_artifact",
        "tensorboard": "mlcli.tracking.tensorboard._image",
        "dvclive": "dvclive.live.Live.end",
    }[tracker]
    here = Path.cwd()
    with monkeypatch.context() as patched:
        patched.setattr(where, interrupted)
        done = mlcli(*TRAIN, "--track", tracker)
    assert done.code == 130
    assert done.err.startswith(f"mlcli: interrupted while {tracker} was told of the run")
    assert Path.cwd() == here
    assert not list(here.rglob("*.partial"))
    assert mlcli("verify", str(finished), "--hashes-only").code == 0
    assert mlcli(*TRAIN, "--track", tracker).code == 0
    if tracker == "mlflow":
        assert [run.info.status for run in mlflow_runs()] == ["FINISHED"]


@pytest.mark.parametrize(
    ("names", "sentence"),
    [
        ("mlfow", "mlcli: --track: unknown tracker 'mlfow'; try mlflow"),
        (
            "wandb",
            "mlcli: --track: unknown tracker 'wandb'; known are dvclive, mlflow, tensorboard",
        ),
        ("", "mlcli: --track must be some of mlflow, tensorboard, dvclive, got ''"),
    ],
)
def test_an_unknown_tracker_is_refused_before_any_work(
    mlcli: Mlcli, empty_folder: Path, names: str, sentence: str
) -> None:
    done = mlcli("fit-poly", "--track", names)
    assert (done.code, done.err) == (2, sentence + "\n")
    assert not list(empty_folder.iterdir())


@pytest.mark.parametrize("tracker", TRACKERS)
def test_a_missing_library_is_named_before_any_work(
    mlcli: Mlcli, empty_folder: Path, monkeypatch: pytest.MonkeyPatch, tracker: str
) -> None:
    monkeypatch.setattr("mlcli.tracking.find_spec", lambda name: None)
    done = mlcli("fit-poly", "--track", tracker)
    assert done.code == 2
    assert done.err == (
        f"mlcli: --track {tracker} needs a library that is not installed; "
        f"try `pip install 'mlcli[{tracker}]'`\n"
    )
    assert not list(empty_folder.iterdir())


def test_a_sweep_logs_each_point(mlcli: Mlcli, finished: Path) -> None:
    asked = (
        "sweep",
        "fit-poly",
        "-S",
        "degrees=1,2",
        "-S",
        "n_seeds=2",
        "-S",
        "path_penalty=none",
        "--metric",
        "n_train",
        "--best",
        "largest",
        "--quiet",
    )
    done = mlcli(*asked, "--track", "dvclive")
    assert done.code == 2
    assert "keeps one run of a command, and a sweep has many; try mlflow or tensorboard" in done.err
    done = mlcli(*asked, "--track", "tensorboard")
    assert done.code == 0, done.err
    runs = {path.name for path in Path("runs/fit-poly").iterdir()}
    assert {path.name for path in Path("runs/tensorboard/fit-poly").iterdir()} == runs
    assert len(runs) == 2


GUARD = """
import os, socket, sys
for name in ("PYTEST_CURRENT_TEST", "CI", "GITHUB_ACTIONS", "DO_NOT_TRACK"):
    os.environ.pop(name, None)
asked = []
def refuse(*arguments, **_):
    asked.append(arguments)
    raise OSError("no network here")
for name in ("connect", "connect_ex", "sendto"):
    setattr(socket.socket, name, refuse)
socket.getaddrinfo = socket.gethostbyname = refuse
from mlcli.__main__ import call
code = call(sys.argv[1:])
import atexit, time
time.sleep(0.5)
atexit._run_exitfuncs()
sys.exit(f"asked for {asked}" if asked else code)
"""


def test_no_run_is_reported_to_anyone_else(empty_folder: Path) -> None:
    """Each library in a process of its own, where it can't know that it is tested."""
    asked = ("descent", "--n-seeds", "2", "--no-plots", "--quiet", "--track", ",".join(TRACKERS))
    done = subprocess.run(
        [sys.executable, "-c", GUARD, *asked],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"DVC_STUDIO_TOKEN": "x"},
    )
    assert done.returncode == 0, done.stderr
    assert Path("dvclive/descent/metrics.json").is_file()
    assert Path("mlruns").is_dir()
