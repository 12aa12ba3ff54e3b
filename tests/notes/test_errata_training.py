"""Misprints of chapter 7, numerically: the printed form fails, the corrected one holds."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mlcli.backpropagation.activations import elu, identity, sigmoid, tanh
from mlcli.backpropagation.backpropagation import backward, forward
from mlcli.backpropagation.gradient_check import central_differences
from mlcli.backpropagation.initialisation import draw_weights
from mlcli.backpropagation.layers import (
    DenseLayer,
    new_batch_norm,
    new_network,
    normalise,
    update_running,
)
from mlcli.backpropagation.losses import square
from mlcli.neural.mean_field import activation_curve


def test_7_2_has_the_layers_of_7_1() -> None:
    """Three equally wide hidden layers, so that the printed products exist."""
    rng = np.random.default_rng(0)
    network = new_network(rng, (4, 4, 4, 4, 4), sigmoid())
    X, T = rng.normal(size=(6, 4)), rng.normal(size=(6, 4))
    Y, kept = forward(network, X)
    deltas = [one.delta for one in backward(network, kept, square(Y, T)[1])]
    slopes = [layer.z * (1 - layer.z) for layer in kept]
    # Layers 1, 2, 3 = L and the output are 0, 1, 2, 3 here, and so are their weights.
    for layer in (1, 0):
        corrected = slopes[layer] * (deltas[layer + 1] @ network[layer + 1].W)
        np.testing.assert_allclose(corrected, deltas[layer], rtol=1e-12)
        printed = slopes[layer + 1] * (deltas[layer + 1] @ network[layer].W)
        assert np.abs(printed - deltas[layer]).max() > 0.1 * np.abs(deltas[layer]).max()
    biases = central_differences(lambda: square(forward(network, X)[0], T)[0], network[0].b)
    np.testing.assert_allclose(deltas[0].sum(axis=0), biases, atol=1e-10)


def test_7_4_is_a_sum_over_inputs() -> None:
    """Weights that go with their inputs and are not centred, so that each term counts."""
    rng = np.random.default_rng(1)
    n, n_draws = 3, 50_000
    z = rng.normal(0.5, 1.0, size=(n_draws, n))
    w = 0.4 + np.array([0.3, 0.6, -0.2]) * z + rng.normal(size=(n_draws, n))
    layers = [DenseLayer(one[None], np.zeros(1), identity()) for one in w]
    found = np.array(
        [forward((layer,), row[None])[0][0, 0] for layer, row in zip(layers, z, strict=True)]
    )
    terms = np.array(
        [np.cov(w[:, j], z[:, j])[0, 1] + w[:, j].mean() * z[:, j].mean() for j in range(n)]
    )
    error = found.std() / n_draws**0.5
    assert terms.sum() == pytest.approx(found.mean(), abs=5 * error)
    for j in range(n):
        assert abs(terms[j] - found.mean()) > 20 * error


def test_7_12_sums_over_the_outputs() -> None:
    """L = 2 hidden layers and K = 3 outputs: n^(K) would be the width of layer 3, or of none."""
    rng = np.random.default_rng(2)
    widths = (3, 5, 7, 3)
    network = new_network(rng, widths, tanh())
    X, T = rng.normal(size=(4, 3)), rng.normal(size=(4, 3))
    Y, kept = forward(network, X)
    gradients = backward(network, kept, square(Y, T)[1])
    out, slope = gradients[2].delta, 1 - kept[1].z ** 2
    total = sum(out[:, k : k + 1] * network[2].W[k] for k in range(widths[-1]))
    np.testing.assert_allclose(slope * total, gradients[1].delta, rtol=1e-12)
    for n_terms in (1, 2):
        part = sum(out[:, k : k + 1] * network[2].W[k] for k in range(n_terms))
        assert np.abs(slope * part - gradients[1].delta).max() > 0.01
    assert out.shape[1] == widths[-1]


def test_7_19_has_a_variance_in_its_second_slot() -> None:
    rng = np.random.default_rng(3)
    n_in, n_out = 300, 500
    n_av = (n_in + n_out) / 2
    W = draw_weights(rng, n_in, n_out, "xavier", "normal", np.float64)
    assert W.var() == pytest.approx(1 / n_av, rel=0.02)
    # Read as a standard deviation, as N(0, sigma) of the section: the signal dies in one layer.
    z = rng.normal(size=(2000, n_in))
    kept = (z @ W.T).var()
    as_std = (z @ rng.normal(0, 1 / n_av, size=(n_in, n_out))).var()
    assert kept == pytest.approx(n_in / n_av, rel=0.05)
    assert as_std == pytest.approx(n_in / n_av**2, rel=0.05)
    assert as_std < 0.01


def test_7_22_has_a_derivative_only_for_alpha_1() -> None:
    step = 1e-6
    for alpha, smooth in ((1.0, True), (0.5, False), (2.0, False)):
        h = elu(alpha)
        left, middle, right = h.value(np.array([-step, 0.0, step]))
        from_left, from_right = (middle - left) / step, (right - middle) / step
        assert from_left == pytest.approx(alpha, rel=1e-5)
        assert from_right == pytest.approx(1.0, rel=1e-9)
        assert (abs(from_left - from_right) < 1e-5) == smooth


def test_figure_12_only_tanh_is_zero_centred() -> None:
    """The mean of h(a) over a ~ N(0, 1) is 0 for tanh; ReLU and its like have a positive one."""
    a = np.random.default_rng(4).normal(size=100_000)
    a = np.concatenate([a, -a])
    means = {}
    for name in ("sigmoid", "tanh", "relu", "leaky-relu", "elu"):
        z, _ = activation_curve(name, a)
        means[name] = z.mean()
        assert (z.min() >= 0) == (name in ("sigmoid", "relu"))
    assert means["tanh"] == pytest.approx(0.0, abs=1e-12)
    assert means["relu"] == pytest.approx((2 * np.pi) ** -0.5, rel=0.01)
    assert all(mean > 0.1 for name, mean in means.items() if name != "tanh")


def test_7_23_has_the_inputs_in_layer_1() -> None:
    """The inputs z^(0) multiply the gradients of layer 1; there is no layer 0 with weights."""
    rng = np.random.default_rng(5)
    network = new_network(rng, (2, 6, 1), tanh())
    for centred in (False, True):
        X = rng.uniform(0.1, 1.0, size=(200, 2)) - (0.55 if centred else 0.0)
        alike = []
        for row in X:
            Y, kept = forward(network, row[None])
            gradient = backward(network, kept, square(Y, np.ones((1, 1)))[1])[0]
            np.testing.assert_allclose(gradient.arrays[0], np.outer(gradient.delta, row))
            alike.append(gradient.arrays[0].prod(axis=1) > 0)
        assert (np.mean(alike) == 1.0) == (not centred)
    assert np.mean(alike) < 0.7


def test_7_24_keeps_the_row_and_an_unbiased_variance() -> None:
    rng = np.random.default_rng(6)
    m, n = 5, 3
    X = rng.normal(2.0, 3.0, size=(m, n))
    norm, peer = new_batch_norm(n), torch.nn.BatchNorm1d(n, dtype=torch.float64)
    Z, kept = normalise(norm, X)
    np.testing.assert_allclose(Z, peer(torch.from_numpy(X)).detach().numpy(), rtol=1e-10)
    x_hat = (X - X.mean(axis=0)) / np.sqrt(X.var(axis=0) + norm.epsilon)
    np.testing.assert_allclose(Z, norm.gamma * x_hat + norm.beta, rtol=1e-12)
    # Without its row, x_hat is one vector for the minibatch, and the rows would not differ.
    assert np.abs(Z - Z[0]).max() > 1
    update_running(norm, kept)
    np.testing.assert_allclose(norm.running_var, peer.running_var.numpy(), rtol=1e-12)
    biased = 1 + norm.rate * (X.var(axis=0) - 1)
    assert np.abs(norm.running_var / biased - 1).min() > 0.02
    # Over many minibatches the printed variance is too small by (m - 1) / m, the other one is not.
    batches = rng.normal(0.0, 3.0, size=(20_000, m))
    assert batches.var(axis=1).mean() == pytest.approx(9 * (m - 1) / m, rel=0.02)
    assert batches.var(axis=1, ddof=1).mean() == pytest.approx(9, rel=0.02)
