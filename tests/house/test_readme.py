"""The README says what is so: its tables are fresh and its commands exist."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from mlcli.cli import COMMANDS
from mlcli.commands.flags import reference
from mlcli.config import SECTIONS, config_class
from mlcli.config.common import SeedFields, SourceFields, SyntheticFields
from mlcli.config.data import MakeFields
from mlcli.config.networks import FitFields, MlpFields, ScheduleFields
from mlcli.experiments import load

README = Path(__file__).parents[2] / "README.md"


SHARED = (SourceFields, SyntheticFields, SeedFields)
NETWORKS = (MlpFields, FitFields, ScheduleFields)
EXPERIMENTS = [name for name, (panel, _) in COMMANDS.items() if panel == "Experiments"]


def test_the_parameter_tables_are_those_of_the_config_models() -> None:
    text = README.read_text(encoding="utf-8")
    assert reference(*SHARED) in text
    assert reference(*NETWORKS) in text
    for section in SECTIONS:
        # What else section `data` holds stands in the first of these tables.
        model = MakeFields if section == "data" else config_class(section)
        assert reference(model) in text, section


def test_every_command_is_mentioned_and_every_mention_exists() -> None:
    text = README.read_text(encoding="utf-8")
    mentioned = set(re.findall(r"\bmlcli ([a-z][a-z-]+)", text))
    assert set(COMMANDS) <= mentioned
    assert mentioned <= set(COMMANDS)


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_the_printed_run_is_the_committed_one(name: str) -> None:
    section = name.replace("-", "_")
    display = load(section).display
    metrics = json.loads((README.parent / "reports" / section / "details.json").read_text())
    text = README.read_text(encoding="utf-8")
    for shown in display(metrics):
        for row in shown.rows:
            assert all(cell in text for cell in row)


def test_the_example_of_the_estimators_prints_what_it_says() -> None:
    section = README.read_text(encoding="utf-8").split("## Estimators")[1]
    code, printed = re.findall(r"```(?:python)?\n(.*?)```", section, re.DOTALL)[:2]
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == printed
