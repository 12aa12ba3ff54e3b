"""Figures, drawn from the CSV files of a run folder. The only room with matplotlib.

A figure sees what a reader of the CSV sees, so that it can be drawn again from the files alone.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path


def draw(section: str, folder: Path, kinds: tuple[str, ...]) -> None:
    """Draw every figure of a command into its run folder."""
    from mlcli.report.figures.style import save, styled

    module = import_module(f"mlcli.report.figures.{section}")
    with styled():
        for name, figure in module.figures(folder).items():
            for kind in kinds:
                save(figure, folder / f"{name}.{kind}")
