"""`mlcli descent`: section 4 of the notes."""

from __future__ import annotations

from mlcli.commands.experiment import experiment_app

app = experiment_app(
    "descent",
    """Gradient descent against the closed form and the gradient flow.

    Example: mlcli descent --batch-sizes 1,10,100
    """,
)
