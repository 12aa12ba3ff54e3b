"""`mlcli train-cnn`: section 8 of the notes."""

from __future__ import annotations

from mlcli.commands.experiment import experiment_app

app = experiment_app(
    "train_cnn",
    """Train convolutional networks on images, seeds and variants.

    Example: mlcli train-cnn --data digits --architecture basic,residual
    """,
)
