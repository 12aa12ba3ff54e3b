"""`mlcli propagate`: sections 7.1 to 7.3 of the notes."""

from __future__ import annotations

from mlcli.commands.experiment import experiment_app

app = experiment_app(
    "propagate",
    """Vanishing and exploding gradients, and what trains.

    Example: mlcli propagate --activations relu,tanh --inits he,xavier --depths 10,50
    """,
)
