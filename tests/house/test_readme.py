"""The README says what is so: its tables are fresh and its commands exist."""

from __future__ import annotations

import re
from pathlib import Path

from mlcli.cli import COMMANDS
from mlcli.commands.flags import reference
from mlcli.config import config_class

README = Path(__file__).parents[2] / "README.md"


def test_the_parameter_tables_are_those_of_the_config_models() -> None:
    text = README.read_text(encoding="utf-8")
    for section in ("fit_poly", "data"):
        assert reference(config_class(section)) in text, f"python -m mlcli.commands.flags {section}"


def test_every_command_is_mentioned_and_every_mention_exists() -> None:
    text = README.read_text(encoding="utf-8")
    mentioned = set(re.findall(r"\bmlcli ([a-z][a-z-]+)", text))
    assert set(COMMANDS) <= mentioned
    assert mentioned <= set(COMMANDS)


def test_the_printed_run_is_the_committed_one() -> None:
    from mlcli.experiments.fit_poly import display

    metrics = (README.parent / "reports" / "fit_poly" / "metrics.json").read_text()
    import json

    text = README.read_text(encoding="utf-8")
    for shown in display(json.loads(metrics)):
        for row in shown.rows:
            assert all(cell in text for cell in row)
