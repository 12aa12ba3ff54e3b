"""A sweep as DVC experiments, as the README tells it: queued, run, compared, in a clone."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
SCRIPTS = Path(sys.executable).parent


def run(folder: Path, *words: str) -> str:
    environment = os.environ | {
        "PATH": f"{SCRIPTS}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(folder),
        "DVC_NO_ANALYTICS": "1",
        "GIT_AUTHOR_NAME": "t",
        "GIT_AUTHOR_EMAIL": "t@t",
        "GIT_COMMITTER_NAME": "t",
        "GIT_COMMITTER_EMAIL": "t@t",
    }
    done = subprocess.run(
        words, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{words}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def test_queued_experiments_run_and_are_compared_by_name(tmp_path: Path) -> None:
    if shutil.which("dvc", path=str(SCRIPTS)) is None:
        pytest.skip("DVC is not installed")
    clone = tmp_path / "clone"
    run(PROJECT, "git", "clone", "--quiet", "--no-hardlinks", str(PROJECT), str(clone))
    # Small enough to wait for.
    values = ("fit_poly.n_seeds=3", "fit_poly.path_penalty=none")
    settings = [word for value in values for word in ("-S", value)]
    axis = "fit_poly.degrees=[1],[3]"
    run(clone, "dvc", "exp", "run", "--queue", *settings, "-S", axis, "fit_poly")
    run(clone, "dvc", "exp", "run", "--run-all")
    shown = json.loads(run(clone, "dvc", "exp", "show", "--json"))
    names = [
        state["name"]
        for one in shown
        for experiment in one.get("experiments") or []
        for state in experiment["revs"]
        if state.get("name")
    ]
    assert len(names) == 2
    listed = run(
        clone, "mlcli", "compare", *(f"{name}:reports/fit_poly" for name in names), "--json"
    )
    (found,) = json.loads(listed)["comparisons"]
    assert sorted(found["config"]["degrees"]) == [[1], [3]]
