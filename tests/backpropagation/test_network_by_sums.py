"""The passes as sums against matrices and torch, their cost by counting, differences by theory."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from mlcli.backpropagation.activations import ACTIVATIONS, ActivationFunction, new_prelu, relu, tanh
from mlcli.backpropagation.backpropagation import backward, forward
from mlcli.backpropagation.by_sums import backward_sums, forward_sums, multiplications
from mlcli.backpropagation.gradient_check import (
    REACH,
    UNIT,
    DifferenceError,
    central_differences,
    higher_derivatives,
    largest_moves,
    one_sided_differences,
    rounding_of_loss,
    units_at_kink,
)
from mlcli.backpropagation.layers import DenseLayer, Network, new_network, on_one_vector
from mlcli.backpropagation.losses import LOSSES, OUTPUTS, square

SIZES = (2, 3, 4, 2)


def problem(activation: str, loss: str, seed: int = 0, m: int = 3) -> tuple[Network, Any, Any]:
    """A network with biases, rows and their targets as the loss takes them."""
    rng = np.random.default_rng(seed)
    network = new_network(rng, SIZES, ACTIVATIONS[activation])
    for layer in network:
        layer.b[:] = rng.normal(size=layer.b.size)
    X = rng.normal(size=(m, 2))
    if loss == "softmax_cross_entropy":
        return network, X, rng.integers(0, 2, m)
    return network, X, rng.random((m, 2))


def sums(network: Network, loss: str, x: Any, t: Any) -> tuple[Any, Any]:
    found = forward_sums(network, x.tolist(), OUTPUTS[loss])
    delta = LOSSES[loss](np.array([found.a[-1]]), t[None])[1][0]
    return found, backward_sums(network, found, delta.tolist())


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_the_mean_of_the_sums_of_each_row_is_the_product_of_matrices(
    activation: str, loss: str
) -> None:
    """(6.38) against (6.39) and (6.40)."""
    network, X, T = problem(activation, loss)
    A, caches = forward(network, X)
    by_matrices = backward(network, caches, LOSSES[loss](A, T)[1])
    rows = [sums(network, loss, x, t) for x, t in zip(X, T, strict=True)]
    np.testing.assert_allclose(
        [ahead.z[-1] for ahead, _ in rows], OUTPUTS[loss](A), rtol=1e-14, atol=1e-15
    )
    for i, one in enumerate(by_matrices, start=1):
        W = np.mean([back.W[i] for _, back in rows], axis=0)
        b = np.mean([back.b[i] for _, back in rows], axis=0)
        np.testing.assert_allclose(W, one.arrays[0], rtol=1e-13, atol=1e-16)
        np.testing.assert_allclose(b, one.arrays[1], rtol=1e-13, atol=1e-16)
        np.testing.assert_allclose(
            [back.delta[i] for _, back in rows], len(X) * one.delta, rtol=1e-13, atol=1e-16
        )


def torch_loss(name: str, a: Any, t: Any) -> Any:
    import torch
    from torch.nn import functional

    t = torch.tensor(t)
    if name == "square":
        return 0.5 * ((a - t) ** 2).sum()
    if name == "softmax_cross_entropy":
        return functional.cross_entropy(a[None], t[None])
    return functional.binary_cross_entropy_with_logits(a, t, reduction="sum")


TORCH = {
    "identity": lambda a: a,
    "sigmoid": lambda a: a.sigmoid(),
    "tanh": lambda a: a.tanh(),
    "relu": lambda a: a.relu(),
}


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("activation", TORCH)
def test_every_error_and_gradient_is_that_of_autograd(activation: str, loss: str) -> None:
    """delta is dE/da also where a is hidden, (6.28)."""
    import torch

    network, X, T = problem(activation, loss, seed=1, m=1)
    weights = [
        tuple(torch.tensor(array, requires_grad=True) for array in (layer.W, layer.b))
        for layer in network
    ]
    z, seen = torch.tensor(X[0]), []
    for i, (W, b) in enumerate(weights):
        a = W @ z + b
        a.retain_grad()
        seen.append(a)
        z = TORCH[activation](a) if i < len(network) - 1 else a
    torch_loss(loss, seen[-1], T[0]).backward()
    ahead, back = sums(network, loss, X[0], T[0])
    for i, ((W, b), a) in enumerate(zip(weights, seen, strict=True), start=1):
        np.testing.assert_allclose(ahead.a[i], a.detach().numpy(), rtol=1e-13)
        np.testing.assert_allclose(back.delta[i], a.grad.numpy(), rtol=1e-12, atol=1e-16)
        np.testing.assert_allclose(back.W[i], W.grad.numpy(), rtol=1e-12, atol=1e-16)
        np.testing.assert_allclose(back.b[i], b.grad.numpy(), rtol=1e-12, atol=1e-16)


def test_what_has_slopes_of_its_own_is_not_written_as_sums() -> None:
    network = new_network(np.random.default_rng(0), SIZES, new_prelu())
    with pytest.raises(TypeError, match="slopes of its own"):
        forward_sums(network, [1.0, 2.0], OUTPUTS["square"])


class Counted(float):
    """A number that counts the multiplications it takes part in."""

    n = 0

    def __mul__(self, other: Any) -> float:
        Counted.n += 1
        return float(self) * float(other)

    __rmul__ = __mul__


def counting(values: Any) -> Any:
    return np.array([Counted(value) for value in values], dtype=object)


@pytest.mark.parametrize("sizes", [(2, 3, 1), (1, 1), (4, 3, 5, 2), (2, 1, 6, 6, 3)])
def test_multiplications_are_those_that_numbers_count(sizes: tuple[int, ...]) -> None:
    h = ActivationFunction("counted", counting, counting)
    network = tuple(
        DenseLayer(counting(range(n_in * n_out)).reshape(n_out, n_in), counting(range(n_out)), h)
        for n_in, n_out in pairwise(sizes)
    )
    ahead, back = multiplications(sizes)
    Counted.n = 0
    found = forward_sums(network, counting(range(sizes[0])).tolist(), lambda A: A)
    assert Counted.n == ahead
    Counted.n = 0
    backward_sums(network, found, counting(range(sizes[-1])).tolist())
    assert back == Counted.n


def loss_on(network: Network, X: Any, T: Any) -> Callable[[], float]:
    return lambda: square(forward(network, X)[0], T)[0]


def gradient_on(network: Network, X: Any, T: Any) -> Callable[[], Any]:
    def found() -> Any:
        A, caches = forward(network, X)
        layers = backward(network, caches, square(A, T)[1])
        return np.concatenate([array.ravel() for one in layers for array in one.arrays])

    return found


def test_one_sided_differences_take_one_pass_more_than_there_are_weights() -> None:
    start, X, T = problem("tanh", "square")
    network, w = on_one_vector(start)
    before, calls = w.copy(), [0]

    def loss() -> float:
        calls[0] += 1
        return loss_on(network, X, T)()

    found = one_sided_differences(loss, w, 1e-7)
    assert calls[0] == w.size + 1
    np.testing.assert_array_equal(w, before)
    np.testing.assert_allclose(found, gradient_on(network, X, T)(), atol=1e-6)
    with pytest.raises(ValueError, match="contiguous"):
        one_sided_differences(loss, np.ones((2, 2)).T, 1e-7)


def test_higher_derivatives_are_those_of_autograd() -> None:
    import torch

    start, X, T = problem("tanh", "square", seed=3)
    network, w = on_one_vector(start)
    before = w.copy()
    second, third = higher_derivatives(gradient_on(network, X, T), w)
    np.testing.assert_array_equal(w, before)
    shapes = [array.shape for layer in network for array in (layer.W, layer.b)]

    def along(place: int) -> tuple[float, float]:
        move = torch.zeros((), dtype=torch.float64, requires_grad=True)
        direction = torch.zeros(w.size, dtype=torch.float64)
        direction[place] = 1.0
        moved = torch.tensor(before) + move * direction
        parts = torch.split(moved, [int(np.prod(shape)) for shape in shapes])
        arrays = [part.reshape(shape) for part, shape in zip(parts, shapes, strict=True)]
        z = torch.tensor(X)
        for i in range(3):
            a = z @ arrays[2 * i].T + arrays[2 * i + 1]
            z = a.tanh() if i < 2 else a
        E = 0.5 * ((z - torch.tensor(T)) ** 2).sum() / len(X)
        found = [E]
        for _ in range(3):
            (one,) = torch.autograd.grad(found[-1], move, create_graph=True)
            found.append(one)
        return float(found[2].detach()), float(found[3].detach())

    expected = np.array([along(place) for place in range(12)])
    np.testing.assert_allclose(second[:12], expected[:, 0], rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(third[:12], expected[:, 1], rtol=1e-5, atol=1e-6)


def test_squared_error_is_a_parabola_along_a_weight_of_straight_lines() -> None:
    start, X, T = problem("identity", "square")
    network, w = on_one_vector(start)
    third = higher_derivatives(gradient_on(network, X, T), w)[1]
    np.testing.assert_array_equal(third, np.zeros(w.size))
    assert DifferenceError(1.0, 0.0, 1e-16).best_central == np.inf


@pytest.mark.parametrize("seed", range(4))
def test_errors_of_differences_are_those_of_theory(seed: int) -> None:
    """Truncation to a few digits; rounding within its bound, and not far below it."""
    start, X, T = problem("tanh", "square", seed=seed)
    network, w = on_one_vector(start)
    gradient = gradient_on(network, X, T)()
    second, third = higher_derivatives(gradient_on(network, X, T), w)
    A, caches = forward(network, X)
    E, delta = square(A, T)
    rounding = rounding_of_loss(network, caches, backward(network, caches, delta), E)
    theory = DifferenceError(float(abs(second).max()), float(abs(third).max()), rounding)
    loss = loss_on(network, X, T)
    for step in (1e-3, 1e-2):
        error = abs(central_differences(loss, w, step) - gradient).max()
        assert error == pytest.approx(theory.central(step), rel=0.02)
        error = abs(one_sided_differences(loss, w, step / 10) - gradient).max()
        assert error == pytest.approx(theory.one_sided(step / 10), rel=0.02)
    for step in (1e-12, 1e-10, 1e-8):
        error = abs(central_differences(loss, w, step) - gradient).max()
        n_roundings = max(SIZES) + 4
        assert theory.central(step) / 30 < error < n_roundings * theory.central(step)
        error = abs(one_sided_differences(loss, w, step / 10) - gradient).max()
        assert error < n_roundings * theory.one_sided(step / 10)


@pytest.mark.skipif(np.finfo(np.longdouble).nmant < 60, reason="longdouble is double here")
def test_the_loss_is_off_by_no_more_than_its_roundings() -> None:
    """Against the same passes in numbers of 64 bits, on 200 networks."""
    ratios = []
    for seed in range(200):
        network, X, T = problem("tanh", "square", seed=seed)
        A, caches = forward(network, X)
        E, delta = square(A, T)
        rounding = rounding_of_loss(network, caches, backward(network, caches, delta), E)
        z = X.astype(np.longdouble)
        for i, layer in enumerate(network):
            a = z @ layer.W.astype(np.longdouble).T + layer.b
            z = np.tanh(a) if i < 2 else a
        exact = ((z - T) ** 2).sum() / 2 / len(X)
        ratios.append(float(abs(exact - E)) / rounding)
    assert 0.01 < max(ratios) < max(SIZES) + 4
    assert rounding < 1000 * UNIT


def test_the_rounding_of_the_loss_is_that_of_each_sum_times_its_error() -> None:
    """y = 2 * 5 - 3 = 7, t = 6.5: E = 1/8, delta = 1/2, and the sum has |2 * 5| + |-3|."""
    network = (DenseLayer(np.array([[2.0]]), np.array([-3.0]), ACTIVATIONS["identity"]),)
    A, caches = forward(network, np.array([[5.0]]))
    E, delta = square(A, np.array([[6.5]]))
    found = rounding_of_loss(network, caches, backward(network, caches, delta), E)
    assert found == UNIT * (0.125 + 0.5 * 13)


def test_the_best_step_of_theory_is_where_its_error_is_least() -> None:
    theory = DifferenceError(2.0, 5.0, 3e-17)
    steps = np.geomspace(1e-8, 1e-2, 6001)
    assert steps[theory.central(steps).argmin()] == pytest.approx(theory.best_central, rel=2e-3)


def test_a_unit_near_its_kink_is_named_for_each_weight_that_moves_it() -> None:
    # a_1 = 1e-6 x_1 on the row (1, 0); a_2 is far from 0.
    start = (
        DenseLayer(np.array([[1e-6, 1.0], [1.0, 1.0]]), np.zeros(2), relu()),
        DenseLayer(np.array([[1.0, -1.0]]), np.zeros(1), ACTIVATIONS["identity"]),
    )
    network, w = on_one_vector(start)
    before = w.copy()
    found = units_at_kink(network, np.array([[1.0, 0.0]]), w, REACH)
    np.testing.assert_array_equal(w, before)
    # w_11, w_12 (its input is 0), w_21, w_22, b_1, b_2, then the output layer.
    near = {(1, 1)}
    assert found == [near, set(), set(), set(), near, set(), set(), set(), set()]
    assert units_at_kink(network, np.array([[1.0, 0.0]]), w, 1e-8) == [set()] * 9
    # One row of two is enough.
    assert units_at_kink(network, np.array([[5.0, 5.0], [1.0, 0.0]]), w, REACH)[0] == near
    smooth, v = on_one_vector(new_network(np.random.default_rng(0), (2, 2, 1), tanh()))
    assert units_at_kink(smooth, np.zeros((1, 2)), v, 1.0) == [set()] * v.size


def test_a_weight_moves_sums_by_its_input_and_those_above() -> None:
    """a_1 moves by reach x_j; the output by that times its weight, as its own weights do by z."""
    start = (
        DenseLayer(np.array([[0.5]]), np.array([1.0]), ACTIVATIONS["identity"]),
        DenseLayer(np.array([[-3.0]]), np.array([0.0]), ACTIVATIONS["identity"]),
    )
    network, w = on_one_vector(start)
    before = w.copy()
    found = largest_moves(network, np.array([[10.0], [-20.0]]), w, 1e-3)
    np.testing.assert_array_equal(w, before)
    # w^(1), b^(1), w^(2) with z = 6 and -9, b^(2).
    np.testing.assert_allclose(found, [3 * 20e-3, 3e-3, 9e-3, 1e-3], rtol=1e-9)
