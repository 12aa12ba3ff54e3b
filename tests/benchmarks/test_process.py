"""Whole processes: the help, the default run, streaming, predictions, the baseline, DVC."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.benchmarks.conftest import Stopwatch

PROJECT = Path(__file__).parents[2]
HELLO = """
import typer
app = typer.Typer()

@app.command()
def main(name: str = "world") -> None:
    \"\"\"Say hello.\"\"\"
    typer.echo(name)

app()
"""
PANDAS = """
import pandas
table = pandas.read_csv("rows.csv")
table.to_csv("copy.csv", index=False)
"""
# A child starts with the peak of its parent, which held the table: a process between them asks.
PEAK = (
    "import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True,"
    "capture_output=True); print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
)
MLCLI = [sys.executable, "-m", "mlcli"]
N_STREAMED = 10_000_000
N_PREDICTED = 1_000_000


# The stages of the pipeline call `python`, which must be the one that runs the benchmarks.
SCRIPTS = Path(sys.executable).parent
ENVIRONMENT = os.environ | {"PATH": f"{SCRIPTS}{os.pathsep}{os.environ['PATH']}"}


def process(folder: Path, *command: str) -> Callable[[], str]:
    """A process to its end, and what it printed."""

    def work() -> str:
        done = subprocess.run(
            command, cwd=folder, env=ENVIRONMENT, capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            said = [line for line in done.stderr.splitlines() if line.strip()] or ["nothing"]
            name = " ".join([Path(command[0]).name, *command[1:3]])
            raise RuntimeError(f"`{name}` ended with {done.returncode}: {said[-1]}")
        return done.stdout

    return work


def test_help_against_a_typer_hello_world(stopwatch: Stopwatch, tmp_path: Path) -> None:
    import typer

    (tmp_path / "hello.py").write_text(HELLO)
    theirs = process(tmp_path, sys.executable, "hello.py", "--help")
    peer = f"a hello-world's --help of Typer {typer.__version__}"
    stopwatch.pair("help", process(tmp_path, *MLCLI, "--help"), theirs, peer, 9)


def test_the_default_run_without_plots(stopwatch: Stopwatch, tmp_path: Path) -> None:
    command = [*MLCLI, "fit-poly", "--no-plots", "--quiet", "--force"]
    times = stopwatch.rounds([process(tmp_path, *command)], 7)
    stopwatch.keep("default-run", [t for (t,) in times], "whole process")


def write_parquet(path: Path, n_rows: int) -> None:
    """Rows of a noisy cubic."""
    import pyarrow as pa
    from pyarrow import parquet

    rng = np.random.default_rng(0)
    x = rng.uniform(-2, 2, n_rows)
    parquet.write_table(pa.table({"x": x, "t": x**3 + rng.normal(0, 1, n_rows)}), path)


@pytest.mark.parametrize(
    ("command", "more"),
    [
        ("fit-poly", ["--degrees", "10", "--n-seeds", "1"]),
        ("kfold", ["--degrees", "10", "--n-seeds", "1"]),
        ("bayes", ["--degree", "10", "--degrees", "10"]),
    ],
)
def test_ten_million_rows_stream(
    stopwatch: Stopwatch, tmp_path: Path, command: str, more: list[str]
) -> None:
    write_parquet(tmp_path / "r.parquet", N_STREAMED)
    line = [*MLCLI, command, "--data", "r.parquet", "--no-plots", "--force", *more]
    peaks: list[float] = []
    measured = process(tmp_path, sys.executable, "-c", PEAK, *line)
    times = stopwatch.rounds([lambda: peaks.append(int(measured()) / 1024)], 3)
    note = f"{max(peaks):.0f} MiB at the peak"
    stopwatch.keep(f"stream-{command}", [t for (t,) in times], "whole process", note)


def test_a_million_predictions_against_reading_and_writing(
    stopwatch: Stopwatch, tmp_path: Path
) -> None:
    import pandas as pd

    rng = np.random.default_rng(0)
    X = rng.normal(size=(N_PREDICTED, 5))
    table = pd.DataFrame(X, columns=list("abcde"))
    table["t"] = X @ np.arange(5.0) + rng.normal(size=N_PREDICTED)
    table.to_csv(tmp_path / "rows.csv", index=False)
    table[:5000].to_csv(tmp_path / "some.csv", index=False)
    fit = ["fit-poly", "--data", "some.csv", "--degrees", "1", "--no-plots", "--out", "run"]
    process(tmp_path, *MLCLI, *fit)()
    ours = process(tmp_path, *MLCLI, "predict", "run", "rows.csv", "--out", "p.csv", "--quiet")
    theirs = process(tmp_path, sys.executable, "-c", PANDAS)
    peer = f"pandas {pd.__version__}, which reads and writes the same file"
    stopwatch.pair("predict", ours, theirs, peer, 5)


def test_the_baseline(stopwatch: Stopwatch, tmp_path: Path) -> None:
    import pandas as pd

    rng = np.random.default_rng(0)
    X = rng.normal(size=(20_000, 30))
    table = pd.DataFrame(X, columns=[f"x{i}" for i in range(30)])
    table["t"] = np.tanh(X[:, 0] + X[:, 1]) + X[:, 2] * X[:, 3] + rng.normal(size=len(X))
    table.to_csv(tmp_path / "wide.csv", index=False)
    line = [*MLCLI, "baseline", "wide.csv", "--target", "t", "--force"]
    times = stopwatch.rounds([process(tmp_path, *line)], 1, warm=False)
    stopwatch.keep("baseline", [t for (t,) in times], "whole process, with its figure")


def test_a_pipeline_with_nothing_to_do(stopwatch: Stopwatch) -> None:
    dvc = str(SCRIPTS / "dvc")
    works: list[Any] = [process(PROJECT, dvc, "repro"), process(PROJECT, dvc, "--version")]
    if "didn't change" not in works[0]():
        pytest.fail("the pipeline had something to do: run `make repro` first")
    times = stopwatch.rounds(works, 3)
    note = f"{min(t[0] for t in times):.2f} s"
    import dvc as peer

    name = f"`dvc --version`, DVC {peer.__version__}"
    stopwatch.keep("repro", [max(0.0, t[0] - 2) / t[1] for t in times], name, note)
