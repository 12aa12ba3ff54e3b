"""The figures of the study of two inputs of `train-mlp` show its tables."""

from __future__ import annotations

import numpy as np
from figure_reading import committed, legend, lines

from mlcli.experiments.train_mlp.plane import N_GRID


def test_moments_show_lines_of_units_and_both_boundaries() -> None:
    run = committed("train_mlp")
    figure = run.figures["plane"]
    titles = [axes.get_title() for axes in figure.axes]
    assert titles == ["before training", *(f"epoch {n}" for n in (8, 16, 32, 64, 128))]
    units = run.table("plane_units")
    for axes, epoch in zip(figure.axes, (0, 8, 16, 32, 64, 128), strict=True):
        own = units[(units.epoch == epoch) & (units.unit > 0)]
        found = lines(axes)
        assert len(found) == len(own)
        for (_, x, y), (_, unit) in zip(found, own.iterrows(), strict=True):
            a = unit.weight_1 * np.asarray(x) + unit.weight_2 * np.asarray(y) + unit.bias
            np.testing.assert_allclose(a, 0, atol=1e-9)
        (image,) = axes.images
        assert image.get_array().shape == (N_GRID, N_GRID, 3)
    said = legend(figure)
    assert said[-3:] == ["its boundary", "best possible boundary", "a unit's line a = 0"]


def test_pixels_have_the_colour_of_their_class_by_its_probability() -> None:
    run = committed("train_mlp")
    grid = run.table("plane_grid")
    end = grid[grid.epoch == 128].reset_index()
    pixels = run.axes("plane")[-1].images[0].get_array().reshape(-1, 3)
    sure = end.probability > 0.99
    assert len(np.unique(pixels[sure & (end.called == 0)].round(1), axis=0)) == 1
    blue, orange = (pixels[sure & (end.called == k)].mean(axis=0) for k in (0, 1))
    assert blue[2] > blue[0]
    assert orange[0] > orange[2]
    unsure = pixels[(end.probability < 0.55).to_numpy()]
    assert (unsure > 0.85).all()


def test_panels_of_units_say_for_which_class_they_are() -> None:
    run = committed("train_mlp")
    units = run.table("plane_units")
    last = units[(units.epoch == 128) & (units.unit > 0)]
    panels = run.axes("plane_units")
    for axes, (_, unit) in zip(panels, last.iterrows(), strict=True):
        favoured = int(unit.to_2 > unit.to_1)
        by = abs(unit.to_2 - unit.to_1)
        assert axes.get_title() == f"unit {unit.unit:.0f}: for {favoured}, by {by:.2g}"
        # White where the unit is silent.
        z = run.table("plane_final")[f"unit_{unit.unit:.0f}"]
        pixels = axes.images[0].get_array().reshape(-1, 3)
        np.testing.assert_allclose(pixels[(z == z.min()).to_numpy()], 1)
        assert pixels[int(z.idxmax())].min() < 0.35


def test_learning_shows_each_start_and_the_best_rule() -> None:
    run = committed("train_mlp")
    table = run.table("plane_epochs")
    right, apart = run.axes("plane_learning")
    for axes, name in ((right, "accuracy"), (apart, "disagreement")):
        for (label, x, y), (init, rows) in zip(
            lines(axes)[: table.init.nunique()], table.groupby("init", sort=False), strict=True
        ):
            assert label == init
            np.testing.assert_allclose(y, rows[name])
            np.testing.assert_allclose(x, np.arange(len(rows)))
        assert [text.get_text() for text in axes.get_xticklabels()] == [
            str(n) for n in table.epoch.unique()
        ]
    best = run.details["plane"]["best_accuracy"]["mean"]
    assert [text.get_text() for text in right.texts] == [f"best rule: {best:.3f}"]
