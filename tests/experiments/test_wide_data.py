"""Too many columns: exact counts, and a hint that works when it is followed."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from math import comb
from pathlib import Path
from typing import Any

import numpy as np
import pytest

Mlcli = Callable[..., Any]
COMMANDS = ("fit-poly", "kfold", "bias-variance", "bayes", "descent")


@pytest.fixture
def wide(empty_folder: Path) -> str:
    """120 rows of 60 inputs."""
    X = np.random.default_rng(0).normal(size=(120, 60))
    heading = ",".join(f"x{i}" for i in range(60)) + ",t"
    np.savetxt(
        empty_folder / "wide.csv", np.c_[X, X[:, 0]], "%.6g", ",", header=heading, comments=""
    )
    return "wide.csv"


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("degree", [2, 3, 12])
def test_the_hint_works(mlcli: Mlcli, wide: str, command: str, degree: int) -> None:
    run = (command, "--data", wide, "--dry-run", "--quiet")
    flags = {"bayes": ("--degree", "--degrees"), "descent": ("--degree",)}
    given = [part for flag in flags.get(command, ("--degrees",)) for part in (flag, str(degree))]
    done = mlcli(*run, *given)
    if command == "bayes" and degree == 2:
        assert done.code == 0, "a prior makes up for the rows"
        return
    assert done.code == 2
    n_columns = f"{comb(60 + degree, degree):,}"
    assert re.search(rf"(has|needs at least|of at least) {n_columns} ", done.err), done.err
    hint = shlex.split(re.split(r"[,;]", done.err.partition("; try ")[2])[0])
    assert hint[0].startswith("--degree")
    if "--features" in hint:
        at = hint.index("--features")
        names = ",".join(f"x{i}" for i in range(int(hint[-2])))
        hint[at:] = ["--features", names]
    followed = mlcli(*run, *hint)
    assert followed.code == 0, followed.err


def test_the_highest_degree_that_fits_is_named(mlcli: Mlcli, empty_folder: Path) -> None:
    X = np.random.default_rng(0).normal(size=(120, 3))
    np.savetxt(
        empty_folder / "a.csv", np.c_[X, X[:, 0]], "%.6g", ",", header="a,b,c,t", comments=""
    )
    run = ("fit-poly", "--data", "a.csv", "--dry-run", "--quiet", "--degrees")
    # 96 training rows hold the 84 columns of degree 6, not the 120 of degree 7.
    assert "; try --degrees 6, --penalty l2" in mlcli(*run, "1,7").err
    assert mlcli(*run, "6").code == 0
    # Of a penalised fit only the number of columns counts: 4,960 of degree 29.
    assert "; try --degrees 29\n" in mlcli(*run, "60", "--penalty", "l2").err
    assert mlcli(*run, "29", "--penalty", "l2").code == 0
