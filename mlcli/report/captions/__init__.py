"""What each experiment asks, and what each of its figures shows: one module an experiment.

The names and the order of the figures stand here and nowhere else; `mlcli.report.figures` draws
them. Light: no matplotlib.
"""

from __future__ import annotations

from importlib import import_module

from mlcli.report.captions.chapter import Chapter

# The order of the notes, and so of the report. What isn't here comes last.
ORDER = (
    "kfold",
    "fit_poly",
    "bias_variance",
    "descent",
    "logistic",
    "perceptron",
    "train_mlp",
    "propagate",
    "lr_find",
    "filters",
    "train_cnn",
    "bayes",
)


def place(section: str) -> tuple[int, str]:
    """Sorts experiments as the notes have them."""
    return (ORDER.index(section) if section in ORDER else len(ORDER)), section


def chapter(section: str) -> Chapter:
    """The part of the report that an experiment has."""
    found: Chapter = import_module(f"mlcli.report.captions.{section}").CHAPTER
    return found


def figure_names(section: str) -> tuple[str, ...]:
    """The figures of an experiment, without their endings."""
    return tuple(chapter(section).figures)
