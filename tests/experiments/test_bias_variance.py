"""`mlcli bias-variance` from the command line: the decomposition, both ensembles, bad input."""

from __future__ import annotations

import csv
import json
import math
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mlcli.datasets.split import train_test_indices
from mlcli.rng import stream
from tests.experiments.contract import Cases

Run = Callable[..., Any]


def write_files() -> None:
    Path("few.csv").write_text("x,t\n1,2\n2,3\n4,5\n5,5\n6,7\n")
    rows = "".join(f"{draw},{x},{x * draw}\n" for draw in (0, 1) for x in range(10))
    Path("draws.csv").write_text("draw,x,t\n" + rows)


CASES = Cases(
    small="--degrees 0-4 --n-seeds 3 --n-datasets 12 --n-strengths 4 --descent-columns 3,12,40",
    anywhere=("--degrees 1 --n-datasets 4 --penalty l1",),
    refused={
        "--degrees -1": "bias_variance.degrees must be integers",
        "--n-datasets 1": "bias_variance.n_datasets must be",
        "--n-rows 9 --n-samples 10": "must be left out when n_samples is given",
        "--strength-min 3 --strength-max 2": "must be at least strength_min",
        "--descent-columns 0,3": "must be from 1 to 2000",
        "--degrees 9 --n-rows 9": "at least 10 rows, got 9",
        "--data few.csv --degrees 3": "at least 4 distinct rows, got",
        "--data few.csv --degrees 0 --test-fraction 0.01": "too few test row",
        "--data diabetes --degrees 9": "at most 5,000 are fitted",
        "--data diabetes --degrees 1 --strength-degree 9": "at most 5,000",
        "--data draws.csv --draw-column draw --degrees 0 --n-seeds 3 --dry-run": (
            "holds 2 data set(s)"
        ),
    },
    write=write_files,
)
SMALL = ("bias-variance", *CASES.small.split(), "--no-plots", "--quiet")
PLAIN = (*SMALL, "--penalty", "none", "--no-descent")
SUMMARY = {"mean", "std", "ci_low", "ci_high", "n"}


def files_of(folder: Path) -> dict[str, bytes]:
    skipped = {"environment.json", "timings.json"}
    return {
        p.relative_to(folder).as_posix(): p.read_bytes()
        for p in folder.rglob("*")
        if p.is_file() and p.name not in skipped
    }


def table(path: Path) -> dict[str, list[str]]:
    with path.open() as file:
        found = list(csv.DictReader(file))
    return {key: [row[key] for row in found] for key in found[0]} if found else {}


def write_rows(path: Path, *columns: np.ndarray, names: str) -> None:
    lines = [",".join(repr(float(v)) for v in row) for row in zip(*columns, strict=True)]
    path.write_text(names + "\n" + "\n".join(lines) + "\n")


@pytest.mark.usefixtures("every_digit")
def test_the_terms_of_the_noisy_cubic(mlcli: Run) -> None:
    done = mlcli(*PLAIN, "--n-datasets", "60", "--n-seeds", "8", "--json")
    assert done.code == 0, done.err
    metrics = done.json
    assert metrics["best_degree"] == 3
    assert metrics["largest_identity_residual"] < 1e-14
    for degree in range(5):
        terms = metrics[f"degree_{degree}"]
        assert all(set(one) == SUMMARY for one in terms.values())
        assert terms["noise"]["mean"] == pytest.approx(1.95**2, rel=1e-15)
        parts = sum(terms[name]["mean"] for name in ("bias_squared", "variance", "noise"))
        assert terms["sum"]["mean"] == pytest.approx(parts, rel=1e-12)
        # Five standard errors of the difference, which is that of the test rows' noise.
        difference = terms["difference"]
        assert abs(difference["mean"]) < 5 * difference["std"] / np.sqrt(8)
        assert terms["effective_rank"]["mean"] == degree + 1
        # Judged at the same nodes, two ensembles differ only by what was drawn.
        assert terms["variance"]["std"] > 0
    # f~ has mean square distance from its best line and parabola that is known exactly: with
    # x ~ U(-a, a), a = 2, that of x^3 from a line is (4/175) a^6, that of x^2 is (4/45) a^4.
    cubic, square = 0.25 * 4 / 175 * 64, 0.09 * 4 / 45 * 16
    unbiased = [metrics[f"degree_{d}"]["bias_squared_unbiased"]["mean"] for d in range(5)]
    assert unbiased[1] == pytest.approx(cubic + square, rel=0.05)
    assert unbiased[2] == pytest.approx(cubic, rel=0.05)
    assert max(abs(value) for value in unbiased[3:]) < 0.01


