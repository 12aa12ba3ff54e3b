"""Misprints of chapter 6, numerically: the printed form fails, the corrected one holds.

One network serves all: 3 inputs, hidden layers of 4 and 5, 2 linear outputs, as in (6.19).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import product

import numpy as np
import pytest

from mlcli.backpropagation.activations import sigmoid, tanh
from mlcli.backpropagation.backpropagation import LayerCache, LayerGradient, backward, forward
from mlcli.backpropagation.gradient_check import central_differences
from mlcli.backpropagation.layers import Network, new_network
from mlcli.backpropagation.losses import sigmoid_cross_entropy, square
from mlcli.classification.approximation import bump
from mlcli.classification.perceptron import AND, INPUTS, XOR_OUTPUT, single_unit, xor

Array = np.ndarray
SIZES = (3, 4, 5, 2)
M_B = 7


@dataclass(frozen=True)
class Case:
    network: Network
    X: Array
    T: Array

    def loss(self) -> float:
        return square(forward(self.network, self.X)[0], self.T)[0]

    def numeric(self, layer: int, name: str = "W") -> Array:
        return central_differences(self.loss, getattr(self.network[layer], name))

    def passes(self) -> tuple[list[LayerCache], list[LayerGradient]]:
        Y, kept = forward(self.network, self.X)
        return kept, backward(self.network, kept, square(Y, self.T)[1])


@pytest.fixture
def case() -> Case:
    rng = np.random.default_rng(0)
    network = tuple(
        replace(layer, b=rng.normal(size=layer.b.shape))
        for layer in new_network(rng, SIZES, tanh())
    )
    return Case(network, rng.normal(size=(M_B, 3)), rng.normal(size=(M_B, 2)))


def test_table_3_needs_connections_past_the_hidden_unit() -> None:
    """One hidden unit: all its tables, then all of the output unit's on what it passes on."""
    target = [0, 1, 1, 0]
    assert xor(INPUTS).tolist() == target
    skips = np.column_stack([INPUTS, AND.fire(INPUTS)])
    assert XOR_OUTPUT.fire(skips).tolist() == target
    # Without the inputs the output sees one bit: a function of it is the hidden unit or its
    # negation or a constant, and no unit has XOR's table or its negation's.
    for table in product((0, 1), repeat=4):
        unit = single_unit(table)
        if unit is not None:
            hidden = unit.fire(INPUTS)
            for output in (hidden, 1 - hidden, 0 * hidden, 0 * hidden + 1):
                assert output.tolist() != target


def test_6_9_needs_a_positive_weight() -> None:
    x = np.array([-0.5, 0.25, 0.75, 1.5])
    inside = np.array([0.0, 2.0, 2.0, 0.0])
    for w in (0.1, 1.0, 50.0):
        np.testing.assert_array_equal(bump(x, 0.0, 1.0, 2.0, w), inside)
    np.testing.assert_array_equal(bump(x, 0.0, 1.0, 2.0, -1.0), -inside)


def test_6_14_and_6_15_have_a_bias_for_each_output(case: Case) -> None:
    Y, kept = forward(case.network, case.X)
    z, layer = kept[-1].z_in, case.network[-1]
    corrected = np.array([[layer.W[k] @ row + layer.b[k] for k in range(2)] for row in z])
    np.testing.assert_allclose(Y, corrected, rtol=1e-12)
    # As printed there is a bias for each of the 5 neurons j that come in, and those of layer L.
    for j in range(5):
        printed = z @ layer.W.T + case.network[-2].b[j]
        assert np.abs(printed - Y).max() > 0.1
    assert layer.b.size == 2 != z.shape[1]


def test_6_16_is_logistic_regression_on_the_hidden_layer() -> None:
    rng = np.random.default_rng(1)
    network = new_network(rng, (3, 4, 1), tanh())
    X, t = rng.normal(size=(9, 3)), rng.integers(2, size=(9, 1)).astype(float)
    A, kept = forward(network, X)
    features = np.tanh(X @ network[0].W.T + network[0].b)
    np.testing.assert_allclose(A, features @ network[1].W.T + network[1].b, rtol=1e-12)
    gradient = backward(network, kept, sigmoid_cross_entropy(A, t)[1])[1].arrays[0]
    s = 1 / (1 + np.exp(-A))
    np.testing.assert_allclose(gradient, (s - t).T @ features / 9, rtol=1e-11)


