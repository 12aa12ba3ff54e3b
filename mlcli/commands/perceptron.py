"""`mlcli perceptron`: section 6.1 of the notes."""

from __future__ import annotations

from mlcli.commands.experiment import experiment_app

app = experiment_app(
    "perceptron",
    """Threshold units: gates, Rosenblatt's rule, approximation.

    Example: mlcli perceptron --function "x^2" --n-bins 4,16,64
    """,
)
