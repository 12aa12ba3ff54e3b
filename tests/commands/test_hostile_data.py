"""Every command on data that hurt: an answer or a sentence, and no warning of Python or NumPy.

Warnings are errors here, as everywhere in these tests, so that one would be reported as a bug.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mlcli.experiments import EXPERIMENTS, about
from tests.experiments.contract import cases_of

Run = Callable[..., Any]
BARE = ("--n-seeds", "2", "--no-plots", "--quiet")
NUMBERS = ("hurt", "wide", "far", "rare")
CLASSES = (*(f"{name}_classes" for name in NUMBERS), "opposed_classes", "one_row_a_class")


def write(name: str, X: np.ndarray, t: np.ndarray) -> None:
    names = [f"x{i}" for i in range(X.shape[1])]
    rows = [",".join(map(repr, row)) for row in np.column_stack([X, t]).tolist()]
    Path(f"{name}.csv").write_text("\n".join([",".join([*names, "t"]), *rows, ""]))


@pytest.fixture
def hostile(empty_folder: Path) -> Path:
    """One file for each way to hurt, with numbers and with two classes, and one of images."""
    rng = np.random.default_rng(0)
    n = 24
    z, e = rng.normal(size=n), rng.normal(size=n)
    apart = -0.999 * z + np.sqrt(1 - 0.999**2) * e
    inputs = {
        # Correlations of -0.999, scales of 1e-8 and 1e8, and a column twice.
        "hurt": np.column_stack([z, apart, 1e-8 * z, 1e8 * e, e]),
        "wide": rng.normal(size=(10, 14)),
        "far": 1e6 + np.column_stack([z, e]),
        "opposed": np.column_stack([z, apart]),
        # The same number in all rows but one, which most training parts lack.
        "rare": np.column_stack([z, np.where(np.arange(n) == 5, 1.0, 0.1)]),
    }
    for name, X in inputs.items():
        signal = ((X - X.mean(axis=0)) / X.std(axis=0)).sum(axis=1)
        noisy = signal + 0.3 * rng.normal(size=len(X))
        write(name, X, noisy + 1e6 * (name == "far"))
        write(f"{name}_classes", X, (noisy > np.median(noisy)).astype(int))
    write("one_row_a_class", rng.normal(size=(6, 2)), np.arange(6))
    images = rng.normal(size=(n, 8, 8)) * 1e8
    images[:, 0] = 0.1
    np.savez("images.npz", X=images, y=(z > 0).astype(int))
    return empty_folder


def data_of(section: str) -> list[str]:
    """The files that an experiment can take."""
    names = {
        "numbers": NUMBERS,
        "classes": CLASSES,
        "both": (*NUMBERS, *CLASSES[:2]),
        "images": (),
    }[about(section).takes]
    return [f"{name}.csv" for name in names] or ["images.npz"]


@pytest.mark.parametrize("section", EXPERIMENTS)
def test_no_warning_reaches_a_user(mlcli: Run, hostile: Path, section: str) -> None:
    wrong, n_done = [], 0
    for data in data_of(section):
        for arguments in cases_of(section).anywhere:
            done = mlcli(about(section).command, *arguments.split(), "--data", data, *BARE)
            n_done += done.code == 0
            if not calm(done):
                wrong.append((data, arguments, done.code, done.err))
    assert not wrong
    assert n_done


def calm(done: Any) -> bool:
    """An answer, or one of the sentences of wrong input and of no answer."""
    words = ("Warning", "Traceback", "this is a bug")
    return done.code in (0, 2, 4) and not any(word in done.out + done.err for word in words)


@pytest.mark.parametrize("data", ["hurt", "far"])
def test_no_warning_from_what_uses_a_run(mlcli: Run, hostile: Path, data: str) -> None:
    runs = (
        ("a", "fit-poly", "--degrees", "1,2"),
        ("b", "kfold", "--degrees", "1,2"),
        ("c", "bayes", "--basis", "linear"),
    )
    table = f"{data}.csv"
    for out, *arguments in runs:
        assert calm(mlcli(*arguments, "--data", table, "--out", out, *BARE))
        if Path(out).exists():
            for command in ("predict", "evaluate"):
                done = mlcli(command, out, "--data", table)
                assert calm(done), done.err
    done = mlcli("compare", *[out for out, *_ in runs if Path(out).exists()])
    assert calm(done), done.err
    done = mlcli("data", "describe", table)
    assert calm(done), done.err
