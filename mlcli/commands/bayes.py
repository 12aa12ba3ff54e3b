"""`mlcli bayes`: appendix B of the notes."""

from __future__ import annotations

from mlcli.commands.experiment import experiment_app

app = experiment_app(
    "bayes",
    """Bayesian linear regression: posterior, evidence, prediction.

    Example: mlcli bayes --data measurements.csv --target y --degree 3
    """,
)
