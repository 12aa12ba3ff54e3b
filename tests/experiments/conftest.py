"""Figures of these tests are drawn without their layout and without pixels, which take most time.

The tests of reports draw them as users see them.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@pytest.fixture(autouse=True)
def rough_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every artist of a figure is drawn, into nothing; its file says so."""

    def save(figure: Figure, path: Path) -> None:
        figure.set_layout_engine("none")
        figure.draw_without_rendering()
        path.parent.mkdir(exist_ok=True)
        path.write_text("drawn without pixels")

    monkeypatch.setattr("mlcli.plotting.save", save)


@pytest.fixture
def small_figures(rough_figures: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Figures with few pixels, their axes where they began."""

    def save(figure: Figure, path: Path) -> None:
        figure.set_layout_engine("none")
        path.parent.mkdir(exist_ok=True)
        figure.savefig(path, format=path.suffix[1:], dpi=40)

    monkeypatch.setattr("mlcli.plotting.save", save)
