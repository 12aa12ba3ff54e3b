"""Figures of these tests are drawn without their layout, which takes half of the time.

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
    """Every figure is drawn whole, but small and with its axes where they began."""

    def save(figure: Figure, path: Path) -> None:
        figure.set_layout_engine("none")
        path.parent.mkdir(exist_ok=True)
        figure.savefig(path, format=path.suffix[1:], dpi=40)

    monkeypatch.setattr("mlcli.plotting.save", save)
