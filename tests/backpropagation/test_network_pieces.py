"""Activations, losses, initialisation, batch normalisation: limits, torch, and the theory."""

from __future__ import annotations

import numpy as np
import pytest

from mlcli.backpropagation.activations import ACTIVATIONS, elu, leaky_relu, relu
from mlcli.backpropagation.initialisation import VARIANCES, draw_weights, variance
from mlcli.backpropagation.layers import (
    new_batch_norm,
    normalise,
    normalise_frozen,
    update_running,
)
from mlcli.backpropagation.losses import LOSSES, softmax_cross_entropy

A = np.array([-800.0, -30.0, -2.0, -1e-3, 0.0, 1e-3, 0.5, 3.0, 40.0, 800.0])


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_an_activation_is_that_of_torch_with_its_derivative(name: str) -> None:
    import torch

    peers = {
        "identity": torch.nn.Identity(),
        "sigmoid": torch.nn.Sigmoid(),
        "tanh": torch.nn.Tanh(),
        "relu": torch.nn.ReLU(),
        "leaky_relu": torch.nn.LeakyReLU(0.01),
        "elu": torch.nn.ELU(),
        "selu": torch.nn.SELU(),
    }
    a = torch.tensor(A, requires_grad=True)
    peer = peers[name](a)
    peer.sum().backward()
    z = ACTIVATIONS[name].value(A)
    np.testing.assert_allclose(z, peer.detach().numpy(), rtol=1e-14, atol=1e-16)
    np.testing.assert_allclose(ACTIVATIONS[name].derivative(z), a.grad.numpy(), atol=1e-15)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_an_activation_keeps_the_type_and_the_order_of_its_inputs(name: str) -> None:
    h = ACTIVATIONS[name]
    z = h.value(A.astype(np.float32))
    assert z.dtype == h.derivative(z).dtype == np.float32
    assert np.all(np.diff(h.value(A)) >= 0)


def test_a_leak_and_an_elu_of_any_slope() -> None:
    for dtype in (np.float32, np.float64):
        a = np.array([-4.0, -1.0, 0.0, 2.0], dtype)
        leaky = leaky_relu(0.25)
        z = leaky.value(a)
        assert (leaky.name, z.dtype, leaky.derivative(z).dtype) == ("leaky_relu", dtype, dtype)
        np.testing.assert_array_equal(z, [-1.0, -0.25, 0.0, 2.0])
        # At the kink the slope is the left one.
        np.testing.assert_array_equal(leaky.derivative(z), [0.25, 0.25, 0.25, 1.0])
        assert elu(1.0).name == "elu"
        np.testing.assert_allclose(
            elu(2.0).value(a), 2 * np.expm1(np.minimum(a, 0)) + [0, 0, 0, 2], rtol=1e-6
        )


def test_elu_has_a_kink_unless_alpha_is_one() -> None:
    ends = np.array([-1e-9, 1e-9])
    for alpha, jump in ((1.0, 0.0), (0.5, 0.5), (2.0, -1.0)):
        h = elu(alpha)
        left, right = h.derivative(h.value(ends))
        assert right - left == pytest.approx(jump, abs=1e-8)


