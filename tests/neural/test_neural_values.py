"""Sizes, noise and places of the networks, against counting by hand."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import Any

import numpy as np
import pytest
import torch
from neural_cases import (
    CROSS_ENTROPY,
    SIZES,
    new,
    optimiser_of,
    problem,
    streams_of,
    trained,
)

from mlcli.errors import NoAnswerError
from mlcli.neural import device
from mlcli.neural.architecture import count_parameters as count_layers
from mlcli.neural.architecture import shapes
from mlcli.neural.augmentation import Augmentation, augmented_steps, turn
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
from mlcli.neural.fully_convolutional import collage, places
from mlcli.neural.layer_spec import LayerSpec, parse
from mlcli.neural.layer_statistics import (
    layer_statistics,
    signals,
    weight_gradient,
)
from mlcli.neural.mlp import count_parameters
from mlcli.neural.normalisation import batch_norm, layer_norm
from mlcli.neural.optimisers import OPTIMISERS
from mlcli.neural.restored import restore_mlp
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
from mlcli.neural.training import EpochReport, TrainingSettings


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


def test_each_kind_of_line_is_the_whole_layer_that_it_says() -> None:
    expected = {
        "conv 3 5": {"kind": "conv", "n": 3, "size": (5, 5)},
        "conv 2 3x5 pad same stride 2x1": {"kind": "conv", "n": 2, "size": (3, 5)}
        | {"padding": (1, 2), "stride": (2, 1)},
        "conv 1 2 pad 0 stride 3": {"kind": "conv", "n": 1, "size": (2, 2), "stride": (3, 3)},
        "conv 1 2x4 pad 1x2": {"kind": "conv", "n": 1, "size": (2, 4), "padding": (1, 2)},
        "pool max 2x3": {"kind": "pool", "pooling": "max", "size": (2, 3), "stride": (2, 3)},
        "pool avg 3 stride 1": {"kind": "pool", "pooling": "avg", "size": (3, 3)}
        | {"stride": (1, 1)},
        "batch-norm": {"kind": "batch-norm"},
        "dropout 0": {"kind": "dropout"},
        "dropout 0.75": {"kind": "dropout", "rate": 0.75},
        "global max": {"kind": "global", "pooling": "max"},
        "flatten": {"kind": "flatten"},
        "dense 12": {"kind": "dense", "n": 12},
        "residual 4": {"kind": "residual", "n": 4, "activation": "relu"},
        "residual 4 stride 2 elu": {"kind": "residual", "n": 4, "activation": "elu"}
        | {"stride": (2, 2)},
        "scan 6": {"kind": "scan", "n": 6},
        "leaky-relu": {"kind": "activation", "activation": "leaky-relu"},
    }
    for line, fields in expected.items():
        assert parse([f"  {line.upper()} "]) == (LayerSpec(line, **fields),)
    refused = ["conv 0 3", "conv 3 3 pad -1", "conv 3 4 pad same", "conv 3 3x2 pad same"]
    refused += ["dense", "dense 1.5", "dense 3 4", "scan", "scan 2 2", "global", "global avg 2"]
    refused += ["dropout", "dropout 1", "dropout -0.1", "pool 2", "pool max", "pool max 2 pad 1"]
    refused += [
        "conv 3 3x",
        "conv 3 3x3x3",
        "residual 4 pad 1",
        "batch-norm 3",
        "conv 3 3 stride 0",
    ]
    for line in refused:
        with pytest.raises(ValueError, match=f"^layer 2, '{line}': "):
            parse(["flatten", line])


def test_changes_of_images_are_applied_in_their_order() -> None:
    """Exact pixels, from the same random numbers; and units are those of each member."""
    Z = torch.rand(12, 2, 7, 8, generator=torch.Generator().manual_seed(1)) + 0.5
    every = Augmentation(flip=True, rotate=20.0, shift=2, crop=1, cutout=3)
    found = every.apply(Z, torch.Generator().manual_seed(7))
    g = torch.Generator().manual_seed(7)
    mirrored = torch.rand(1, 12, generator=g)[0] < 0.5
    degrees = (2 * torch.rand(1, 12, generator=g)[0] - 1) * 20
    by, at = (torch.randint(2 * n + 1, (2, 12, 1), generator=g) for n in (2, 1))
    hole = torch.rand(2, 12, generator=g)
    expected = np.empty(Z.shape)
    for i in range(12):
        one = Z[i].flip(2) if mirrored[i] else Z[i]
        one = turn(one[None], degrees[i : i + 1])[0].numpy()
        for size, corners, how in ((2, by, "constant"), (1, at, "reflect")):
            top, left = int(corners[0, i]), int(corners[1, i])
            padded = np.pad(one, ((0, 0), (size, size), (size, size)), mode=how)
            one = padded[:, top : top + 7, left : left + 8]
        top, left = int(hole[0, i] * (7 - 3 + 1)), int(hole[1, i] * (8 - 3 + 1))
        expected[i] = one
        expected[i, :, top : top + 3, left : left + 3] = 0
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-6)
    for name in ("rotate", "shift", "crop", "cutout"):
        with pytest.raises(ValueError, match=f"{name} must not be negative, got -1"):
            Augmentation(**{name: -1})
    assert augmented_steps(Augmentation(), (2, 7, 8), 0.0) is None
    assert augmented_steps(Augmentation(cutout=1), (2, 7, 8), 0.0) is not None


def test_a_picture_of_several_images_has_their_pixels_and_a_ground() -> None:
    tiles = torch.rand(2, 3, 1, 2, 3, generator=torch.Generator().manual_seed(0))
    blank = torch.tensor([[[[1.0, 9.0, 2.0], [3.0, 9.0, 6.0]]], [[[4.0] * 3] * 2]])
    found = collage(tiles, [(0, 1), (3, 2), (2, 0), (0, 0)], blank, 5)
    assert found.shape == (2, 1, 1, 5, 5)
    for m, ground in enumerate((3.0, 4.0)):
        expected = torch.full((5, 5), ground)
        for i, (top, left) in enumerate(((0, 1), (3, 2), (2, 0))):
            expected[top : top + 2, left : left + 3] = tiles[m, i, 0]
        assert torch.equal(found[m, 0, 0], expected)


def test_a_gpu_computes_from_its_bound_on(monkeypatch: pytest.MonkeyPatch) -> None:
    def said(kind: str | None, name: str, size: int, dtype: str = "float32") -> tuple[str, str]:
        monkeypatch.setattr(device, "accelerator", lambda: kind)
        found = device.choose_device(name, size, dtype)
        return found.device.type, found.reason

    bound = device.WORTH_A_GPU
    assert said(None, "auto", 10**12) == ("cpu", "there is no other")
    assert said("cuda", "cpu", 10**12) == ("cpu", "as given")
    assert said("mps", "auto", 10**12, "float64") == ("cpu", "mps has no float64")
    below = ("cpu", f"{bound - 1:.2g} multiplications per step are fewer than 3e+07")
    least = f"{bound:.2g} multiplications per step are at least 3e+07"
    for kind in ("cuda", "mps"):
        assert said(kind, "auto", bound - 1) == below
        assert said(kind, "auto", bound) == (kind, least)
    assert said("cuda", "auto", bound, "float64") == ("cuda", least)
    rule = "mps from 3e+07 multiplications per step, cpu below"
    assert (said("mps", "cpu", 0), device.auto_rule()) == (("cpu", "as given"), rule)
    monkeypatch.setattr(device, "describe", lambda one: f"a {one.type}")
    choices = [device.choose_device("auto", n) for n in (0, bound, 0)]
    found = device.provenance("same bytes", choices)
    assert found["determinism"] == f"same bytes; {device.ON_DEVICES['mps']}"
    kinds = [(one["device"], one["reason"]) for one in found["devices"]]
    assert kinds == [("a cpu", choices[0].reason), ("a mps", least)]
    assert device.accelerator_description() == "a mps"
    monkeypatch.setattr(device, "accelerator", lambda: None)
    assert device.accelerator_description() == ""
    assert device.auto_rule() == "cpu, there is no other"
    alone = device.provenance("same bytes", [device.choose_device("auto", 0)])
    assert alone == {"determinism": "same bytes", "devices": []}


def test_settings_of_a_gpu_hold_inside_the_block_only(monkeypatch: pytest.MonkeyPatch) -> None:
    cudnn = torch.backends.cudnn

    def settings() -> tuple[Any, ...]:
        matmul = torch.backends.cuda.matmul
        filled = torch.utils.deterministic.fill_uninitialized_memory
        flags = torch.are_deterministic_algorithms_enabled(), cudnn.benchmark, cudnn.deterministic
        warns = torch.is_deterministic_algorithms_warn_only_enabled()
        digits = [one.fp32_precision for one in (cudnn.conv, matmul)]
        return *flags, warns, filled, *digits, torch.get_num_threads()

    if not hasattr(cudnn, "conv"):
        pytest.skip("torch before 2.9")
    first = settings()
    for given, kept in ((None, ":4096:8"), (":16:8", ":16:8"), ("other", ":4096:8")):
        monkeypatch.setenv(device.CUBLAS_VARIABLE, given or "")
        for mode in (0, 1, 2):
            torch.set_deterministic_debug_mode(mode)
            before = settings()
            with suppress(KeyError), device.repeatable(torch.device("cuda"), 2):
                inside = (True, False, True, False, False, "ieee", "ieee", 2)
                assert settings() == inside
                assert os.environ[device.CUBLAS_VARIABLE] == kept
                raise KeyError
            assert settings() == before
            with device.repeatable(torch.device("cpu"), 2):
                assert settings() == (*before[:-1], 2)
        torch.set_deterministic_debug_mode(0)
    assert settings() == first
    assert device.device_bytes(torch.device("cpu")) == os.sysconf("SC_PAGE_SIZE") * os.sysconf(
        "SC_PHYS_PAGES"
    )


def test_arrays_of_another_network_are_not_taken() -> None:
    net = new([0, 1], normalisation="batch")
    arrays = net.named_arrays(net.state_dict())
    assert set(arrays) == {"W1", "W2", "W3", "b3", "gamma1", "gamma2", "beta1", "beta2"} | {
        f"{kind}{k}" for kind in ("mean", "var") for k in (1, 2)
    }
    cpu, h = torch.device("cpu"), ["tanh", "tanh"]
    back = restore_mlp(SIZES, h, "batch", arrays, cpu)
    assert all(torch.equal(back.state_dict()[k], v) for k, v in net.state_dict().items())
    assert back.theta.dtype == torch.float64
    for name, array in arrays.items():
        with pytest.raises((ValueError, KeyError)):
            restore_mlp(SIZES, h, "batch", {k: v for k, v in arrays.items() if k != name}, cpu)
        for wrong in (array[:1], array[..., :-1]):
            with pytest.raises(ValueError, match=r"of another shape|sizes are not those"):
                restore_mlp(SIZES, h, "batch", arrays | {name: wrong}, cpu)
    with pytest.raises(ValueError, match="names of the arrays are not those"):
        restore_mlp(SIZES, h, "batch", arrays | {"W4": arrays["W3"]}, cpu)
    with pytest.raises(ValueError, match="sizes are not those"):
        restore_mlp((5, 7, 5, 3), h, "batch", arrays, cpu)
    # A penalty acts on weights; what lies between two parameters stays zero.
    on = {name: set(part.flatten().tolist()) for name, part in net.unpack(net.decays[None]).items()}
    assert on == {name: {float(name[0] == "W")} for name in net.leaves}
    n = sum(leaf[0].numel() for leaf in net.leaves.values())
    assert (net.theta.shape[1] % 16, net.theta.shape[1] > n) == (0, True)
    with pytest.raises(TypeError, match="when the network is made"):
        net.double()


def test_the_step_of_a_loss_that_is_not_finite_is_the_first_one() -> None:
    X, labels = problem()
    reports: list[EpochReport] = []
    net = new([0, 1, 2], activation="linear")
    run = trained(
        net,
        [0, 1, 2],
        optimiser=optimiser_of(net, "sgd", [1e-3, 1e9, 100.0]),
        settings=TrainingSettings(30, 8, raise_on_divergence=False, evaluate_training=False),
        on_epoch=reports.append,
    )
    losses = np.concatenate([report.step_losses for report in reports])
    first = [int(np.argmin(np.isfinite(losses[:, m]))) + 1 for m in (1, 2)]
    assert list(run.diverged_at) == [0, *first]
    assert first[0] < first[1]
    for report in reports:
        assert list(report.stopped) == [False, *(report.step >= step for step in first)]
    again = new([0, 1, 2], activation="linear")
    value = str(losses[first[0] - 1, 1])
    with pytest.raises(
        NoAnswerError, match=f"member 1 at step {first[0]} must be finite, got {value}"
    ):
        trained(
            again,
            [0, 1, 2],
            optimiser=optimiser_of(again, "sgd", [1e-3, 1e9, 100.0]),
            settings=TrainingSettings(30, 8, evaluate_training=False),
        )
    # A single step too many shows in the scores after the epoch only.
    late = new([0], activation="linear")
    with pytest.raises(NoAnswerError, match="member 0 at step 2 must be finite"):
        trained(
            late,
            [0],
            optimiser=optimiser_of(late, "sgd", 1e308),
            settings=TrainingSettings(1, 50),
            data=(X * 1e10, labels),
        )