def test_a_dry_run_says_how_the_ensemble_is_made(mlcli: Run) -> None:
    plan = mlcli(*SMALL, "--dry-run", "--json")
    assert plan.json["work"]["ensemble"] == "fresh draws"


def test_the_variance_of_many_rows_is_sigma_squared_times_columns_over_rows(mlcli: Run) -> None:
    done = mlcli(*PLAIN, "--n-rows", "2000", "--n-datasets", "40", "--json")
    for degree in (3, 4):
        found = done.json[f"degree_{degree}"]["variance"]["mean"]
        assert found == pytest.approx(1.95**2 * (degree + 1) / 2000, rel=0.3)


def test_a_penalty_trades_variance_for_bias(mlcli: Run, empty_folder: Path) -> None:
    done = mlcli(*SMALL, "--strength-degree", "9", "--strength-max", "1e6", "--out", "o", "--json")
    assert done.code == 0, done.err
    rows = table(empty_folder / "o" / "tables/strengths.csv")
    variance = [float(value) for value in rows["variance"]]
    assert variance[0] > variance[1] > 2 * variance[-1]
    assert float(rows["bias_squared"][-1]) > float(rows["bias_squared"][0])
    # An endless strength leaves the constant.
    for name in ("bias_squared", "variance"):
        constant = done.json["degree_0"][name]["mean"]
        assert float(rows[name][-1]) == pytest.approx(constant, rel=1e-4)
    assert done.json["strength"]["degree"] == 9


@pytest.mark.parametrize("penalty", ["l2", "l1", "elastic"])
def test_a_vanishing_penalty_leaves_least_squares(
    mlcli: Run, empty_folder: Path, penalty: str
) -> None:
    done = mlcli(*SMALL, "--penalty", penalty, "--strength-min", "1e-12", "--out", "o", "--json")
    rows = table(empty_folder / "o" / "tables/strengths.csv")
    for name in ("bias_squared", "variance", "sum", "generalisation_error", "median_error"):
        plain = done.json["degree_4"][name]["mean"]
        assert float(rows[name][0]) == pytest.approx(plain, rel=1e-6)


def test_double_descent_has_its_peak_where_columns_are_rows(mlcli: Run) -> None:
    done = mlcli(*SMALL, "--n-datasets", "40", "--descent-columns", "1-20,60,200", "--json")
    for kind in ("legendre", "orthonormal"):
        found = done.json["descent"][kind]
        below, peak, beyond = (
            found[name]["median_error"]["mean"]
            for name in ("lowest_below", "peak", "lowest_beyond")
        )
        assert found["peak"]["n_columns"] == 12
        assert found["lowest_beyond"]["n_columns"] == 200
        assert peak > 1e4 * beyond
        assert below < beyond < 20


