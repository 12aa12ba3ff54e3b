"""Backpropagation against central differences, torch, a loop over neurons, and exact rates."""

from __future__ import annotations

import numpy as np
import pytest

from mlcli.backpropagation.activations import ACTIVATIONS, relu, sigmoid, tanh
from mlcli.backpropagation.backpropagation import LayerCache, backward, forward, predict
from mlcli.backpropagation.gradient_check import central_differences, relative_error
from mlcli.backpropagation.initialisation import draw_weights
from mlcli.backpropagation.layers import Network, new_network, on_one_vector, parameters
from mlcli.backpropagation.losses import LOSSES, square


def problem(
    activation: str, loss: str, normalised: bool, seed: int = 0
) -> tuple[Network, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    network = new_network(rng, [3, 5, 4, 3], ACTIVATIONS[activation], normalised=normalised)
    for array in parameters(network):
        array += 0.3 * rng.normal(size=array.shape)
    X = rng.normal(size=(6, 3))
    if loss == "softmax_cross_entropy":
        return network, X, rng.integers(0, 3, 6)
    return network, X, rng.random((6, 3))


def distance_to_kink(network: Network, kept: list[LayerCache]) -> float:
    """The smallest |a| before a hidden activation: steps of 1e-5 must not go past zero."""
    nearest = []
    for layer, past in zip(network[:-1], kept[:-1], strict=True):
        a = past.z_in @ layer.W.T + layer.b
        if layer.norm is not None and past.normalised is not None:
            a = layer.norm.gamma * past.normalised.x_hat + layer.norm.beta
        nearest.append(np.abs(a).min())
    return float(min(nearest))


@pytest.mark.parametrize("normalised", [False, True])
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_gradients_are_central_differences(activation: str, loss: str, normalised: bool) -> None:
    network, X, t = problem(activation, loss, normalised)
    outputs, kept = forward(network, X)
    assert distance_to_kink(network, kept) > 1e-4
    found = backward(network, kept, LOSSES[loss](outputs, t)[1])
    whole_found, whole_expected = [], []
    for array, gradient in zip(
        parameters(network), [g for layer in found for g in layer.arrays], strict=True
    ):
        expected = central_differences(lambda: LOSSES[loss](forward(network, X)[0], t)[0], array)
        whole_found.append(gradient.ravel())
        whole_expected.append(expected.ravel())
        size = np.linalg.norm(expected)
        # The bias before a batch normalisation changes nothing: its gradient is zero.
        assert size < 1e-9 or relative_error(gradient, expected) < 1e-7
    assert relative_error(np.concatenate(whole_found), np.concatenate(whole_expected)) < 1e-8


def test_the_check_finds_a_gradient_that_is_a_little_wrong() -> None:
    network, X, t = problem("tanh", "square", False)
    W = network[1].W
    outputs, kept = forward(network, X)
    found = backward(network, kept, square(outputs, t)[1])[1].arrays[0]
    expected = central_differences(lambda: square(forward(network, X)[0], t)[0], W)
    assert relative_error(found, expected) < 1e-8 < 1e-6 < relative_error(1.00001 * found, expected)


def test_central_differences_restore_what_they_change_and_need_a_vector() -> None:
    x = np.array([[1.0, 2.0], [3.0, 0.1]])
    before = x.copy()
    found = central_differences(lambda: float((x**3).sum()), x)
    np.testing.assert_allclose(found, 3 * before**2, rtol=1e-9)
    np.testing.assert_array_equal(x, before)
    with pytest.raises(ValueError, match="contiguous"):
        central_differences(lambda: 0.0, x.T)


def test_equal_gradients_have_no_error_even_when_zero() -> None:
    assert relative_error(np.zeros(3), np.zeros(3)) == 0
    assert relative_error(np.zeros(3), np.ones(3)) == 1


def test_vectorised_is_the_sum_over_neurons_and_examples() -> None:
    """(6.35) and (6.38) index by index, for one hidden layer of sigmoids."""
    network, X, t = problem("sigmoid", "square", False, seed=4)
    one, two = network[0], network[2]
    small = (one, type(two)(np.random.default_rng(1).normal(size=(3, 5)), two.b, two.h))
    outputs, kept = forward(small, X)
    found = backward(small, kept, square(outputs, t)[1])
    W, m = np.zeros_like(one.W), len(X)
    for x, t_n in zip(X, t, strict=True):
        z = [1 / (1 + np.exp(-(sum(one.W[j] * x) + one.b[j]))) for j in range(5)]
        y = [sum(small[1].W[k, j] * z[j] for j in range(5)) + small[1].b[k] for k in range(3)]
        for j in range(5):
            back = sum((y[k] - t_n[k]) * small[1].W[k, j] for k in range(3))
            W[j] += z[j] * (1 - z[j]) * back * x / m
    np.testing.assert_allclose(found[0].arrays[0], W, rtol=1e-12)


def test_a_network_without_hidden_layers_is_logistic_regression() -> None:
    rng = np.random.default_rng(0)
    network = new_network(rng, [4, 3], relu())
    X, labels = rng.normal(size=(20, 4)), rng.integers(0, 3, 20)
    outputs, kept = forward(network, X)
    (gradient,) = backward(network, kept, LOSSES["softmax_cross_entropy"](outputs, labels)[1])
    S = np.exp(outputs) / np.exp(outputs).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(gradient.arrays[0], (S - np.eye(3)[labels]).T @ X / 20, atol=1e-15)


def test_gradients_are_written_to_given_arrays() -> None:
    network, X, t = problem("tanh", "square", True)
    outputs, kept = forward(network, X)
    delta = square(outputs, t)[1]
    fresh = backward(network, kept, delta)
    copy, vector = on_one_vector(network)
    vector[:] = np.nan
    places = [parameters((layer,)) for layer in copy]
    backward(network, kept, delta, places)
    np.testing.assert_array_equal(
        vector, np.concatenate([array.ravel() for layer in fresh for array in layer.arrays])
    )


def test_on_one_vector_copies_the_network() -> None:
    network, X, _ = problem("elu", "square", True)
    copy, vector = on_one_vector(network)
    np.testing.assert_array_equal(predict(copy, X), predict(network, X))
    before = network[0].W.copy()
    vector += 1
    np.testing.assert_array_equal(copy[0].W, before + 1)
    np.testing.assert_array_equal(network[0].W, before)


def test_predict_differs_from_forward_only_by_the_statistics() -> None:
    plain, X, _ = problem("relu", "square", False)
    np.testing.assert_array_equal(predict(plain, X), forward(plain, X)[0])
    normalised, X, _ = problem("relu", "square", True)
    whole = predict(normalised, X)
    np.testing.assert_allclose(
        np.vstack([predict(normalised, row[None]) for row in X]), whole, rtol=1e-12
    )


@pytest.mark.parametrize(
    ("name", "scheme", "rate"),
    [
        ("relu", "he", 1.0),
        ("relu", "xavier", 0.5**0.5),
        ("relu", "unit", 128**0.5),
    ],
)
def test_delta_grows_at_the_theoretical_rate(name: str, scheme: str, rate: float) -> None:
    """std(delta^(l)) / std(delta^(l+1)) = sqrt(n Var(w) / 2) for ReLU: nine layers of 256."""
    rng = np.random.default_rng(0)
    growth = []
    for _ in range(12):
        network = new_network(rng, [256] * 11, ACTIVATIONS[name], scheme=scheme)
        outputs, kept = forward(network, rng.normal(size=(64, 256)))
        found = backward(network, kept, rng.normal(size=outputs.shape))
        growth.append(np.log(found[0].delta.std() / found[8].delta.std()) / 8)
    # Layer 10 is the affine output; from the ninth to the first there are eight steps.
    assert np.exp(np.mean(growth)) == pytest.approx(rate, rel=0.03)


def test_delta_vanishes_with_sigmoid_and_not_with_tanh() -> None:
    """(7.2): h' <= 1/4, so under Xavier each layer takes at least three quarters away."""
    rng = np.random.default_rng(0)
    ratio = {}
    for h in (sigmoid(), tanh()):
        network = new_network(rng, [256] * 11, h, scheme="xavier")
        outputs, kept = forward(network, rng.normal(size=(64, 256)))
        found = backward(network, kept, rng.normal(size=outputs.shape))
        ratio[h.name] = found[0].delta.std() / found[9].delta.std()
    assert 1e-7 < ratio["sigmoid"] < 1e-5
    assert 0.1 < ratio["tanh"] < 0.6


def test_float32_in_is_float32_throughout() -> None:
    rng = np.random.default_rng(0)
    network = new_network(rng, [3, 4, 2], ACTIVATIONS["elu"], normalised=True, dtype=np.float32)
    X = rng.normal(size=(5, 3)).astype(np.float32)
    outputs, kept = forward(network, X)
    for loss in LOSSES.values():
        labels = np.array([0, 1, 0, 1, 1])
        t = labels if loss is LOSSES["softmax_cross_entropy"] else np.eye(2, dtype="f4")[labels]
        E, delta = loss(outputs, t)
        assert isinstance(E, float)
        arrays = [g for layer in backward(network, kept, delta) for g in layer.arrays]
        assert {array.dtype for array in (outputs, delta, *arrays)} == {np.dtype(np.float32)}
    assert predict(network, X).dtype == np.float32
    assert draw_weights(rng, 2, 2, dtype=np.float32).dtype == np.float32


@pytest.mark.parametrize("sizes", [[3], [], [3, 0, 2]])
def test_a_network_needs_two_positive_sizes(sizes: list[int]) -> None:
    with pytest.raises(ValueError, match="two positive numbers"):
        new_network(np.random.default_rng(0), sizes, relu())
