"""The cases of every experiment: what its own test file gives to the tests that are one for all.

The test file of the experiment ``kfold`` is ``test_kfold.py``, or ``test_kfold_command.py`` where
another folder of tests has a file of that name. Its `CASES` are found by that, so that no list of
experiments is kept here.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path

from mlcli.experiments import about


def nothing() -> None:
    """No file is needed."""


@dataclass(frozen=True)
class Cases:
    """Flags of runs of one experiment.

    Attributes:
        small: of the smallest run that has every table and figure, a second or two.
        anywhere: of quick runs, on data of whatever columns the experiment takes.
        branches: beside `small`, of runs that take a branch which it does not.
        refused: beside `small`: what is refused with exit code 2, and a part of the sentence.
        no_answer: the same for exit code 4.
        write: writes the files that `branches`, `refused` and `no_answer` name.
    """

    small: str
    anywhere: tuple[str, ...]
    branches: tuple[str, ...] = ()
    refused: Mapping[str, str] = field(default_factory=dict)
    no_answer: Mapping[str, str] = field(default_factory=dict)
    write: Callable[[], None] = nothing


def cases_of(section: str) -> Cases:
    """What the test file of an experiment says."""
    for name in (f"test_{section}", f"test_{section}_command"):
        if Path(__file__).with_name(f"{name}.py").exists():
            found: Cases | None = getattr(import_module(f"tests.experiments.{name}"), "CASES", None)
            assert found is not None, f"tests/experiments/{name}.py must have CASES, a `Cases`"
            return found
    raise AssertionError(f"tests/experiments/test_{section}_command.py must be there, with CASES")


def command_of(section: str, *more: str) -> tuple[str, ...]:
    """The command line of the small run, with more flags."""
    return about(section).command, *shlex.split(cases_of(section).small), *more
