"""Whole processes: the help against a Typer hello-world, the default run, ten million rows."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from statistics import median

import numpy as np
import pytest

HELLO = """
import typer
app = typer.Typer()

@app.command()
def main(name: str = "world") -> None:
    \"\"\"Say hello.\"\"\"
    typer.echo(name)

app()
"""
MLCLI = [sys.executable, "-m", "mlcli"]
N_ROWS = 10_000_000


def seconds(command: list[str], folder: Path) -> float:
    t_start = time.perf_counter()
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return time.perf_counter() - t_start


def test_help_against_a_typer_hello_world(tmp_path: Path) -> None:
    (tmp_path / "hello.py").write_text(HELLO)
    theirs = [sys.executable, "hello.py", "--help"]
    ours = [*MLCLI, "--help"]
    seconds(theirs, tmp_path), seconds(ours, tmp_path)
    found = [seconds(ours, tmp_path) / seconds(theirs, tmp_path) for _ in range(9)]
    print(f"\nmlcli --help takes {median(found):.2f} times a Typer hello-world's --help")


def test_the_default_run_without_plots(tmp_path: Path) -> None:
    command = [*MLCLI, "fit-poly", "--no-plots", "--quiet", "--force"]
    found = [seconds(command, tmp_path) for _ in range(6)][1:]
    print(f"\nmlcli fit-poly --no-plots takes {median(found):.2f} s, whole process")


def seconds_and_peak(command: list[str], folder: Path) -> tuple[float, float]:
    """Wall time and the peak of the resident memory in MiB.

    A child starts with the peak of its parent, which held the table: a process between them asks.
    """
    code = (
        "import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True,"
        "capture_output=True); print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    )
    t_start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", code, *command],
        cwd=folder,
        check=True,
        capture_output=True,
        text=True,
    )
    return time.perf_counter() - t_start, int(done.stdout) / 1024


def write_rows(path: Path) -> None:
    """Ten million rows of a noisy cubic, as Parquet."""
    pa = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    rng = np.random.default_rng(0)
    x = rng.uniform(-2, 2, N_ROWS)
    parquet.write_table(pa.table({"x": x, "t": x**3 + rng.normal(0, 1, N_ROWS)}), path)


@pytest.mark.parametrize("command", ["fit-poly", "kfold", "bayes"])
def test_ten_million_rows_stream(tmp_path: Path, command: str) -> None:
    write_rows(tmp_path / "r.parquet")
    more = {"fit-poly": ["--degrees", "10", "--n-seeds", "1"],
            "kfold": ["--degrees", "10", "--n-seeds", "1"],
            "bayes": ["--degree", "10", "--degrees", "10"]}[command]  # fmt: skip
    line = [*MLCLI, command, "--data", "r.parquet", "--no-plots", *more]
    took, peak = seconds_and_peak(line, tmp_path)
    print(f"\n{command}, {N_ROWS:,} rows from Parquet, degree 10: {took:.1f} s, "
          f"{peak:.0f} MiB at the peak")  # fmt: skip
