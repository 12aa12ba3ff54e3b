"""What `kfold` asks, and what each of its figures shows."""

from __future__ import annotations

from mlcli.report.captions.chapter import Caption, Chapter

CHAPTER = Chapter(
    "Cross-validation (section 2)",
    "Which model predicts rows best that it has not seen, and how sure can one be of its error? "
    "Every model is tested on folds that did not train it; the bounds of its error are made in "
    "three ways, and each way is itself put to the test on many data sets.",
    {
        "errors": Caption(
            "Beyond the notes",
            "Error against degree: the training error falls throughout, the cross-validated error "
            "falls steeply, is flat near its minimum and then rises again.",
            "Cross-validated error against degree, each degree at its own best strength, beside "
            "the training error, leave-one-out, generalised cross-validation and, where it is "
            "known, the true expected error of the same fits.",
        ),
        "strengths": Caption(
            "Beyond the notes",
            "Error against the strength of the penalty, with bands.",
            "The chosen degree, or the highest one where the comparison itself has no penalty, "
            "under penalties of every strength of the grid.",
        ),
        "choices": Caption(
            "Beyond the notes",
            "Bars: how often each degree is chosen, by the least error and by the rule of one "
            "standard error.",
            "What the single repeats would choose: the least error wanders over the flat part, the "
            "rule of one standard error prefers the simplest model there.",
        ),
        "intervals": Caption(
            "Section 2",
            "Three horizontal error bars for the error of one model.",
            "Three intervals for the error of the chosen model on the first data set. The naive "
            "one takes the folds for independent, which they are not.",
        ),
        "coverage": Caption(
            "Section 2",
            "Coverage of three kinds of interval against the nominal 95 %.",
            "How often each kind of interval holds the true error, over many small data sets of "
            "known law; bars are 95 % intervals of the coverage itself.",
        ),
    },
)
