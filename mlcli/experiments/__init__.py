"""Every experiment by its section of params.yaml, in the order of the notes.

Listing them imports nothing heavy.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import Any

from mlcli.config import SECTIONS
from mlcli.experiments.experiment import About, Experiment

EXPERIMENTS = tuple(section for section in SECTIONS if section != "data")


@cache
def about(section: str) -> About:
    """What is known of an experiment without running it."""
    found: About = import_module(f"mlcli.experiments.{section}.about").ABOUT
    return found


def load(section: str) -> Experiment[Any, Any]:
    """The experiment of a section."""
    found: Experiment[Any, Any] = import_module(f"mlcli.experiments.{section}").EXPERIMENT
    return found
