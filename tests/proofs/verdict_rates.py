"""``python -m tests.proofs.verdict_rates``: the table and the figure of the guide's `decisions`.

How often `mlcli compare --fail-if-worse` is wrong, and what it finds; and loops over changes that
do nothing.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from mlcli.plotting import COLOURS, new_figure, save, shade, styled
from tests.project.documents import GUIDE, table_pattern
from tests.review.simulated import LAWS, N_SEEDS, loops, rates

PAGE = GUIDE / "decisions.md"
FIGURE = GUIDE / "decisions.png"
NAME = "verdict rates"
N_TRIALS = 20_000
N_LOOPS, N_PROPOSALS, SEEDS_OF_LOOP = 300, 200, 8
COLUMNS = {
    "worse": "wrongly worse",
    "accepted": "wrongly better",
    "power": "a loss of one std is found",
    "not_worse": "no loss, margin one std: not worse",
}


def table() -> str:
    """Per cent of the verdicts, in Markdown: a row per law, in each cell 3, 5, 8 and 16 seeds."""
    lines = [f"| scores | {' | '.join(COLUMNS.values())} |", "|---" * (len(COLUMNS) + 1) + "|"]
    for name, law in LAWS.items():
        found = [rates(law, n, N_TRIALS) for n in N_SEEDS]
        cells = (" ".join(f"{100 * one[key]:.1f}" for one in found) for key in COLUMNS)
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def figure() -> Figure:
    """Proposals that each rule accepts, and the score that it reports."""
    found = loops(N_LOOPS, N_PROPOSALS, SEEDS_OF_LOOP)
    x = np.arange(1, N_PROPOSALS + 1, dtype=float)
    with styled():
        drawn = new_figure(8.0, 3.1)
        left, right = drawn.subplots(1, 2)
        labels = {"naive": "the higher mean wins", "gate": "not worse at margin 0"}
        for colour, (rule, label) in zip(COLOURS, labels.items(), strict=False):
            accepted, reported = found[rule]
            for axes, values in ((left, accepted.cumsum(axis=1)), (right, reported)):
                low, middle, high = np.quantile(values, [0.025, 0.5, 0.975], axis=0)
                axes.plot(x, middle, color=colour, label=label)
                shade(axes, x, low, high, colour)
        right.axhline(0, color="0.4", linewidth=0.8)
        left.set_ylabel("changes accepted")
        right.set_ylabel("kept minus true score, in std")
        for axes in (left, right):
            axes.set_xlabel("changes tried that do nothing")
        left.legend()
    return drawn


def write(path: Path = PAGE) -> None:
    """Write table and figure anew."""
    text, made = path.read_text(encoding="utf-8"), table()
    path.write_text(
        table_pattern(NAME).sub(lambda found: found[1] + made + found[3], text), encoding="utf-8"
    )
    save(figure(), FIGURE)


if __name__ == "__main__":
    write()
