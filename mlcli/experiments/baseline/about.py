"""What `baseline` is: its help, its files, its figures and its headline metrics."""

from __future__ import annotations

from mlcli.experiments.experiment import VALIDATION, About, Caption, Headline

ABOUT = About(
    section="baseline",
    panel="Models",
    summary="Compare simple and standard methods on your data, each against a constant.",
    example="mlcli baseline iris",
    flags=("methods", "score", "n_folds", "n_epochs"),
    takes="both",
    by_intervals=True,
    title="Baselines",
    question=(
        "What do simple and standard methods make of these data, and is any of them better than "
        "always saying the same? All of them see the same folds; the intervals allow for the rows"
        " that folds share, and the verdict for the number of methods."
    ),
    figures={
        "methods": Caption(
            "Beyond the notes",
            "One line a method: its score on every fold as dots, their mean with its interval, and "
            "the constant as a vertical line.",
            "The score of each method on each fold, the mean with its corrected 95 % interval, and "
            "the constant. Methods that beat the constant by a paired test, adjusted for their "
            "number, are blue.",
        ),
    },
    metrics=("*.accuracy.mean", "*.mse.mean"),
    tables=("folds", "methods"),
    shown=(
        # Intervals that have no standard deviation.
        Headline("accuracy.mean", True, VALIDATION),
        Headline("mse.mean", False, VALIDATION),
    ),
)
