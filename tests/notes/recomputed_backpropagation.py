"""Sections 6.3 and 6.4: every number of `backprop`, by the sums and by the matrices."""

from __future__ import annotations

from typing import Any

import numpy as np

from mlcli.backpropagation.backpropagation import backward, forward
from mlcli.backpropagation.by_sums import BackwardSums, ForwardSums, backward_sums, forward_sums
from mlcli.backpropagation.gradient_check import central_differences, one_sided_differences
from mlcli.backpropagation.layers import DenseLayer, new_network, on_one_vector
from mlcli.backpropagation.losses import softmax_cross_entropy, square
from mlcli.experiments.backprop.check import CENTRAL_STEP, ONE_SIDED_STEP
from tests.notes.registry import DIGITS, Pairs, computes, drawn
from tests.notes.run_folder import RunFolder


def said(value: float) -> str:
    """As figures have a number."""
    return f"{value:.3g}".replace("-", "−")


def inside(run: RunFolder, figure: str, label: str) -> list[str]:
    """The texts in a box or in the first cell with a label of a figure, from the top."""
    (axes,) = run.figures[figure].axes
    patch: Any = next(one for one in axes.patches if one.get_label() == label)
    x, y, width, height = (getattr(patch, f"get_{n}")() for n in ("x", "y", "width", "height"))
    found = [
        text
        for text in axes.texts
        if x < text.get_position()[0] < x + width and y < text.get_position()[1] < y + height
    ]
    found.sort(key=lambda text: -text.get_position()[1])
    return [text.get_text() for text in found]


def box(run: RunFolder, figure: str, layer: int, unit: int = 1) -> list[str]:
    """The lines of text in the box of a neuron."""
    return inside(run, figure, f"_neuron {layer} {unit}")


def cell(run: RunFolder, name: str) -> str:
    """The number in the first cell of a matrix."""
    return inside(run, "matrices", f"_{name} 1 1")[0]


def first_row(run: RunFolder) -> tuple[ForwardSums, BackwardSums]:
    """Both passes of the first row of the drawn network, by sums."""
    prepared = run.prepared
    network, x, t = prepared.network(0), prepared.X[0], prepared.T[:1]
    ahead = forward_sums(network, x.tolist(), prepared.output)
    delta = square(np.array([ahead.a[-1]]), t)[1][0]
    return ahead, backward_sums(network, ahead, delta.tolist())


def minibatch(run: RunFolder) -> tuple[Any, Any, Any, float]:
    """The network, what its forward pass keeps, its gradients and E, by matrices."""
    prepared = run.prepared
    network = prepared.network(0)
    A, caches = forward(network, prepared.X)
    E, delta = square(A, prepared.T)
    return network, caches, backward(network, caches, delta), E


def loss_and_gradient(run: RunFolder) -> tuple[Any, Any, Any]:
    network, w = on_one_vector(run.prepared.network(0))
    gradients = minibatch(run)[2]
    vector = np.concatenate([array.ravel() for one in gradients for array in one.arrays])
    return lambda: square(forward(network, run.prepared.X)[0], run.prepared.T)[0], w, vector


@computes("(6.17)")
def differences(run: RunFolder, found: Any, errors: Any, line: Any, passes: int) -> Pairs:
    loss, w, gradient = loss_and_gradient(run)
    calls = [0]

    def counted() -> float:
        calls[0] += 1
        return float(loss())

    one_sided, central = found
    # Another processor rounds E otherwise, which the step enlarges.
    yield one_sided, one_sided_differences(counted, w, ONE_SIDED_STEP), 1e-6
    yield passes, calls[0], 0
    yield calls[0], w.size + 1, 0
    yield central, central_differences(loss, w, CENTRAL_STEP), DIGITS
    step, mean, *each = errors
    for place in np.flatnonzero((step > 1e-4) & (step < 0.1)):
        here, scale = float(step[place]), abs(gradient).max()
        for error, difference in zip(
            each, (one_sided_differences, central_differences), strict=True
        ):
            expected = abs(difference(loss, w, here) - gradient).max() / scale
            yield error[place], expected, 1e-6
    yield drawn(line, step, 10**mean), True, 0


