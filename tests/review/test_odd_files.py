"""Files that were damaged or made by hand are one sentence and exit code 2, never a bug."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., Any]
FIT = ("--degrees", "1,3", "--n-seeds", "3", "--path-penalty", "none", "--no-plots", "--quiet")
SWEEP = (
    "sweep",
    "descent",
    "-S",
    "n_seeds=2",
    "-S",
    "n_noise=20",
    "-S",
    "n_steps=20",
    "-S",
    "learning_rate=0.1,1e6",
    "--out",
    "s",
)
READERS = (
    ("compare", "a", "b"),
    ("check", "b", "--assert", "x<1"),
    ("power", "b"),
    ("verify", "b", "--quiet"),
    ("verify", "b", "--hashes-only"),
    ("report", "b", "--out", "page.html"),
)


@pytest.fixture
def two_runs(mlcli: Run, empty_folder: Path) -> Path:
    for name, seed in (("a", "0"), ("b", "5")):
        assert mlcli("fit-poly", *FIT, "--seed", seed, "--out", name).code == 0
    return empty_folder / "b"


def refused(done: Any, words: str = "") -> None:
    assert done.code == 2, done.err
    assert len(done.err.splitlines()) == 1
    assert "this is a bug" not in done.err
    assert words in done.err


@pytest.mark.parametrize(
    "change",
    [
        lambda found: {"schema": 99},
        lambda found: [found],
        lambda found: found | {"config": []},
        lambda found: found | {"config": {"seed": 0}},
        lambda found: found | {"files": {"details.json": None}},
        lambda found: found | {"command": None},
        lambda found: found | {"seeds": {"seed": 0, "n_seeds": "bayes"}},
        lambda found: {key: value for key, value in found.items() if key != "platform"},
    ],
)
def test_a_manifest_that_lacks_something(
    mlcli: Run, two_runs: Path, change: Callable[[Any], Any]
) -> None:
    path = two_runs / "manifest.json"
    path.write_text(json.dumps(change(json.loads(path.read_text()))))
    for arguments in READERS:
        refused(mlcli(*arguments), "is not a manifest of this version")
    assert mlcli("runs", ".").code == 0


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda text: text[: text.rindex(b",")] + b"\n", "must be 4 cells"),
        (lambda text: text + b"\xff\n", "seeds.csv is not a table in UTF-8"),
        (lambda text: text + b'1,"2\n', "must be 4 cells"),
    ],
)
def test_a_table_that_was_cut_short_or_is_no_text(
    mlcli: Run, two_runs: Path, damage: Callable[[bytes], bytes], words: str
) -> None:
    path = two_runs / "seeds.csv"
    path.write_bytes(damage(path.read_bytes()))
    refused(mlcli("compare", "a", "b"), words)
    assert mlcli("verify", "b", "--quiet").code == 3
    report = mlcli("report", "b", "--out", "page.html")
    assert report.code in (0, 2)
    assert "this is a bug" not in report.err


@pytest.mark.parametrize("odd", [{"std": None}, {"mean": "x"}, {"mean": []}, {"n": None}], ids=str)
def test_a_summary_that_is_none(mlcli: Run, two_runs: Path, odd: dict[str, Any]) -> None:
    path = two_runs / "details.json"
    found = json.loads(path.read_text())
    found["degree_1"]["test_mse"] |= odd
    path.write_text(json.dumps(found))
    assert mlcli("compare", "a", "b", "--all").code == 0
    assert mlcli("compare", "a", "b", "--json").code == 0
    assert mlcli("check", "b", "--assert", "degree_1.test_mse.mean<1e9").code in (0, 3)
    assert mlcli("verify", "b", "--quiet").code == 3
    assert "this is a bug" not in mlcli("report", "b", "--out", "page.html").err


@pytest.mark.parametrize("text", ["[]", "{}", "1", '"x"', "{"])
def test_metrics_that_are_none(mlcli: Run, two_runs: Path, text: str) -> None:
    (two_runs / "details.json").write_text(text)
    for arguments in READERS:
        assert "this is a bug" not in mlcli(*arguments).err


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("sweep.json", b"[]"),
        ("sweep.json", b"\xff"),
        ("sweep.csv", b"outcome,reason\nno answer,why\n"),
        ("sweep.csv", b"outcome,run\nno answer\n"),
        ("sweep.csv", b"\xff\xfe"),
    ],
)
def test_a_sweep_whose_table_is_odd_runs_again(
    mlcli: Run, empty_folder: Path, name: str, content: bytes
) -> None:
    assert mlcli(*SWEEP).code == 0
    before = (empty_folder / "s/sweep.csv").read_bytes()
    (empty_folder / "s" / name).write_bytes(content)
    for path in empty_folder.glob("runs/descent/*/manifest.json"):
        path.write_text('{"schema": 1}')
    done = mlcli(*SWEEP)
    assert done.code == 0, done.err
    assert (empty_folder / "s/sweep.csv").read_bytes() == before
