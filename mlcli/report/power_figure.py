"""The smallest difference that n seeds show."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from matplotlib.figure import Figure

from mlcli.plotting import COLOURS, new_figure, styled

# More seeds than a run has; the curve is smooth between them.
SHOWN = (2, 3, 4, 5, 6, 8, 10, 12, 16, 20, 24, 32, 48, 64)
LINES = ("-", "--")


def draw_power(
    curves: Mapping[str, Mapping[str, Any]], metric: str, n: int, difference: float | None
) -> Figure:
    """A curve per design and power, over the number of seeds.

    Args:
        curves: design -> ``n_seeds`` and ``difference_0.8``, ``difference_0.95``.
        metric: whose differences they are.
        n: seeds of the run, marked.
        difference: marked too, if there is one.
    """
    with styled():
        figure = new_figure(6.4, 4.0)
        axes = figure.subplots()
        for colour, (design, curve) in zip(COLOURS, curves.items(), strict=False):
            names = [name for name in curve if name != "n_seeds"]
            for line, name in zip(LINES, names, strict=True):
                label = f"{design}, power {name.rpartition('_')[2]}"
                axes.plot(curve["n_seeds"], curve[name], line, color=colour, label=label)
        axes.axvline(n, color="0.6", linewidth=0.8, zorder=0)
        if difference is not None:
            axes.axhline(abs(difference), color="0.6", linewidth=0.8, zorder=0)
        axes.set_xscale("log", base=2)
        axes.set_yscale("log")
        axes.xaxis.set_major_formatter("{x:g}")
        axes.set_xlabel("seeds per run")
        axes.set_ylabel(f"smallest difference of {metric}")
        axes.legend()
    return figure