@computes("(6.18)")
def mean_of_rows(run: RunFolder, columns: Any) -> Pairs:
    A = forward(run.prepared.network(0), run.prepared.X)[0]
    pairs = zip(A, run.prepared.T, strict=True)
    yield columns[0], np.mean([square(a[None], t[None])[0] for a, t in pairs]), DIGITS


@computes("(6.21)")
def squared_error(run: RunFolder, columns: Any) -> Pairs:
    A = forward(run.prepared.network(0), run.prepared.X)[0]
    yield columns[0], square(A, run.prepared.T)[0], DIGITS
    yield (
        columns[0],
        np.mean([((a - t) @ (a - t)) / 2 for a, t in zip(A, run.prepared.T, strict=True)]),
        DIGITS,
    )


@computes("(6.19)")
def forward_pass(run: RunFolder, first: Any, second: Any, heading: Any, equation: Any) -> Pairs:
    network, caches, _, _ = minibatch(run)
    ahead, _ = first_row(run)
    a = [past.z_in @ layer.W.T + layer.b for layer, past in zip(network, caches, strict=True)]
    yield first[0], a[0].T.ravel(), DIGITS
    yield second[0], a[1].T.ravel(), DIGITS
    yield box(run, "forward", 1)[1], f"$a_1$ = {said(ahead.a[1][0])}", 0
    yield cell(run, "a"), said(a[0][0, 0]), 0
    assert len(heading) == len(equation) + 1 == 2


@computes("Figure 11")
def drawn_forward(run: RunFolder, headings: Any, output: Any) -> Pairs:
    ahead, _ = first_row(run)
    network = run.prepared.network(0)
    for layer, name in ((1, "z"), (2, "y")):
        expected = [
            f"$b_1$ = {said(network[layer - 1].b[0])}",
            f"$a_1$ = {said(ahead.a[layer][0])}",
            f"${name}_1$ = {said(ahead.z[layer][0])}",
        ]
        yield box(run, "forward", layer)[:3], expected, 0
    (axes,) = run.figures["forward"].axes
    on_lines = {text.get_text() for text in axes.texts if text.get_bbox_patch()}
    every = np.concatenate([layer.W.ravel() for layer in network])
    yield on_lines == {said(w) for w in every}, True, 0
    assert (len(headings), output) == (2, ["y = a"])


@computes("(6.20)")
def outputs(run: RunFolder, columns: Any, heading: Any) -> Pairs:
    ahead, _ = first_row(run)
    layer, z = run.prepared.network(0)[-1], np.array(ahead.z[-2])
    yield columns[0], ahead.z[-1], DIGITS
    yield columns[0], layer.h.value(layer.W @ z + layer.b), DIGITS
    yield box(run, "forward", 2)[2], f"$y_1$ = {said(ahead.z[-1][0])}", 0
    assert heading


@computes("(6.22)")
def linear_outputs(run: RunFolder, columns: Any, heading: Any) -> Pairs:
    ahead, _ = first_row(run)
    yield columns[0], ahead.a[-1], DIGITS
    # Its output layer is affine.
    sizes = run.prepared.sizes
    last = new_network(np.random.default_rng(0), sizes, run.prepared.network(0)[0].h)[-1]
    same = DenseLayer(run.prepared.network(0)[-1].W, run.prepared.network(0)[-1].b, last.h)
    z = np.array([ahead.z[-2]])
    yield columns[0], forward((same,), z)[0][0], DIGITS
    yield box(run, "forward", 2)[2], f"$y_1$ = {said(ahead.a[-1][0])}", 0
    assert heading


@computes("(6.23)")
def error_of_a_row(run: RunFolder, columns: Any) -> Pairs:
    ahead, _ = first_row(run)
    yield columns[0], square(np.array([ahead.a[-1]]), run.prepared.T[:1])[0], DIGITS


@computes("(6.24)")
def gradient_of_output_weights(run: RunFolder, columns: Any) -> Pairs:
    ahead, back = first_row(run)
    yield columns[0], np.ravel(back.W[2]), DIGITS
    yield columns[0], np.outer(ahead.a[2] - run.prepared.T[0], ahead.z[1]).ravel(), DIGITS


