"""`dvc repro` works at once in what `mlcli init` makes, with git and without."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

SCRIPTS = Path(sys.executable).parent
ENVIRONMENT = os.environ | {"PATH": f"{SCRIPTS}{os.pathsep}{os.environ['PATH']}"}


def call(folder: Path, *command: str) -> str:
    done = subprocess.run(
        command, cwd=folder, env=ENVIRONMENT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return done.stdout


def repro(project: Path) -> None:
    """Make every report, with few epochs and seeds, and find nothing left to do."""
    params = project / "params.yaml"
    text = re.sub(r"n_epochs: \d+", "n_epochs: 2", params.read_text(encoding="utf-8"))
    params.write_text(re.sub(r"n_seeds: \d+", "n_seeds: 2", text), encoding="utf-8")
    call(project, "mlcli", "validate")
    call(project, "dvc", "repro")
    assert (project / "reports" / "index.html").stat().st_size > 10_000
    assert "up to date" in call(project, "dvc", "status")


@pytest.mark.parametrize("git", [False, True])
@pytest.mark.parametrize("task", ["regression", "classification"])
def test_tables(tmp_path: Path, git: bool, task: str) -> None:
    if git:
        call(tmp_path, "git", "init", "-q")
    rng = np.random.default_rng(0)
    X = rng.normal(size=(50, 2))
    t = X[:, 0] + rng.normal(size=50)
    t = t if task == "regression" else t > 0
    lines = [f"{a},{b},{float(v)}" for (a, b), v in zip(X, t, strict=True)]
    (tmp_path / "a.csv").write_text("a,b,t\n" + "\n".join(lines) + "\n", encoding="utf-8")
    call(tmp_path, "mlcli", "init", "new", "--data", "a.csv")
    repro(tmp_path / "new")


def test_images(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for k, name in enumerate(("cat", "dog")):
        (tmp_path / "pets" / name).mkdir(parents=True)
        for i in range(15):
            pixels = rng.integers(60 * k, 60 * k + 120, (16, 16), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "pets" / name / f"{i}.png")
    call(tmp_path, "mlcli", "init", "new", "--images", "pets")
    repro(tmp_path / "new")


def test_no_data(tmp_path: Path) -> None:
    call(tmp_path, "mlcli", "init", "new")
    repro(tmp_path / "new")
