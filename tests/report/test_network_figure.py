"""The drawing of a network has the layers, neurons and weights of the run."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from matplotlib.collections import LineCollection

from mlcli.experiments.train_mlp.figures import (
    NetworkShape,
    architecture,
    layers_shown,
    places,
    shapes_in,
)


def texts(figure: Any) -> str:
    return "\n".join(text.get_text() for axes in figure.axes for text in axes.texts)


def weights_drawn(figure: Any) -> list[int]:
    return [
        len(one.get_segments())
        for axes in figure.axes
        for one in axes.collections
        if isinstance(one, LineCollection)
    ]


def test_three_hidden_layers_as_in_figure_10() -> None:
    figure = architecture([NetworkShape((3, 5, 4, 5, 2), ("tanh",))])
    assert weights_drawn(figure) == [15, 3, 20, 5, 20, 4, 10, 5]
    said = texts(figure)
    for text in ("3 inputs", "5 neurons", "2 outputs", "tanh", "$W^{(4)}$: 2 × 5"):
        assert text in said


def test_a_wide_layer_shows_its_ends_and_dots() -> None:
    heights, cut = places(100)
    assert cut
    assert heights.size == 6
    np.testing.assert_array_equal(heights, -heights[::-1])
    assert places(7) == (pytest.approx(np.arange(3.0, -4, -1)), False)


def test_a_deep_network_shows_its_first_and_last_layers() -> None:
    assert layers_shown(9) == list(range(9))
    assert layers_shown(52) == [0, 1, 2, 3, 4, 48, 49, 50, 51]
    figure = architecture([NetworkShape((1, *[2] * 50, 1), ("relu",))])
    assert figure.get_size_inches()[0] < 20
    said = texts(figure)
    assert "1 input\n" in said.replace("$W", "\n$W")
    assert "$W^{(4)}$" in said
    assert "$W^{(5)}$" not in said
    assert "$W^{(48)}$" not in said
    assert "$W^{(51)}$: 1 × 2" in said


def test_shapes_of_a_run_with_what_they_apply() -> None:
    member = {"activation": "relu"}
    model = {
        "programs": [
            {"sizes": [4, 8, 3], "members": [member, {"activation": "tanh"}]},
            {"sizes": [4, 8, 3], "members": [member]},
            {"sizes": [4, 3], "members": [member]},
        ]
    }
    assert shapes_in(model) == [
        NetworkShape((4, 8, 3), ("relu", "tanh")),
        NetworkShape((4, 3), ("relu",)),
    ]
    assert "= h(" in texts(architecture(shapes_in(model)))


def test_a_run_without_weights_draws_a_note_instead() -> None:
    assert "No weights" in texts(architecture([]))