@computes("(6.25)")
def errors_of_outputs(run: RunFolder, columns: Any, heading: Any) -> Pairs:
    ahead, back = first_row(run)
    yield columns[0], back.delta[2], DIGITS
    yield columns[0], ahead.z[2] - run.prepared.T[0], DIGITS
    yield box(run, "backward", 2)[0], rf"$\delta_1$ = {said(back.delta[2][0])}", 0
    assert heading


@computes("(6.26)")
def gradient_of_output_biases(run: RunFolder, columns: Any) -> Pairs:
    _, back = first_row(run)
    yield columns[0], back.b[2], DIGITS
    yield columns[0], back.delta[2], DIGITS


@computes("(6.27)")
def errors_for_any_loss(run: RunFolder, columns: Any, heading: Any) -> Pairs:
    prepared = run.prepared
    ahead = forward_sums(prepared.network(0), prepared.X[0].tolist(), prepared.output)
    a, label = np.array([ahead.a[-1]]), prepared.T[:1].argmax(axis=1)
    delta = softmax_cross_entropy(a, label)[1][0]
    yield columns[0], delta, DIGITS
    numerical = central_differences(lambda: softmax_cross_entropy(a, label)[0], a)
    yield columns[0], numerical[0], DIGITS
    yield box(run, "backward", 2)[0], rf"$\delta_1$ = {said(delta[0])}", 0
    assert heading


@computes("(6.28)")
def gradient_of_any_weights(run: RunFolder, columns: Any) -> Pairs:
    ahead, back = first_row(run)
    yield columns[0], np.ravel(back.W[1]), DIGITS
    yield columns[0], np.outer(back.delta[1], ahead.z[0]).ravel(), DIGITS


@computes("(6.31)")
def chain_rule_of_weights(run: RunFolder, errors: Any, gradients: Any) -> Pairs:
    ahead, back = first_row(run)
    yield errors[0], back.delta[1], DIGITS
    yield gradients[0], np.outer(errors[0], ahead.z[0]).ravel(), DIGITS


@computes("(6.30)")
def preactivations(run: RunFolder, columns: Any, heading: Any) -> Pairs:
    ahead, _ = first_row(run)
    layer = run.prepared.network(0)[1]
    # j = 0 is the bias, with z_0 = 1.
    with_bias = np.column_stack([layer.b, layer.W])
    yield columns[0], ahead.a[2], DIGITS
    yield columns[0], with_bias @ np.array([1.0, *ahead.z[1]]), DIGITS
    yield box(run, "forward", 2)[1], f"$a_1$ = {said(ahead.a[2][0])}", 0
    assert heading


@computes("(6.32)")
def preactivations_of_preactivations(run: RunFolder, first: Any, second: Any) -> Pairs:
    ahead, _ = first_row(run)
    one, two = run.prepared.network(0)
    yield first[0], ahead.a[1], DIGITS
    yield second[0], two.W @ one.h.value(first[0]) + two.b, DIGITS


@computes("(6.33)")
def chain_rule_of_errors(run: RunFolder, columns: Any) -> Pairs:
    ahead, back = first_row(run)
    one, two = run.prepared.network(0)
    # da_k^(2)/da_j^(1), by differences.
    a, jacobian = np.array(ahead.a[1]), []
    for k in range(len(two.b)):
        jacobian.append(
            central_differences(
                lambda k=k: float(two.W[k] @ one.h.value(a) + two.b[k]),  # type: ignore[misc]
                a,
            )
        )
    yield columns[0], np.array(back.delta[2]) @ np.array(jacobian), DIGITS
    yield columns[0], back.delta[1], DIGITS


@computes("(6.34)")
def errors_backward(run: RunFolder, columns: Any, heading: Any) -> Pairs:
    ahead, back = first_row(run)
    one, two = run.prepared.network(0)
    slope = one.h.derivative(np.array(ahead.z[1]))
    yield columns[0], back.delta[1], DIGITS
    yield columns[0], slope * (np.array(back.delta[2]) @ two.W), DIGITS
    expected = [
        rf"$\delta_1$ = {said(back.delta[1][0])}",
        f"$h'$ = {said(slope[0])}",
        f"$z_1$ = {said(ahead.z[1][0])}",
    ]
    yield box(run, "backward", 1), expected, 0
    assert heading


