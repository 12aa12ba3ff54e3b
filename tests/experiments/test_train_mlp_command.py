"""`train-mlp` as it is called: metrics, files, comparisons, interrupts, wrong input."""

from __future__ import annotations

import csv
import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file

from tests.experiments.contract import Cases

Run = Callable[..., Any]


def write_files() -> None:
    Path("floats.csv").write_text("x,t\n" + "".join(f"{i},{i % 2 / 2}\n" for i in range(40)))
    Path("one.csv").write_text("x,t\n" + "".join(f"{i},1\n" for i in range(40)))


CASES = Cases(
    small="--n-epochs 2 --hidden 12 --n-seeds 2",
    anywhere=("--n-epochs 1 --hidden 4 --batch-size 4",),
    branches=(
        "--plane-units 0",
        "--data spirals --plane-units 12 --init zeros,he",
        "--data two-moons --noise-std 0 --activation prelu,tanh",
        "--data iris --features 'petal length (cm),petal width (cm)' --n-seeds 1",
    ),
    refused={
        "--plane-units 65": "at most 64",
        "--plane-units=-1": "at least 0",
        "--hidden 0": "sizes from 1",
        "--hidden 64-x": "as 256-128",
        "--batch-size 5000": "--batch-size must be at most 1295",
        "--batch-size 0": "integers at least 1",
        "--learning-rate 0": "numbers above 0",
        "--learning-rate=-0.1": "numbers above 0",
        "--activation rellu": "try relu",
        "--init glorot,he": "try xavier",
        "--alpha 0.3": "--alpha is no parameter of relu; leaky-relu, prelu, elu have one",
        "--alpha 0": "numbers above 0",
        "--alpha 1.5 --activation elu,prelu": "--alpha must be above 0 and below 1 for prelu",
        "--alpha 0.1,0.2 --activation relu,elu": "that all have one, got relu",
        "--activation swish": "try silu",
        "--init he,he": "must name each value once",
        "--dropout 1": "below 1",
        "--engine numpy --optimiser adam": (
            "--optimiser for --engine numpy must be one of sgd, momentum"
        ),
        "--piecewise-ends 0.5": "one more than piecewise_ends",
        "--hidden 100000-100000": "GiB",
        "--n-seeds 30000": "at most 20,000 members",
        "--data diabetes --task classification": "442 rows",
        "--data floats.csv --task classification": "whole numbers, one per class, got 0.5",
        "--data one.csv --task classification": "two classes or more",
        "--data nowhere.csv": "nowhere.csv",
    },
    write=write_files,
)
SMALL = ("--n-epochs", "3", "--hidden", "12", "--n-seeds", "2", "--no-plots", "--quiet")


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_train_mlp_with_xavier_runs_in_an_empty_folder(mlcli: Run, empty_folder: Path) -> None:
    done = mlcli("train-mlp", "--init", "xavier", "--json", *SMALL)
    assert done.code == 0, done.err
    for name in ("test_accuracy", "test_loss", "train_loss"):
        assert set(done.json[name]) == {"mean", "std", "ci_low", "ci_high", "n"}
        assert done.json[name]["n"] == 2
    assert done.json["test_accuracy"]["mean"] > 0.5
    (run,) = (empty_folder / "runs" / "train-mlp").iterdir()
    assert done.out == (run / "details.json").read_text()


def test_a_comparison_is_nested_by_field_and_value(mlcli: Run) -> None:
    done = mlcli(
        "train-mlp", "--init", "zeros,xavier", "--activation", "tanh,relu", "--json", *SMALL
    )
    found = done.json["activation_tanh"]["init_xavier"]["test_accuracy"]
    assert found["mean"] > done.json["activation_tanh"]["init_zeros"]["test_accuracy"]["mean"]
    tests = done.json["comparison"]["tests"]
    assert len(tests) == 6
    one = tests["activation_tanh init_zeros - activation_tanh init_xavier"]
    assert one["mean"] < 0
    assert one["p_holm"] >= one["p_value"]