@pytest.mark.parametrize("alpha", [0.0, 1.0, -0.1, float("nan")])
def test_a_leaky_slope_outside_its_range_is_rejected(alpha: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        leaky_relu(alpha)


def test_an_elu_with_an_alpha_of_0_is_rejected() -> None:
    with pytest.raises(ValueError, match="positive, got 0"):
        elu(0)


def targets(name: str, rng: np.random.Generator, m: int, n_out: int) -> np.ndarray:
    if name == "square":
        return rng.normal(size=(m, n_out))
    if name == "softmax_cross_entropy":
        return rng.integers(0, n_out, m)
    return rng.random((m, n_out))


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("spread", [1.0, 1000.0])
def test_losses_and_their_derivatives_are_those_of_torch(name: str, spread: float) -> None:
    import torch
    from torch.nn import functional

    rng = np.random.default_rng(0)
    outputs, t = spread * rng.normal(size=(7, 4)), targets(name, rng, 7, 4)
    a, t_torch = torch.tensor(outputs, requires_grad=True), torch.tensor(t)
    peer = {
        "square": lambda: 0.5 * ((a - t_torch) ** 2).sum(1).mean(),
        "softmax_cross_entropy": lambda: functional.cross_entropy(a, t_torch),
        "sigmoid_cross_entropy": lambda: (
            4 * functional.binary_cross_entropy_with_logits(a, t_torch)
        ),
    }[name]()
    peer.backward()
    before = outputs.copy()
    E, delta = LOSSES[name](outputs, t)
    assert pytest.approx(peer.item(), rel=1e-13) == E
    np.testing.assert_allclose(delta, a.grad.numpy(), rtol=1e-12, atol=1e-16)
    np.testing.assert_array_equal(outputs, before)


def test_equal_outputs_cost_the_logarithm_of_the_number_of_classes() -> None:
    E, delta = softmax_cross_entropy(np.full((3, 5), 1e4), np.array([0, 1, 4]))
    assert pytest.approx(np.log(5), rel=1e-15) == E
    np.testing.assert_allclose(delta.sum(axis=1), 0, atol=1e-16)


@pytest.mark.parametrize("distribution", ["normal", "uniform"])
@pytest.mark.parametrize("scheme", VARIANCES)
def test_weights_have_the_stated_variance(scheme: str, distribution: str) -> None:
    W = draw_weights(np.random.default_rng(0), 400, 600, scheme, distribution)  # type: ignore[arg-type]
    assert W.shape == (600, 400)
    v = variance(scheme, 400, 600)
    # The standard error of a variance from n normal draws is v sqrt(2/n): five of them.
    assert abs(W.var() / v - 1) < 5 * (2 / W.size) ** 0.5
    assert abs(W.mean()) < 5 * (v / W.size) ** 0.5
    narrow = draw_weights(np.random.default_rng(0), 4, 6, scheme, distribution, np.float32)  # type: ignore[arg-type]
    assert narrow.dtype == np.float32
    if distribution == "uniform":
        assert 0.999 < np.abs(W).max() / (3 * v) ** 0.5 <= 1


def test_the_schemes_are_those_of_the_notes() -> None:
    assert {name: variance(name, 50, 200) for name in VARIANCES} == {
        "unit": 1,
        "forward": 1 / 50,
        "backward": 1 / 200,
        "xavier": 2 / 250,
        "he": 2 / 50,
    }


def test_an_unknown_initialisation_is_rejected() -> None:
    with pytest.raises(ValueError, match="one of unit, forward"):
        variance("kaiming", 1, 1)
    with pytest.raises(ValueError, match="normal or uniform"):
        draw_weights(np.random.default_rng(0), 1, 1, "he", "cauchy")  # type: ignore[arg-type]


def test_he_keeps_the_second_moment_under_relu_and_xavier_halves_it() -> None:
    rng, h = np.random.default_rng(3), relu()
    for scheme, rate in (("he", 1.0), ("xavier", 0.5)):
        ratios = []
        for _ in range(40):
            z = rng.normal(size=(20, 256))
            second_moments = []
            for _ in range(10):
                a = z @ draw_weights(rng, 256, 256, scheme).T
                second_moments.append((a**2).mean())
                z = h.value(a)
            ratios.append(second_moments[-1] / second_moments[0] / rate**9)
        # The expectation is exactly 1; a layer adds a relative variance of 5/256 to a ratio.
        assert np.mean(ratios) == pytest.approx(1, abs=4 * (9 * 5 / 256 / 40) ** 0.5)


def test_normalised_columns_have_mean_beta_and_standard_deviation_gamma() -> None:
    rng = np.random.default_rng(0)
    norm = new_batch_norm(3)
    norm.gamma[:], norm.beta[:] = [1.0, 2.0, 0.5], [0.0, -1.0, 3.0]
    X = rng.normal(5, 100, size=(50, 3))
    Z, _ = normalise(norm, X)
    np.testing.assert_allclose(Z.mean(axis=0), norm.beta, atol=1e-13)
    np.testing.assert_allclose(Z.std(axis=0), norm.gamma, rtol=1e-8)
    # Shift and scale of the inputs make no difference beyond epsilon.
    np.testing.assert_allclose(normalise(norm, 7 * X - 3)[0], Z, atol=1e-8)


def test_running_statistics_are_those_of_torch() -> None:
    import torch

    rng = np.random.default_rng(0)
    norm, peer = new_batch_norm(4), torch.nn.BatchNorm1d(4, dtype=torch.float64)
    for m in (2, 9, 30):
        X = rng.normal(3, 2, size=(m, 4))
        Z, kept = normalise(norm, X)
        update_running(norm, kept)
        np.testing.assert_allclose(Z, peer(torch.tensor(X)).detach().numpy(), atol=1e-12)
    np.testing.assert_allclose(norm.running_mean, peer.running_mean.numpy(), rtol=1e-13)
    np.testing.assert_allclose(norm.running_var, peer.running_var.numpy(), rtol=1e-13)
    peer.eval()
    frozen = peer(torch.tensor(X)).detach().numpy()
    np.testing.assert_allclose(normalise_frozen(norm, X), frozen, rtol=1e-12)


def test_one_row_has_no_variance() -> None:
    with pytest.raises(ValueError, match="at least 2 rows, got 1"):
        normalise(new_batch_norm(2), np.zeros((1, 2)))
