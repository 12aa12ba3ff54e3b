"""The wheel in an empty environment, outside the repository: no extras, one run of each command."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest

from mlcli.cli import COMMANDS
from tests.faults.fault_commands import CASES, Case, make_inputs

PROJECT = Path(__file__).parents[2]
# What needs no file of its own to answer.
ALONE = {"data": "data list", "help": "help all"}
PLAIN = {case.arguments[0]: case for case in reversed(CASES) if case.plain}


def run(words: Sequence[str | Path], folder: Path) -> subprocess.CompletedProcess[str]:
    """A process that sees neither this repository nor this environment."""
    gone = ("PYTHONPATH", "VIRTUAL_ENV", "PYTHONHOME")
    env = {key: value for key, value in os.environ.items() if key not in gone}
    return subprocess.run(
        [str(word) for word in words],
        cwd=folder,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `mlcli` of a new environment into which only the wheel was put."""
    folder = tmp_path_factory.mktemp("wheel")
    # A build leaves its folder beside what it builds.
    source = folder / "source"
    shutil.copytree(PROJECT / "mlcli", source / "mlcli")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(PROJECT / name, source)
    pip = (sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", folder, source)
    built = run(pip, folder)
    assert built.returncode == 0, built.stderr
    (wheel,) = folder.glob("mlcli-*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert not [name for name in names if name.startswith(("tests/", "reports/", "data/"))]
    guide = (PROJECT / "mlcli" / "guide").glob("*.md")
    assert {f"mlcli/guide/{path.name}" for path in guide} <= set(names)
    assert run((sys.executable, "-m", "venv", folder / "env"), folder).returncode == 0
    scripts = folder / "env" / "bin"
    put = run(
        (
            scripts / "python",
            "-m",
            "pip",
            "install",
            "--quiet",
            "--constraint",
            PROJECT / "constraints.txt",
            wheel,
        ),
        folder,
    )
    assert put.returncode == 0, put.stderr
    found = run((scripts / "python", "-m", "pip", "list", "--format=freeze"), folder).stdout
    assert "pytest" not in found
    assert "onnx" not in found
    return scripts / "mlcli"


def test_its_help_lists_every_command(installed: Path, tmp_path: Path) -> None:
    done = run((installed, "--help"), tmp_path)
    assert done.returncode == 0
    assert [name for name in COMMANDS if name not in done.stdout] == []


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_answers(installed: Path, tmp_path: Path, command: str) -> None:
    make_inputs(tmp_path)
    (tmp_path / "params.yaml").write_text("fit_poly:\n  degrees: [1, 2]\n")
    case = PLAIN.get(command) or Case(command, ALONE.get(command, command))
    for line in (*case.setup, case.words):
        done = run((installed, *shlex.split(line)), tmp_path)
        assert done.returncode == 0, done.stderr
        assert "Traceback" not in done.stderr
