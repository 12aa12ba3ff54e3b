"""A run folder is whole or not there, whoever kills whom."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mlcli.errors import ConfigError
from mlcli.partials import sweep
from mlcli.run import folder as folders
from mlcli.run.folder import check_file, check_writable, replacing

Run = Callable[..., Any]


def write(target: Path, text: str) -> None:
    with replacing(target) as partial:
        (partial / "model").mkdir()
        (partial / "a.txt").write_text(text)
        (partial / "model" / "b.txt").write_text(text)


def state(target: Path) -> dict[str, str]:
    return {
        p.relative_to(target).as_posix(): p.read_text() for p in target.rglob("*") if p.is_file()
    }


def test_a_folder_is_replaced_whole(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "run"
    write(target, "old")
    write(target, "new")
    assert state(target) == {"a.txt": "new", "model/b.txt": "new"}
    assert [p.name for p in target.parent.iterdir()] == ["run"]


def test_without_the_exchange_call_two_renames_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folders, "_exchange_atomically", lambda new, target: False)
    write(tmp_path / "run", "old")
    write(tmp_path / "run", "new")
    assert state(tmp_path / "run")["a.txt"] == "new"
    assert [p.name for p in tmp_path.iterdir()] == ["run"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_failure_leaves_the_old_result_and_nothing_else(
    tmp_path: Path, error: type[BaseException]
) -> None:
    write(tmp_path / "run", "old")

    def fail() -> None:
        with replacing(tmp_path / "run") as partial:
            (partial / "a.txt").write_text("half")
            raise error

    with pytest.raises(error):
        fail()
    assert state(tmp_path / "run")["a.txt"] == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["run"]


def identity(folder: Path) -> int | None:
    """Which folder stands there, if one does."""
    return folder.stat().st_ino if folder.exists() else None


def test_a_run_killed_at_any_moment_leaves_the_old_or_the_new(tmp_path: Path) -> None:
    code = (
        "from mlcli.__main__ import call\n"
        "for seed in range(1000):\n"
        "    call(['fit-poly','--degrees','1','--n-seeds','2','--jobs','1','--no-plots','--quiet',"
        f"'--path-penalty','none','--seed',str(seed),'--out',{str(tmp_path / 'run')!r}])\n"
    )
    for delay in (0.0, 0.1, 0.2, 0.33):
        process = subprocess.Popen(
            [sys.executable, "-c", code], stdout=subprocess.DEVNULL, cwd=tmp_path
        )
        # However slow the machine is, the process has begun to replace one run by the next.
        before = identity(tmp_path / "run")
        deadline = time.monotonic() + 60
        while identity(tmp_path / "run") == before and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(delay)
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert whole(tmp_path / "run")
    sweep(tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["run"]


def whole(run: Path) -> bool:
    from mlcli.run.manifest import hashes, read_manifest

    manifest = read_manifest(run)
    assert manifest is not None
    skipped = {"manifest.json", "environment.json", "timings.json"}
    return {k: v for k, v in hashes(run).items() if k not in skipped} == manifest["files"]


def test_a_file_in_the_way_is_named(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("a file")
    with pytest.raises(ConfigError, match="must be a folder, got a file"):
        check_writable(tmp_path / "run", set())
    with pytest.raises(ConfigError, match="can't be written"):
        check_writable(tmp_path / "run" / "below", set())


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="needs a file system nobody can write to")
def test_a_file_system_that_takes_no_folders_is_named() -> None:
    with pytest.raises(ConfigError, match="/proc can't be written to"):
        check_writable(Path("/proc/run"), set())


@pytest.mark.skipif(os.geteuid() == 0, reason="run as root, who may write anywhere")
def test_a_read_only_folder_is_named(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(ConfigError, match="can't be written"):
        check_writable(tmp_path / "run", set())


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="no folder that not even root may fill")
def test_a_single_file_that_cant_be_written_is_exit_2_before_any_work(
    mlcli: Run, empty_folder: Path
) -> None:
    done = mlcli(
        "fit-poly",
        "--n-samples",
        "20",
        "--n-seeds",
        "2",
        "--degrees",
        "1",
        "--out",
        "o",
        "--no-plots",
        "--quiet",
        "--path-penalty",
        "none",
    )
    assert done.code == 0, done.err
    (empty_folder / "rows.csv").write_text("x,t\n1,2\n2,3\n3,5\n")
    commands = (
        ("predict", "o", "rows.csv", "--out", "/proc/p.csv"),
        ("export", "o", "--to", "safetensors", "--out", "/proc/p.safetensors"),
        ("data", "describe", "rows.csv", "--figure", "/proc/f.png"),
        ("report", "o", "--out", "/proc/index.html"),
        ("compare", "o", "o", "--out", "/proc/c.html"),
        ("check", "o", "--assert", "n_seeds == 2", "--junit", "/proc/j.xml"),
    )
    for words in commands:
        done = mlcli(*words)
        assert (done.code, done.out) == (2, ""), words
        said = re.fullmatch(
            r"mlcli: /proc can't be written to \((.+)\); try another (--\w+)\n", done.err
        )
        assert said, done.err
        assert said[2] == words[-2]


def test_a_single_file_is_no_folder_nor_below_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    check_file(tmp_path / "new" / "deep" / "page.html", "--out")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    with pytest.raises(ConfigError, match=r"--out .* must be a file, got a folder"):
        check_file(tmp_path, "--out")
    with pytest.raises(ConfigError, match="must be in a folder, got the file"):
        check_file(tmp_path / "file" / "page.html", "--figure")
