"""`mlcli backprop` from the command line: contract, another route, bad input."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mlcli.datasets.source import open_source
from mlcli.experiments import load
from mlcli.experiments.backprop import check
from mlcli.experiments.backprop.config import BackpropConfig
from mlcli.experiments.backprop.cost import counts
from mlcli.experiments.backprop.problem import prepare
from tests.experiments.contract import Cases

Run = Callable[..., Any]
WEIGHTS = "layer,unit,source,value\n1,1,0,{b}\n1,1,1,0.5\n1,1,2,-1\n1,2,0,0.25\n1,2,1,2\n1,2,2,1\n"
OUTPUT = "2,1,0,0.125\n2,1,1,1\n2,1,2,-2\n"


def write_files() -> None:
    Path("own.csv").write_text("length,width,t\n1,2,yes\n3,5,no\n2,2,yes\n5,1,no\n")
    Path("one.csv").write_text("x,t\n0,1\n1,1\n2,1\n")
    Path("many.csv").write_text("x,t\n" + "".join(f"{i},class{i % 7}\n" for i in range(70)))
    Path("weights.csv").write_text(WEIGHTS.format(b=0.125) + OUTPUT)
    Path("kink.csv").write_text(WEIGHTS.format(b=0) + OUTPUT)
    Path("short.csv").write_text(WEIGHTS.format(b=0.125))
    Path("twice.csv").write_text(WEIGHTS.format(b=0.125) + OUTPUT + "2,1,0,3\n")
    Path("more.csv").write_text(WEIGHTS.format(b=0.125) + OUTPUT + "3,1,0,3\n")
    Path("infinite.csv").write_text(WEIGHTS.format(b="inf") + OUTPUT)
    Path("words.csv").write_text(WEIGHTS.format(b="none") + OUTPUT)
    Path("ragged.csv").write_text(WEIGHTS.format(b="0,125") + OUTPUT)
    Path("columns.csv").write_text("a,b\n1,2\n")
    Path("empty.csv").write_text("")
    Path("bytes.csv").write_bytes(b"layer\xff\xfe\n")


AT = "--sizes 2-2-1 --at 1,-2"
CASES = Cases(
    small="--n-seeds 2 --sizes 2-2-1",
    anywhere=("--sizes none --n-rows 2 --activation relu",),
    branches=(
        "--activation linear --loss squared-error",
        "--activation selu --n-rows 8",
        "--at 0.5,-1",
        "--at=-0.5,1e-3 --targets=-2 --n-seeds 1",
        "--sizes 2-3-3-3-2 --at 0.5,-1 --loss softmax-cross-entropy --targets 0,1",
        "--sizes 2-1 --at 0.5,-1 --loss sigmoid-cross-entropy --targets 0.25",
        "--sizes 2-6-5-1 --activation elu",
        "--sizes none --data own.csv",
        "--sizes none --data diabetes",
        "--sizes 3-1 --data diabetes --activation sigmoid",
        f"{AT} --weights weights.csv",
        "--sizes 2-2-1 --at 0,0 --weights kink.csv --activation relu",
        "--at 1e6,-1e6 --activation leaky-relu --sizes 2-3-2 --loss softmax-cross-entropy",
    ),
    refused={
        "--sizes 2": "2 to 5 sizes from the inputs to the outputs",
        "--sizes 2x3x1": "2 to 5 sizes",
        "--sizes 2-3-3-3-3-1": "2 to 5 sizes",
        "--sizes 2-7-1": "sizes from 1 to 6",
        "--sizes 2-0-1": "sizes from 1 to 6",
        "--sizes 3-2-1": "as many inputs as two-moons has columns, 2, got 3-2-1; try --sizes 2-2-1",
        "--sizes 2-2-3": "one output for each class",
        "--sizes 2-1-2 --data diabetes": "of one output for 'progression'",
        "--n-rows 9": "at most 8",
        "--at 1,2,3": "as many inputs as --at has numbers, 3, got 2-2-1; try --sizes 3-2-1",
        "--at 1,x": "--at",
        "--at 1,inf": "--at",
        "--at 1,2,3,4,5,6,7": "--at",
        "--targets 1": "must be used with at",
        "--at 1,2 --targets 1,0": "one number for each output of --sizes, 1, got 2 numbers",
        "--at 1,2 --loss softmax-cross-entropy": "two outputs or more",
        "--at 1,2 --sizes 2-2 --loss softmax-cross-entropy --targets 2,0": "1 for one class",
        "--at 1,2 --targets 2 --loss sigmoid-cross-entropy": "from 0 to 1",
        "--loss softmax-cross-entropy": "two outputs or more, got one; try --sizes 2-2-2",
        "--data diabetes --loss softmax-cross-entropy": "got numbers, as 'progression' is",
        "--sizes none --data one.csv --loss sigmoid-cross-entropy": "got numbers, as 't' is",
        "--sizes none --data many.csv": "2 to 6 classes",
        f"{AT} --weights short.csv": "3 missing, as layer 2, unit 1, source 0",
        f"{AT} --weights twice.csv": "line 11 has a weight twice",
        f"{AT} --weights more.csv": "line 11 has a weight that the network has not",
        f"{AT} --weights infinite.csv": "a value that is not finite",
        f"{AT} --weights words.csv": "a cell that is not a number",
        f"{AT} --weights ragged.csv": "line 2 has 5 cells, not 4",
        f"{AT} --weights columns.csv": "got the columns a, b",
        f"{AT} --weights empty.csv": "--weights",
        f"{AT} --weights bytes.csv": "not a CSV file in UTF-8",
        f"{AT} --weights nowhere.csv": "No such file",
    },
    no_answer={"--at 1,2 --targets 1e200": "E and its gradients must be finite"},
    write=write_files,
)


def table(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_a_network_worked_by_hand(mlcli: Run, empty_folder: Path) -> None:
    """2-2-1 of ReLU at (1, -2): a = (2.625, 0.25), y = 2.25, t = 1; all exact in binary."""
    write_files()
    flags = (*AT.split(), "--activation", "relu", "--weights", "weights.csv", "--n-seeds", "2")
    done = mlcli("backprop", *flags, "--no-plots", "--quiet", "--out", "o")
    assert done.code == 0, done.err
    found = {row["quantity"]: row for row in table(Path("o/tables/steps.csv"))}
    expected = {
        "a_1(1)": 0.5 + 2 + 0.125,
        "a_2(1)": 2 - 2 + 0.25,
        "z_1(1)": 2.625,
        "z_2(1)": 0.25,
        "a_1(2)": 2.625 - 0.5 + 0.125,
        "y_1": 2.25,
        "E": 1.25**2 / 2,
        "delta_1(2)": 1.25,
        "dE/dw_11(2)": 1.25 * 2.625,
        "dE/dw_12(2)": 1.25 * 0.25,
        "dE/db_1(2)": 1.25,
        "delta_1(1)": 1.25,
        "delta_2(1)": -2.5,
        "dE/dw_11(1)": 1.25,
        "dE/dw_12(1)": -2.5,
        "dE/db_1(1)": 1.25,
        "dE/dw_21(1)": -2.5,
        "dE/dw_22(1)": 5.0,
        "dE/db_2(1)": -2.5,
    }
    assert list(found) == [
        *("a_1(1)", "a_2(1)", "z_1(1)", "z_2(1)", "a_1(2)", "y_1", "E", "delta_1(2)"),
        *("dE/dw_11(2)", "dE/dw_12(2)", "dE/db_1(2)", "delta_1(1)", "delta_2(1)"),
        *("dE/dw_11(1)", "dE/dw_12(1)", "dE/db_1(1)", "dE/dw_21(1)", "dE/dw_22(1)", "dE/db_2(1)"),
    ]
    assert {name: float(row["value"]) for name, row in found.items()} == expected
    assert found["a_1(1)"]["numbers"] == "0.5*1 + (-1)*(-2) + 0.125"
    assert found["a_1(1)"]["formula"] == "w_11(1) x_1 + w_12(1) x_2 + b_1(1)"
    assert found["E"]["numbers"] == "1/2 [(2.25 - 1)^2]"
    assert found["delta_2(1)"]["numbers"] == "1 [1.25*(-2)]"
    assert found["dE/dw_22(1)"]["numbers"] == "(-2.5)*(-2)"
    assert found["dE/dw_22(1)"]["equation"] == "(6.28), (6.36)"


@pytest.mark.parametrize(
    "flags",
    [
        "--at 0.5,-1 --sizes 2-3-2 --activation tanh",
        "--data iris --sizes 4-2-3 --activation sigmoid --loss sigmoid-cross-entropy",
        "--data iris --activation elu",
        "--sizes 2-2-2-1 --activation leaky-relu",
    ],
)
def test_the_numbers_put_into_a_formula_give_its_value(
    mlcli: Run, empty_folder: Path, flags: str
) -> None:
    """Four digits of each number give three of the value."""
    done = mlcli(
        "backprop", *flags.split(), "--n-seeds", "1", "--no-plots", "--quiet", "--out", "o"
    )
    assert done.code == 0, done.err
    functions = {
        "exp": np.exp,
        "ln": np.log,
        "tanh": np.tanh,
        "sigmoid": lambda a: 1 / (1 + np.exp(-a)),
        "elu": lambda a: a if a > 0 else np.expm1(a),
        "leaky_relu": lambda a: max(a, 0.01 * a),
    }
    rows = table(Path("o/tables/steps.csv"))
    for row in rows:
        text = row["numbers"].replace("^", "**").replace("leaky-relu", "leaky_relu")
        text = (
            text.replace("1/2 [", "0.5*[").replace(" [", "*[").replace("[", "(").replace("]", ")")
        )
        words = text.split(" ")
        # `ln 0.5` is a call without brackets, and `0.25 ln 0.5` a product with one.
        for place, word in enumerate(words):
            if word.endswith("ln"):
                before = "*" if place and words[place - 1][-1:].isdigit() else ""
                words[place] = f"{before}{word}(" if before else f"{word}("
                number = words[place + 1]
                n_close = len(number) - len(number.rstrip(")"))
                words[place + 1] = number[: len(number) - n_close] + ")" + ")" * n_close
        value = eval(" ".join(words), {"__builtins__": {}}, functions)
        scale = max(1.0, *(abs(float(one["value"])) for one in rows))
        assert value == pytest.approx(float(row["value"]), rel=3e-3, abs=3e-3 * scale), row


def test_the_weights_of_a_run_start_it_again(mlcli: Run, empty_folder: Path) -> None:
    run = ("backprop", "--at", "0.5,-1", "--n-seeds", "1", "--no-plots", "--quiet", "--seed")
    assert mlcli(*run, "1", "--out", "one").code == 0
    again = mlcli(*run, "2", "--weights", "one/tables/weights.csv", "--out", "two")
    assert again.code == 0, again.err
    for name in ("steps", "gradients", "weights"):
        files = [Path(folder, "tables", f"{name}.csv").read_bytes() for folder in ("one", "two")]
        assert files[0] == files[1]


def test_rows_are_z_scores_with_two_decimals(mlcli: Run, empty_folder: Path) -> None:
    write_files()
    done = mlcli(
        *("backprop", "--data", "own.csv", "--n-rows", "3", "--n-seeds", "1", "--no-plots"),
        *("--out", "o"),
    )
    assert done.code == 0, done.err
    entries = table(Path("o/tables/matrices.csv"))
    found = {
        (row["matrix"], int(row["row"]), int(row["column"])): float(row["value"])
        for row in entries
        if (row["matrix"], row["layer"]) in (("z", "0"), ("t", "2"))
    }
    X = np.array([[1, 2], [3, 5], [2, 2], [5, 1]], dtype=float)
    Z = np.round((X - X.mean(axis=0)) / X.std(axis=0), 2)
    for n in range(3):
        assert [found["z", j, n + 1] for j in (1, 2)] == Z[n].tolist()
        # Classes in alphabetical order: no, yes.
        assert [found["t", k, n + 1] for k in (1, 2)] == [n == 1, n != 1]
    assert json.loads(Path("o/details.json").read_text())["network"]["n_rows"] == 3


def test_columns_that_are_left_out_are_named(mlcli: Run) -> None:
    done = mlcli("backprop", "--data", "diabetes", "--n-seeds", "1", "--no-plots")
    assert "the first 6 of 10 columns are used; --features chooses others" in done.err
    done = mlcli("backprop", "--data", "iris", "--at", "1,2", "--n-seeds", "1", "--no-plots")
    assert "--at is the row; the rows of iris are not used" in done.err


def test_a_unit_at_its_kink_is_named_and_its_weights_are_not_called_wrong(
    mlcli: Run, empty_folder: Path
) -> None:
    write_files()
    flags = ("--sizes", "2-2-1", "--at", "0,0", "--weights", "kink.csv", "--activation", "relu")
    done = mlcli("backprop", *flags, "--n-seeds", "1", "--no-plots", "--out", "o")
    assert done.code == 0, done.err
    assert "a kink of h is within a small step of a_1(1) of seed index 0:" in done.err
    rows = {row["quantity"]: row for row in table(Path("o/tables/gradients.csv"))}
    # The bias of the unit whose a is 0: half of its slope on the right.
    assert rows["dE/db_1(1)"]["left_out"] == "kink of a_1(1)"
    by_sums, central = (float(rows["dE/db_1(1)"][key]) for key in ("by_sums", "central"))
    one_sided = float(rows["dE/db_1(1)"]["one_sided"])
    assert by_sums == 0
    assert central == pytest.approx(one_sided / 2, rel=1e-4)
    assert central != 0
    details = json.loads(Path("o/details.json").read_text())
    assert details["certificates"]["check of the gradients"]["n_certified"] == 1
    assert details["check"]["n_left_out"] == 1


@pytest.mark.parametrize("exponent", [-3.0, 0.0, 3.0, 8.0])
def test_a_right_gradient_is_never_called_wrong(exponent: float) -> None:
    """Random networks, losses and activations, at inputs of any size."""
    rng, source, n_checked = np.random.default_rng(int(exponent) + 3), open_source("two-moons"), 0
    for seed in range(25):
        activation = ("sigmoid", "tanh", "relu", "leaky-relu", "elu", "selu", "linear")[seed % 7]
        loss = ("squared-error", "softmax-cross-entropy", "sigmoid-cross-entropy")[seed % 3]
        hidden = rng.integers(1, 5, rng.integers(0, 4)).tolist()
        sizes = "-".join(map(str, [2, *hidden, 2]))
        at = tuple(rng.normal(size=2) * 10.0**exponent)
        config = BackpropConfig(sizes=sizes, activation=activation, loss=loss, at=at, seed=seed)
        found = check.check_seed(prepare(config, source), 0)
        if found.certificate is not None:
            assert found.certificate.converged, (config, found.certificate)
            n_checked += 1
    # At inputs of 10^8 a step of 10^-4 moves sums by 10^4: nothing is said of most networks.
    assert n_checked == 25 or exponent > 0


def test_weights_of_large_inputs_are_left_out_and_the_run_says_so(
    mlcli: Run, empty_folder: Path
) -> None:
    done = mlcli(
        *("backprop", "--at", "1e4,1", "--activation", "linear", "--n-seeds", "2", "--no-plots"),
        *("--out", "o"),
    )
    assert done.code == 0, done.err
    n = sum(int(row["n_left_out"]) for row in table(Path("o/tables/check.csv")))
    assert f"moves a sum by more than 0.1 for {n} weights of all networks together" in done.err
    rows = {row["quantity"]: row for row in table(Path("o/tables/gradients.csv"))}
    # Nor are they in the curve: a mean over the two networks.
    curve = table(Path("o/tables/step_size.csv"))
    assert float(curve[0]["left_out"]) == n / 2
    reasons = {name: row["left_out"] for name, row in rows.items()}
    assert reasons["dE/dw_11(1)"] == reasons["dE/dw_21(1)"] == "step too large"
    assert reasons["dE/dw_12(1)"] == ""


def test_the_cost_of_a_gradient_is_counted_in_forward_passes() -> None:
    """3-4-2: 20 products and W = 26 forward; 20, 8 and 4 back."""
    assert counts((3, 4, 2)) == {
        "n_weights": 26,
        "forward": 20,
        "backward": 32,
        "backpropagation": 52,
        "one_sided": 27 * 20,
        "central": 52 * 20,
    }


def test_a_wrong_gradient_is_exit_4(
    mlcli: Run, empty_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = check.backward

    def wrong(*given: Any) -> Any:
        found = right(*given)
        found[0].arrays[0][0, 0] *= 1 + 1e-6
        return found

    monkeypatch.setattr(check, "backward", wrong)
    done = mlcli("backprop", "--at", "0.5,-1", "--n-seeds", "3", "--out", "o")
    assert done.code == 4
    assert "check of the gradients did not converge for any of 3 seeds" in done.err
    assert not Path("o").exists()


def test_theory_and_measurement_agree_in_the_committed_run() -> None:
    details = json.loads(Path(REPORT, "details.json").read_text(encoding="utf-8"))
    found = details["check"]
    assert found["slope_central"]["mean"] == pytest.approx(2, abs=0.002)
    assert found["slope_one_sided"]["mean"] == pytest.approx(1, abs=0.002)
    assert found["slope_rounding"]["mean"] == pytest.approx(-1, abs=0.05)
    gap = found["log10_measured_step"]["mean"] - found["log10_predicted_step"]["mean"]
    assert abs(gap) < 0.5
    assert abs(found["log10_predicted_step"]["mean"] - np.log10(found["central_step"])) < 0.5
    steps = {row["step"]: row for row in table(Path(REPORT, "tables", "step_size.csv"))}
    assert len(steps) >= 25
    for row in steps.values():
        if 1e-4 < float(row["step"]) < 0.05:
            measured, theory = float(row["log10_central"]), float(row["log10_central_theory"])
            assert measured == pytest.approx(theory, abs=0.02)


REPORT = Path(__file__).parents[2] / "reports" / "backprop"


@pytest.mark.parametrize(
    "values", [{}, {"at": "0.5,-1"}, {"data": "iris"}, {"data": "iris", "activation": "relu"}]
)
def test_the_next_command_shows_another_network_on_the_same_row(values: dict[str, str]) -> None:
    config = BackpropConfig(n_seeds=1, **values)
    experiment = load("backprop")
    prepared = prepare(config, open_source(config.data))
    metrics = {
        "network": {
            "sizes": "-".join(map(str, prepared.sizes)),
            "activation": config.activation,
            "loss": prepared.loss,
        },
        "errors": {"layer_1": 0.5, "layer_2": 1.0},
        "at": values.get("at"),
        "targets": "1.0" if "at" in values else None,
    }
    deeper = experiment.next_command(metrics)
    first, last = prepared.sizes[0], prepared.sizes[-1]
    assert f"--sizes {first}-3-3-3-{last} --activation sigmoid" in deeper
    assert ("--at=0.5,-1 --targets=1.0" in deeper) == ("at" in values)
    metrics["errors"]["layer_1"] = 0.05
    other = "leaky-relu"
    assert f"--activation {other}" in experiment.next_command(metrics)
