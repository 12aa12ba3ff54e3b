"""`mlcli kfold`: section 2 of the notes."""

from __future__ import annotations

from mlcli.commands.experiment import experiment_app

app = experiment_app(
    "kfold",
    """Choose a model by cross-validation, with honest confidence bounds.

    Example: mlcli kfold --degrees 0-15 --n-folds 10
    """,
)
