"""What holds for every figure: a test reads it, and the colours in it belong together."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from figure_reading import REPORTS, band_colours, bands, committed, lines, styles
from matplotlib.axes import Axes
from matplotlib.colors import to_hex

from mlcli.experiments import EXPERIMENTS, about

IN_PIPELINE = [section for section in EXPERIMENTS if (REPORTS / section).is_dir()]
# Bands around no line of their own colour: those of many fits, and of the mean in another colour.
OTHER_BANDS = {
    ("bayes", "predictive_band"),
    ("bias_variance", "pointwise"),
    ("fit_poly", "fits"),
    ("fit_poly", "regularized_fits"),
}


def named_colours(axes: Axes) -> set[str]:
    """Colours of everything with a name in the legend."""
    found = set()
    for artist in [*axes.lines, *axes.collections]:
        if not str(artist.get_label()).startswith("_"):
            one = artist.get_color() if hasattr(artist, "get_color") else artist.get_facecolor()
            found.add(to_hex(one if isinstance(one, str) else one[0]))
    return found


@pytest.mark.parametrize("section", IN_PIPELINE)
def test_a_band_has_the_colour_of_the_line_inside_it(section: str) -> None:
    for name, figure in committed(section).figures.items():
        for axes in figure.axes:
            drawn = list(zip(lines(axes), styles(axes), strict=True))
            for (x, low, high), colour in zip(bands(axes), band_colours(axes), strict=True):
                own = [line for line, style in drawn if style[0] == colour]
                if (section, name) in OTHER_BANDS:
                    assert own or colour in named_colours(axes), name
                    continue
                inside = []
                for _, a, b in own:
                    order = np.argsort(a)
                    y = np.interp(x, np.asarray(a, float)[order], np.asarray(b, float)[order])
                    slack = 1e-9 * np.abs(y)
                    inside.append(bool(((low <= y + slack) & (y <= high + slack)).all()))
                assert any(inside), (name, axes.get_title(), colour)


@pytest.mark.parametrize("section", IN_PIPELINE)
def test_a_run_has_the_figures_that_it_announces(section: str) -> None:
    figures = committed(section).figures
    assert set(figures) == set(about(section).figures)


def test_every_figure_is_read_by_a_test() -> None:
    folder = Path(__file__).parent
    here = [*folder.glob("test_figures_*.py"), folder.parent / "report" / "test_network_figure.py"]
    source = "\n".join(path.read_text(encoding="utf-8") for path in here)
    for section in EXPERIMENTS:
        for name in about(section).figures:
            assert re.search(rf'["_.]{name}["(]', source), (section, name)
