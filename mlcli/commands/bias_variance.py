"""`mlcli bias-variance`: section 3.2 and appendix A of the notes."""

from __future__ import annotations

from mlcli.commands.experiment import experiment_app

app = experiment_app(
    "bias_variance",
    """Split the generalisation error into bias, variance, noise.

    Example: mlcli bias-variance --degrees 0-12
    """,
)
