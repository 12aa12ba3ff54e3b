"""`mlcli perceptron` from the command line: contract, gates, bounds, bad input."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mlcli.experiments.perceptron.config import PerceptronConfig
from mlcli.experiments.perceptron.studies import two_classes
from mlcli.experiments.source import source_of
from tests.experiments.contract import Cases

Run = Callable[..., Any]


def write_files() -> None:
    Path("one.csv").write_text("x,t\n0,1\n1,1\n2,1\n")
    rows = "".join(f"{i},{i % 3},{'low' if i < 6 else 'high'}\n" for i in range(12))
    Path("two.csv").write_text("a,b,t\n" + rows)


CASES = Cases(
    small="--n-seeds 3 --n-bins 4,16,64 --n-points 60",
    anywhere=("--max-passes 50 --n-bins 4,16 --n-points 20",),
    branches=(
        "--function 'abs(x - 1/3)'",
        "--function 2",
        "--function '0*x'",
        "--function 'x*1e200'",
        "--data wine",
        "--truth-table 0000",
        "--truth-table 1001",
        "--data two.csv --features a",
        "--function 'sign(x - 0.3)' --n-bins 1,2",
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
    rows = two_classes(PerceptronConfig(data="flat.csv"), source)
    assert np.abs(rows.X[:, 1]).max() < 1e-12


def test_the_boundary_is_drawn_in_the_features_with_the_names_of_the_classes(
    mlcli: Run, empty_folder: Path
) -> None:
    write_files()
    done = mlcli(*BARE, "--data", "two.csv", "--out", "o")
    assert done.code == 0, done.err
    assert done.json["classes"] == ["high", "low"]
    table = pd.read_csv("o/tables/boundary.csv")
    assert set(table.x_axis) == {"a, standardised"}
    assert set(table.y_axis) == {"b, standardised"}
    a, b = np.arange(12.0), np.arange(12) % 3
    np.testing.assert_allclose(table.x, (a - a.mean()) / a.std(), rtol=1e-8)
    np.testing.assert_allclose(table.y, (b - b.mean()) / b.std(), rtol=1e-8, atol=1e-9)
    assert table["class"].tolist() == ["low"] * 6 + ["high"] * 6
    assert (table.side * (table.w_x * table.x + table.w_y * table.y + table.b) > 0).all()
    one = mlcli(*BARE, "--data", "two.csv", "--features", "a", "--out", "p")
    assert one.code == 0, one.err
    table = pd.read_csv("p/tables/boundary.csv", keep_default_na=False)
    assert set(table.y_axis) == {""}
    assert (table.y == 0).all()
    # Of four features the line is still between the classes.
    assert mlcli(*BARE, "--data", "iris", "--out", "q").code == 0
    table = pd.read_csv("q/tables/boundary.csv")
    assert set(table["class"]) == {"class 0", "class 1"}
    assert (table.side * (table.w_x * table.x + table.w_y * table.y + table.b) > 0).all()


def test_at_most_a_thousand_rows_are_drawn(mlcli: Run, empty_folder: Path) -> None:
    lines_ = (f"{i},{int(i > 1500)}" for i in range(3000) if i != 1500)
    Path("long.csv").write_text("a,t\n" + "\n".join(lines_) + "\n")
    done = mlcli(*BARE, "--data", "long.csv", "--n-seeds", "1", "--out", "o")
    assert done.code == 0, done.err
    table = pd.read_csv("o/tables/boundary.csv")
    assert len(table) == 1000
    assert table.side.value_counts().min() > 490


@pytest.mark.parametrize("table", ["0001", "0110", "1001"])
def test_the_table_that_is_asked_for_is_in_the_table_of_units(mlcli: Run, table: str) -> None:
    done = mlcli(*BARE, "--truth-table", table, "--out", "o")
    assert done.code == 0, done.err
    units = pd.read_csv("o/tables/gates.csv").set_index("unit")
    known = ["NAND", "XOR hidden", "XOR, hidden 0", "XOR, hidden 1"]
    added = [name for name in units.index if name not in known]
    more = {"0001": ["0001"], "0110": []}
    assert added == more.get(
        table, [f"1001{end}" for end in (" hidden", ", hidden 0", ", hidden 1")]
    )
    inputs = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])

    def fires(name: str) -> np.ndarray:
        return np.asarray(inputs @ units.loc[name, ["w_1", "w_2"]] + units.b[name] > 0)

    if table == "0001":
        assert fires("0001").tolist() == [False, False, False, True]
    if table == "1001":
        outputs = np.where(fires("1001 hidden"), fires("1001, hidden 1"), fires("1001, hidden 0"))
        assert outputs.tolist() == [True, False, False, True]


def test_polynomials_stand_beside_the_staircase_with_as_many_numbers(mlcli: Run) -> None:
    done = mlcli(*BARE, "--function", "exp(2*x)", "--function-max", "2", "--out", "o")
    assert done.code == 0, done.err
    table = pd.read_csv("o/tables/polynomials.csv")
    assert table.n_numbers.tolist() == [4, 16, 64]
    assert table.degree.tolist() == [3, 15, 63]
    x = np.linspace(0, 2, 20_001)
    cubic = np.polynomial.Chebyshev.interpolate(lambda x: np.exp(2 * x), 3, domain=[0, 2])
    largest = np.abs(cubic(x) - np.exp(2 * x)).max()
    assert table.chebyshev[0] == pytest.approx(largest)
    # The best cubic errs by no more than the interpolant and no less than the bound.
    assert table.best_at_least[0] < largest < 4 * table.best_at_least[0]
    assert (table.best_at_least <= table.chebyshev).all()
    n = np.array([3, 15, 63])
    # B_n of exp(a x) is known: (1 + x/2 (exp(2 a / n) - 1))^n on [0, 2].
    bernstein = [np.abs((1 + x / 2 * np.expm1(4 / m)) ** m - np.exp(2 * x)).max() for m in n]
    np.testing.assert_allclose(table.bernstein, bernstein, rtol=1e-5)
    assert done.json["polynomials"]["n_16"]["staircase"] == table.staircase[1]
    # The first seed's interval is not shifted: bins of width 1/8 on the steepest end.
    step = np.exp(4) - np.exp(2 * (2 - 1 / 16))
    assert table.staircase[1] == pytest.approx(step, rel=5e-3)


def test_a_bump_is_that_of_an_inner_bin_and_bumps_add_up(mlcli: Run) -> None:
    done = mlcli(*BARE, "--function", "x^2 + 1", "--n-bins", "5,9", "--out", "o")
    assert done.code == 0, done.err
    bump = done.json["bump"]
    assert (bump["bin"], bump["n_bins"], bump["s_1"], bump["s_2"]) == (4, 5, 0.6, 0.8)
    assert bump["height"] == bump["inside"] == pytest.approx(1.49)
    assert (bump["b_1"], bump["b_2"], bump["before"], bump["after"]) == (-0.6, -0.8, 0, 0)
    table = pd.read_csv("o/tables/steps.csv")
    middles = (np.floor(table.x * 5) + 0.5) / 5
    inside = np.abs(table.x * 5 - np.round(table.x * 5)) > 1e-9
    np.testing.assert_allclose(table["sum"][inside], middles[inside] ** 2 + 1)
    assert [name for name in table if name.startswith("bump ")] == [
        f"bump {k}" for k in range(1, 6)
    ]
    np.testing.assert_allclose(table.bump, bump["height"] * (table.step_1 - table.step_2))
    few = mlcli(*BARE, "--n-bins", "1,2").json["bump"]
    assert (few["bin"], few["n_bins"]) == (1, 1)


def test_the_next_command_follows_from_the_run(mlcli: Run) -> None:
    def proposed(*more: str) -> str:
        done = mlcli("perceptron", *CASES.small.split(), "--no-plots", *more)
        return str(done.err.splitlines()[-1].removeprefix("try next: mlcli perceptron "))

    assert proposed() == "--truth-table 0110"
    assert proposed("--truth-table", "1001") == "--function 'abs(x - 0.4)'"
    kink = ("--truth-table", "1001", "--function", "abs(x - 0.4)")
    assert proposed(*kink) == "--margins 0.01,0.3"
