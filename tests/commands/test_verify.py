"""`mlcli verify`: hashes, and the same question asked again."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mlcli.report.manifest import question, question_hash

Run = Callable[..., Any]
PROJECT = Path(__file__).parents[2]
QUICK = ("fit-poly", "--degrees", "1,3", "--n-seeds", "3", "--path-penalty", "none", "--no-plots")
IRIS = (
    "train-mlp", "--data", "iris", "--init", "he", "--n-epochs", "2", "--n-seeds", "2",
    "--hidden", "4", "--no-plots", "--keep-weights", "first",
)  # fmt: skip


def alter(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


@pytest.fixture
def run_folder(mlcli: Run, empty_folder: Path) -> Path:
    assert mlcli(*QUICK, "--out", "one").code == 0
    return empty_folder / "one"


def test_the_shipped_reports_are_what_their_manifests_say(mlcli: Run) -> None:
    done = mlcli("verify", str(PROJECT / "reports"), "--hashes-only")
    assert done.code == 0, done.err
    assert done.err == ""


def test_hashes_name_what_is_altered_missing_and_extra(mlcli: Run, run_folder: Path) -> None:
    assert mlcli("verify", "one", "--hashes-only").code == 0
    content = (run_folder / "scores.csv").read_bytes()
    (run_folder / "scores.csv").write_bytes(content[:-2] + b"9\n")
    (run_folder / "errors.csv").unlink()
    (run_folder / "stray.txt").write_text("")
    done = mlcli("verify", "one", "--hashes-only", "--json")
    assert done.code == 3
    (found,) = done.json["runs"]
    assert found["integrity"]["altered"] == ["scores.csv"]
    assert found["integrity"]["missing"] == ["errors.csv"]
    assert found["integrity"]["extra"] == ["stray.txt"]
    assert found["repeat"] is None
    assert done.err.endswith(
        "one: scores.csv is altered; errors.csv is missing; stray.txt is extra\n"
    )


def test_what_processes_trained_together_is_not_asked_of_one(
    mlcli: Run, empty_folder: Path
) -> None:
    assert mlcli(*IRIS, "--out", "one").code == 0
    manifest = json.loads(Path("one/manifest.json").read_text())
    config = {key: entry["value"] for key, entry in manifest["config"].items()}
    run = question_hash(question(manifest["command"], config, manifest["data"], 2))
    Path("one/manifest.json").write_text(json.dumps(manifest | {"processes": 2, "run": run}))
    assert mlcli("verify", "one", "--hashes-only").code == 0
    done = mlcli("verify", "one")
    assert done.code == 2
    assert "one: 2 processes trained it together, and verify asks with one" in done.err


def test_a_setting_altered_by_hand_is_found_without_a_run(mlcli: Run, run_folder: Path) -> None:
    alter(run_folder / "manifest.json", '"value": 0.2', '"value": 0.25')
    done = mlcli("verify", "one", "--hashes-only")
    assert done.code == 3
    assert "but its settings and data are" in done.err


def test_the_same_question_gives_the_same_bytes(mlcli: Run, run_folder: Path) -> None:
    # Not from params.yaml, which says something else by now.
    Path("params.yaml").write_text("fit_poly:\n  degrees: 9\n")
    done = mlcli("verify", "one", "--json")
    assert done.code == 0, done.err
    (found,) = done.json["runs"]
    assert found["repeat"]["match"] == "bytes"
    assert found["repeat"]["n_same"] == found["integrity"]["n_files"]
    assert not Path("runs").exists()


def test_a_forged_number_is_named_though_the_hashes_fit(mlcli: Run, run_folder: Path) -> None:
    from mlcli.report.manifest import sha256

    rows = (run_folder / "scores.csv").read_text().splitlines()
    cells = rows[3].split(",")
    was, cells[4] = cells[4], "1.5"
    (run_folder / "scores.csv").write_text("\n".join([*rows[:3], ",".join(cells), *rows[4:], ""]))
    manifest = json.loads((run_folder / "manifest.json").read_text())
    manifest["files"]["scores.csv"] = sha256(run_folder / "scores.csv")
    (run_folder / "manifest.json").write_text(json.dumps(manifest))
    assert mlcli("verify", "one", "--hashes-only").code == 0
    done = mlcli("verify", "one", "--quiet")
    assert done.code == 3
    assert f"scores.csv, line 4, column test_mse: 1.5 recorded, {was} again" in done.err


def test_elsewhere_numbers_are_compared_within_tolerances(mlcli: Run, run_folder: Path) -> None:
    alter(run_folder / "manifest.json", '"numpy": "', '"numpy": "0.')
    rows = (run_folder / "scores.csv").read_text().splitlines()
    cells = rows[1].split(",")
    cells[4] = repr(float(cells[4]) * (1 + 1e-8))
    (run_folder / "scores.csv").write_text("\n".join([rows[0], ",".join(cells), *rows[2:], ""]))
    manifest = json.loads((run_folder / "manifest.json").read_text())
    from mlcli.report.manifest import sha256

    manifest["files"]["scores.csv"] = sha256(run_folder / "scores.csv")
    (run_folder / "manifest.json").write_text(json.dumps(manifest))
    done = mlcli("verify", "one", "--json")
    assert done.code == 0, done.err
    repeat = done.json["runs"][0]["repeat"]
    assert (repeat["match"], repeat["n_within"]) == ("numbers", 1)
    assert "within the tolerances where" in mlcli("verify", "one").out
    for arguments in (("--rtol", "1e-9"), ("--match", "bytes")):
        done = mlcli("verify", "one", "--quiet", *arguments)
        assert done.code == 3
        assert "scores.csv, line 2, column test_mse" in done.err


def test_other_data_are_not_run(mlcli: Run, empty_folder: Path) -> None:
    rows = "\n".join(f"{x},{x * x}" for x in range(30))
    (empty_folder / "mine.csv").write_text(f"x,t\n{rows}\n")
    assert mlcli(*QUICK, "--data", "mine.csv", "--out", "one").code == 0
    assert mlcli("verify", "one").code == 0
    alter(empty_folder / "mine.csv", "3,9", "3,8")
    done = mlcli("verify", "one", "--quiet")
    assert done.code == 3
    assert "the data are others: sha256" in done.err
    (empty_folder / "mine.csv").unlink()
    # Nothing is known of the result, so it is not said to differ.
    done = mlcli("verify", "one", "--quiet")
    assert done.code == 2
    assert "1 of 1 runs could not be compared: one: it can't be run again: mine.csv" in done.err
    assert "NOT RUN" in done.out
    again = mlcli("verify", "one", "--quiet", "--json").json
    assert (again["passed"], again["runs"][0]["repeat"]["not_run"]) == (False, True)
    # What differs beside it decides.
    alter(empty_folder / "one/scores.csv", "1", "2")
    assert mlcli("verify", "one", "--quiet").code == 3


def test_a_model_altered_by_one_byte(mlcli: Run, empty_folder: Path) -> None:
    assert mlcli(*IRIS, "--out", "one").code == 0
    path = empty_folder / "one/model/last.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(bytes(content))
    done = mlcli("verify", "one", "--quiet")
    assert done.code == 3
    assert "model/last.safetensors is altered; model/last.safetensors, " in done.err
    assert " recorded, " in done.err


def test_nothing_to_verify_is_exit_2(mlcli: Run, empty_folder: Path) -> None:
    assert mlcli("verify").code == 2
    (empty_folder / "one").mkdir()
    (empty_folder / "one" / "manifest.json").write_text("{}")
    done = mlcli("verify", "one")
    assert done.code == 2
    assert "is not a manifest of this version" in done.err
