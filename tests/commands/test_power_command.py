"""`mlcli power`: what seeds can show, in a table, a sentence, JSON and a curve."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from statsmodels.stats.power import TTestIndPower, TTestPower

Run = Callable[..., Any]
REPORTS = Path(__file__).parents[2] / "reports"
A = np.array([0.90, 0.91, 0.905, 0.915, 0.90, 0.92])
B = A + np.array([0.012, 0.009, 0.01, 0.011, 0.008, 0.01])


@pytest.fixture
def tables(empty_folder: Path) -> Path:
    for name, values in (("a.csv", A), ("b.csv", B)):
        rows = [f"{seed},{float(value)!r}" for seed, value in enumerate(values)]
        (empty_folder / name).write_text("\n".join(["seed,acc", *rows, ""]))
    return empty_folder


def design(done: Any, name: str) -> dict[str, Any]:
    assert done.code == 0, done.err
    return next(one for one in done.json["designs"] if one["design"] == name)


def test_seeds_and_differences_are_those_of_statsmodels(mlcli: Run, tables: Path) -> None:
    done = mlcli("power", "a.csv", "b.csv", "--difference", "0.004", "--json")
    paired, unpaired = design(done, "paired"), design(done, "unpaired")
    std = (B - A).std(ddof=1)
    assert paired["std"] == pytest.approx(std)
    n = TTestPower().solve_power(0.004 / std, None, 0.05, 0.8)
    assert paired["seeds_needed"]["0.8"] == int(np.ceil(n))
    spread = np.sqrt((A.var(ddof=1) + B.var(ddof=1)) / 2)
    d = TTestIndPower().solve_power(None, 6, 0.05, 0.95)
    # The spreads of both are all but equal.
    assert unpaired["smallest_difference"]["0.95"] == pytest.approx(d * spread, rel=0.01)
    # The design that shows the smaller difference comes first.
    assert done.json["designs"][0]["design"] == "paired"
    assert done.json["sentence"].startswith("6 seeds per run, paired, show a difference of acc of")
    assert f"0.004 takes {int(np.ceil(n))} seeds" in done.json["sentence"]


def test_a_correlation_stands_for_pairs_that_were_not_measured(mlcli: Run, tables: Path) -> None:
    done = mlcli("power", "a.csv", "--correlation", "0.5", "--n-seeds", "9", "--json")
    std = A.std(ddof=1)
    assert design(done, "paired")["std"] == pytest.approx(std)
    assert design(done, "unpaired")["std"] == pytest.approx(std * np.sqrt(2))
    assert done.json["n_seeds"] == 9
    assert 9 in design(done, "paired")["curve"]["n_seeds"]
    alone = mlcli("power", "a.csv", "--json").json["designs"]
    assert [one["design"] for one in alone] == ["unpaired"]


def test_variants_of_a_run_tell_the_correlation(mlcli: Run, empty_folder: Path) -> None:
    rng = np.random.default_rng(0)
    easy = rng.normal(0, 0.01, 8)
    scores = {v: 0.9 + easy + rng.normal(0, 0.004, 8) for v in ("x", "y", "z")}
    rows = [f"{v},{s},{float(one)!r}" for v in scores for s, one in enumerate(scores[v])]
    Path("v.csv").write_text("\n".join(["variant,seed,acc", *rows, ""]))
    done = mlcli("power", "v.csv", "--metric", "x.acc", "--json")
    r = np.median([np.corrcoef(scores["x"], scores[v])[0, 1] for v in "yz"])
    found = design(done, "paired")
    assert f"correlation {r:.2f} of this run's variants (median of 2)" in found["why"]
    assert found["std"] == pytest.approx(scores["x"].std(ddof=1) * np.sqrt(2 * (1 - r)))


def test_shared_rows_have_a_least_difference(mlcli: Run) -> None:
    flags = ("--metric", "test_accuracy", "--difference", "0.001")
    done = mlcli("power", f"{REPORTS / 'train_mlp'}:init_he", *flags)
    assert done.code == 0
    assert "n_test / (n_train + n_test) = 0.2" in done.out
    assert "no number of seeds shows 0.001 with power 0.8: seeds share their rows" in done.out
    plain = mlcli("power", f"{REPORTS / 'train_mlp'}:init_he", *flags[:2])
    assert "; no number of seeds shows less than 0.0" in plain.out
    found = mlcli("power", f"{REPORTS / 'train_mlp'}:init_he", *flags, "--json")
    assert design(found, "unpaired")["seeds_needed"] == {"0.8": None, "0.95": None}


def test_the_curve_is_a_table_and_a_figure(mlcli: Run, tables: Path) -> None:
    done = mlcli("power", "a.csv", "b.csv", "--difference", "0.004", "--out", "curve")
    assert (done.code, done.err) == (0, "written to curve\n")
    with (tables / "curve/power.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["design"] for row in rows} == {"paired", "unpaired"}
    six = next(row for row in rows if (row["design"], row["n_seeds"]) == ("paired", "6"))
    assert float(six["difference_0.8"]) == pytest.approx(
        TTestPower().solve_power(None, 6, 0.05, 0.8) * (B - A).std(ddof=1)
    )
    assert 0 < float(six["power_of_difference"]) < 1
    assert (tables / "curve/power.png").read_bytes().startswith(b"\x89PNG")
    again = mlcli("power", "a.csv", "--out", "curve", "--quiet")
    assert (again.code, again.err) == (0, "")


def test_every_shipped_report_with_seeds_has_a_power(mlcli: Run) -> None:
    for section in ("fit_poly", "logistic", "train_cnn", "lr_find", "kfold"):
        done = mlcli("power", str(REPORTS / section))
        assert done.code == 0, done.err
        assert "power 0.8" in done.out


@pytest.mark.parametrize(
    ("text", "flags", "words"),
    [
        ("seed,acc\n0,1\n", (), "acc of s.csv has one seed, which has no spread"),
        ("seed,acc\n0,1\n1,1\n", (), "acc of s.csv has the same value for every seed"),
        ("seed,a,b\n0,1,1\n1,2,2\n", (), "s.csv has 2 metrics over seeds; try --metric a"),
        ("seed,a\n0,1\n1,2\n", ("--metric", "b"), "--metric b has no mean over seeds in s.csv"),
        ("seed,a\n0,1\n1,2\n", ("--difference", "0"), "--difference must be a number other than 0"),
        ("seed,a\n0,1\n1,2\n", ("--difference", "nan"), "--difference must be a number other than"),
        ("seed,a\n0,1\n1,2\n", ("--correlation", "1"), "--correlation must be from -1 to below 1"),
        ("seed,a\n0,1\n1,2\n", ("--n-seeds", "1"), "n-seeds"),
        ("seed,a\n0,1\n1,2\n", ("--out", "s.csv"), "s.csv must be a folder, got a file"),
    ],
)
def test_what_has_no_power_is_one_sentence(
    mlcli: Run, empty_folder: Path, text: str, flags: tuple[str, ...], words: str
) -> None:
    Path("s.csv").write_text(text)
    done = mlcli("power", "s.csv", *flags, *(() if "--out" in flags else ("--out", "curve")))
    assert (done.code, done.out) == (2, "")
    assert words in done.err
    assert len(done.err.splitlines()) == 1
    assert [path.name for path in empty_folder.iterdir()] == ["s.csv"]
    assert "must be one run, got runs of" in mlcli("power", str(REPORTS)).err
