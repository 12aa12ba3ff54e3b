"""Figures, drawn from the tables of a run folder.

A figure sees what a reader of the CSV sees, so that it can be drawn again from the files alone.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mlcli.experiments.experiment import Experiment


def draw(experiment: Experiment[Any, Any], folder: Path, kinds: tuple[str, ...]) -> None:
    """Draw every figure of an experiment into its run folder."""
    from mlcli.plotting import save, styled

    with styled():
        for name, figure in experiment.draw(folder).items():
            for kind in kinds:
                save(figure, folder / "figures" / f"{name}.{kind}")
