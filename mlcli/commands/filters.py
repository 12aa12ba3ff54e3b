"""`mlcli filters`: sections 8.1 to 8.3 and 8.5 of the notes."""

from __future__ import annotations

from mlcli.commands.experiment import experiment_app

app = experiment_app(
    "filters",
    """Filters, pooling and 1 x 1 convolutions on matrices and pictures.

    Example: mlcli filters --picture flower --kernel "0,1,0;1,-4,1;0,1,0" --padding same
    """,
)
