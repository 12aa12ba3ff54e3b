"""Logistic regression on many hard designs, and its commands with warnings as errors."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlcli.classification.objective import Objective
from tests.classification.test_logistic_optimum import check, hard_objectives
from tests.classification.test_separation import check_end, unpenalised


@settings(max_examples=300, deadline=None, derandomize=True)
@given(E=hard_objectives(), name=st.sampled_from(["newton", "newton", "lbfgs", "descent"]))
def test_certified_answers_are_optimal_on_hard_designs(E: Objective, name: str) -> None:
    if name == "lbfgs" and E.l1:
        E = Objective(E.Phi, E.labels, E.n_classes, E.row_weights, l2=E.l2, free=(0,))
    check(E, name)


@settings(max_examples=500, deadline=None, derandomize=True)
@given(E=unpenalised())
def test_without_a_penalty_every_design_has_an_answer_or_a_proof_of_none(E: Objective) -> None:
    check_end(E)


def write_rows(folder: Path) -> None:
    """Correlated, badly scaled and duplicated columns; targets that overlap or can be separated."""
    rng = np.random.default_rng(0)
    X = rng.multivariate_normal([0, 0], [[1, -0.9], [-0.9, 1]], size=60)
    hard = np.column_stack([1e-8 * X[:, 0], 1e8 * X[:, 1], 1e-8 * X[:, 0], 1e6 + X[:, 1] ** 2])
    noisy = X.sum(axis=1) + rng.normal(size=60) > 0
    tables = {
        "correlated": (X, noisy),
        "hard": (hard, noisy),
        "separable": (X, X.sum(axis=1) > 0),
        "wide": (rng.normal(size=(60, 90)), noisy),
        "three": (hard, np.arange(60) % 3 * noisy),
    }
    for name, (columns, t) in tables.items():
        lines = [",".join([*(f"x{i}" for i in range(columns.shape[1])), "t"])]
        lines += [
            ",".join([*map(repr, row), str(int(k))])
            for row, k in zip(columns.tolist(), t, strict=True)
        ]
        (folder / f"{name}.csv").write_text("\n".join(lines) + "\n")


@pytest.mark.parametrize("data", ["correlated", "hard", "separable", "wide", "three"])
@pytest.mark.parametrize(
    "arguments",
    [
        ("--penalty", "l1", "--l1", "0.01"),
        ("--penalty", "elastic"),
        ("--penalty", "l2", "--no-standardize"),
        ("--penalty", "none"),
        ("--solver", "lbfgs"),
        ("--solver", "descent"),
        ("--solver", "lbfgs", "--loss", "square"),
    ],
    ids=" ".join,
)
def test_no_warning_of_python_reaches_a_user(
    tmp_path: Path, data: str, arguments: tuple[str, ...]
) -> None:
    write_rows(tmp_path)
    command = [sys.executable, "-W", "error", "-m", "mlcli", "logistic", "--data", f"{data}.csv"]
    command += ["--n-seeds", "2", "--n-study", "20", "--max-steps", "3000", "--no-plots", "--json"]
    done = subprocess.run([*command, *arguments], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode in (0, 4), done.stderr
    assert "Warning" not in done.stderr
    assert "Traceback" not in done.stderr
    if data == "separable" and arguments == ("--penalty", "none"):
        assert done.returncode == 4
        assert "can be separated" in done.stderr
    elif arguments[0] == "--penalty" and "none" not in arguments:
        assert done.returncode == 0