def test_6_17_takes_w_plus_1_passes(case: Case) -> None:
    """Counted: W + 1 passes for the printed difference, 2W for the central one, none is 2 each."""
    n_calls = 0

    def counted() -> float:
        nonlocal n_calls
        n_calls += 1
        return case.loss()

    W = case.network[0].W
    central = central_differences(counted, W)
    assert n_calls == 2 * W.size
    n_calls, epsilon = 0, 1e-7
    base, one_sided = counted(), np.empty(W.size)
    for i in range(W.size):
        W.flat[i] += epsilon
        one_sided[i] = (counted() - base) / epsilon
        W.flat[i] -= epsilon
    assert n_calls == W.size + 1
    # A forward pass and a backward pass give all of it; a forward pass alone gives no derivative.
    _, gradients = case.passes()
    np.testing.assert_allclose(gradients[0].arrays[0], central, atol=1e-9)
    np.testing.assert_allclose(one_sided, central.ravel(), atol=1e-5)


def test_6_18_and_6_21_are_a_mean_of_halves(case: Case) -> None:
    Y, _ = forward(case.network, case.X)
    of_rows = np.array([0.5 * ((y - t) ** 2).sum() for y, t in zip(Y, case.T, strict=True)])
    assert case.loss() == pytest.approx(of_rows.mean(), rel=1e-13)
    assert of_rows.sum() == pytest.approx(M_B * case.loss(), rel=1e-13)
    without_half = ((Y - case.T) ** 2).sum() / M_B
    assert without_half == pytest.approx(2 * case.loss(), rel=1e-13)


def test_6_20_has_h_outside_of_the_sum() -> None:
    rng = np.random.default_rng(2)
    network = new_network(rng, (3, 4, 2), sigmoid())
    network = (network[0], replace(network[1], h=sigmoid()))
    X = rng.normal(size=(6, 3))
    Y, kept = forward(network, X)
    terms = network[1].W[None] * kept[1].z_in[:, None, :]  # (row, k, j)
    np.testing.assert_allclose(Y, 1 / (1 + np.exp(-terms.sum(axis=2))), rtol=1e-12)
    printed = (1 / (1 + np.exp(-terms))).sum(axis=2)
    assert np.abs(printed - Y).min() > 0.5
    assert printed.max() > 1 > Y.max()


def test_6_22_has_one_output_for_each_k(case: Case) -> None:
    Y, kept = forward(case.network, case.X)
    W = np.column_stack([case.network[-1].b, case.network[-1].W])  # j from 0
    z = np.column_stack([np.ones(M_B), kept[-1].z_in])
    for k in range(2):
        np.testing.assert_allclose(Y[:, k], z @ W[k], rtol=1e-12)
    assert np.abs(Y[:, 0] - Y[:, 1]).min() > 1e-3


def test_6_23_is_the_error_and_not_its_derivative(case: Case) -> None:
    one = replace(case, X=case.X[:1], T=case.T[:1])
    Y, _ = forward(one.network, one.X)
    printed = float(((one.T - Y) ** 2).sum())
    assert one.loss() == pytest.approx(0.5 * printed, rel=1e-13)
    derivative = one.numeric(2)
    # The printed sum is one number for all weights; the derivatives have both signs.
    assert derivative.min() < 0 < derivative.max()
    assert np.abs(derivative - printed).max() > 0.1


def test_6_24_needs_the_half_of_6_23(case: Case) -> None:
    one = replace(case, X=case.X[:1], T=case.T[:1])
    Y, kept = forward(one.network, one.X)
    by_6_24 = np.outer(Y[0] - one.T[0], kept[-1].z_in[0])

    def printed() -> float:
        return float(((one.T - forward(one.network, one.X)[0]) ** 2).sum())

    np.testing.assert_allclose(by_6_24, one.numeric(2), atol=1e-9)
    np.testing.assert_allclose(
        2 * by_6_24, central_differences(printed, one.network[2].W), atol=1e-8
    )


def test_6_26_has_the_activation_of_the_weight(case: Case) -> None:
    kept, gradients = case.passes()
    z, delta = kept[-1].z_in, gradients[-1].delta
    expected = case.numeric(2)
    np.testing.assert_allclose(delta.T @ z, expected, atol=1e-9)
    np.testing.assert_allclose(delta.sum(axis=0), case.numeric(2, "b"), atol=1e-9)
    for m in range(5):
        # Any one m in the place of j gives all weights of a neuron the same derivative.
        printed = np.repeat(delta.T @ z[:, m : m + 1], 5, axis=1)
        assert np.abs(printed - expected).max() > 0.01


