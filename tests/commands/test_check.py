"""`mlcli check`: gates on finished runs, for people, scripts and CI."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from mlcli.params.yaml_file import read_yaml
from mlcli.run.manifest import SCHEMA

Run = Callable[..., Any]
PROJECT = Path(__file__).parents[2]


def run_folder(place: Path, command: str = "fit-poly", **metrics: object) -> Path:
    """A folder that looks like a run with these metrics."""
    place.mkdir(parents=True)
    manifest = {"schema": SCHEMA, "command": command, "run": "0", "determinism": ""}
    manifest |= {key: {} for key in ("config", "data", "seeds", "versions", "platform", "files")}
    (place / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    (place / "details.json").write_text(json.dumps(metrics), encoding="utf-8")
    return place


def test_the_shipped_reports_hold_their_gates(mlcli: Run) -> None:
    done = mlcli("check", str(PROJECT / "reports"), "--params", str(PROJECT / "params.yaml"))
    assert done.code == 0, done.out + done.err
    assert done.err == ""
    gated = {text.partition(".")[0] for text in read_yaml(PROJECT / "params.yaml").values["gates"]}
    assert gated == {path.parent.name for path in (PROJECT / "reports").glob("*/manifest.json")}


@pytest.mark.parametrize(
    ("gate", "holds"),
    [
        ("fit_poly.x >= 1.5", True),
        ("fit_poly.x > 1.5", False),
        ("fit_poly.x <= 1.5", True),
        ("fit_poly.x < 1.5", False),
        ("fit_poly.x == 1.5", True),
        ("fit_poly.x within 1.5..2", True),
        ("fit_poly.x within 1.6..2", False),
        ("fit_poly.x >= fit_poly.y.ci_low", True),
        ("fit_poly.x <= fit_poly.y.ci_low", False),
        ("fit_poly.rate_0.01.z == 2", True),
        ("fit_poly.ok == true", True),
        ("fit_poly.ok == false", False),
        ("fit_poly.ok == 1", False),
        ("fit_poly.x == true", False),
        ("fit_poly.none >= 0", False),
        ("fit_poly.nan >= 0", False),
        ("fit_poly.nan <= 0", False),
        ("fit_poly.text == 1", False),
        ("fit_poly.x >= fit_poly.none", False),
    ],
)
def test_gates_hold_or_fail(mlcli: Run, empty_folder: Path, gate: str, holds: bool) -> None:
    numbers = {"rate_0.01": {"z": 2}, "ok": True, "none": None, "nan": float("nan"), "text": "1"}
    run_folder(empty_folder / "reports/fit_poly", x=1.5, y={"mean": 1.2, "ci_low": 1.0}, **numbers)
    done = mlcli("check", "--assert", gate)
    assert done.code == (0 if holds else 3)
    assert ("pass" in done.out) is holds
    assert len(done.err.splitlines()) == (0 if holds else 1)


@pytest.mark.parametrize(
    ("gate", "hint"),
    [
        ("fit_poly.degre_3.test_mse >= 1", "try fit_poly.degree_3.test_mse"),
        ("fit_poly.interval >= 1", "try fit_poly.interval.ci_low"),
        ("kfold.degree_3.test_mse >= 1", "try fit_poly.degree_3.test_mse"),
        ("fit_poly.diverged >= 1", "it is null: there was no valid number"),
        ("fit_poly.degree_3.test_mse > fit_poly.diverged", "fit_poly.diverged is null"),
    ],
)
def test_a_missing_metric_fails_with_the_reason_or_the_nearest_name(
    mlcli: Run, empty_folder: Path, gate: str, hint: str
) -> None:
    run_folder(
        empty_folder / "reports/fit_poly",
        degree_3={"test_mse": 4.0},
        interval={"mean": 1.0, "ci_low": 0.5},
        diverged=None,
    )
    done = mlcli("check", "--assert", gate)
    assert done.code == 3
    assert hint in done.err


def test_a_run_folder_needs_no_section(mlcli: Run, empty_folder: Path) -> None:
    place = str(run_folder(empty_folder / "one", x=2.0))
    assert mlcli("check", place, "--assert", "x >= 2", "--assert", "fit_poly.x >= 2").code == 0
    (empty_folder / "params.yaml").write_text("gates: [fit_poly.x > 2, kfold.y > 1]\n")
    done = mlcli("check", place)
    assert done.code == 3
    assert "1 gates on other commands were left out" in done.err


def test_json_and_junit_say_the_same(mlcli: Run, empty_folder: Path) -> None:
    run_folder(empty_folder / "reports/fit_poly", x=2.0)
    gates = ["fit_poly.x >= 1", 'fit_poly."&\x07 >= 1']
    arguments = [word for gate in gates for word in ("--assert", gate)]
    done = mlcli("check", *arguments, "--json", "--junit", "out/check.xml")
    assert done.code == 3
    assert done.json["n_failed"] == 1
    assert [one["passed"] for one in done.json["gates"]] == [True, False]
    assert done.json["gates"][0]["margin"] == 1.0
    suite = ElementTree.parse(empty_folder / "out/check.xml").getroot()
    assert (suite.get("tests"), suite.get("failures")) == ("2", "1")
    cases = suite.findall("testcase")
    assert [case.find("failure") is None for case in cases] == [True, False]
    assert cases[1].get("name") == 'fit_poly."&\N{REPLACEMENT CHARACTER} >= 1'
    assert [path.name for path in (empty_folder / "out").iterdir()] == ["check.xml"]


def test_gates_of_a_file_are_checked_with_their_places(mlcli: Run, empty_folder: Path) -> None:
    text = "gates:\n  - fit_poly.x = 1\n  - fit_polly.x > 1\n  - 3\n"
    (empty_folder / "params.yaml").write_text(text)
    for command in ("validate", "check"):
        done = mlcli(command)
        assert done.code == 2
        first, second, third = done.err.splitlines()
        assert first.startswith("mlcli: params.yaml:2:5: 'fit_poly.x = 1', character 12: = is no")
        assert second.startswith(
            "mlcli: params.yaml:3:5: unknown section 'fit_polly'; try fit_poly"
        )
        assert third.startswith("mlcli: params.yaml:4:5: a gate must be a text, got 3")
    (empty_folder / "params.yaml").write_text("gates: fit_poly.x > 1\n")
    assert "params.yaml:1:1: gates must be a list" in mlcli("validate").err


def test_gates_are_nothing_to_an_experiment(mlcli: Run, empty_folder: Path) -> None:
    (empty_folder / "params.yaml").write_text("gates: [fit_poly.n_seeds == 2]\n")
    assert mlcli("fit-poly", "--degrees", "1", "--n-seeds", "2", "--no-plots").code == 0
    shutil.move("runs", "reports")
    assert mlcli("check").code == 0


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "there is nothing to check: there is no params.yaml; try --assert"),
        (["nowhere", "--assert", "a.b > 1"], "nowhere is not a folder"),
        (["--assert", "a.b > 1"], "there is no finished run in reports"),
    ],
    ids=str,
)
def test_nothing_to_check_is_exit_2(
    mlcli: Run, empty_folder: Path, arguments: list[str], sentence: str
) -> None:
    (empty_folder / "reports").mkdir()
    done = mlcli("check", *arguments)
    assert done.code == 2
    assert sentence in done.err
    assert len(done.err.splitlines()) == 1


def test_two_runs_of_one_command_are_refused(mlcli: Run, empty_folder: Path) -> None:
    for name in ("a", "b"):
        run_folder(empty_folder / "reports" / name, x=1.0)
    done = mlcli("check", "--assert", "fit_poly.x > 0")
    assert done.code == 2
    assert "several runs of fit-poly" in done.err


def test_gates_hold_scores_of_another_program(mlcli: Run, empty_folder: Path) -> None:
    Path("s.csv").write_text("seed,acc\n0,0.9\n1,0.92\n2,0.91\n")
    assert mlcli("check", "s.csv", "--assert", "acc.mean >= 0.9").code == 0
    done = mlcli("check", "s.csv", "--assert", "acc.ci_low >= 0.9")
    assert done.code == 3
    assert "acc.ci_low >= 0.9: fails at 0.885" in done.err
    without = mlcli("check", "s.csv")
    assert without.code == 2
    assert "gates on s.csv are given by --assert" in without.err
