"""`mlcli train-mlp`: sections 6 and 7 of the notes."""

from __future__ import annotations

from mlcli.commands.experiment import experiment_app

app = experiment_app(
    "train_mlp",
    """Train multilayer perceptrons side by side, seeds and variants.

    Example: mlcli train-mlp --init normal,xavier,he --n-seeds 8
    """,
)
