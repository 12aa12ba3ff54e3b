"""What a reader can move of `propagate` are the rows of signals.csv."""

from __future__ import annotations

import csv
import json
from math import isfinite

import pytest
from figure_reading import REPORTS

from mlcli.experiments import load

RUN = REPORTS / "propagate"


@pytest.mark.parametrize(
    ("activation", "init", "depth"),
    [("sigmoid", "normal", "50"), ("relu", "he", "50"), ("tanh", "xavier", "10")],
)
def test_a_state_shows_the_rows_of_its_combination(activation: str, init: str, depth: str) -> None:
    (one,) = load("propagate").explore(RUN)
    place = tuple(
        control.values.index(value)
        for control, value in zip(one.controls, (activation, init, depth), strict=True)
    )
    with (RUN / "tables" / "signals.csv").open(encoding="utf-8") as file:
        rows = [
            row
            for row in csv.DictReader(file)
            if (row["normalisation"], row["activation"], row["init"], row["depth"])
            == ("none", activation, init, depth)
        ]
    at = {float(row["layer"]): row for row in rows}
    state = one.states[place]
    for column, (band, mean, theory) in zip(
        ("log10_forward", "log10_backward"), state.marks, strict=True
    ):
        assert min(mean.x) == 1
        assert max(mean.x) == int(depth)
        for mark, key in ((band, "_ci_low"), (mean, ""), (theory, "_theory")):
            assert [float(at[x][f"{column}{key}"]) for x in mark.x] == list(mark.y)
        assert [float(at[x][f"{column}_ci_high"]) for x in band.x] == list(band.high)
    change = float(rows[-1]["log10_forward"]) - float(rows[0]["log10_forward"])
    said = state.says
    assert said.startswith(f"{activation} with {init} weights, {depth} layers: the signals ")
    assert (f"(10^{change:.2g})" if abs(change) < 1 else f" by 10^{abs(change):.3g} ") in said


def test_the_axes_hold_what_has_not_vanished_and_the_page_stays_small() -> None:
    (one,) = load("propagate").explore(RUN)
    assert all(isfinite(end) for panel in one.panels for end in (*panel.x_range, *panel.y_range))
    assert len(json.dumps(one.to_dict())) < 250_000
    assert len({state.says for state in one.states.values()}) > 0.9 * len(one.states)