def test_alphas_are_compared_and_saved_with_the_weights(mlcli: Run, empty_folder: Path) -> None:
    more = ("--activation", "leaky-relu", "--alpha", "0.01,0.4", "--out", "two", "--json", *SMALL)
    two = mlcli("train-mlp", *more).json
    one = mlcli("train-mlp", "--activation", "leaky-relu", "--out", "usual", "--json", *SMALL).json
    # 0.01 is what leaky ReLU has anyway.
    assert two["alpha_0.01"]["test_loss"]["mean"] == pytest.approx(one["test_loss"]["mean"], 1e-5)
    assert two["alpha_0.4"]["test_loss"]["mean"] != one["test_loss"]["mean"]

    def members(folder: str) -> list[tuple[str, str]]:
        info = json.loads(Path(folder, "model", "model.json").read_text())
        every = [member for program in info["programs"] for member in program["members"]]
        return [(member["variant"], member["activation"]) for member in every]

    assert set(members("usual")) == {("", "leaky-relu")}
    other = ("alpha_0.4", "leaky-relu 0.4")
    assert set(members("two")) == {("alpha_0.01", "leaky-relu"), other}
    found = mlcli("evaluate", "two", "digits", "--variant", "0.4", "--json")
    assert found.code == 0, found.err


def test_the_same_command_gives_the_same_bytes(mlcli: Run, empty_folder: Path) -> None:
    arguments = ["train-mlp", "--init", "he,orthogonal", "--dropout", "0.1", *SMALL]
    for folder in ("a", "b"):
        assert mlcli(*arguments, "--out", folder).code == 0
    for path in Path("a").rglob("*"):
        if path.is_file() and path.name not in ("environment.json", "timings.json"):
            assert path.read_bytes() == (Path("b") / path.relative_to("a")).read_bytes(), path


def test_a_member_does_not_depend_on_who_trains_beside_it(mlcli: Run, empty_folder: Path) -> None:
    common = [
        "train-mlp",
        "--precision",
        "float64",
        "--n-epochs",
        "3",
        "--hidden",
        "12",
        "--no-plots",
        "--quiet",
    ]
    runs = {
        "alone": ["--n-seeds", "1"],
        "beside": ["--n-seeds", "3", "--init", "xavier,he", "--learning-rate", "0.05,0.01"],
        "isolated": ["--n-seeds", "3", "--isolate"],
    }
    for folder, more in runs.items():
        assert mlcli(*common, *more, "--out", folder).code == 0
    alone, beside, isolated = (load_file(Path(f) / "model" / "last.safetensors") for f in runs)
    info = json.loads(Path("beside/model/model.json").read_text())
    (members,) = (program["members"] for program in info["programs"])
    place = next(
        i
        for i, m in enumerate(members)
        if m["variant"] == "init_he/learning_rate_0.05" and m["seed_index"] == 0
    )
    for name, array in alone.items():
        np.testing.assert_allclose(beside[name][place], array[0], atol=1e-10)
        assert isolated[name][0].tobytes() == array[0].tobytes()
    first = rows_of(Path("isolated/tables/members.csv"))[0]
    assert first == rows_of(Path("alone/tables/members.csv"))[0]


def forward(tensors: dict[str, np.ndarray], member: dict[str, Any], X: np.ndarray) -> np.ndarray:
    """A network with ReLU, by hand."""
    Z = (X - np.array(member["input_shift"])) / member["input_scale"]
    n_layers = sum(".W" in name for name in tensors)
    for layer in range(1, n_layers + 1):
        Z = Z @ tensors[f"program0.W{layer}"][0] + tensors[f"program0.b{layer}"][0, 0]
        Z = np.maximum(Z, 0) if layer < n_layers else Z
    return Z


