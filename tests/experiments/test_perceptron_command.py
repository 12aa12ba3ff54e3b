"""`mlcli perceptron` from the command line: contract, gates, bounds, bad input."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mlcli.experiments.perceptron.config import PerceptronConfig
from mlcli.experiments.perceptron.studies import two_classes
from mlcli.experiments.source import source_of
from tests.experiments.contract import Cases

Run = Callable[..., Any]


def write_files() -> None:
    Path("one.csv").write_text("x,t\n0,1\n1,1\n2,1\n")


CASES = Cases(
    small="--n-seeds 3 --n-bins 4,16,64 --n-points 60",
    anywhere=("--max-passes 50 --n-bins 4,16 --n-points 20",),
    branches=(
        "--function 'abs(x - 1/3)'",
        "--function 2",
        "--data wine",
        "--truth-table 0000",
        "--n-seeds 1",
    ),
    refused={
        "--truth-table 0120": "four bits, got '0120'",
        "--truth-table 011": "four bits",
        "--function 'sine(x)'": "unknown name 'sine'",
        "--function '__import__('\"'\"'os'\"'\"')'": "--function",
        "--function 'x +'": "a formula in x",
        "--function 1/x": "finite over the interval",
        "--function-min 1": "above function_min",
        "--n-bins 8": "two or more numbers",
        "--margins 0.9": "at most 0.5 each",
        "--data one.csv": "two classes or more, got one value",
    },
    write=write_files,
)
BARE = ("perceptron", *CASES.small.split(), "--no-plots", "--quiet", "--json")


def test_gates_bounds_and_rates(mlcli: Run) -> None:
    done = mlcli(*BARE, "--truth-table", "0110")
    tables = done.json["truth_tables"]
    assert list(tables["nand"].values()) == [1, 1, 1, 0]
    assert list(tables["xor"].values()) == [0, 1, 1, 0] == list(tables["half_adder_sum"].values())
    assert list(tables["half_adder_carry"].values()) == [0, 0, 0, 1]
    assert done.json["one_unit_exists"] is False
    assert "unit" not in done.json
    for name, runs in done.json["learning"].items():
        assert runs["share_below_bound"] == runs["share_converged"] == 1, name
        assert 0 < runs["mistakes"]["mean"] <= runs["smallest_bound"]
    assert done.json["slope_of_largest_error"]["mean"] == pytest.approx(-1, abs=0.05)
    assert done.json["slope_of_rms_error"]["mean"] == pytest.approx(-1, abs=0.02)


def test_rows_that_no_line_separates_have_no_answer(mlcli: Run, empty_folder: Path) -> None:
    Path("xor.csv").write_text("a,b,t\n0,0,5\n0,1,7\n1,0,7\n1,1,5\n")
    done = mlcli(*BARE, "--data", "xor.csv", "--max-passes", "50")
    assert done.code == 4
    assert "rule on xor.csv did not converge for any of 3 seeds" in done.err
    assert "rows on the wrong side must be at most 0, got" in done.err


def test_the_certificate_counts_rows_of_the_answer_itself(mlcli: Run) -> None:
    found = mlcli(*BARE).json["certificates"]
    assert len(found) == 5
    assert all(one["largest"] == 0 and one["n_certified"] == 3 for one in found.values())


def test_a_constant_column_of_rounded_numbers_stays_constant(
    mlcli: Run, empty_folder: Path
) -> None:
    rows = [f"{(-1) ** k * (k + 1)},{0.1 if k else 0.1000000000000001},{k % 2}" for k in range(12)]
    Path("flat.csv").write_text("\n".join(["a,b,t", *rows, ""]))
    source = source_of(PerceptronConfig(data="flat.csv"))
    X, _ = two_classes(PerceptronConfig(data="flat.csv"), source)
    assert np.abs(X[:, 1]).max() < 1e-12
