"""More than twenty thousand hostile files through the real readers, and 200 through the command."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from random import Random

import pytest
from fuzz_campaign import campaign
from fuzz_guard import MOST_BYTES, SECONDS
from fuzz_seeds import RUNS, write_seeds
from fuzz_targets import TARGETS

SEED = 1
COUNTS = {
    "params": 2500,
    "dvc": 1500,
    "gates": 1000,
    "csv": 2500,
    "npz": 2500,
    "parquet": 2500,
    "note": 800,
    "images": 2500,
    "idx": 1200,
    "checkpoint": 800,
    "regressions": 1000,
    "classifiers": 700,
    "networks": 700,
    "runs": 600,
    "pages": 200,
}
LEAST_FILES = 20_000

COMMANDS: Mapping[str, Callable[[Path], list[str]]] = {
    "params": lambda case: ["validate", "params.yaml"],
    "csv": lambda case: [
        "fit-poly",
        "--data",
        next(iter(case.iterdir())).name,
        "--degrees",
        "1",
        "--n-seeds",
        "2",
        "--path-penalty",
        "none",
        "--no-plots",
        "--out",
        "../out/run",
    ],
    "npz": lambda case: ["data", "describe", next(iter(case.iterdir())).name],
    "parquet": lambda case: ["data", "describe", "table.parquet"],
    "images": lambda case: ["data", "describe", "classes"],
    "regressions": lambda case: ["predict", "run", "rows.csv", "--out", "../out/rows.csv"],
    "classifiers": lambda case: ["evaluate", "run", "rows.csv"],
    "runs": lambda case: ["compare", "other", "run", "--out", "../out/page.html"],
}
THROUGH_COMMANDS = 200


@pytest.fixture(scope="session")
def seeds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("seeds")
    write_seeds(folder, list(RUNS))
    return folder


def test_every_kind_of_file_has_its_share() -> None:
    assert COUNTS.keys() == TARGETS.keys()
    assert sum(COUNTS.values()) >= LEAST_FILES


@pytest.mark.parametrize("target", COUNTS)
def test_hostile_files_are_read_or_refused_in_a_sentence(
    seeds: Path, tmp_path: Path, target: str
) -> None:
    found = campaign([target], SEED, COUNTS[target], seeds, tmp_path)
    print(
        f"\n{target}: {found.files} files, {dict(found.outcomes)}, at most {found.most_mib} MiB "
        f"and {found.most_seconds} s each"
    )
    assert not found.faults, "\n\n".join(found.faults)
    assert found.files == COUNTS[target]
    assert found.most_mib < MOST_BYTES / 2**20
    assert found.most_seconds < SECONDS


@pytest.mark.parametrize("target", COMMANDS)
def test_hostile_files_through_the_command_line(seeds: Path, tmp_path: Path, target: str) -> None:
    for number in range(THROUGH_COMMANDS // len(COMMANDS)):
        case, out = tmp_path / str(number) / "case", tmp_path / str(number) / "out"
        case.mkdir(parents=True)
        out.mkdir()
        TARGETS[target].make(Random(f"{target} commands {number}"), seeds, case)
        before = sorted(case.rglob("*"))
        done = subprocess.run(
            [sys.executable, "-m", "mlcli", *COMMANDS[target](case)],
            cwd=case,
            capture_output=True,
            check=False,
            timeout=120,
            env=os.environ | {"OMP_NUM_THREADS": "1", "NO_COLOR": "1"},
        )
        said = done.stderr.decode("utf-8")
        assert b"\x1b" not in done.stdout + done.stderr
        assert done.returncode in (0, 2, 4), (number, said)
        assert "Traceback" not in said
        assert "this is a bug" not in said
        if done.returncode == 0:
            assert sorted(case.rglob("*")) == before, number
        else:
            assert all(line.startswith("mlcli: ") for line in said.splitlines()), (number, said)
            assert target == "params" or len(said.splitlines()) == 1, (number, said)
            assert not list(out.iterdir()), number