@pytest.mark.usefixtures("every_digit")
def test_the_pointwise_picture_is_the_first_seeds_ensemble(mlcli: Run, empty_folder: Path) -> None:
    assert mlcli(*PLAIN, "--shown-degrees", "1,3", "--out", "o").code == 0
    rows = table(empty_folder / "o" / "tables/pointwise.csv")
    assert set(rows["degree"]) == {"1", "3"}
    found = {key: np.array([float(v) for v in values]) for key, values in rows.items()}
    gap = found["mean_fit"] - found["truth"]
    np.testing.assert_allclose(found["bias_squared"], gap**2, rtol=1e-12)
    x = found["x"]
    np.testing.assert_allclose(found["truth"], ((0.5 * x + 0.3) * x - 0.25) * x + 1, rtol=1e-12)
    assert (found["low"] <= found["high"]).all()
    members = table(empty_folder / "o" / "tables/members.csv")
    assert len(set(members["member"])) == 12
    fits = np.array(members["fit"], dtype=float).reshape(2, 12, -1)
    np.testing.assert_allclose(fits.mean(axis=1).ravel(), found["mean_fit"], rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(fits.var(axis=1).ravel(), found["variance"], rtol=1e-9)


def test_degree_30_on_40_rows_gives_numbers(mlcli: Run, empty_folder: Path) -> None:
    done = mlcli(*SMALL, "--degrees", "3,30", "--n-rows", "40", "--out", "o", "--json")
    assert done.code == 0, done.err
    terms = done.json["degree_30"]
    assert terms["effective_rank"]["mean"] == 31
    assert terms["median_error"]["mean"] > 100
    assert 1 / 12 <= terms["largest_share"]["mean"] <= 1
    text = "".join(p.read_text() for p in (empty_folder / "o").rglob("*.csv"))
    assert "nan" not in text
    assert "inf" not in text
    assert "NaN" not in done.out


def test_terms_beyond_a_float_are_null_and_said_to_be(mlcli: Run, empty_folder: Path) -> None:
    done = mlcli(
        "bias-variance",
        "--degrees",
        "1,600",
        "--n-rows",
        "601",
        "--n-seeds",
        "1",
        "--n-datasets",
        "2",
        "--penalty",
        "none",
        "--no-descent",
        "--n-test",
        "50",
        "--out",
        "o",
        "--json",
    )
    assert done.code == 0, done.err
    assert "null in details.json" in done.err
    assert done.json["best_degree"] == 1
    assert done.json["degree_600"]["sum"]["mean"] is None


@pytest.mark.usefixtures("every_digit")
def test_a_bootstrap_keeps_bias_and_noise_together(mlcli: Run, empty_folder: Path) -> None:
    rng = np.random.default_rng(0)
    x = rng.uniform(0, 3, 60)
    write_rows(empty_folder / "my.csv", x, 1 - x + rng.normal(0, 0.5, 60), names="x,y")
    done = mlcli(*SMALL, "--data", "my.csv", "--n-datasets", "30", "--out", "o", "--json")
    assert done.code == 0, done.err
    assert done.json["ensemble"] == "bootstrap"
    assert done.json["seeds_share_rows"] is True
    assert "descent" not in done.json
    for degree in range(5):
        terms = done.json[f"degree_{degree}"]
        assert not {"noise", "bias_squared", "bias_squared_unbiased"} & set(terms)
        both = terms["bias_squared_plus_noise"]["mean"] + terms["variance"]["mean"]
        assert terms["sum"]["mean"] == pytest.approx(both, rel=1e-12)
        assert terms["generalisation_error"]["mean"] == pytest.approx(both, rel=1e-12)
    assert done.json["degree_1"]["sum"]["mean"] == pytest.approx(0.25, rel=0.6)
    rows = table(empty_folder / "o" / "tables/decomposition.csv")
    assert set(rows["noise"]) == {""}
    shown = mlcli(*SMALL, "--data", "my.csv").out
    assert "can't be told apart" in shown


def test_a_bootstrap_by_hand_gives_the_same(mlcli: Run, empty_folder: Path) -> None:
    rng = np.random.default_rng(5)
    x = rng.uniform(0, 3, 50)
    t = x**2 + rng.normal(0, 0.5, 50)
    write_rows(empty_folder / "my.csv", x, t, names="x,t")
    done = mlcli(*PLAIN, "--data", "my.csv", "--n-seeds", "1", "--n-datasets", "9", "--json")
    train, test = train_test_indices(50, 0.2, stream(0, "split", 0))
    draws = [stream(0, "ensemble", 0, member).choice(train, size=40) for member in range(9)]
    assert len({tuple(rows) for rows in draws}) == 9
    y = np.stack([np.polyval(np.polyfit(x[rows], t[rows], 2), x[test]) for rows in draws])
    found = {name: one["mean"] for name, one in done.json["degree_2"].items()}
    assert found["variance"] == pytest.approx(y.var(axis=0).mean(), rel=1e-9)
    both = ((t[test] - y.mean(axis=0)) ** 2).mean()
    assert found["bias_squared_plus_noise"] == pytest.approx(both, rel=1e-9)
    assert found["generalisation_error"] == pytest.approx(((t[test] - y) ** 2).mean(), rel=1e-9)
    assert found["median_error"] == pytest.approx(
        np.median(((t[test] - y) ** 2).mean(axis=1)), rel=1e-9
    )


def test_several_inputs_and_the_linear_basis(mlcli: Run, empty_folder: Path) -> None:
    arguments = ("bias-variance", "--data", "diabetes", "--n-seeds", "2", "--n-datasets", "6")
    done = mlcli(*arguments, "--degrees", "1,2", "--out", "o", "--json")
    assert done.code == 0, done.err
    # Several inputs have no curve along x, and a blank page is not written.
    drawn = {path.stem for path in (empty_folder / "o" / "figures").glob("*.png")}
    assert drawn == {"decomposition", "strength"}
    assert len((empty_folder / "o" / "tables/pointwise.csv").read_text().splitlines()) == 1
    linear = mlcli(*arguments, "--basis", "linear", "--no-plots", "--json")
    assert linear.json["degree_1"]["sum"]["mean"] == pytest.approx(
        done.json["degree_1"]["sum"]["mean"], rel=1e-9
    )
    assert linear.json["best_degree"] == 1


@pytest.mark.parametrize("basis", ["legendre", "chebyshev", "fourier", "gaussian", "sigmoid"])
def test_every_basis_takes_every_penalty(mlcli: Run, basis: str) -> None:
    for penalty in ("l2", "l1", "elastic"):
        done = mlcli(
            *SMALL,
            "--basis",
            basis,
            "--penalty",
            penalty,
            "--n-seeds",
            "2",
            "--n-datasets",
            "4",
            "--no-descent",
            "--json",
        )
        assert done.code == 0, done.err
        assert done.json["degree_3"]["sum"]["mean"] < 20
        assert 0 <= done.json["strength"]["largest_relative_gap"] < 1e-9


def test_all_polynomial_bases_are_one_for_least_squares(mlcli: Run) -> None:
    sums = [
        [
            mlcli(*PLAIN, "--basis", basis, "--json").json[f"degree_{d}"]["sum"]["mean"]
            for d in range(5)
        ]
        for basis in ("polynomial", "legendre")
    ]
    assert sums[0] == sums[1]


def test_without_noise_the_right_degree_has_no_error(mlcli: Run) -> None:
    done = mlcli(*SMALL, "--noise-std", "0", "--json")
    assert done.code == 0, done.err
    assert done.json["degree_3"]["sum"]["mean"] < 1e-25
    assert done.json["degree_2"]["sum"]["mean"] > 0.1
    assert done.json["largest_identity_residual"] < 1e-14


def test_the_data_stage_gives_the_same_answer_as_the_registry(mlcli: Run) -> None:
    assert mlcli("data", "make", "--n-draws", "3", "--quiet").code == 0
    direct = mlcli(*SMALL, "--json").json
    from_file = mlcli(*SMALL, "--data", "data/noisy_cubic.csv", "--json").json
    assert json.dumps(direct) == json.dumps(from_file)


def test_a_target_that_never_varies_has_no_error_and_is_drawn(
    mlcli: Run, empty_folder: Path
) -> None:
    write_rows(empty_folder / "flat.csv", np.arange(30.0), np.ones(30), names="x,t")
    arguments = [a for a in SMALL if a != "--no-plots"]
    done = mlcli(*arguments, "--data", "flat.csv", "--degrees", "0", "--out", "o", "--json")
    assert done.code == 0, done.err
    assert done.json["degree_0"]["sum"]["mean"] < 1e-30
    assert (empty_folder / "o" / "figures/decomposition.png").exists()
    assert "of the grid" not in done.err


def test_one_seed_has_no_interval(mlcli: Run) -> None:
    done = mlcli(*PLAIN[:-3], "--no-descent", "--penalty", "none", "--n-seeds", "1", "--json")
    assert done.json["degree_1"]["sum"]["std"] is None
    assert (
        "one seed has no interval"
        in mlcli(*[a for a in PLAIN if a != "--quiet"], "--n-seeds", "1", "--force").err
    )


def test_a_file_read_in_batches_is_refused(
    mlcli: Run, empty_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    from mlcli.datasets.source import open_source

    x = np.linspace(0, 1, 1000)
    pq.write_table(pa.table({"x": x, "t": x}), "rows.parquet")
    defaults = dict(open_source.__kwdefaults__) | {"stream_rows": 10}
    monkeypatch.setattr("mlcli.datasets.source.open_source.__kwdefaults__", defaults)
    done = mlcli("bias-variance", "--data", "rows.parquet", "--degrees", "1")
    assert done.code == 2
    assert "an ensemble needs all rows at once" in done.err
    assert len(done.err.splitlines()) == 1


def test_the_console_table_is_made_without_numpy() -> None:
    code = (
        "import sys, importlib.util as u;"
        "s = u.find_spec('mlcli').submodule_search_locations[0];"
        "spec = u.spec_from_file_location('d', s + '/experiments/bias_variance/display.py');"
        "m = u.module_from_spec(spec); sys.modules['d'] = m; spec.loader.exec_module(m);"
        "sys.exit('numpy' in open(spec.origin).read())"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_numbers_in_the_tables_are_numbers(mlcli: Run, empty_folder: Path) -> None:
    assert mlcli(*SMALL, "--out", "o").code == 0
    for name in ("decomposition", "strengths", "descent"):
        rows = table(empty_folder / "o" / f"tables/{name}.csv")
        for key, values in rows.items():
            assert key == "basis" or all(math.isfinite(float(v)) for v in values), key


def test_a_best_strength_at_the_end_of_the_grid_is_said(mlcli: Run) -> None:
    arguments = [a for a in SMALL if a != "--quiet"]
    weak = mlcli(*arguments, "--strength-min", "1e-9", "--strength-max", "1e-3")
    assert "the best strength is the strongest of the grid; try a higher --strength-max" in weak.err
    inside = mlcli(*arguments, "--strength-degree", "9", "--strength-max", "1e3")
    assert "of the grid" not in inside.err


def test_a_heavy_tail_is_said(mlcli: Run) -> None:
    arguments = [a for a in PLAIN if a != "--quiet"]
    heavy = mlcli(*arguments, "--degrees", "1,30", "--n-rows", "40")
    assert "at degree 30 one data set makes up most of an ensemble's error" in heavy.err
    assert "one data set" not in mlcli(*arguments).err


LOSSES = (*PLAIN, "--out", "o", "--json")


def losses(mlcli: Run, *more: str) -> dict[str, Any]:
    done = mlcli(*LOSSES, *more)
    assert done.code == 0, done.err
    found: dict[str, Any] = done.json["expected_loss"]
    return found


def test_the_expected_losses_of_the_noisy_cubic_by_hand(mlcli: Run) -> None:
    found = losses(mlcli, "--degrees", "1,3,4", "--n-datasets", "2")["functions"]
    names = ["regression_function", "shifted", "tilted", "best_line", "best_constant"]
    assert sorted(found, key=lambda name: found[name]["index"])[:5] == names
    assert {"fit_degree_1", "fit_degree_3"} == set(found) - set(names)
    # The mean square of the cubic less its best line, over x ~ U(-2, 2), as in (3.12).
    cubic, square = 0.25 * 4 / 175 * 64, 0.09 * 4 / 45 * 16
    line = (-0.25 + 0.5 * 12 / 5) ** 2 * 4 / 3
    excess = [0, 1.95**2 / 4, 1.95**2 / 4, cubic + square, cubic + square + line]
    for name, exact in zip(names, excess, strict=True):
        assert found[name]["excess_exact"] == pytest.approx(exact, rel=1e-9, abs=1e-12)
        assert found[name]["loss_exact"] == pytest.approx(1.95**2 + exact, rel=1e-9)
    for one in found.values():
        for name, exact in (
            ("expected_loss", one["loss_exact"]),
            ("cross_term", 0.0),
            ("cross_term_about_shifted", one["cross_term_about_shifted_exact"]),
            *((f"slope_{k}", one[f"slope_{k}_exact"]) for k in range(4)),
        ):
            # Three seeds: within ten of their own standard errors, or of what 20,000 rows give.
            error = max(one[name]["std"] / np.sqrt(3), 0.02)
            assert abs(one[name]["mean"] - exact) < 10 * error, name
    level = [found["regression_function"][f"slope_{k}_exact"] for k in range(4)]
    np.testing.assert_allclose(level, 0.0, atol=1e-12)
    assert found["shifted"]["slope_0_exact"] == pytest.approx(1.95)
    assert found["tilted"]["slope_1_exact"] == pytest.approx(1.95)
    of_line = [found["best_line"][f"slope_{k}_exact"] for k in range(4)]
    np.testing.assert_allclose(of_line[:2], 0.0, atol=1e-12)
    # E (f - f~)^2 of the line is all along the parabola and the cubic.
    assert (of_line[2] / 2) ** 2 + (of_line[3] / 2) ** 2 == pytest.approx(cubic + square)


def test_each_function_is_measured_on_rows_of_its_own(mlcli: Run, empty_folder: Path) -> None:
    losses(mlcli, "--n-datasets", "2", "--n-seeds", "2")
    rows = table(empty_folder / "o" / "tables/expected_loss.csv")
    noise = [
        float(a) - float(b) - 2 * float(c)
        for a, b, c in zip(
            rows["expected_loss"], rows["excess_exact"], rows["cross_term"], strict=True
        )
    ]
    assert len(set(np.round(noise, 6))) == len(noise)


def test_without_noise_the_density_has_no_table_but_the_losses_do(
    mlcli: Run, empty_folder: Path
) -> None:
    found = losses(mlcli, "--noise-std", "0", "--n-datasets", "2")
    assert found["noise"] == 0
    functions = found["functions"]
    assert functions["regression_function"]["expected_loss"]["mean"] == 0
    # The shift is then half the spread of the regularity.
    line = functions["best_constant"]["excess_exact"]
    assert functions["shifted"]["loss_exact"] == pytest.approx(line / 4)
    assert table(empty_folder / "o" / "tables/joint.csv") == {}
    assert len(table(empty_folder / "o" / "tables/variation.csv")["x"]) == 48


def test_data_of_unknown_law_have_no_expected_loss(mlcli: Run, empty_folder: Path) -> None:
    x = np.linspace(0, 1, 40)
    write_rows(Path("mine.csv"), x, np.sin(6 * x), names="x,t")
    done = mlcli(*PLAIN, "--data", "mine.csv", "--degrees", "1", "--out", "o", "--json")
    assert done.code == 0, done.err
    assert "expected_loss" not in done.json
    for name in ("expected_loss", "functions", "joint", "regression_function", "variation"):
        assert table(empty_folder / "o" / f"tables/{name}.csv") == {}


@pytest.mark.parametrize(
    "law",
    [
        ("--noise-std", "1e-300"),
        ("--noise-std", "0.01"),
        ("--noise-std", "1e150"),
        ("--x-min", "1e8", "--x-max", "1.0000001e8"),
        ("--x-max", "1e40"),
        ("--n-seeds", "1"),
    ],
)
@pytest.mark.filterwarnings("error")
def test_a_law_of_any_scale_has_losses_or_says_why_not(
    mlcli: Run, empty_folder: Path, law: tuple[str, ...]
) -> None:
    arguments = ("--degrees", "1", "--n-datasets", "3", "--n-seeds", "2", "--penalty", "none")
    done = mlcli("bias-variance", *arguments, "--no-descent", "--quiet", "--out", "o", *law)
    assert done.code == 0, done.err
    details = json.loads((empty_folder / "o" / "details.json").read_text())
    exact = details["expected_loss"]["functions"]["regression_function"]["loss_exact"]
    assert exact == details["expected_loss"]["noise"]
    # A density narrower than the grid is no table, so nothing is drawn of it.
    drawn = (empty_folder / "o" / "figures" / "regression_function.png").exists()
    assert drawn == (law[1] in ("1e150", "1"))
    assert "nan" not in done.out
