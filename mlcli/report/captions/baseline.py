"""What `baseline` asks, and what its figure shows."""

from __future__ import annotations

from mlcli.report.captions.chapter import Caption, Chapter

CHAPTER = Chapter(
    "Baselines",
    "What do simple and standard methods make of these data, and is any of them better than always "
    "saying the same? All of them see the same folds; the intervals allow for the rows that folds "
    "share, and the verdict for the number of methods.",
    {
        "methods": Caption(
            "Beyond the notes",
            "One line a method: its score on every fold as dots, their mean with its interval, and "
            "the constant as a vertical line.",
            "The score of each method on each fold, the mean with its corrected 95 % interval, and "
            "the constant. Methods that beat the constant by a paired test, adjusted for their "
            "number, are blue.",
        ),
    },
)
