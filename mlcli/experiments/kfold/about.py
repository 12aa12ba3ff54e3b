"""What `kfold` is: its help, its files, its figures and its headline metrics."""

from __future__ import annotations

from mlcli.experiments.experiment import VALIDATION, About, Caption, Curve, Headline

ABOUT = About(
    section="kfold",
    summary="Choose a model by cross-validation, with honest confidence bounds.",
    example="mlcli kfold --degrees 0-15 --n-folds 10",
    flags=("degrees", "basis", "loss", "scheme", "n_folds", "n_repeats", "penalty"),
    takes="both",
    title="Cross-validation (section 2)",
    question=(
        "Which model predicts rows best that it has not seen, and how sure can one be of its "
        "error? Every model is tested on folds that did not train it; the bounds of its error are"
        " made in three ways, and each way is itself put to the test on many data sets."
    ),
    figures={
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
    metrics=(
        "best_degree",
        "one_se_degree",
        "selection_error",
        "intervals.corrected.ci_*",
        "coverage.corrected.expected_error.coverage",
    ),
    tables=("choices", "coverage", "errors", "intervals", "splits", "strengths"),
    others=("model/coefficients.csv", "model/model.json", "model/predictor.safetensors"),
    headlines=(Headline("selection_error", False, VALIDATION),),
    shown=(
        Headline("cv_mse", False, VALIDATION),
        Headline("cv_mae", False, VALIDATION),
        Headline("cv_error_rate", False, VALIDATION),
    ),
    curves=(
        Curve("errors", "degree", "cv"),
        Curve("strengths", "strength", "cv", log_x=True),
    ),
    predicts=True,
    devices=("cpu",),
)
