"""`train-cnn` as it is called: presets, own layers, images of other kinds, shifts, wrong input."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest

from mlcli.config.networks import ArchitectureName
from mlcli.convolution.shifts import shifted
from mlcli.datasets.source import open_source
from mlcli.errors import Interrupted
from mlcli.experiments.experiment import Context
from mlcli.experiments.networks import fitting
from mlcli.experiments.train_cnn.config import TrainCnnConfig
from mlcli.experiments.train_cnn.run import prepare, run
from mlcli.neural.architecture import PRESETS
from mlcli.run.checkpoint import FileCheckpoint
from mlcli.run.files import csv_text, json_text
from mlcli.scale.workers import Processes
from tests.experiments.contract import Cases

Run = Callable[..., Any]


def write_files() -> None:
    np.savez("five.npz", X=np.zeros((4, 2, 2, 2, 2)), y=np.arange(4))


CASES = Cases(
    small="--data digits --layers 'conv 4 3x3 pad same,relu,pool max 2,flatten' --n-epochs 2 "
    "--n-seeds 2 --batch-size 128",
    anywhere=("--n-epochs 1 --batch-size 4",),
    refused={
        "--data iris": "must be images, got columns of a table",
        "--data digits --architecture resnet": "try residual",
        "--data digits --layers 'conv 4 9x9,flatten'": "architecture own: layer 1, 'conv 4 9x9'",
        "--data digits --layers 'konv 4 3x3'": "conv",
        "--data digits --augment-cutout 9": "--augment-cutout must be at most 8",
        "--data digits --resize 32": "a height and a width",
        "--data digits --batch-size 9999": "--batch-size must be at most 1295",
        "--data five.npz": "five.npz",
        "--data digits --round-metric": "--round-metric must be used with a regression",
        "--data digits --deploy-size 7": "--deploy-size must be at least 8",
        "--data digits --deploy-size 9 --layers 'scan 24'": (
            "--deploy-size needs a network that can slide over a picture: layer 1, 'scan 24'"
        ),
        "--data imbalance --deploy-size 20": "used with classes, got a regression",
    },
    write=write_files,
)
TINY = (
    "--data",
    "digits",
    "--layers",
    "conv 4 3x3 pad same,relu,pool max 2,flatten",
    "--n-epochs",
    "2",
    "--n-seeds",
    "2",
    "--quiet",
)


def rows_of(path: str) -> list[dict[str, str]]:
    with Path(path).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_the_presets_are_those_of_the_config() -> None:
    assert set(get_args(ArchitectureName)) == set(PRESETS)


def test_user_defined_layers_and_the_tables_of_the_run(mlcli: Run, empty_folder: Path) -> None:
    done = mlcli("train-cnn", *TINY, "--out", "o", "--no-plots", "--json")
    assert done.code == 0, done.err
    # 4 filters of 3 x 3 and a bias each, then 4 x 4 x 4 pixels to 10 classes.
    assert done.json["n_parameters"] == 4 * 10 + 65 * 10
    assert done.json["layers"]["00"] == {
        "layer": "conv 4 3x3 pad same",
        "output": "4 x 8 x 8",
        "parameters": 40,
        "bytes_a_row": done.json["layers"]["00"]["bytes_a_row"],
    }
    assert done.json["test_accuracy"]["n"] == 2
    equal = done.json["equal_mlp"]["n_parameters"]
    assert abs(equal - done.json["n_parameters"]) < 75
    scores = {
        (row["network"], row["shift"]): float(row["score"])
        for row in rows_of("o/tables/shifts.csv")
    }
    assert scores["own", "0"] == pytest.approx(done.json["test_accuracy"]["mean"])
    assert scores["perceptron", "0"] == pytest.approx(
        done.json["equal_mlp"]["test_accuracy"]["mean"]
    )
    assert len(rows_of("o/tables/filters.csv")) == 4


def test_presets_are_compared_and_the_same_command_gives_the_same_bytes(
    mlcli: Run, empty_folder: Path
) -> None:
    arguments = [
        "train-cnn",
        "--data",
        "digits",
        "--architecture",
        "basic,fcn",
        "--n-epochs",
        "1",
        "--n-seeds",
        "2",
        "--no-plots",
        "--max-shift",
        "0",
        "--augment-shift",
        "1",
        "--batch-size",
        "256",
    ]
    for folder in ("a", "b"):
        assert mlcli(*arguments, "--quiet", "--out", folder).code == 0
    metrics = json.loads(Path("a/details.json").read_text())
    assert set(metrics) >= {"architecture_basic", "architecture_fcn"}
    assert "shifts" not in metrics
    for path in Path("a").rglob("*"):
        if path.is_file() and path.name not in ("environment.json", "timings.json"):
            assert path.read_bytes() == (Path("b") / path.relative_to("a")).read_bytes(), path


def test_interrupted_training_resumes_bit_for_bit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fitting, "COPY_SECONDS", -1.0)
    asked = TrainCnnConfig(
        data="digits",
        layers=["conv 3 3x3", "batch-norm", "relu", "dropout 0.2", "global avg"],
        n_epochs=3,
        n_seeds=2,
        max_shift=1,
        augment_flip=True,
        batch_size=64,
    )
    source = open_source("digits")

    def texts(result: Any) -> list[Any]:
        tensors = [a.tobytes() for file in result.model_tensors.values() for a in file.values()]
        return [json_text(result.metrics), *map(csv_text, result.tables.values()), *tensors]

    whole = run(prepare(asked, source), Context(Processes()))
    checkpoint = FileCheckpoint(tmp_path / "c.npz")
    seen: list[float] = []

    def interrupting(done: float, total: float, note: str = "", **_: Any) -> None:
        seen.append(done)
        if len(seen) in (2, 4):
            raise KeyboardInterrupt

    for _ in range(2):
        with pytest.raises(Interrupted):
            run(prepare(asked, source), Context(Processes(), interrupting, checkpoint))
    resumed = run(prepare(asked, source), Context(Processes(), interrupting, checkpoint))
    assert texts(resumed) == texts(whole)


def test_a_regression_on_rectangular_images(mlcli: Run, empty_folder: Path) -> None:
    rng = np.random.default_rng(0)
    X = rng.uniform(size=(120, 5, 9))
    np.savez("m.npz", X=X, y=X.mean(axis=(1, 2)))
    done = mlcli(
        "train-cnn",
        "--data",
        "m.npz",
        "--layers",
        "conv 4 3x3,tanh,global avg",
        "--n-epochs",
        "5",
        "--n-seeds",
        "2",
        "--no-plots",
        "--batch-size",
        "16",
        "--max-shift",
        "2",
        "--json",
    )
    assert done.code == 0, done.err
    assert done.json["test_mse"]["mean"] < 0.1


def test_shifted_images_move_by_whole_pixels() -> None:
    images = np.arange(12.0).reshape(1, 1, 3, 4)
    np.testing.assert_array_equal(
        shifted(images, 1, -1, -1.0)[0, 0], [[-1, -1, -1, -1], [1, 2, 3, -1], [5, 6, 7, -1]]
    )
    np.testing.assert_array_equal(shifted(images, 0, 0, -1.0), images)
    assert (shifted(images, 3, 0, -1.0) == -1).all()
