"""The figure of `baseline`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mlcli.experiments.wording import BRIER
from mlcli.plotting import (
    COLOURS,
    POINTS,
    TRUTH,
    Array,
    Table,
    new_figure,
    numbers,
    read_table,
    where,
)

LABELS = {
    "mse": "mean squared error on held-out rows",
    "mae": "mean absolute error on held-out rows",
    "r2": "R2 against the constant, on held-out rows",
    "accuracy": "accuracy on held-out rows",
    "brier": f"{BRIER}, on held-out rows",
    "cross-entropy": "cross-entropy on held-out rows (nats)",
}
HIGHER_IS_BETTER = ("accuracy", "r2")
# Scores that are worse than the constant by more than so many times the best gain, or the range of
# the constant's folds, are outside the frame, so that the others stay readable.
FARTHEST = 2.0


def figures(folder: Path) -> dict[str, Figure]:
    """Every figure of a run folder, by name."""
    return {
        "methods": methods(
            read_table(folder / "tables" / "methods.csv"),
            read_table(folder / "tables" / "folds.csv"),
        )
    }


def methods(table: Table, folds: Table) -> Figure:
    """Each method's score on every fold, its mean and interval, and the constant."""
    score = table["score"][0]
    means, low, high = (numbers(table[key]) for key in ("mean", "ci_low", "ci_high"))
    better = 1.0 if score in HIGHER_IS_BETTER else -1.0
    order = np.argsort(np.where(np.isfinite(means), better * means, -np.inf))
    figure = new_figure(7.4, 0.42 * len(order) + 1.5)
    axes = figure.add_subplot()
    every = []
    for y, i in enumerate(order):
        beats = table["beats_constant"][i] == "True"
        colour = COLOURS[0] if beats else POINTS
        values = numbers(where(folds, method=table["method"][i])[score])
        every.append(values)
        axes.plot(values, np.full(values.size, y - 0.16), ".", color=colour, alpha=0.35, ms=5)
        ends = [[means[i] - low[i]], [high[i] - means[i]]]
        axes.errorbar(means[i], y + 0.06, xerr=ends, fmt="o", color=colour, capsize=4)
    constant = means[table["method"].index("constant")]
    axes.axvline(constant, color=TRUTH, linestyle="--", linewidth=1)
    axes.annotate(
        "constant",
        (constant, 1.0),
        xycoords=("data", "axes fraction"),
        ha="center",
        va="bottom",
        fontsize=8,
        color=TRUTH,
    )
    own = numbers(where(folds, method="constant")[score])
    _limit(axes, np.concatenate(every), float(means[order[-1]]), own, better)
    axes.set_yticks(range(len(order)), [table["method"][i] for i in order])
    axes.set_ylim(-0.6, len(order) - 0.4)
    axes.set_xlabel(LABELS[score] + "; dots are folds, bars 95 % intervals")
    won = any(cell == "True" for cell in table["beats_constant"])
    axes.set_title("Blue beats the constant" if won else "Nothing beats the constant", pad=16)
    return figure


def _limit(axes: Axes, every: Array, best: float, constant: Array, better: float) -> None:
    """Limit the axis, with a note, where scores far worse than the constant would flatten the rest.

    Args:
        axes: with everything drawn.
        every: all scores of all methods.
        best: the best mean.
        constant: scores of the constant, one per fold.
        better: 1 where higher is better, else -1.
    """
    middle = float(constant.mean())
    reach = FARTHEST * max(abs(best - middle), float(np.ptp(constant)), 1e-12)
    worst, finite = middle - better * reach, every[np.isfinite(every)]
    if (better * (finite - worst) >= 0).all():
        return
    left, right = axes.get_xlim()
    axes.set_xlim(*((worst, right) if better > 0 else (left, worst)))
    axes.annotate(
        "worse scores are outside the frame",
        (0.99, 0.02),
        xycoords="axes fraction",
        ha="right",
        va="bottom",
        fontsize=8,
        color=POINTS,
    )
