"""`mlcli verify`: hashes, and the same question asked again."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mlcli.run.manifest import platform_facts, run_hash, run_key

Run = Callable[..., Any]
PROJECT = Path(__file__).parents[2]
QUICK = ("fit-poly", "--degrees", "1,3", "--n-seeds", "3", "--path-penalty", "none", "--no-plots")
IRIS = (
    "train-mlp",
    "--data",
    "iris",
    "--init",
    "he",
    "--n-epochs",
    "2",
    "--n-seeds",
    "2",
    "--hidden",
    "4",
    "--no-plots",
    "--keep-weights",
    "first",
)


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
    content = (run_folder / "tables/scores.csv").read_bytes()
    (run_folder / "tables/scores.csv").write_bytes(content[:-2] + b"9\n")
    (run_folder / "tables/errors.csv").unlink()
    (run_folder / "stray.txt").write_text("")
    done = mlcli("verify", "one", "--hashes-only", "--json")
    assert done.code == 3
    (found,) = done.json["runs"]
    assert found["integrity"]["altered"] == ["tables/scores.csv"]
    assert found["integrity"]["missing"] == ["tables/errors.csv"]
    assert found["integrity"]["extra"] == ["stray.txt"]
    assert found["repeat"] is None
    assert done.err.endswith(
        "one: tables/scores.csv is altered; tables/errors.csv is missing; stray.txt is extra\n"
    )


def test_what_processes_trained_together_is_not_asked_of_one(
    mlcli: Run, empty_folder: Path
) -> None:
    assert mlcli(*IRIS, "--out", "one").code == 0
    manifest = json.loads(Path("one/manifest.json").read_text())
    config = {key: entry["value"] for key, entry in manifest["config"].items()}
    run = run_hash(run_key(manifest["command"], config, manifest["data"], 2))
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
    from mlcli.run.manifest import sha256

    rows = (run_folder / "tables/scores.csv").read_text().splitlines()
    cells = rows[3].split(",")
    was, cells[4] = cells[4], "1.5"
    (run_folder / "tables/scores.csv").write_text(
        "\n".join([*rows[:3], ",".join(cells), *rows[4:], ""])
    )
    manifest = json.loads((run_folder / "manifest.json").read_text())
    manifest["files"]["tables/scores.csv"] = sha256(run_folder / "tables/scores.csv")
    (run_folder / "manifest.json").write_text(json.dumps(manifest))
    assert mlcli("verify", "one", "--hashes-only").code == 0
    done = mlcli("verify", "one", "--quiet")
    assert done.code == 3
    assert f"tables/scores.csv, line 4, column test_mse: 1.5 recorded, {was} again" in done.err


def forge(run: Path, name: str, content: str) -> None:
    """Write a file of a run with the hash that its manifest wants."""
    from mlcli.run.manifest import sha256

    (run / name).write_text(content)
    manifest = json.loads((run / "manifest.json").read_text())
    manifest["files"][name] = sha256(run / name)
    (run / "manifest.json").write_text(json.dumps(manifest))


def made_by_other_kernels(run: Path) -> None:
    manifest = json.loads((run / "manifest.json").read_text())
    manifest["platform"]["kernels"]["blas"] = "openblas Other"
    (run / "manifest.json").write_text(json.dumps(manifest))


def test_another_machine_is_held_to_tolerances(mlcli: Run, empty_folder: Path) -> None:
    run = (
        "descent",
        "--n-samples",
        "40",
        "--n-steps",
        "9",
        "--n-seeds",
        "2",
        "--no-plots",
        "--n-noise",
        "100",
        "--batch-sizes",
        "4",
        "--condition-numbers",
        "2,5",
        "--flow-steps",
        "20,40",
    )
    assert mlcli(*run, "--out", "one").code == 0
    folder = empty_folder / "one"
    name = next(path.relative_to(folder).as_posix() for path in sorted(folder.glob("tables/*.csv")))
    rows = (folder / name).read_text().splitlines()
    cells = rows[-1].split(",")
    column = rows[0].split(",")[-1]
    for shift, code, verdict in ((1e-8, 0, "within"), (1e-3, 3, "DIFFERS")):
        changed = [*cells[:-1], repr(float(cells[-1]) * (1 + shift))]
        forge(folder, name, "\n".join([*rows[:-1], ",".join(changed), ""]))
        # On the machine that made it no other byte will do.
        assert mlcli("verify", "one", "--quiet").code == 3
        made_by_other_kernels(folder)
        done = mlcli("verify", "one", "--json", "--quiet")
        assert done.code == code, done.err
        (found,) = done.json["runs"]
        assert (found["verdict"], found["repeat"]["match"]) == (verdict, "numbers")
        assert found["repeat"]["machine"].startswith("blas openblas Other there, ")
        manifest = json.loads((folder / "manifest.json").read_text())
        manifest["platform"] = platform_facts()
        (folder / "manifest.json").write_text(json.dumps(manifest))
    made_by_other_kernels(folder)
    assert f"{name}, line {len(rows)}, column {column}" in mlcli("verify", "one", "--quiet").err
    # By hand.
    assert mlcli("verify", "one", "--quiet", "--rtol", "0.01").code == 0
    assert mlcli("verify", "one", "--quiet", "--rtol", "0.01", "--match", "bytes").code == 3


def test_another_machine_holds_a_training_to_its_intervals(mlcli: Run, run_folder: Path) -> None:
    made_by_other_kernels(run_folder)
    metrics = json.loads((run_folder / "details.json").read_text())
    one = metrics["degree_3"]["test_mse"]
    mean, half = one["mean"], one["ci_high"] - one["mean"]
    for shift, code, verdict in ((0.5, 0, "within"), (1.9, 0, "within"), (2.1, 3, "DIFFERS")):
        one |= {key: one[key] + shift * half for key in ("mean", "ci_low", "ci_high")}
        forge(run_folder, "details.json", json.dumps(metrics))
        one |= {"mean": mean, "ci_low": mean - half, "ci_high": mean + half}
        done = mlcli("verify", "one", "--json", "--quiet")
        assert done.code == code, done.err
        (found,) = done.json["runs"]
        assert (found["verdict"], found["repeat"]["match"]) == (verdict, "intervals")
        if code == 0:
            assert found["repeat"]["n_means"] > 5
        else:
            assert "details.json, degree_3.test_mse.mean: " in done.err
    # Only means are compared; a metric that is missing is a difference.
    forge(run_folder, "details.json", json.dumps(metrics))
    shown = mlcli("verify", "one")
    assert shown.code == 0
    assert "Made elsewhere (blas openblas Other there, " in shown.out
    del metrics["degree_3"]["train_mse"]
    forge(run_folder, "details.json", json.dumps(metrics))
    assert "degree_3.train_mse: nothing recorded" in mlcli("verify", "one", "--quiet").err


def test_one_seed_has_no_interval_to_be_held_to(mlcli: Run, empty_folder: Path) -> None:
    assert mlcli(*QUICK, "--n-seeds", "1", "--out", "one").code == 0
    folder = empty_folder / "one"
    made_by_other_kernels(folder)
    assert mlcli("verify", "one").code == 0
    metrics = json.loads((folder / "details.json").read_text())
    metrics["degree_3"]["train_mse"]["mean"] *= 1.01
    forge(folder, "details.json", json.dumps(metrics))
    assert mlcli("verify", "one", "--quiet").code == 3


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
    alter(empty_folder / "one/tables/scores.csv", "1", "2")
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
