"""Captions of the figures that `train-mlp` and `train-cnn` share."""

from __future__ import annotations

from mlcli.experiments.experiment import Caption

SHARED = {
    "curves": Caption(
        "Section 7",
        "Loss on minibatches, and loss and score on validation rows, against the epoch, with "
        "bands.",
        "Left: training loss, the mean over an epoch's minibatches before each step. Others: "
        "on validation rows after each epoch. Means over the seeds with 95 % intervals.",
    ),
    "scores": Caption(
        "Section 7",
        "One row a variant: single seeds as points, the mean with its interval beside them.",
        "The score on test rows: every seed as a point, their mean with its 95 % interval.",
    ),
    "schedule": Caption(
        "Section 7.4, (7.25) to (7.27)",
        "Learning rate against epoch.",
        "The learning rate of each variant as it moves with the steps.",
    ),
    "confusion": Caption(
        "Beyond the notes",
        "A square of numbers: rows of each class by the class they were called.",
        "Test rows of each class by the class they were called, as shares of the class: the "
        "variant with the least validation loss, mean over the seeds.",
    ),
    "calibration": Caption(
        "Beyond the notes",
        "Share called right against confidence, near the diagonal.",
        "Whether a confidence means what it says: in bins of the largest probability, the "
        "share of test rows that were called right. Means over the seeds, with 95 % intervals "
        "for the variant with the least validation loss.",
    ),
    "misclassified": Caption(
        "Beyond the notes",
        "Images that were called wrong, each with its class and what it was called.",
        "Test rows of the first seed that the variant with the least validation loss calls "
        "wrong, the surest first.",
    ),
    "predictions": Caption(
        "Beyond the notes",
        "Of a regression predicted against true target; of classes the probability of the true "
        "class of each test row, sorted, those called wrong in another colour.",
        "Test rows of the first seed by the variant with the least validation loss. Of a "
        "regression the prediction against the target; of classes the probability of the true "
        "class, from the row that is least sure of it to the surest.",
    ),
}
