"""What `train-cnn` says in the report."""

from __future__ import annotations

from mlcli.report.captions.chapter import Caption, Chapter
from mlcli.report.captions.train_mlp import CHAPTER as MLP

SHARED = ("curves", "scores", "schedule", "confusion", "calibration", "misclassified",
          "predictions")  # fmt: skip

CHAPTER = Chapter(
    "Convolutional networks (section 8)",
    "What does a network gain by looking for the same small patterns everywhere in an image? It is "
    "trained beside a perceptron with as many parameters, and both are asked again when the test "
    "images are shifted.",
    {
        "shifts": Caption(
            "Section 8.2, Figure 16",
            "Score against shift: it falls for the perceptron within a pixel or two and later for "
            "the convolutional network.",
            "Score on test images moved by whole pixels, the mean of four directions, for "
            "convolutional networks and a perceptron with as many parameters. Means over the seeds "
            "with 95 % intervals.",
        ),
        "filters": Caption(
            "Sections 8.1 and 8.2",
            "Small squares of positive and negative weights.",
            "The filters of the first layer as they were learnt: first seed of the variant with "
            "the least validation loss.",
        ),
        **{name: MLP.figures[name] for name in SHARED},
    },
)
