"""Activations against torch, initial variances over many draws, and statistics of layers."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from neural_cases import CROSS_ENTROPY, new, problem, streams_of
from torch.nn import functional

from mlcli.backpropagation.activations import ACTIVATIONS as NUMPY_ACTIVATIONS
from mlcli.neural.activations import ACTIVATIONS, activate
from mlcli.neural.initialisation import SCHEMES, draw_weights
from mlcli.neural.layer_statistics import layer_statistics

PEERS = {
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "relu": functional.relu,
    "leaky-relu": functional.leaky_relu,
    "rrelu": lambda a: functional.rrelu(a, training=False),
    "prelu": lambda a: functional.prelu(a, torch.tensor([0.25], dtype=torch.float64)),
    "elu": functional.elu,
    "gelu": functional.gelu,
    "silu": functional.silu,
    "selu": functional.selu,
    "linear": lambda a: a,
}


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations_and_their_derivatives_equal_those_of_torch(name: str) -> None:
    ours = torch.linspace(-8, 8, 41, dtype=torch.float64).view(1, 41, 1).requires_grad_()
    theirs = ours.detach().clone().requires_grad_()
    z = activate([name], ours, torch.full((1, 1, 1), 0.25, dtype=torch.float64))
    expected = PEERS[name](theirs)
    z.sum().backward()
    expected.sum().backward()
    torch.testing.assert_close(z, expected, rtol=0, atol=1e-15)
    torch.testing.assert_close(ours.grad, theirs.grad, rtol=0, atol=1e-15)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations_equal_those_of_the_numpy_network_and_their_backward_is_h_prime(
    name: str,
) -> None:
    h, written_in_numpy = ACTIVATIONS[name], NUMPY_ACTIVATIONS.get(name.replace("-", "_"))
    if h.value is None:
        assert written_in_numpy is None
        return
    a = torch.linspace(-8, 8, 40, dtype=torch.float64).requires_grad_()
    z = h.value(a)
    (h_prime,) = torch.autograd.grad(z.sum(), a)
    if written_in_numpy is not None:
        values = written_in_numpy.value(a.detach().numpy())
        np.testing.assert_allclose(z.detach(), values, rtol=0, atol=1e-14)
        np.testing.assert_allclose(h_prime, written_in_numpy.derivative(values), atol=1e-14)
    if h.backward is not None:
        grad_output = torch.full_like(h_prime, 3.0)
        found = h.backward(grad_output.clone(), a.detach(), z.detach())
        torch.testing.assert_close(found, 3.0 * h_prime, rtol=0, atol=1e-14)


def test_slopes_of_rrelu_are_drawn_in_training_and_those_of_prelu_learnt() -> None:
    generators = [torch.Generator().manual_seed(seed) for seed in (0, 1)]
    slopes = -activate(["rrelu"] * 2, -torch.ones(2, 500, 4), None, generators)
    assert slopes.min() >= 1 / 8
    assert slopes.max() <= 1 / 3
    assert slopes.mean().item() == pytest.approx(11 / 48, abs=0.005)
    assert not torch.equal(slopes[0], slopes[1])
    net = new([0, 1], activation="prelu")
    assert (net.leaves["slope1"] == 0.25).all()
    A = net(torch.randn(2, 9, 5, dtype=torch.float64, generator=torch.manual_seed(0)))
    gradients = net.unpack(net.backward(A, torch.ones_like(A)))
    assert gradients["slope2"].shape == (2, 1, 1)
    assert (gradients["slope2"] != 0).all()


# Var(w) of a layer with 40 inputs and 60 outputs, slope 0.1 on the left.
VARIANCES = {
    "zeros": 0.0,
    "normal": 1.0,
    "uniform": 1 / 120,
    "xavier": 2 / 100,
    "he": 2 / (1.01 * 40),
    "he-fan-out": 2 / (1.01 * 60),
    "lecun": 1 / 40,
    "orthogonal": 1 / 60,
}


@pytest.mark.parametrize("scheme", SCHEMES)
def test_initial_weights_have_mean_zero_and_the_variance_of_their_scheme(scheme: str) -> None:
    rng = np.random.default_rng(0)
    W = np.stack([draw_weights(rng, scheme, (40, 60), 40, 60, 0.1) for _ in range(40)])
    name = scheme.removesuffix("-normal").removesuffix("-uniform")
    v = VARIANCES[name]
    # 96,000 draws: the mean is known to sqrt(v / n), the variance to v sqrt(2 / n).
    assert abs(W.mean()) <= 4 * np.sqrt(v / W.size)
    assert W.var() == pytest.approx(v, rel=0.02)
    if scheme == "uniform" or scheme.endswith("-uniform"):
        assert abs(W).max() <= np.sqrt(3 * v)
    elif name not in {"zeros", "orthogonal"}:
        assert abs(W).max() > 3.5 * np.sqrt(v)


@pytest.mark.parametrize("shape", [(4, 9), (9, 4), (5, 5), (6, 2, 3)])
def test_orthogonal_weights_are_orthogonal(shape: tuple[int, ...]) -> None:
    W = draw_weights(np.random.default_rng(0), "orthogonal", shape, 1, 1).reshape(shape[0], -1)
    small = W @ W.T if W.shape[0] <= W.shape[1] else W.T @ W
    np.testing.assert_allclose(small, np.eye(len(small)), atol=1e-14)


@pytest.mark.parametrize(("scheme", "activation"), [("he", "relu"), ("xavier", "linear")])
def test_the_variance_is_the_same_in_every_layer(scheme: str, activation: str) -> None:
    """He's E a^2 through ReLU and (7.10) without: exact in expectation at equal widths."""
    seeds = list(range(20))
    net = new(seeds, sizes=[100] * 8 + [2], activation=activation, scheme=scheme)
    X = np.random.default_rng(1).normal(size=(60, 100))
    layers = layer_statistics(net, CROSS_ENTROPY, X, np.zeros(60, dtype=int))
    gain = 2.0 if activation == "relu" else 1.0
    for layer in layers:
        second = (layer.preactivation_std**2 + layer.preactivation_mean**2).mean()
        assert second == pytest.approx(gain, rel=0.25)