def test_6_30_takes_the_layer_before(case: Case) -> None:
    kept, _ = case.passes()
    for i in (0, 1):
        layer = case.network[i]
        a = np.arctanh(kept[i].z)
        np.testing.assert_allclose(a, kept[i].z_in @ layer.W.T + layer.b, rtol=1e-7, atol=1e-9)
        # Layer i has 4 or 5 outputs and 3 or 4 inputs: W does not even act on its own outputs.
        assert kept[i].z.shape[1] != layer.W.shape[1]


def errors_by_hand(case: Case, delta_out: Array, start: int) -> Array:
    """(6.34) with k from 1, or from 0 with the constant taken for a neuron z_0 = 1.

    The row k = 0 of W has no weights in it, so any value that makes z_0 = 1 whatever comes in may
    be put there; its error would be dE/dz_0 of the next layer's biases.
    """
    layer, below = case.network[2], forward(case.network, case.X)[1][1].z
    total = delta_out @ layer.W
    if start == 0:
        total = total + (delta_out @ layer.b)[:, None]
    return (1 - below**2) * total


def test_6_33_to_6_35_start_at_k_1(case: Case) -> None:
    _, gradients = case.passes()
    delta_out = gradients[2].delta
    found = errors_by_hand(case, delta_out, 1)
    np.testing.assert_allclose(found, gradients[1].delta, rtol=1e-12)
    np.testing.assert_allclose(found.sum(axis=0), case.numeric(1, "b"), atol=1e-9)
    printed = errors_by_hand(case, delta_out, 0)
    assert np.abs(printed.sum(axis=0) - case.numeric(1, "b")).max() > 0.01


def test_6_37_has_weights_in_w(case: Case) -> None:
    """The matrix of (6.19) is that of weights; errors in their place have another shape."""
    kept, gradients = case.passes()
    for layer, past, gradient in zip(case.network, kept, gradients, strict=True):
        assert layer.W.shape == (past.z.shape[1], past.z_in.shape[1])
        assert gradient.delta.T.shape == (past.z.shape[1], M_B)
        assert gradient.delta.T.shape != layer.W.shape
    expected = kept[0].z_in @ case.network[0].W.T + case.network[0].b
    np.testing.assert_allclose(np.tanh(expected), kept[0].z, rtol=1e-12)


def test_6_39_takes_the_layer_before(case: Case) -> None:
    kept, gradients = case.passes()
    for i, (layer, past, gradient) in enumerate(zip(case.network, kept, gradients, strict=True)):
        corrected = gradient.delta.T @ past.z_in
        np.testing.assert_allclose(corrected, case.numeric(i), atol=1e-9)
        printed = gradient.delta.T @ past.z
        assert printed.shape != layer.W.shape
    # In a square layer the shapes agree, and the numbers still do not.
    rng = np.random.default_rng(3)
    square_one = Case(new_network(rng, (3, 3, 2), tanh()), case.X, case.T)
    past, gradient = square_one.passes()
    printed = gradient[0].delta.T @ past[0].z
    assert np.abs(printed - square_one.numeric(0)).max() > 0.01


def test_6_40_takes_the_errors_of_the_next_layer(case: Case) -> None:
    kept, gradients = case.passes()
    W, delta = case.network[1].W, [gradient.delta for gradient in gradients]
    slope = 1 - kept[0].z ** 2
    np.testing.assert_allclose(delta[1] @ W * slope, delta[0], rtol=1e-12)
    np.testing.assert_allclose(delta[0].T @ case.X, case.numeric(0), atol=1e-9)
    # delta^(L+1) has 2 columns, for which W^(2) has no rows.
    assert delta[2].shape[1] != W.shape[0]
    # With its column of biases, W gives an error too many for the neurons of the layer.
    with_biases = np.column_stack([case.network[1].b, W])
    assert (delta[1] @ with_biases).shape[1] == delta[0].shape[1] + 1
    # Where every layer is equally wide the printed product exists, and is wrong.
    rng = np.random.default_rng(4)
    wide = Case(new_network(rng, (3, 3, 3, 3), tanh()), case.X, rng.normal(size=(M_B, 3)))
    kept, gradients = wide.passes()
    printed = gradients[2].delta @ wide.network[1].W * (1 - kept[0].z ** 2)
    assert np.abs(printed.T @ wide.X - wide.numeric(0)).max() > 0.01
