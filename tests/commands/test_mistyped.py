"""What is typed as other programs have it: the answer names what mlcli has."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mlcli.cli import COMMANDS, load
from mlcli.params.faults import SYNONYMS, meant

Mlcli = Callable[..., Any]
SAID = [
    (("train-mlp", "--lr", "0.1"), "unknown flag --lr; try --learning-rate"),
    (("train-mlp", "--epochs", "3"), "unknown flag --epochs; try --n-epochs"),
    (("train-mlp", "--batch", "8"), "unknown flag --batch; try --batch-size"),
    (("train-mlp", "--batch_size", "8"), "unknown flag --batch_size; try --batch-size"),
    (("train-mlp", "--optim", "adam"), "unknown flag --optim; try --optimiser"),
    (("train-mlp", "--act", "relu"), "unknown flag --act; try --activation"),
    (("train-mlp", "--hidden-layers", "2"), "unknown flag --hidden-layers; try --hidden"),
    (("train-mlp", "--gpu"), "unknown flag --gpu; try --device"),
    (("train-cnn", "--hidden", "9"), "unknown flag --hidden; try --architecture"),
    (("perceptron", "--max-iter", "9"), "unknown flag --max-iter; try --max-passes"),
    (("propagate", "--lr", "9"), "unknown flag --lr; try --train-rates"),
    (("kfold", "--cv", "5"), "unknown flag --cv; try --n-folds"),
    (("kfold", "--random-state", "5"), "unknown flag --random-state; try --seed"),
    (("fit-poly", "--alpha", "5"), "unknown flag --alpha; try --l1 or --l2"),
    (("fit-poly", "--lambda", "5"), "unknown flag --lambda; try --l1 or --l2"),
    (("logistic", "--C", "5"), "unknown flag --C; try --l1 or --l2"),
    (("logistic", "--label", "y"), "unknown flag --label; try --target"),
    (("logistic", "--y", "y"), "unknown flag --y; try --target"),
    (("logistic", "--input", "a.csv"), "unknown flag --input; try --data"),
    (("logistic", "--output", "a"), "unknown flag --output; try --out"),
    (("predict", "--data", "a.csv"), "unknown flag --data; try FILE as an argument"),
    (("--vesion",), "unknown flag --vesion; try --version"),
    (("runs", "--hlp"), "unknown flag --hlp; try --help"),
    (("runs", "--xyz"), "unknown flag --xyz; try --help"),
    (("fit-poly", "a.csv"), "unexpected argument a.csv; try --data a.csv"),
    (("fit-poly", "diabetes", "x"), "unexpected argument diabetes x; try --data diabetes"),
    (("runs", "a", "b"), "unexpected argument b; try --help"),
    (
        ("train-mlp", "-S", "train_mlp.lr=1"),
        "-S train_mlp.lr=1: unknown key 'lr'; try learning_rate (section train_mlp)",
    ),
    (
        ("sweep", "kfold", "-S", "folds=3,4"),
        "-S folds=3,4: unknown key 'folds'; try n_folds (section kfold)",
    ),
]


def leaves() -> Iterator[tuple[tuple[str, ...], Any]]:
    for name in COMMANDS:
        command = load(name)
        yield (name,), command
        for part, below in getattr(command, "commands", {}).items():
            yield (name, part), below


LEAVES = dict(leaves())


@pytest.mark.parametrize(("arguments", "sentence"), SAID, ids=lambda one: " ".join(one)[:40])
def test_the_answer_names_what_was_meant(
    mlcli: Mlcli, arguments: tuple[str, ...], sentence: str
) -> None:
    done = mlcli(*arguments)
    assert (done.code, done.err) == (2, f"mlcli: {sentence}\n")


def test_a_key_of_params_yaml_too(mlcli: Mlcli, empty_folder: Path) -> None:
    (empty_folder / "params.yaml").write_text("train_mlp:\n  epochs: 3\n")
    done = mlcli("train-mlp")
    assert done.code == 2
    assert "params.yaml:2:3: unknown key 'epochs'; try n_epochs (section train_mlp)" in done.err


def test_every_synonym_can_be_reached() -> None:
    known = [
        {
            name.removeprefix("--").replace("-", "_")
            for param in command.params
            for name in param.opts
            if name.startswith("--") or name[0] != "-"
        }
        for command in LEAVES.values()
    ]
    for key, names in SYNONYMS.items():
        for name in names.split():
            assert any(key in meant(name, keys) for keys in known), (key, name)


def test_two_networks_of_one_layer_are_said_to_be_two(mlcli: Mlcli) -> None:
    note = (
        "note: --hidden 64,32 compares 2 networks of one hidden layer each; one network with 2 "
        "hidden layers is --hidden 64-32\n"
    )
    for command in ("train-mlp", "lr-find"):
        run = (command, "--data", "iris", "--dry-run", "--hidden")
        assert note in mlcli(*run, "64,32").err
        assert note not in mlcli(*run, "64,32", "--quiet").err
        for meant_so in ("64-32", "64", "64,64-32"):
            assert "note:" not in mlcli(*run, meant_so).err
    for wrong in ("64x32", "64 32"):
        assert mlcli("train-mlp", "--hidden", wrong).err.endswith("; try 64-32\n")


def test_a_missing_file_that_a_command_makes_names_the_command(
    mlcli: Mlcli, empty_folder: Path
) -> None:
    run = ("fit-poly", "--data", "data/noisy_cubic.csv")
    start = "mlcli: data/noisy_cubic.csv does not exist; try `mlcli data make --names noisy-cubic`"
    assert mlcli(*run).err == start + "\n"
    (empty_folder / "dvc.yaml").write_text("outs: [data/noisy_cubic.csv, data/other.csv]")
    assert mlcli(*run).err == start + " or `dvc repro`\n"
    assert mlcli(*run[:-1], "data/other.csv").err.endswith("exist; try `dvc repro`\n")
    assert "`mlcli data list`" in mlcli(*run[:-1], "data/none.csv").err
    # The advice works.
    assert mlcli("data", "make", "--names", "noisy-cubic").code == 0
    assert mlcli(*run, "--degrees", "1", "--no-plots", "--path-penalty", "none").code == 0


@pytest.mark.parametrize("command", [(), *LEAVES], ids=" ".join)
def test_h_is_help(mlcli: Mlcli, command: tuple[str, ...]) -> None:
    short, long = mlcli(*command, "-h"), mlcli(*command, "--help")
    assert (short.code, short.err) == (0, "")
    assert short.out == long.out
    assert "Usage: mlcli" in short.out
