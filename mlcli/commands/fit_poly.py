"""`mlcli fit-poly`: sections 3 and 4 (closed form) of the notes."""

from __future__ import annotations

from mlcli.commands.experiment import experiment_app

app = experiment_app(
    "fit_poly",
    """Fit polynomials and other linear basis-function models.

    Example: mlcli fit-poly --degrees 0-9 --data measurements.csv --target y
    """,
)
