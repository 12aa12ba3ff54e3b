"""Disks that are full, files that may not grow, folders that can't be written to."""

from __future__ import annotations

import errno
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fault_commands import case, long, with_long
from fault_runs import Yard, goes_on, judge

MakeYard = Callable[[str], Yard]
FULL = "mlcli: the disk is full; the earlier result, if any, is untouched"


@pytest.mark.parametrize(
    "name",
    with_long(["fit-poly", "data make", "predict to CSV"], "train-mlp with checkpoints", "init"),
)
def test_a_full_disk_leaves_the_old_result_and_no_rubbish(yard: MakeYard, name: str) -> None:
    one = yard(name)
    old = bool(one.case.old_words)
    reference = one.references[old]
    n_events = len(reference.events)
    for first in sorted({1, n_events // 3, n_events // 2}):
        one.start(old=old)
        done = one.run(one.case.arguments, errno=errno.ENOSPC, **{"from": first})
        assert done.code in (1, 2), (first, done)
        *_, last = done.err.splitlines()
        assert last.startswith("mlcli: ")
        assert "disk is full" in last or "no space left on device" in last, done.err
        assert "Traceback" not in done.err
        word, wrong = judge(one, reference)
        assert wrong == []
        assert word in ("old", "absent", "between")
        assert not list(one.work.rglob("*.partial"))
        assert goes_on(one, reference) == []


@long
def test_a_point_of_a_sweep_that_finds_the_disk_full_is_asked_again(yard: MakeYard) -> None:
    one = yard("sweep")
    reference = one.references[False]
    one.start(old=False)
    # A point is a process that counts its own changes: its first ones go through.
    done = one.run(one.case.arguments, errno=errno.ENOSPC, **{"from": 15})
    table = (one.work / "sweep/sweep.csv").read_text()
    assert "the disk is full" in done.err + table
    assert "bug" not in done.err + table
    assert judge(one, reference)[1] == []
    assert goes_on(one, reference) == []


@pytest.mark.parametrize(
    "name", with_long(["predict to Parquet", "predict to CSV"], "fit-poly with figures")
)
def test_a_file_that_may_not_grow_is_one_sentence(yard: MakeYard, name: str) -> None:
    """The limit is the system's own, so that it stops writing outside of Python too."""
    one = yard(name)
    reference = one.references[True]
    for n_bytes in (0, 100, 4000) if name == "fit-poly with figures" else (0, 100):
        one.start(old=True)
        done = one.run(one.case.arguments, file_bytes=n_bytes, out=os.devnull)
        # The limit holds for the file of stderr as well, so a long sentence may be cut.
        assert (done.code, done.out) == (1, "")
        assert judge(one, reference) == ("old", [])
        assert not list(one.work.rglob("*.partial"))


def test_a_result_that_can_t_be_printed_is_exit_1(yard: MakeYard) -> None:
    one = yard("fit-poly")
    for arguments in ([*one.case.arguments, "--json"], one.case.arguments, ["schema"]):
        one.start(old=False)
        done = one.run(arguments, out="/dev/full")
        assert (done.code, done.err.strip()) == (1, FULL)


def test_a_real_process_says_it_once_and_exits_1(empty_folder: Path) -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            ["python3", "-m", "mlcli", "schema"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PATH": f"{Path(os.sys.executable).parent}:{os.environ['PATH']}"},
            check=False,
        )
    assert (done.returncode, done.stderr.strip()) == (1, FULL)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 512 KiB; only root may have one."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", str(place)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("may not mount")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def leave(disk: Path, n_bytes: int) -> None:
    """Fill a file system but for so many bytes."""
    found = os.statvfs(disk)
    (disk / "room").write_bytes(bytes(found.f_bavail * found.f_frsize - n_bytes))


def test_a_disk_that_is_really_full(yard: MakeYard, small_disk: Path) -> None:
    one = yard("fit-poly")
    one.start(old=False)
    arguments = [str(small_disk / "out") if word == "out" else word for word in one.case.arguments]
    room = small_disk / "room"
    leave(small_disk, 8 * 1024)
    done = one.run(arguments)
    assert (done.code, done.err.strip()) == (1, FULL)
    assert [path.name for path in small_disk.iterdir()] == ["room"]
    room.unlink()
    assert one.run(arguments).code == 0
    result = {p.name: p.read_bytes() for p in (small_disk / "out").glob("*.json")}
    leave(small_disk, 16 * 1024)
    done = one.run([*arguments[:-1], "5"])
    assert (done.code, done.err.strip()) == (1, FULL)
    assert result == {p.name: p.read_bytes() for p in (small_disk / "out").glob("*.json")}
    assert sorted(path.name for path in small_disk.iterdir()) == ["out", "room"]


def test_a_read_only_disk_is_exit_2_before_any_work(yard: MakeYard, small_disk: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    one = yard("fit-poly")
    one.start(old=False)
    for target, what in (("out", "fit-poly"), ("data", "data make")):
        words = case(what).arguments
        place = str(small_disk / target)
        arguments = [place if word == "out" else word for word in words]
        done = one.run(arguments if what == "fit-poly" else [*arguments, "--out", place])
        assert done.code == 2
        assert "can't be written" in done.err
        assert "read-only file system" in done.err
        assert len(done.err.splitlines()) == 1