def test_old_weights_and_sigmoids_make_gradients_vanish_backwards() -> None:
    net = new([0, 1], sizes=[5] + [30] * 5 + [3], activation="sigmoid")
    layers = layer_statistics(net, CROSS_ENTROPY, *problem())
    rms = np.stack([layer.error_rms for layer in layers])
    assert (rms[1:] > 2 * rms[:-1]).all()
    wide = new([0, 1], sizes=[5] + [200] * 3 + [3], activation="sigmoid", scheme="normal")
    assert (layer_statistics(wide, CROSS_ENTROPY, *problem())[2].saturated > 0.5).all()


def test_statistics_by_hand() -> None:
    net = new([0, 1], activation=["relu", "tanh"])
    X, labels = problem()
    with torch.no_grad():
        net.leaves["b1"][0, 0, :2] = -100.0
        net.leaves["b1"][1, 0, :3] = 5.0
    first, second = layer_statistics(net, CROSS_ENTROPY, X, labels)
    W, b = (net.leaves[name].detach().numpy() for name in ("W1", "b1"))
    a = X @ W + b
    np.testing.assert_allclose(first.preactivation_mean, a.mean(axis=(1, 2)))
    np.testing.assert_allclose(first.preactivation_std, a.std(axis=(1, 2)))
    np.testing.assert_allclose(first.activation_mean[1], np.tanh(a[1]).mean())
    np.testing.assert_allclose(first.activation_std[0], np.maximum(a[0], 0).std())
    assert list(first.dead) == [pytest.approx(2 / 7), 0.0]
    np.testing.assert_allclose(first.saturated[0], (a[0] <= 0).mean())
    np.testing.assert_allclose(first.saturated[1], (1 - np.tanh(a[1]) ** 2 < 0.05).mean())
    outputs = net(torch.from_numpy(X).expand(2, *X.shape))
    losses = [functional.cross_entropy(A, torch.from_numpy(labels)) for A in outputs]
    (gradient,) = torch.autograd.grad(sum(losses), net.leaves["W2"])
    np.testing.assert_allclose(second.gradient_rms, gradient.square().mean(dim=(1, 2)).sqrt())
    assert len(streams_of([0, 1])) == net.n_members
