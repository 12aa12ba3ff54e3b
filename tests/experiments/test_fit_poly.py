"""`mlcli fit-poly` from the command line: the contract of a run, the notes' table, bad input."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mlcli.experiments import load
from mlcli.experiments.fit_poly.about import ABOUT
from mlcli.linear.penalised import elastic_net_path
from mlcli.plotting import styled
from tests.experiments.contract import Cases

Run = Callable[..., Any]


def write_files() -> None:
    Path("bad.csv").write_text("x,t\n1,2\nword,3\n4,5\n")
    Path("nan.csv").write_text("x,t\n1,2\n,3\n4,5\n6,7\n8,8\n")
    Path("few.csv").write_text("x,t\n1,2\n2,3\n4,5\n5,5\n6,7\n")
    Path("tabs.yaml").write_text("fit_poly:\n\tseed: 1\n")


CASES = Cases(
    small="--degrees 1,3 --n-seeds 2",
    anywhere=(
        "--degrees 1,3",
        "--degrees 1,2 --penalty l1 --l1 1e-4",
        "--degrees 1 --penalty elastic --no-standardize",
        "--degrees 1,2 --penalty l2 --l2 1e-6",
        "--degrees 1,2 --solver lapack",
        "--degrees 1 --solver certified",
    ),
    refused={
        "--data nowhere.csv": "nowhere.csv",
        "--degrees -1": "fit_poly.degrees must be integers",
        "--l1 -1": "fit_poly.l1 must be",
        "--degre 1": "unknown flag --degre; try --degrees",
        "--data bad.csv --degrees 1": "bad.csv",
        "--data nan.csv --degrees 1": "drop-missing",
        "--data few.csv --degrees 9": "needs at least 10 training rows",
        "--data few.csv --target tt --degrees 1": "tt",
        "--params tabs.yaml": "tabs can't indent YAML",
        "--figures gif": "some of png, svg, pdf",
        "--data diabetes --degrees 300": "at most 5,000 are fitted",
    },
    write=write_files,
)
SMALL = ("fit-poly", "--degrees", "1,3", "--n-seeds", "3", "--no-plots", "--quiet")


def files_of(folder: Path) -> dict[str, bytes]:
    skipped = {"environment.json", "timings.json"}
    return {
        p.relative_to(folder).as_posix(): p.read_bytes()
        for p in folder.rglob("*")
        if p.is_file() and p.name not in skipped
    }


def test_json_on_stdout_is_metrics_json_and_nothing_else(mlcli: Run, empty_folder: Path) -> None:
    done = mlcli(*SMALL, "--out", "o", "--json")
    assert done.code == 0, done.err
    assert done.out == (empty_folder / "o" / "details.json").read_text()
    assert set(done.json["degree_1"]["train_mse"]) == {"mean", "std", "ci_low", "ci_high", "n"}
    assert done.json["degree_3"]["effective_rank"]["mean"] == 4


def test_finished_work_is_found_again_unless_changed_by_hand(
    mlcli: Run, empty_folder: Path
) -> None:
    first = mlcli(*SMALL[:-1])
    (folder,) = (empty_folder / "runs" / "fit-poly").iterdir()
    assert "already done" in mlcli(*SMALL[:-1]).err
    (folder / "tables/scores.csv").write_text("changed\n")
    again = mlcli(*SMALL[:-1])
    assert "already done" not in again.err
    assert first.out == again.out


def test_table_1_lies_within_the_central_95_percent(mlcli: Run) -> None:
    """Of 400 draws, of which ten lie beyond each end; degree 300 is in the proofs."""
    arguments = ("--degrees", "1,3,5", "--n-seeds", "400", "--path-penalty", "none")
    done = mlcli("fit-poly", *arguments, "--no-plots", "--quiet", "--json")
    losses = [loss for degree in done.json["table_1"].values() for loss in degree.values()]
    assert len(losses) == 6
    for loss in losses:
        assert loss["n"] == 400
        assert loss["q025"] < loss["paper"] < loss["q975"]
        assert loss["inside"] is True
        # The draws are as wide as those of a mean of 70 or 630 squares of normal noise.
        assert 0.2 < (loss["q975"] - loss["q025"]) / loss["median"] < 0.5


def test_degree_300_uses_every_column_and_monomials_lose_most_of_them(mlcli: Run) -> None:
    done = mlcli("fit-poly", "--no-plots", "--quiet", "--json", "--path-penalty", "none")
    assert done.json["degree_300"]["effective_rank"]["mean"] == 301
    assert 65 < done.json["lapack"]["degree_300"]["effective_rank"]["mean"] < 75


@pytest.mark.parametrize(
    "other",
    [
        ("--noise-std", "1"),
        ("--n-samples", "90"),
        ("--x-max", "3"),
        ("--data", "sine"),
        ("--test-fraction", "0.5"),
        ("--basis", "fourier"),
    ],
)
def test_table_1_is_not_compared_with_other_data(mlcli: Run, other: tuple[str, str]) -> None:
    run = (*SMALL, "--path-penalty", "none", "--json")
    assert "table_1" in mlcli(*run).json
    assert "table_1" not in mlcli(*run, *other).json


def test_coefficients_are_those_of_numpy(mlcli: Run, empty_folder: Path) -> None:
    rng = np.random.default_rng(0)
    x = rng.uniform(0, 3, 60)
    y = 1 - 2 * x + x**2 + rng.normal(0, 0.1, 60)
    rows = "\n".join(f"{a!r},{b!r}" for a, b in zip(x.tolist(), y.tolist(), strict=True))
    (empty_folder / "my.csv").write_text("x,y\n" + rows + "\n")
    for solver in ("arnoldi", "lapack", "certified"):
        done = mlcli(
            "fit-poly",
            "--data",
            "my.csv",
            "--target",
            "y",
            "--degrees",
            "2",
            "--test-fraction",
            "0",
            "--solver",
            solver,
            "--out",
            solver,
            "--no-plots",
            "--json",
        )
        assert done.code == 0, done.err
        assert done.json["degree_2"]["train_mse"]["n"] == 1
        assert done.json["degree_2"]["train_mse"]["std"] is None
        with (empty_folder / solver / "model" / "coefficients.csv").open() as file:
            table = list(csv.DictReader(file))
        assert list(table[0]) == ["degree", "term", "estimate", "std_error"]
        Phi = np.vander(x, 3, increasing=True)
        w, rss, _, _ = np.linalg.lstsq(Phi, y, rcond=None)
        error = np.sqrt(rss[0] / 57 * np.diag(np.linalg.inv(Phi.T @ Phi)))
        np.testing.assert_allclose([float(r["estimate"]) for r in table], w, rtol=1e-9)
        np.testing.assert_allclose([float(r["std_error"]) for r in table], error, rtol=1e-8)


@pytest.mark.parametrize("basis", ["legendre", "chebyshev", "fourier", "gaussian", "sigmoid"])
@pytest.mark.parametrize("penalty", ["none", "l2", "l1", "elastic"])
def test_every_basis_takes_every_penalty(mlcli: Run, basis: str, penalty: str) -> None:
    done = mlcli(*SMALL, "--basis", basis, "--penalty", penalty, "--n-path", "3", "--json")
    assert done.code == 0, done.err
    assert done.json["degree_3"]["test_mse"]["mean"] < 20


def test_several_inputs_and_the_linear_basis(mlcli: Run) -> None:
    done = mlcli("fit-poly", "--data", "diabetes", "--degrees", "1,2", "--n-seeds", "3", "--json")
    assert done.code == 0, done.err
    linear = mlcli(*SMALL, "--data", "diabetes", "--basis", "linear", "--json")
    assert linear.json["degree_1"]["test_mse"]["mean"] == pytest.approx(
        done.json["degree_1"]["test_mse"]["mean"]
    )


def test_a_folder_with_foreign_files_is_left_alone(mlcli: Run, empty_folder: Path) -> None:
    (empty_folder / "o").mkdir()
    (empty_folder / "o" / "thesis.txt").write_text("years of work")
    done = mlcli(*SMALL, "--out", "o")
    assert done.code == 2
    assert "thesis.txt" in done.err
    assert [p.name for p in (empty_folder / "o").iterdir()] == ["thesis.txt"]


def test_the_data_stage_gives_the_same_answer_as_the_registry(mlcli: Run) -> None:
    assert mlcli("data", "make", "--n-draws", "3", "--quiet").code == 0
    direct = mlcli(*SMALL, "--json").json
    from_file = mlcli(*SMALL, "--data", "data/noisy_cubic.csv", "--json").json
    assert json.dumps(direct) == json.dumps(from_file)


def test_the_report_is_one_page_that_escapes_its_data(mlcli: Run, empty_folder: Path) -> None:
    assert mlcli("fit-poly", "--degrees", "1", "--n-seeds", "2", "--quiet").code == 0
    assert mlcli("report", "runs", "--out", "page.html").code == 0
    page = (empty_folder / "page.html").read_text()
    drawn = set(re.findall(r'<figure id="fit-poly-([a-z-]+)"', page))
    empty = set(re.findall(r"<span>(\w+)</span> \(", page))
    assert drawn | {name.replace("_", "-") for name in empty} == {
        name.replace("_", "-") for name in ABOUT.figures
    }
    assert "http://" not in page
    assert "https://" not in page
    assert mlcli("runs").out.count("fit-poly") >= 1


@pytest.mark.usefixtures("every_digit")
def test_a_file_read_in_batches_gives_the_coefficients_of_all_its_rows(
    mlcli: Run, empty_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    rng = np.random.default_rng(0)
    x = rng.uniform(-2, 2, 100_000)
    t = 1 - x + 0.5 * x**3 + rng.normal(0, 1, x.size)
    pq.write_table(pa.table({"x": x, "t": t}), "rows.parquet")
    monkeypatch.setattr(
        "mlcli.datasets.source.open_source.__kwdefaults__",
        {**open_source_defaults(), "stream_rows": 10},
    )
    done = mlcli(
        "fit-poly",
        "--data",
        "rows.parquet",
        "--degrees",
        "1,3",
        "--test-fraction",
        "0",
        "--no-plots",
        "--out",
        "o",
        "--json",
    )
    assert done.code == 0, done.err
    assert "read in batches" in done.err
    with (empty_folder / "o" / "model" / "coefficients.csv").open() as file:
        table = list(csv.DictReader(file))
    for degree in (1, 3):
        found = [float(row["estimate"]) for row in table if row["degree"] == str(degree)]
        w, rss, _, _ = np.linalg.lstsq(np.vander(x, degree + 1, increasing=True), t, rcond=None)
        np.testing.assert_allclose(found, w, rtol=1e-9)
        mse = done.json[f"degree_{degree}"]["train_mse"]["mean"]
        assert mse == pytest.approx(rss[0] / x.size, rel=1e-12)
    # The numbers of the equations and the basis functions are of rows at hand, a sample of all.
    assert done.json["normal_equations"]["n_rows"] == 6
    assert not {"memorised", "ellipses"} & set(done.json)
    with styled():
        drawn = load("fit_poly").draw(empty_folder / "o")
    shown = {name for name, figure in drawn.items() if figure.axes[0].axison}
    assert shown == {"data", "basis", "fits"}
    assert len(drawn["normal_equations"].axes[0].texts) > 40
    refused = mlcli("fit-poly", "--data", "rows.parquet", "--degrees", "3", "--penalty", "l2")
    assert refused.code == 2
    assert "read in batches" in refused.err


def test_few_rows_of_a_large_file_are_refused_when_a_part_has_too_few(
    mlcli: Run, empty_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    t = [float(i * i) if i < 6 else None for i in range(36)]
    pq.write_table(pa.table({"x": [float(i) for i in range(36)], "t": t}), "rows.parquet")
    monkeypatch.setattr(
        "mlcli.datasets.source.open_source.__kwdefaults__",
        {**open_source_defaults(), "stream_rows": 10},
    )
    done = mlcli(
        "fit-poly",
        "--data",
        "rows.parquet",
        "--degrees",
        "1",
        "--drop-missing",
        "--n-seeds",
        "60",
        "--test-fraction",
        "0.6",
        "--no-plots",
    )
    assert done.code == 2
    assert "too few for 2 columns and a test error" in done.err
    assert done.err.count("\n") == 1
    assert not (empty_folder / "runs").exists()


def open_source_defaults() -> dict[str, Any]:
    from mlcli.datasets.source import open_source

    return dict(open_source.__kwdefaults__)


def test_a_penalised_fit_is_certified_by_its_duality_gap(mlcli: Run) -> None:
    done = mlcli(*SMALL, "--penalty", "l1", "--l1", "0.01", "--degrees", "60", "--json")
    assert 0 <= done.json["degree_60"]["relative_gap"]["mean"] < 1e-9
    assert "relative_gap" not in mlcli(*SMALL, "--json").json["degree_1"]


@pytest.mark.usefixtures("every_digit")
def test_r_squared_without_an_intercept_is_about_zero_as_nist_has_it(
    mlcli: Run, empty_folder: Path
) -> None:
    rows = "".join(f"{60 + i},{130 + i}\n" for i in range(11))  # NIST's NoInt1
    (empty_folder / "n.csv").write_text("x,y\n" + rows)
    done = mlcli(
        "fit-poly",
        "--data",
        "n.csv",
        "--no-intercept",
        "--degrees",
        "1",
        "--test-fraction",
        "0",
        "--no-plots",
        "--json",
    )
    assert done.json["degree_1"]["train_r2"]["mean"] == pytest.approx(0.999365492298663, rel=1e-13)


@pytest.mark.parametrize(
    "arguments",
    [
        ("fit-poly", "--degrees", "5"),
        (
            "kfold",
            "--degrees",
            "5",
            "--n-folds",
            "3",
            "--n-nested",
            "0",
            "--n-coverage",
            "0",
            "--n-strengths",
            "5",
        ),
        ("bias-variance", "--degrees", "5", "--n-datasets", "3"),
    ],
    ids=lambda given: given[0],
)
def test_penalised_fits_that_were_cut_short_are_no_answer(
    mlcli: Run, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    run = (*arguments, "--penalty", "l1", "--n-seeds", "2", "--jobs", "1", "--no-plots", "--quiet")
    whole = mlcli(*run, "--json", "--out", "whole")
    assert whole.code == 0, whole.err
    assert all(one["n_certified"] == 2 for one in whole.json["certificates"].values())
    monkeypatch.setitem(elastic_net_path.__kwdefaults__, "max_sweeps", 0)
    cut = mlcli(*run, "--out", "cut")
    assert cut.code == 4
    assert "relative duality gap must be at most 1e-08, got" in cut.err
    assert not Path("cut").exists()


@pytest.mark.parametrize(
    ("flags", "line"),
    [
        ("--degrees 1,3,5", "kfold --degrees 1-5"),
        ("--degrees 3", "kfold --degrees 1-3"),
        ("--degrees 300", "kfold --degrees 0-15"),
        ("--degrees 0", "kfold --degrees 0"),
        (
            "--data sine --basis fourier --degrees 1,2",
            "kfold --degrees 0-2 --basis fourier --data sine",
        ),
        ("--data diabetes --basis linear", "kfold --degrees 1 --basis linear --data diabetes"),
        ("--data few.csv --degrees 1", "fit-poly --degrees 1 --penalty l2 --data few.csv"),
        ("--data flat.csv --degrees 1", "fit-poly --degrees 1 --penalty l2 --data flat.csv"),
    ],
)
def test_the_next_command_cross_validates_the_degrees_about_the_best(
    mlcli: Run, empty_folder: Path, flags: str, line: str
) -> None:
    write_files()
    Path("flat.csv").write_text("x,t\n" + "".join(f"{i},2\n" for i in range(30)))
    done = mlcli(
        "fit-poly", *flags.split(), "--n-seeds", "2", "--no-plots", "--path-penalty", "none"
    )
    assert done.code == 0, done.err
    assert done.err.splitlines()[-1] == f"try next: mlcli {line}"
    assert mlcli(*line.split(), "--dry-run").code == 0


def test_ellipses_of_400_data_sets_hold_the_law_as_often_as_they_say(mlcli: Run) -> None:
    flags = ("--degrees", "3", "--n-seeds", "400", "--path-penalty", "none")
    done = mlcli("fit-poly", *flags, "--compare-solver", "none", "--no-plots", "--json")
    for k in range(1, 5):
        for level, share in ((68, 0.68), (95, 0.95)):
            one = done.json["ellipses"][f"pair_{k}"][f"level_{level}"]
            assert abs(one["coverage"] - share) < 4 * (share * (1 - share) / 400) ** 0.5
