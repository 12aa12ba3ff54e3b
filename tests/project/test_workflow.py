"""The workflow of this repository runs what a person runs by hand, and no more."""

from __future__ import annotations

import os
from pathlib import Path

from mlcli.params.yaml_file import read_yaml

PROJECT = Path(__file__).parents[2]
WHEEL = "python -m pip wheel --no-deps --wheel-dir dist ."


def test_it_runs_the_script_the_linters_and_the_build_of_the_wheel() -> None:
    jobs = read_yaml(PROJECT / ".github/workflows/ci.yml").values["jobs"]
    steps = [step for job in jobs.values() for step in job["steps"]]
    assert [step["run"] for step in steps if "run" in step] == [".ci/run", "make lint", WHEEL]
    assert {step["uses"].partition("@")[0] for step in steps if "uses" in step} == {
        "actions/checkout",
        "actions/setup-python",
    }
    assert os.access(PROJECT / ".ci/run", os.X_OK)
    assert "\nlint: setup\n" in (PROJECT / "Makefile").read_text()
