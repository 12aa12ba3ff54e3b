"""Unfinished work: named by who does it, swept when that one is dead."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from mlcli import partials
from mlcli.partials import aside_of, partial_of, replacing_file, sweep, temporary_folder


@pytest.fixture
def dead() -> int:
    """The number of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", "pass"])
    process.wait()
    return process.pid


def of(path: Path, pid: int) -> Path:
    """The name that another process would have given."""
    return path.with_name(path.name.replace(f".{os.getpid()}@", f".{pid}@"))


def test_what_the_dead_left_is_swept_and_all_else_stays(tmp_path: Path, dead: int) -> None:
    mine = partial_of(tmp_path / "run")
    kept = [mine, tmp_path / ".notes.partial", tmp_path / f"run.{dead}@x.partial"]
    for path in (*kept, of(mine, dead)):
        path.mkdir()
    (of(mine, dead) / "file").write_text("")
    of(partial_of(tmp_path / "page.html"), dead).write_text("half")
    sweep(tmp_path)
    assert sorted(tmp_path.iterdir()) == sorted(kept)


def test_an_old_result_that_was_put_aside_takes_its_place_again(tmp_path: Path, dead: int) -> None:
    for name in ("lost", "there"):
        of(aside_of(tmp_path / name), dead).mkdir()
        (of(aside_of(tmp_path / name), dead) / "details.json").write_text("old")
    (tmp_path / "there").mkdir()
    (tmp_path / "there/details.json").write_text("new")
    sweep(tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["lost", "there"]
    assert (tmp_path / "lost/details.json").read_text() == "old"
    assert (tmp_path / "there/details.json").read_text() == "new"


def test_another_host_s_work_is_left_alone_until_it_is_a_day_old(
    tmp_path: Path, dead: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(partials.platform, "node", lambda: "elsewhere.example")
    theirs = of(partial_of(tmp_path / "run"), dead)
    monkeypatch.undo()
    theirs.mkdir()
    sweep(tmp_path)
    assert theirs.exists()
    long_ago = theirs.stat().st_mtime - partials.DEAD_SECONDS - 1
    os.utime(theirs, (long_ago, long_ago))
    sweep(tmp_path)
    assert not theirs.exists()


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_file_that_is_not_finished_leaves_the_old_one(
    tmp_path: Path, error: type[BaseException]
) -> None:
    target = tmp_path / "page.html"
    target.write_text("old")

    def fail() -> None:
        with replacing_file(target) as partial:
            partial.write_text("half")
            raise error

    with pytest.raises(error):
        fail()
    assert [p.name for p in tmp_path.iterdir()] == ["page.html"]
    assert target.read_text() == "old"


def test_temporary_folders_of_one_process_don_t_meet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dead: int
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with temporary_folder("compare") as one:
        of(one, dead).mkdir()
        with temporary_folder("compare") as two:
            assert one != two
            assert (one.stat().st_mode & 0o777, two.is_dir()) == (0o700, True)
            assert not of(one, dead).exists()
    assert not list(tmp_path.iterdir())
