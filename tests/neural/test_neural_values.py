"""Sizes, noise and places of the networks, against counting by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from neural_cases import SIZES, new, streams_of

from mlcli.neural.cnn import CNN
from mlcli.neural.fully_convolutional import places
from mlcli.neural.mlp import count_parameters


@pytest.mark.parametrize(
    ("normalisation", "activation", "expected"),
    [
        # Weights 35, 42 and 18, biases 7, 6 and 3.
        ("none", "tanh", 111),
        # beta in the place of the bias, and gamma.
        ("batch", "tanh", 124),
        # beta and gamma beside the bias.
        ("layer", "tanh", 137),
        # One slope for each hidden layer.
        ("none", "prelu", 113),
    ],
)
def test_parameters_of_a_member_are_counted(
    normalisation: str, activation: str, expected: int
) -> None:
    learns = activation == "prelu"
    assert count_parameters(SIZES, normalisation, learns) == expected
    net = new([0, 1], normalisation=normalisation, activation=activation)
    assert sum(leaf.numel() for leaf in net.leaves.values()) == 2 * expected


def test_random_slopes_of_a_convolutional_network_are_drawn_in_training_only() -> None:
    net = CNN(["conv 2 3x3", "rrelu", "flatten"], (1, 6, 6), 2, [np.random.default_rng(0)])
    X = torch.randn(1, 20, 1, 6, 6, generator=torch.Generator().manual_seed(0))
    net.seed_noise(streams_of([0]), 0)
    net.train()
    before = net.by_member(net.through(X, 1)).detach()
    drawn = net.by_member(net.through(X, 2)).detach()
    slopes = (drawn / before)[before < 0]
    assert 1 / 8 <= slopes.min() < 0.2 < 0.3 < slopes.max() <= 1 / 3
    assert not torch.equal(net.by_member(net.through(X, 2)), drawn)
    net.eval()
    fixed = (net.by_member(net.through(X, 2)).detach() / before)[before < 0]
    np.testing.assert_allclose(fixed, (1 / 8 + 1 / 3) / 2, rtol=1e-5)


def test_cells_of_a_map_lie_where_their_windows_lie() -> None:
    """The first window and the step between two, counted in pixels of the image."""
    lines = ["conv 2 3x3", "relu", "pool max 2", "conv 2 3x3 pad same", "flatten"]
    net = CNN(lines, (1, 12, 12), 2, [np.random.default_rng(0)])
    # The last layer sees all 12 pixels, whose middle is at 6; one pooled cell on is 2 pixels on.
    assert places(net) == ((6.0, 2), (6.0, 2))
