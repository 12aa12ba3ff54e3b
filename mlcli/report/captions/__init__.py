"""What each experiment asks, and what each of its figures shows: one module an experiment.

The names and the order of the figures stand here and nowhere else; `mlcli.report.figures` draws
them. Light: no matplotlib.
"""

from __future__ import annotations

from importlib import import_module

from mlcli.report.captions.chapter import Chapter


def chapter(section: str) -> Chapter:
    """The part of the report that an experiment has."""
    found: Chapter = import_module(f"mlcli.report.captions.{section}").CHAPTER
    return found


def figure_names(section: str) -> tuple[str, ...]:
    """The figures of an experiment, without their endings."""
    return tuple(chapter(section).figures)