def test_saved_weights_reproduce_the_saved_predictions(mlcli: Run, empty_folder: Path) -> None:
    from sklearn.datasets import load_digits

    from mlcli.datasets.split import stratified_indices
    from mlcli.rng import stream

    assert (
        mlcli(
            "train-mlp",
            *SMALL[:-2],
            "--quiet",
            "--no-plots",
            "--patience",
            "1",
            "--hidden",
            "12-9",
            "--out",
            "o",
        ).code
        == 0
    )
    info = json.loads(Path("o/model/model.json").read_text())
    X, labels = load_digits(return_X_y=True)
    test = stratified_indices(labels, 0.2, stream(0, "split", 0))[1]
    A = forward(
        load_file(f"o/model/{info['judged']}.safetensors"),
        info["programs"][0]["members"][0],
        X[test],
    )
    accuracy = (A.argmax(axis=1) == labels[test]).mean()
    (first, _) = rows_of(Path("o/tables/members.csv"))
    assert float(first["test_accuracy"]) == pytest.approx(accuracy)
    wrong = set(test[A.argmax(axis=1) != labels[test]].tolist())
    listed = {int(row["row"]) for row in rows_of(Path("o/tables/misclassified.csv"))}
    assert listed <= wrong
    assert len(listed) == min(25, len(wrong))
    shares = [float(row["share"]) for row in rows_of(Path("o/tables/confusion.csv"))]
    np.testing.assert_allclose(np.reshape(shares, (10, 10)).sum(axis=1), 1)


def test_regression_has_its_error_in_the_units_of_the_data(mlcli: Run, empty_folder: Path) -> None:
    done = mlcli(
        "train-mlp",
        "--data",
        "diabetes",
        "--json",
        "--n-epochs",
        "30",
        "--hidden",
        "16",
        "--n-seeds",
        "3",
        "--no-plots",
        "--out",
        "o",
    )
    assert done.code == 0, done.err
    assert "test_accuracy" not in done.json
    assert 1500 < done.json["test_mse"]["mean"] < 5000
    assert 0.2 < done.json["test_r2"]["mean"] < 0.7
    rows = rows_of(Path("o/tables/predictions.csv"))
    t, y = (np.array([float(row[k]) for row in rows]) for k in ("target", "predicted"))
    mse = float(rows_of(Path("o/tables/members.csv"))[0]["test_mse"])
    assert mse == pytest.approx(((t - y) ** 2).mean(), rel=1e-4)
    from mlcli.report.svg_figures import drawings

    reasons = {name: one.nothing for name, one in drawings("train_mlp", Path("o")).items()}
    assert not reasons["plane"]
    assert reasons["misclassified"] == "A regression has no classes to be called wrong."
    assert not reasons["predictions"]


@pytest.mark.parametrize("data", ["two-moons", "spirals"])
def test_training_on_data_drawn_anew_for_each_seed(mlcli: Run, data: str) -> None:
    done = mlcli(
        "train-mlp",
        "--data",
        data,
        "--hidden",
        "32-32",
        "--n-epochs",
        "60",
        "--json",
        "--n-seeds",
        "3",
        "--batch-size",
        "32",
        "--no-plots",
    )
    assert done.json["test_accuracy"]["mean"] > 0.9


@pytest.mark.parametrize(
    "more",
    [
        ["--activation", "tanh", "--normalisation", "batch"],
        ["--activation", "prelu", "--optimiser", "sgd", "--schedule", "exponential"],
        ["--activation", "leaky-relu", "--alpha", "0.3"],
        ["--activation", "prelu", "--alpha", "0.6"],
        ["--activation", "elu", "--alpha", "1.7"],
        ["--data", "diabetes", "--activation", "elu", "--patience", "2"],
    ],
    ids=" ".join,
)
def test_torch_and_numpy_engines_train_to_the_same_weights(
    mlcli: Run, empty_folder: Path, more: list[str]
) -> None:
    common = ["train-mlp", "--precision", "float64", "--optimiser", "momentum", *SMALL, *more]
    for engine in ("torch", "numpy"):
        assert mlcli(*common, "--engine", engine, "--out", engine).code == 0
    torch, numpy = (load_file(f"{engine}/model/best.safetensors") for engine in ("torch", "numpy"))
    for name, array in torch.items():
        mine = [numpy[name.replace("program0", f"program{m}")][0] for m in range(2)]
        np.testing.assert_allclose(np.stack(mine), array, atol=1e-8)
    for a, b in zip(
        rows_of(Path("torch/tables/curves.csv")),
        rows_of(Path("numpy/tables/curves.csv")),
        strict=True,
    ):
        assert float(a["minibatch_loss"]) == pytest.approx(float(b["minibatch_loss"]), abs=1e-9)


