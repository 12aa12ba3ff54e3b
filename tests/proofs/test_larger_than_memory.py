"""Ten times the rows, the same memory: real processes of the four commands that stream."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import csv, parquet

ROWS = (2_500_000, 25_000_000)
PART = 500_000
# What the README promises, in MiB: at the most, and from one size to the next.
MOST, MORE = 400, 40
COMMANDS = {
    "fit-poly": ("--degrees", "1-3", "--n-seeds", "2"),
    "kfold": ("--degrees", "1-3", "--n-seeds", "2"),
    "bayes": ("--degree", "2", "--degrees", "0-3"),
    "logistic": ("--n-seeds", "1", "--n-study", "50"),
}
# The kernel's own account of the peak; a parent's getrusage would be handed on to its children.
MEASURE = """
import pathlib, re, sys
from mlcli.datasets import streaming
streaming.STREAMED_TEXT_BYTES = 0
from mlcli.__main__ import call
code = call(sys.argv[1:])
print(re.search(r"VmHWM:\\s+(\\d+)", pathlib.Path("/proc/self/status").read_text())[1])
sys.exit(code)
"""


@pytest.fixture(scope="module", params=["parquet", "csv"])
def tables(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> list[Path]:
    """Files of both sizes; of CSV the cells are short: rows, not digits, make their size."""
    folder = tmp_path_factory.mktemp("tables")
    schema = pa.schema([("a", pa.int64()), ("b", pa.int64()), ("t", pa.int64())])
    paths = []
    for n in ROWS:
        path = folder / f"rows_{n}.{request.param}"
        rng = np.random.default_rng(0)
        kind = parquet.ParquetWriter if request.param == "parquet" else csv.CSVWriter
        with kind(path, schema) as writer:
            for _ in range(n // PART):
                a, b = rng.integers(1000, size=(2, PART))
                t = (a + b + rng.normal(0, 300, PART) > 1000).astype(np.int64)
                writer.write_table(pa.table({"a": a, "b": b, "t": t}, schema=schema))
        paths.append(path)
    return paths


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("command", COMMANDS)
def test_memory_is_held_while_rows_grow_tenfold(
    tables: list[Path], command: str, tmp_path: Path
) -> None:
    peaks = []
    for path in tables:
        arguments = (
            command,
            "--data",
            str(path),
            *COMMANDS[command],
            "--quiet",
            "--json",
            "--no-plots",
            "--out",
            str(tmp_path / path.stem),
        )
        done = subprocess.run(
            [sys.executable, "-c", MEASURE, *arguments], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        peaks.append(int(done.stdout.splitlines()[-1]) / 1024)
    print(
        f"\n{command}, {tables[0].suffix}: {peaks[0]:.0f} and {peaks[1]:.0f} MiB at the most, "
        f"for {ROWS[0]:,} and {ROWS[1]:,} rows"
    )
    assert max(peaks) < MOST
    assert peaks[1] < peaks[0] + MORE
