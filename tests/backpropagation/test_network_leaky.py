"""Learnt and random slopes: torch, central differences, the mean."""

from __future__ import annotations

import numpy as np
import pytest

from mlcli.backpropagation.activations import (
    PReLU,
    RReLU,
    leak,
    leak_backward,
    leak_frozen,
    new_prelu,
)
from mlcli.backpropagation.backpropagation import backward, forward, predict
from mlcli.backpropagation.gradient_check import central_differences, relative_error
from mlcli.backpropagation.layers import new_network, parameters
from mlcli.backpropagation.losses import square
from mlcli.backpropagation.training import minibatches, train


@pytest.mark.parametrize("normalised", [False, True])
@pytest.mark.parametrize("h", [new_prelu(), RReLU()], ids=["prelu", "rrelu"])
def test_gradients_are_central_differences(h: PReLU | RReLU, normalised: bool) -> None:
    rng = np.random.default_rng(0)
    network = new_network(rng, [3, 5, 4, 2], h, normalised=normalised)
    for array in parameters(network):
        array += 0.3 * rng.normal(size=array.shape)
    X, t = rng.normal(size=(6, 3)), rng.normal(size=(6, 2))

    def E() -> float:
        # The same slopes at every call.
        return square(forward(network, X, np.random.default_rng(1))[0], t)[0]

    outputs, kept = forward(network, X, np.random.default_rng(1))
    distances = [np.abs(past.leaked.a).min() for past in kept if past.leaked is not None]
    assert len(distances) == 2
    assert min(distances) > 1e-4
    found = [g for layer in backward(network, kept, square(outputs, t)[1]) for g in layer.arrays]
    for array, gradient in zip(parameters(network), found, strict=True):
        expected = central_differences(E, array)
        assert np.linalg.norm(expected) < 1e-9 or relative_error(gradient, expected) < 1e-7


@pytest.mark.parametrize("n_slopes", [1, 4])
def test_prelu_is_that_of_torch_also_with_negative_slopes(n_slopes: int) -> None:
    import torch

    rng = np.random.default_rng(0)
    a, delta = rng.normal(size=(9, 4)), rng.normal(size=(9, 4))
    h = PReLU(np.array([-0.5, 0.25, 0.0, 2.0])[:n_slopes])
    peer = torch.nn.PReLU(n_slopes, dtype=torch.float64)
    peer.load_state_dict({"weight": torch.tensor(h.alpha)})
    tensor = torch.tensor(a, requires_grad=True)
    out = peer(tensor)
    out.backward(torch.tensor(delta))
    z, kept = leak(h, a, None)
    by_a, (by_alpha,) = leak_backward(kept, delta)
    np.testing.assert_array_equal(z, out.detach().numpy())
    np.testing.assert_array_equal(leak_frozen(h, a), z)
    np.testing.assert_allclose(by_a, tensor.grad.numpy(), atol=1e-15)
    np.testing.assert_allclose(by_alpha, peer.weight.grad.numpy(), atol=1e-14)


@pytest.mark.parametrize("normalised", [False, True])
def test_100_steps_of_prelu_follow_torch(normalised: bool) -> None:
    import torch
    from torch import nn

    torch.set_num_threads(1)
    rng = np.random.default_rng(0)
    X, t = rng.normal(size=(60, 5)), rng.normal(size=(60, 2))
    start = new_network(rng, [5, 8, 2], new_prelu(), normalised=normalised)
    modules = [nn.Linear(5, 8), *([nn.BatchNorm1d(8)] if normalised else []), nn.PReLU(8)]
    peer = nn.Sequential(*modules, nn.Linear(8, 2)).double()
    with torch.no_grad():
        for theirs, ours in zip(peer.parameters(), parameters(start), strict=True):
            theirs.copy_(torch.tensor(ours))
    batches = list(minibatches(rng, 60, 16, 25))
    found = train(start, X, t, square, batches, learning_rate=0.05, momentum=0.9)
    optimiser = torch.optim.SGD(peer.parameters(), lr=0.05, momentum=0.9)
    for rows in batches:
        E = 0.5 * ((peer(torch.tensor(X[rows])) - torch.tensor(t[rows])) ** 2).sum(1).mean()
        optimiser.zero_grad()
        E.backward()
        optimiser.step()
    for ours, theirs in zip(parameters(found.network), peer.parameters(), strict=True):
        np.testing.assert_allclose(ours, theirs.detach().numpy(), rtol=1e-8, atol=1e-8)
    # The slopes did move.
    assert np.abs(parameters(found.network)[-3] - 0.25).max() > 0.01


def test_rrelu_draws_in_training_and_takes_the_mean_in_tests() -> None:
    a = np.full((2000, 5), -1.0)
    z, kept = leak(RReLU(0.1, 0.5), a, np.random.default_rng(0))
    assert -0.5 <= z.min() < -0.499
    assert -0.101 < z.max() <= -0.1
    # Five standard errors of a mean of 10,000 draws from U(0.1, 0.5).
    assert z.mean() == pytest.approx(-0.3, abs=5 * 0.4 / 12**0.5 / 100)
    np.testing.assert_array_equal(leak_frozen(RReLU(0.1, 0.5), a), -0.3)
    assert leak_backward(kept, a)[1] == ()
    assert (leak(RReLU(), -a, np.random.default_rng(0))[0] == 1).all()


def test_rrelu_trains_with_a_generator_and_not_without() -> None:
    rng = np.random.default_rng(0)
    start = new_network(rng, [2, 6, 1], RReLU())
    X = rng.normal(size=(40, 2))
    t = np.abs(X[:, :1])
    batches = list(minibatches(rng, 40, 10, 50))
    found = train(start, X, t, square, batches, learning_rate=0.05, momentum=0.9, rng=rng)
    assert found.losses[-4:].mean() < 0.2 * found.losses[:4].mean()
    np.testing.assert_array_equal(predict(found.network, X), predict(found.network, X))
    with pytest.raises(ValueError, match="needs a generator"):
        train(start, X, t, square, batches, learning_rate=0.05)


def test_float32_in_is_float32_out() -> None:
    rng = np.random.default_rng(0)
    for h in (new_prelu(), RReLU()):
        network = new_network(rng, [2, 3, 1], h, dtype=np.float32)
        X = rng.normal(size=(4, 2)).astype(np.float32)
        outputs, kept = forward(network, X, rng)
        found = [g for layer in backward(network, kept, outputs) for g in layer.arrays]
        assert {g.dtype for g in (outputs, predict(network, X), *found)} == {np.dtype("f4")}