def test_divergence_exits_with_4_and_names_step_and_member(mlcli: Run, empty_folder: Path) -> None:
    wild = ["train-mlp", "--data", "diabetes", "--optimiser", "sgd", "--schedule", "constant"]
    done = mlcli(*wild, "--learning-rate", "1e6", *SMALL)
    assert done.code == 4
    assert done.err.startswith("mlcli: the loss of member 0 at step ")
    assert "smaller learning rate" in done.err
    assert not list(empty_folder.rglob("details.json"))
    done = mlcli(*wild, "--learning-rate", "1e6,0.01", "--json", *SMALL[:-1])
    assert done.code == 0
    assert done.json["learning_rate_1e+06"]["test_mse"]["mean"] is None
    assert done.json["learning_rate_1e+06"]["n_diverged"] == 2
    assert done.json["learning_rate_1e+06"]["distinct_units"]["mean"] is None
    assert done.json["learning_rate_0.01"]["distinct_units"]["mean"] == 1
    assert done.json["learning_rate_0.01"]["test_mse"]["mean"] > 0
    assert "2 of 2 members of learning_rate_1e+06 diverged, the first at step" in done.err
    assert mlcli(*wild, "--learning-rate", "1e6,1e7", *SMALL).code == 4


@pytest.mark.parametrize("activation", ["relu", "sigmoid", "tanh"])
def test_weights_that_start_at_zero_leave_one_unit_of_each_layer(
    mlcli: Run, activation: str
) -> None:
    wide = ("--init", "zeros,xavier", "--hidden", "9-5", "--activation", activation)
    found = mlcli("train-mlp", *wide, "--json", *SMALL).json
    zeros, xavier = found["init_zeros"], found["init_xavier"]
    assert (zeros["distinct_units"]["mean"], zeros["units_std"]["mean"]) == (0, 0)
    assert xavier["distinct_units"]["mean"] == 1
    assert xavier["units_std"]["ci_low"] > 0.05
    assert zeros["test_accuracy"]["mean"] < xavier["test_accuracy"]["mean"]


def test_networks_of_zeros_do_not_change_those_beside_them(mlcli: Run, empty_folder: Path) -> None:
    for folder, inits in (("without", "normal,he"), ("with", "zeros,normal,he")):
        assert mlcli("train-mlp", "--init", inits, *SMALL, "--out", folder).code == 0
    without, beside = (rows_of(Path(f, "tables/members.csv")) for f in ("without", "with"))
    assert without == [row for row in beside if row["variant"] != "zeros"]


def hear_ctrl_c() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_training_resumes_after_ctrl_c(empty_folder: Path) -> None:
    command = [sys.executable, "-m", "mlcli", "train-mlp", "--n-epochs", "50000", "--no-plots"]
    process = subprocess.Popen(
        command,
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        preexec_fn=hear_ctrl_c,
    )
    runs = empty_folder / "runs" / "train-mlp"
    t_end = time.monotonic() + 60
    while not (runs.exists() and any(runs.iterdir())) and time.monotonic() < t_end:
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert len(err.splitlines()) == 1
    assert re.search(r"interrupted; the same command goes on after epoch \d+ of 50000", err)
    (kept,) = runs.iterdir()
    assert kept.name.endswith(".checkpoint.npz")
    assert not list(empty_folder.rglob("details.json"))
    assert not list(empty_folder.rglob("*.partial"))