@computes("(6.35)")
def backpropagation(run: RunFolder, errors: Any, gradients: Any, heading: Any, title: Any) -> Pairs:
    _, back = first_row(run)
    yield errors[0], [*back.delta[2], *back.delta[1]], DIGITS
    yield gradients[0], [*np.ravel(back.W[2]), *np.ravel(back.W[1])], DIGITS
    yield box(run, "backward", 1)[0], rf"$\delta_1$ = {said(back.delta[1][0])}", 0
    # In the last panel the errors of the first layer are new.
    fresh = [
        text.get_text()
        for text in run.figures["steps"].axes[3].texts
        if text.get_fontweight() == "bold"
    ]
    yield fresh, [said(delta) for delta in back.delta[1]], 0
    assert title == [run.figures["steps"].axes[3].get_title()]
    assert heading


@computes("(6.36)")
def gradients_of_a_hidden_layer(run: RunFolder, weights: Any, biases: Any) -> Pairs:
    _, back = first_row(run)
    yield weights[0], np.ravel(back.W[1]), DIGITS
    yield biases[0], back.b[1], DIGITS


@computes("(6.37)")
def matrices(run: RunFolder, W: Any, z: Any, delta: Any, equation: Any) -> Pairs:
    network, caches, gradients, _ = minibatch(run)
    yield W[0], network[0].W.ravel(), DIGITS
    yield z[0], caches[0].z_in.T.ravel(), DIGITS
    m = len(run.prepared.X)
    yield delta[0], m * gradients[0].delta.T.ravel(), DIGITS
    yield cell(run, "W"), said(network[0].W[0, 0]), 0
    # W_kj is the weight from j to k: a layer of it maps the unit vector e_j to its column j.
    layer = DenseLayer(network[0].W, np.zeros(3), run.prepared.network(1)[-1].h)
    yield W[0].reshape(3, 2).T, forward((layer,), np.eye(2))[0], DIGITS
    assert equation


@computes("(6.38)")
def mean_of_gradients(run: RunFolder, columns: Any) -> Pairs:
    prepared, network = run.prepared, run.prepared.network(0)
    rows = []
    for x, t in zip(prepared.X, prepared.T, strict=True):
        ahead = forward_sums(network, x.tolist(), prepared.output)
        back = backward_sums(network, ahead, (np.array(ahead.z[-1]) - t).tolist())
        rows.append(
            np.concatenate([np.ravel(one) for i in (1, 2) for one in (back.W[i], back.b[i])])
        )
    yield columns[0], np.mean(rows, axis=0), DIGITS


@computes("(6.39)")
def gradients_in_matrices(run: RunFolder, columns: Any, equation: Any) -> Pairs:
    _, _, gradients, _ = minibatch(run)
    arrays = [array for one in gradients for array in one.arrays]
    yield columns[0], np.concatenate([array.ravel() for array in arrays]), DIGITS
    yield cell(run, "dW"), said(arrays[0][0, 0]), 0
    assert equation


@computes("(6.40)")
def errors_in_matrices(run: RunFolder, last: Any, first: Any, equation: Any) -> Pairs:
    network, caches, gradients, _ = minibatch(run)
    m = len(run.prepared.X)
    yield last[0], (caches[1].z - run.prepared.T).T.ravel(), DIGITS
    yield first[0], m * gradients[0].delta.T.ravel(), DIGITS
    slope = network[0].h.derivative(caches[0].z).T
    delta = last[0].reshape(-1, m)
    yield first[0], ((network[1].W.T @ delta) * slope).ravel(), DIGITS
    # The first grid with this name has the errors of the outputs.
    yield cell(run, "delta"), said(delta[0, 0]), 0
    assert equation


@computes("(6.41)")
def hadamard(run: RunFolder, back: Any, slope: Any, delta: Any, equation: Any) -> Pairs:
    _, _, gradients, _ = minibatch(run)
    yield delta[0], back[0] * slope[0], DIGITS
    yield delta[0], len(run.prepared.X) * gradients[0].delta.T.ravel(), DIGITS
    yield cell(run, "slope"), said(slope[0][0]), 0
    assert equation
