"""Fixtures that several rooms share."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from mlcli.scale.threads import set_thread_variables

# As the program does at its start, before a library is loaded.
set_thread_variables()
# Times are never tests: beside other work drawing an example may take long. The same examples each
# time: a test that passed here passes in CI.
settings.register_profile(
    "mlcli", suppress_health_check=[HealthCheck.too_slow], derandomize=True, deadline=None
)
settings.load_profile("mlcli")

PROJECT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Outcome:
    """What a command printed and how it ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@pytest.fixture
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder, with no variable of ours set."""
    for name in ("COLUMNS", "DVC_STAGE", "DVC_ROOT", "MLCLI_DATA", "MLCLI_TRACEBACK"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERMINAL_WIDTH", "200")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def mlcli(empty_folder: Path, capfd: pytest.CaptureFixture[str]) -> Callable[..., Outcome]:
    """Run the real command line in this process, in an empty folder."""
    from mlcli.__main__ import call

    def run(*arguments: str) -> Outcome:
        capfd.readouterr()
        code = call(list(arguments))
        captured = capfd.readouterr()
        return Outcome(code, captured.out, captured.err)

    return run


@pytest.fixture
def every_digit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Metrics and tables with all digits, for a test that compares them to the last bit."""
    monkeypatch.setattr("mlcli.run.files.DIGITS", 17)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """One line for each reason why tests were skipped."""
    reasons = Counter(
        report.longrepr[2].removeprefix("Skipped: ")
        for report in terminalreporter.stats.get("skipped", [])
    )
    for reason, count in sorted(reasons.items()):
        tests = "1 test" if count == 1 else f"{count} tests"
        terminalreporter.write_line(f"skipped {tests}: {reason}")
