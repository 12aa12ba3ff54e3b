"""Sizes, noise and places of the networks, against counting by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from neural_cases import CROSS_ENTROPY, SIZES, new, problem, streams_of

from mlcli.neural.architecture import count_parameters as count_layers
from mlcli.neural.architecture import shapes
from mlcli.neural.batches import (
    Scaling,
    View,
    batch_bounds,
    epoch_orders,
    member_rows,
    minibatches,
)
from mlcli.neural.cnn import CNN
from mlcli.neural.evaluation import evaluate, outputs, rows_at_a_time
from mlcli.neural.fully_convolutional import places
from mlcli.neural.layer_spec import parse
from mlcli.neural.layer_statistics import (
    layer_statistics,
    signals,
    weight_gradient,
)
from mlcli.neural.mlp import count_parameters
from mlcli.neural.normalisation import batch_norm, layer_norm
from mlcli.neural.optimisers import OPTIMISERS
from mlcli.neural.schedules import (
    Schedule,
    constant,
    cosine,
    exponential,
    n_cycle,
    one_cycle,
    piecewise,
    power,
)


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


def test_every_layer_has_its_shapes_statistics_and_memory() -> None:
    """Numbers per row that training stores: one per output; six for each pixel of a residual."""
    lines = ["conv 4 3x2 stride 2x1 pad 1x0", "batch-norm", "prelu", "pool max 2x3 stride 1x2"]
    lines += ["residual 4", "residual 6 stride 2x1 prelu", "dropout 0.5", "flatten", "dense 5"]
    found = {layer.number: layer for layer in shapes(parse(lines), (3, 9, 8), 2)}
    assert [layer.name for layer in found.values()] == [*lines, "dense 2"]
    residual = {"W5_1": (4, 4, 3, 3), "gamma5_1": (4,), "beta5_1": (4,)}
    residual |= {"W5_2": (4, 4, 3, 3), "gamma5_2": (4,), "beta5_2": (4,)}
    strided = {"W6_1": (6, 4, 3, 3), "W6_2": (6, 6, 3, 3), "W6_skip": (6, 4, 1, 1)}
    strided |= {f"{kind}6_{k}": (6,) for k in (1, 2, "skip") for kind in ("gamma", "beta")}
    strided |= {"slope6_1": (1,), "slope6_2": (1,)}
    image = (4, 5, 7)
    expected = [
        ((3, 9, 8), image, {"W1": (4, 3, 3, 2)}, (), 140),
        (image, image, {"gamma2": (4,), "beta2": (4,)}, ("2",), 140),
        (image, image, {"slope3": (1,)}, (), 140),
        (image, (4, 4, 3), {}, (), 48),
        ((4, 4, 3), (4, 4, 3), residual, ("5_1", "5_2"), 6 * 48),
        ((4, 4, 3), (6, 2, 3), strided, ("6_1", "6_2", "6_skip"), 8 * 36),
        ((6, 2, 3), (6, 2, 3), {}, (), 36),
        ((6, 2, 3), (36,), {}, (), 36),
        ((36,), (5,), {"W9": (36, 5), "b9": (5,)}, (), 5),
        ((5,), (2,), {"W10": (5, 2), "b10": (2,)}, (), 2),
    ]
    widths = {"2": 4, "5_1": 4, "5_2": 4, "6_1": 6, "6_2": 6, "6_skip": 6}
    for layer, (shape, output, parameters, statistics, n_values) in zip(
        found.values(), expected, strict=True
    ):
        assert (layer.input, layer.output) == (shape, output), layer.name
        assert dict(layer.parameters) == parameters, layer.name
        running = {f"{kind}{at}": widths[at] for at in statistics for kind in ("mean", "var")}
        assert dict(layer.statistics) == running, layer.name
        assert (layer.n_values, layer.n_bytes()) == (n_values, 4 * n_values), layer.name
        assert layer.n_bytes(2) == 2 * n_values
        assert layer.n_parameters == sum(int(np.prod(one)) for one in parameters.values())
    assert count_layers(tuple(found.values())) == sum(one.n_parameters for one in found.values())
    scan, _, last, mean = (
        shapes(parse(["scan 3", "tanh"]), (2, 5, 4), 2)[:2]
        + shapes(parse(["relu"]), (2, 5, 4), 3)[1:]
    )
    assert dict(scan.parameters) == {
        "W1_rows": (3, 2, 1, 4),
        "b1_rows": (3,),
        "W1_columns": (3, 2, 5, 1),
        "b1_columns": (3,),
    }
    assert (scan.output, scan.n_values) == ((27,), 27)
    assert (last.output, mean.input, mean.output, mean.n_values) == ((3, 5, 4), (3, 5, 4), (3,), 3)


def test_schedules_are_what_their_formulas_say_at_every_edge() -> None:
    def at(schedule: Schedule, n_steps: int, *steps: int) -> list[float]:
        return [schedule(step, n_steps) for step in steps]

    assert at(constant(), 10, 0, 9) == [1.0, 1.0]
    assert at(power(4.0, 2.0), 10, 0, 4, 12) == [1.0, 0.25, 1 / 16]
    assert at(power(4.0), 10, 4) == [0.5]
    assert at(exponential(5.0), 10, 0, 5, 10) == pytest.approx([1, 0.1, 0.01])
    # 0.3 * 10 and 0.29 * 10 are rounded to step 3: the end belongs to what follows.
    for end in (0.3, 0.29):
        assert at(piecewise([end, 0.7], [1.0, 0.5, 0.2]), 10, 0, 2, 3, 6, 7, 9) == [
            1.0,
            1.0,
            0.5,
            0.5,
            0.2,
            0.2,
        ]
    assert at(cosine(0.2), 8, 0, 2, 4, 8) == pytest.approx(
        [1.0, 0.2 + 0.4 * (1 + 0.5**0.5), 0.6, 0.2]
    )
    assert at(cosine(), 8, 4, 8) == pytest.approx([0.5, 0.0])
    # Two cycles in 0.8 of 41 steps: half a cycle is 0.8 * 41 / 4 - 1 = 7.2 steps.
    two = n_cycle(2, 0.8, 0.3, 0.05)
    xs, ys = [0, 7.2, 14.4, 21.6, 28.8, 40], [0.3, 1, 0.3, 1, 0.3, 0.05]
    expected = np.interp(range(41), xs, ys)
    assert at(two, 41, *range(41)) == pytest.approx(list(expected), rel=1e-12)
    assert at(n_cycle(), 101, 0, 100) == pytest.approx([0.1, 1e-5])
    default = np.interp(range(101), [0, 44.45, 88.9, 100], [0.1, 1, 0.1, 1e-5])
    for one in (n_cycle(), one_cycle()):
        assert at(one, 101, *range(101)) == pytest.approx(list(default), rel=1e-10)
    for make in (lambda: n_cycle(0), lambda: n_cycle(1, 0.0), lambda: n_cycle(1, 1.0)):
        with pytest.raises(ValueError, match="at least one cycle and 0 < share < 1"):
            make()
    for ends, factors in (([0.5, 0.5], [1, 2, 3]), ([0.5], [1, 2, 3]), ([0.6, 0.5], [1, 2, 3])):
        with pytest.raises(ValueError, match="rising ends"):
            piecewise(ends, factors)


def test_statistics_of_layers_are_those_of_their_formulas() -> None:
    """Deep, so that each layer has a value of its own; the error is scaled by the rows."""
    net, (X, labels) = new([0, 1], activation=["sigmoid", "leaky-relu"]), problem(40)
    found = layer_statistics(net, CROSS_ENTROPY, X, labels)
    view = View(index=np.array([[0, 3, 5], [9, 8, 7]]))
    part = layer_statistics(net, CROSS_ENTROPY, X, labels, view)
    assert [one.layer for one in found] == [1, 2]
    for rows, layers in (([range(40)] * 2, found), (view.index, part)):
        for m, h in enumerate((torch.sigmoid, torch.nn.functional.leaky_relu)):
            p = {k: v[m].detach().clone() for k, v in net.leaves.items()}
            chosen = np.asarray(rows[m])
            W2 = p["W2"].requires_grad_()
            W1 = p["W1"].requires_grad_()
            a1 = torch.from_numpy(X[chosen]) @ W1 + p["b1"]
            a2 = h(a1) @ W2 + p["b2"]
            A = h(a2) @ p["W3"] + p["b3"]
            loss = torch.nn.functional.cross_entropy(A, torch.from_numpy(labels[chosen]))
            errors = torch.autograd.grad(loss, [a1, a2, W1, W2], retain_graph=True)
            for k, a in enumerate((a1, a2)):
                (slope,) = torch.autograd.grad(h(a).sum(), a, retain_graph=True)
                one, z = layers[k], h(a)
                reference = 0.25 if m == 0 else 1.0
                expected = {
                    "preactivation_mean": a.mean(),
                    "preactivation_std": a.std(correction=0),
                    "activation_mean": z.mean(),
                    "activation_std": z.std(correction=0),
                    "dead": (slope == 0).all(dim=0).double().mean(),
                    "saturated": (slope < 0.05 * reference).double().mean(),
                    "error_rms": len(chosen) * errors[k].square().mean().sqrt(),
                    "gradient_rms": errors[2 + k].square().mean().sqrt(),
                }
                for name, value in expected.items():
                    assert getattr(one, name)[m] == pytest.approx(value.item(), rel=1e-10), name


def test_signals_are_mean_squares_forward_and_backward() -> None:
    net = new([0, 1], normalisation="batch", activation="relu")
    rng = np.random.default_rng(1)
    X, delta = rng.normal(size=(2, 9, 5)), rng.normal(size=(2, 9, 3))
    found = signals(net, "tanh", X, delta)
    assert net.activations == ["tanh", "tanh"]
    for m in range(2):
        p = {k: v[m].detach() for k, v in net.leaves.items()}
        layers: list[torch.Tensor] = []
        Z = torch.from_numpy(X[m])
        for k in (1, 2):
            u = Z @ p[f"W{k}"]
            normal = (u - u.mean(dim=0)) / (u.var(dim=0, correction=0) + 1e-5).sqrt()
            a = (p[f"gamma{k}"] * normal + p[f"beta{k}"]).requires_grad_()
            layers.append(a)
            Z = torch.tanh(a)
        A = Z @ p["W3"] + p["b3"]
        errors = torch.autograd.grad(A, layers, torch.from_numpy(delta[m]))
        for k in range(2):
            assert found.forward[k, m] == pytest.approx(layers[k].square().mean().item())
            assert found.backward[k, m] == pytest.approx(errors[k].square().mean().item())
    gradient = weight_gradient(net, 3, X, delta)
    assert gradient.shape == (2, 6, 3)
    np.testing.assert_allclose(gradient[1], (Z.T @ torch.from_numpy(delta[1])).detach())


def test_running_statistics_move_a_tenth_towards_each_minibatch() -> None:
    """mu and m/(m - 1) sigma^2, of each member, and evaluation uses them (7.24)."""
    rng = torch.Generator().manual_seed(2)
    gamma, beta = (torch.rand(2, 1, 3, generator=rng).double() for _ in range(2))
    mean, var = torch.zeros(2, 3).double(), torch.ones(2, 3).double()
    expected_mean, expected_var = mean.clone(), var.clone()
    for _ in range(3):
        A = 2 + 3 * torch.randn(2, 8, 3, generator=rng).double()
        out = batch_norm(A, gamma, beta, mean, var, True)
        expected_mean = 0.9 * expected_mean + 0.1 * A.mean(dim=1)
        expected_var = 0.9 * expected_var + 0.1 * A.var(dim=1)
        sigma = (A.var(dim=1, correction=0, keepdim=True) + 1e-5).sqrt()
        normal = (A - A.mean(dim=1, keepdim=True)) / sigma
        torch.testing.assert_close(out, gamma * normal + beta)
    torch.testing.assert_close(mean, expected_mean)
    torch.testing.assert_close(var, expected_var)
    fixed = (A - mean[:, None]) / (var[:, None] + 1e-5).sqrt()
    torch.testing.assert_close(batch_norm(A, gamma, beta, mean, var, False), gamma * fixed + beta)
    torch.testing.assert_close(mean, expected_mean)
    sigma = (A.var(dim=2, correction=0, keepdim=True) + 1e-5).sqrt()
    by_row = (A - A.mean(dim=2, keepdim=True)) / sigma
    torch.testing.assert_close(layer_norm(A, gamma, beta), gamma * by_row + beta)


@pytest.mark.parametrize("name", OPTIMISERS)
def test_two_steps_of_every_optimiser_by_hand(name: str) -> None:
    """Its defaults, penalties, a factor and a frozen member."""
    theta = torch.tensor([[1.0, -2.0], [0.5, 3.0], [1.5, 1.0]], dtype=torch.float64)
    start, g = theta.clone().numpy(), np.array([[0.3, -0.1], [0.2, 0.5], [1.0, 1.0]])
    l1, l2, eta = np.array([[0.1], [0.0], [0.0]]), np.array([[0.2], [0.0], [0.1]]), 0.05
    on = np.array([1.0, 0.0])
    penalties = {"l1": list(l1[:, 0]), "l2": list(l2[:, 0])}
    one = OPTIMISERS[name](theta, torch.tensor(on), eta, **penalties)
    given = torch.from_numpy(g.copy())
    w, memory, square = start.copy(), np.zeros((3, 2)), np.zeros((3, 2))
    for step, factor in ((1, 1.0), (2, 0.5)):
        if step == 2:
            one.freeze(torch.tensor([False, False, True]))
        one.step(given, factor)
        rate = eta * factor * np.array([[1.0], [1.0], [float(step == 1)]])
        whole = g + on * (2 * l2 * w + l1 * np.sign(w))
        if name.startswith("adam"):
            if name == "adamw":
                w = w - rate * 0.01 * on * w
            memory = 0.9 * memory + 0.1 * whole
            square = 0.999 * square + 0.001 * whole**2
            corrected = np.sqrt(square / (1 - 0.999**step)) + 1e-8
            w = w - rate * memory / (1 - 0.9**step) / corrected
        else:
            memory = (0.9 * memory if name != "sgd" else 0) + whole
            w = w - rate * (whole + 0.9 * memory if name == "nesterov" else memory)
        np.testing.assert_allclose(theta.numpy(), w, rtol=1e-9)
    assert torch.equal(given, torch.from_numpy(g))
    assert one.n_steps == int(one.state_dict()["n_steps"]) == 2
    names = {"sgd": set(), "momentum": {"velocity"}, "nesterov": {"velocity"}}
    assert set(one.buffers()) == names.get(name, {"m", "v"})


def test_batches_are_cut_gathered_and_evaluated_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    assert batch_bounds(7, 3) == [(0, 3), (3, 7)]
    assert batch_bounds(8, 3) == [(0, 3), (3, 6), (6, 8)]
    assert batch_bounds(4, 3) == [(0, 4)]
    assert batch_bounds(3, 1) == [(0, 1), (1, 2), (2, 3)]
    assert batch_bounds(1, 5) == [(0, 1)]
    with pytest.raises(ValueError, match="at least 1, got 0"):
        batch_bounds(3, 0)
    assert [rows_at_a_time(*n) for n in ((1, 1), (2, 10), (3, 400), (5000, 1), (1, 10**6))] == [
        2048,
        1024,
        333,
        1,
        1,
    ]
    net, (X, labels) = new([0, 1]), problem(23)
    index = np.array([np.random.default_rng(m).permutation(23)[:20] for m in range(2)])
    units = Scaling(np.array([[0.1], [0.4]]), np.array([[2.0], [3.0]]))
    part = member_rows(net, CROSS_ENTROPY, X, labels, View(index, units))
    order = epoch_orders(streams_of([0, 1]), 0, part)
    cuts = batch_bounds(20, 6)
    # 2 members, 6 rows of 5 numbers of 8 bytes: two minibatches at a time, and one.
    for n_bytes in (960, 1919, 1 << 22, 1):
        monkeypatch.setattr("mlcli.neural.batches.GATHERED_BYTES", n_bytes)
        for (start, end), (Z, t) in zip(cuts, minibatches(part, order, cuts), strict=True):
            for m in range(2):
                rows = order[m, start:end].numpy()
                expected = (X[rows] - units.shift[m]) / units.scale[m]
                np.testing.assert_allclose(Z[m], expected)
                assert (t[m].numpy() == labels[rows]).all()
    monkeypatch.setattr("mlcli.neural.evaluation.N_ROWS", 12)
    scores = evaluate(net, CROSS_ENTROPY, part)
    A, t = outputs(net, part)
    for m in range(2):
        Z = torch.from_numpy((X[index[m]] - units.shift[m]) / units.scale[m])
        mine = net(Z.expand(2, *Z.shape))[m].detach()
        np.testing.assert_allclose(A[m], mine)
        assert (t[m] == labels[index[m]]).all()
        right = (mine.argmax(dim=1).numpy() == t[m]).mean()
        loss = torch.nn.functional.cross_entropy(mine, torch.from_numpy(t[m]))
        assert scores.loss[m] == pytest.approx(loss.item())
        assert scores.accuracy[m] == pytest.approx(right)
    for wrong in ((X[:5], labels[:4]), (X[:0], labels[:0])):
        with pytest.raises(ValueError, match="same rows"):
            member_rows(net, CROSS_ENTROPY, *wrong)
    with pytest.raises(ValueError, match="give rows for 2 members, got 1"):
        member_rows(net, CROSS_ENTROPY, X, labels, View(index[:1]))
