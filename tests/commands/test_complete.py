"""What a shell is told on Tab, through the protocol that it speaks."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Tab = Callable[..., list[str]]


@pytest.fixture
def tab(
    empty_folder: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Tab:
    """Completions of a line, the last word of which is being typed."""
    from mlcli.__main__ import call

    def press(line: str, shell: str = "bash") -> list[str]:
        capfd.readouterr()
        words = line.split(" ")
        for name, value in {
            "_MLCLI_COMPLETE": f"complete_{shell}",
            "COMP_WORDS": line,
            "COMP_CWORD": str(len(words) - 1),
            "_TYPER_COMPLETE_ARGS": line,
            "_TYPER_COMPLETE_FISH_ACTION": "get-args",
        }.items():
            monkeypatch.setenv(name, value)
        assert call([]) == 0
        found = capfd.readouterr()
        assert found.err == ""
        return [line for line in found.out.splitlines() if line]

    return press


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("mlcli fi", ["fit-poly", "filters"]),
        ("mlcli data ma", ["make"]),
        ("mlcli data make --na", ["--names"]),
        ("mlcli train-mlp --ini", ["--init"]),
        ("mlcli train-mlp --init he-f", ["he-fan-out", "he-fan-out-normal", "he-fan-out-uniform"]),
        ("mlcli train-mlp --init he,xav", ["he,xavier", "he,xavier-normal", "he,xavier-uniform"]),
        ("mlcli fit-poly --solver ", ["arnoldi", "lapack", "certified"]),
        ("mlcli fit-poly --track m", ["mlflow"]),
        ("mlcli fit-poly --track mlflow,", ["mlflow,tensorboard", "mlflow,dvclive"]),
        ("mlcli fit-poly --figures png,s", ["png,svg"]),
        ("mlcli sweep tr", ["train-mlp", "train-cnn"]),
        ("mlcli sweep train-mlp --best ", ["largest", "smallest"]),
        ("mlcli help tr", ["train-mlp", "train-cnn", "trackers"]),
        ("mlcli data info fa", ["fashion-mini", "fashion-mnist"]),
        ("mlcli nonsense --", []),
    ],
)
def test_commands_flags_and_words(tab: Tab, line: str, expected: list[str]) -> None:
    found = tab(line)
    assert (found == expected) if expected else ("--init" not in found)


def test_data_are_named_sets_and_files(tab: Tab, empty_folder: Path) -> None:
    (empty_folder / "irises.csv").touch()
    (empty_folder / "images").mkdir()
    (empty_folder / "images/cats").mkdir()
    (empty_folder / "images/.hidden").mkdir()
    assert tab("mlcli fit-poly --data i") == ["imbalance", "iris", "images/", "irises.csv"]
    assert tab("mlcli fit-poly --data images/") == ["images/cats/"]
    assert tab("mlcli baseline iri") == ["iris", "irises.csv"]
    assert tab("mlcli fit-poly --data nowhere/") == []


def test_runs_are_hashes_and_folders(tab: Tab, mlcli: Any, empty_folder: Path) -> None:
    done = mlcli("fit-poly", "--degrees", "1", "--n-seeds", "2", "--no-plots", "--quiet")
    assert done.code == 0
    (run,) = (empty_folder / "runs/fit-poly").iterdir()
    assert tab("mlcli predict ") == [run.name, "runs/"]
    assert tab(f"mlcli evaluate {run.name[:3]}") == [run.name]
    folder = f"runs/fit-poly/{run.name}"
    assert folder in tab("mlcli verify runs/f")


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_get_the_same_words(tab: Tab, shell: str) -> None:
    text = "\n".join(tab("mlcli fit-poly --solver ", shell))
    assert all(word in text for word in ("arnoldi", "lapack", "certified"))


@pytest.mark.parametrize(
    ("shell", "line"),
    [
        ("bash", "complete -o default -F _mlcli_completion mlcli"),
        ("zsh", "compdef _mlcli_completion mlcli"),
        ("fish", "complete --command mlcli"),
    ],
)
def test_each_shell_has_its_script(shell: str, line: str, empty_folder: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "mlcli"],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"_MLCLI_COMPLETE": f"source_{shell}"},
    )
    assert line in done.stdout


def test_bash_itself_completes(empty_folder: Path) -> None:
    """The script as printed, loaded by a real bash, with the program on its path."""
    program = empty_folder / "mlcli"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m mlcli "$@"\n')
    program.chmod(0o755)
    lines = (
        'source <(_MLCLI_COMPLETE=source_bash mlcli); COMP_WORDS=(mlcli kfold --basis ""); '
        'COMP_CWORD=3; _mlcli_completion mlcli; echo "${COMPREPLY[@]}"'
    )
    done = subprocess.run(
        ["bash", "-c", lines],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"PATH": f"{empty_folder}:{os.environ['PATH']}"},
    )
    assert done.stdout.split()[:2] == ["polynomial", "legendre"], done.stderr


def test_completion_is_installed_where_the_shell_looks(
    empty_folder: Path, monkeypatch: pytest.MonkeyPatch, mlcli: Any
) -> None:
    monkeypatch.setenv("HOME", str(empty_folder))
    # Each of typer's modules has its own name for it; a test may run under no shell at all.
    for module in ("_completion_shared", "completion"):
        monkeypatch.setattr(f"typer.{module}._get_shell_name", lambda: "bash")
    done = mlcli("--install-completion")
    assert (done.code, done.err) == (0, "")
    script = (empty_folder / ".bash_completions/mlcli.sh").read_text()
    assert script.rstrip() == mlcli("--show-completion").out.rstrip()
    assert (
        str(empty_folder / ".bash_completions/mlcli.sh") in (empty_folder / ".bashrc").read_text()
    )


def test_tab_loads_nothing_heavy(empty_folder: Path) -> None:
    code = (
        "import os, sys\n"
        "from mlcli.__main__ import call\n"
        "for line in sys.argv[1:]:\n"
        "    os.environ |= {'COMP_WORDS': line, 'COMP_CWORD': str(len(line.split(' ')) - 1)}\n"
        "    assert call([]) == 0\n"
        "heavy = ('numpy', 'torch', 'pandas', 'scipy', 'sklearn', 'matplotlib', 'pyarrow')\n"
        "sys.exit(', '.join(name for name in heavy if name in sys.modules) or 0)\n"
    )
    asked = ["mlcli train-mlp --in", "mlcli train-cnn --data i", "mlcli predict ", "mlcli help t"]
    done = subprocess.run(
        [sys.executable, "-c", code, *asked],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"_MLCLI_COMPLETE": "complete_bash"},
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[:1] == ["--init"]
