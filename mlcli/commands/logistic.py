"""`mlcli logistic`: section 5 and appendix C of the notes."""

from __future__ import annotations

from mlcli.commands.experiment import experiment_app

app = experiment_app(
    "logistic",
    """Logistic regression: classes, probabilities, decisions.

    Example: mlcli logistic --data breast_cancer --penalty l1 --json
    """,
)
