"""A member trains as if it were alone, and as the NumPy network and torch's own layers do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from neural_cases import (
    CROSS_ENTROPY,
    SIZES,
    SQUARE,
    new,
    optimiser_of,
    problem,
    streams_of,
    trained,
)
from torch.nn import functional

from mlcli.backpropagation.activations import tanh
from mlcli.backpropagation.layers import DenseLayer, new_network
from mlcli.backpropagation.losses import softmax_cross_entropy
from mlcli.backpropagation.training import train as train_in_numpy
from mlcli.neural.batches import MemberRows, Scaling, View, batch_bounds, epoch_orders, member_rows
from mlcli.neural.evaluation import evaluate, outputs, predict
from mlcli.neural.layer_statistics import layer_statistics
from mlcli.neural.mlp import MLP
from mlcli.neural.training import TrainingSettings, train

VARIANTS: list[dict[str, Any]] = [
    {},
    {"normalisation": "batch"},
    {"normalisation": "layer", "activation": "gelu"},
    {"dropout": 0.3, "activation": "relu", "scheme": "he"},
    {"activation": "rrelu"},
    {"activation": "prelu", "normalisation": "batch", "dropout": 0.1},
]


NORMAL = {"weight": "gamma", "bias": "beta"}


@pytest.mark.parametrize("options", VARIANTS, ids=str)
@pytest.mark.parametrize("name", ["momentum", "adamw"])
def test_members_trained_together_equal_those_trained_alone(
    options: dict[str, Any], name: str
) -> None:
    seeds, rates = [3, 1, 4], [0.05, 0.01, 0.1]
    together = new(seeds, **options)
    start = together.theta.clone()
    X, labels = problem()
    part = member_rows(together, CROSS_ENTROPY, X, labels)
    settings = TrainingSettings(4, 8, clip_norm=1.0)
    run = trained(
        together,
        seeds,
        optimiser=optimiser_of(together, name, rates, l2=[0.0, 0.01, 0.1]),
        settings=settings,
        validation=(X[:20], labels[:20]),
    )
    for m, seed in enumerate(seeds):
        alone = new([seed], **options)
        assert torch.equal(alone.theta[0], start[m])
        own = optimiser_of(alone, name, rates[m], l2=[0.0, 0.01, 0.1][m])
        single = trained(
            alone, [seed], optimiser=own, settings=settings, validation=(X[:20], labels[:20])
        )
        torch.testing.assert_close(alone.theta[0], together.theta[m], rtol=0, atol=1e-10)
        for curve in ("train_loss", "validation_loss", "train_accuracy"):
            np.testing.assert_allclose(
                single.history[curve][:, 0], run.history[curve][:, m], atol=1e-10
            )
        assert torch.equal(
            epoch_orders(streams_of(seeds), 2, part)[m],
            epoch_orders(streams_of([seed]), 2, part)[0],
        )


def test_members_differ_in_activation_and_scheme() -> None:
    names, schemes = ["relu", "tanh", "tanh", "prelu"], ["he", "xavier", "normal", "he-uniform"]
    together = new([0, 0, 0, 0], activation=names, scheme=schemes)
    trained(together, [0, 0, 0, 0])
    X, _ = problem()
    outputs = predict(together, X)
    for m, (name, scheme) in enumerate(zip(names, schemes, strict=True)):
        alone = new([0], activation=name, scheme=scheme)
        trained(alone, [0])
        np.testing.assert_allclose(predict(alone, X)[0], outputs[m], atol=1e-10)


def test_initial_weights_do_not_depend_on_the_dtype() -> None:
    double, single = new([7]), new([7], dtype=torch.float32)
    assert torch.equal(double.theta.float(), single.theta)


def test_a_hundred_steps_equal_those_of_the_numpy_network() -> None:
    X, labels = problem(64)
    start = new_network(np.random.default_rng(0), SIZES, tanh())
    net = new([0])
    with torch.no_grad():
        for name, parameter in net.leaves.items():
            array = start[int(name[1:]) - 1].W.T if name[0] == "W" else start[int(name[1:]) - 1].b
            parameter.copy_(torch.from_numpy(array.copy()))
    streams, parts = streams_of([0]), batch_bounds(64, 8)
    rows = member_rows(net, CROSS_ENTROPY, X, labels)
    batches = [
        order[a:b]
        for epoch in range(13)
        for order in epoch_orders(streams, epoch, rows).numpy()
        for a, b in parts
    ]
    peer = train_in_numpy(
        start, X, labels, softmax_cross_entropy, batches, learning_rate=0.05, momentum=0.9
    )
    steps: list[np.ndarray] = []
    trained(
        net,
        [0],
        data=(X, labels),
        settings=TrainingSettings(13, 8),
        on_epoch=lambda report: steps.append(report.step_losses[:, 0]),
    )
    assert len(np.concatenate(steps)) >= 100
    np.testing.assert_allclose(np.concatenate(steps), peer.losses, atol=1e-8)
    layer: DenseLayer
    for i, layer in enumerate(peer.network, start=1):
        ours = net.leaves
        np.testing.assert_allclose(ours[f"W{i}"][0].detach().numpy(), layer.W.T, atol=1e-8)
        np.testing.assert_allclose(ours[f"b{i}"][0, 0].detach().numpy(), layer.b, atol=1e-8)


def as_torch(net: MLP, m: int, norm: str) -> torch.nn.Sequential:
    """Member m out of torch's own layers."""
    layers: list[torch.nn.Module] = []
    p = net.leaves
    n_layers = len(net.sizes) - 1
    for i in range(1, n_layers + 1):
        has_bias = f"b{i}" in p
        dense = torch.nn.Linear(*net.sizes[i - 1 : i + 1], bias=has_bias, dtype=torch.float64)
        dense.weight.data = p[f"W{i}"][m].T.clone()
        if has_bias:
            dense.bias.data = p[f"b{i}"][m, 0].clone()
        layers.append(dense)
        if i == n_layers:
            break
        if norm != "none":
            kind = torch.nn.BatchNorm1d if norm == "batch" else torch.nn.LayerNorm
            normal = kind(net.sizes[i], dtype=torch.float64)
            normal.weight.data = p[f"gamma{i}"][m, 0].clone()
            normal.bias.data = p[f"beta{i}"][m, 0].clone()
            layers.append(normal)
        layers.append(torch.nn.Tanh())
    return torch.nn.Sequential(*layers)


def of_torch(peer: torch.nn.Sequential, norm: str) -> Iterator[tuple[int, str, torch.nn.Parameter]]:
    """Place from 0 in units of a layer of three, kind, and parameter."""
    for k, layer in enumerate(peer):
        place = k if norm != "none" else 3 * (k // 2)
        dense = isinstance(layer, torch.nn.Linear)
        for name, w in layer.named_parameters():
            yield place, {"weight": "W", "bias": "b"}[name] if dense else NORMAL[name], w


def close(ours: torch.Tensor, theirs: torch.Tensor) -> None:
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-13)


@pytest.mark.parametrize("norm", ["none", "batch", "layer"])
def test_outputs_and_gradients_equal_those_of_torch(norm: str) -> None:
    net = new([0, 1], normalisation=norm)
    with torch.no_grad():
        net.theta.add_(0.2 * torch.randn(net.theta.shape, generator=torch.manual_seed(0)))
    peers = [as_torch(net, m, norm) for m in range(2)]
    X, labels = (torch.from_numpy(array) for array in problem(20))
    for training in (True, True, False):
        net.train(training)
        A = net(X.expand(2, 20, 5))
        errors = CROSS_ENTROPY.value_and_delta(A.detach(), labels.expand(2, 20))[1]
        gradients = net.unpack(net.backward(A, errors))
        for m, peer in enumerate(peers):
            peer.train(training)
            peer.zero_grad()
            B = peer(X)
            functional.cross_entropy(B, labels).backward()
            close(A[m], B)
            named = {f"{kind}{1 + k // 3}": w.grad for k, kind, w in of_torch(peer, norm)}
            assert named.keys() == gradients.keys()
            for key, expected in named.items():
                close(gradients[key][m].squeeze(0), expected.T if key[0] == "W" else expected)
            if norm == "batch":
                close(net.get_buffer("mean1")[m], peer[1].running_mean)
                close(net.get_buffer("var2")[m], peer[4].running_var)


@pytest.mark.parametrize("loss", [CROSS_ENTROPY, SQUARE])
def test_losses_and_their_deltas_equal_those_of_autograd(loss: Any) -> None:
    g = torch.Generator().manual_seed(0)
    A = torch.randn(3, 8, 4, generator=g, dtype=torch.float64, requires_grad=True)
    t: torch.Tensor = torch.randn(3, 8, 4, generator=g, dtype=torch.float64)
    if loss.labelled:
        t = torch.randint(0, 4, (3, 8), generator=g)
        peers = [functional.cross_entropy(A[m], t[m]) for m in range(3)]
    else:
        peers = [0.5 * functional.mse_loss(A[m], t[m], reduction="sum") / 8 for m in range(3)]
    sum(peers).backward()
    E, errors = loss.value_and_delta(A.detach(), t)
    torch.testing.assert_close(E, torch.stack(peers).detach(), atol=1e-14, rtol=0)
    torch.testing.assert_close(loss.value(A.detach(), t), E, atol=1e-14, rtol=0)
    torch.testing.assert_close(errors, A.grad, atol=1e-15, rtol=0)


def test_regression_learns_and_scores_have_no_accuracy() -> None:
    rng = np.random.default_rng(0)
    X = rng.uniform(-1, 1, (200, 5))
    T = np.stack([X.sum(axis=1), X[:, 0] * X[:, 1]], axis=1)
    net = new([0, 1], sizes=(5, 16, 2))
    run = train(
        net,
        optimiser_of(net, "adam", 0.01),
        SQUARE,
        X,
        T,
        TrainingSettings(40, 20),
        streams_of([0, 1]),
    )
    assert (run.history["train_loss"][-1] < 0.02).all()
    assert "train_accuracy" not in run.history
    rows, targets = torch.from_numpy(X), torch.from_numpy(T)
    residual = predict(net, X) - T
    scores = evaluate(net, SQUARE, MemberRows(rows, targets))
    np.testing.assert_allclose(scores.loss, 0.5 * (residual**2).sum(axis=2).mean(axis=1))
    assert scores.accuracy is None


def test_dropout_keeps_the_mean_and_drops_the_given_share() -> None:
    net = new([0, 1], sizes=(1, 4000, 1), dropout=0.25, activation="linear")
    net.seed_noise(streams_of([0, 1]), 0)
    mask = net._mask(torch.ones(2, 10, 4000))
    assert set(mask.unique().tolist()) == {0.0, torch.tensor(1 / 0.75).item()}
    assert (mask == 0).double().mean().item() == pytest.approx(0.25, abs=0.01)
    assert not torch.equal(mask[0], mask[1])
    for epoch, same in ((1, False), (0, True)):
        net.seed_noise(streams_of([0, 1]), epoch)
        assert torch.equal(net._mask(torch.ones(2, 10, 4000)), mask) is same


def test_minibatches_cover_all_rows_and_leave_no_single_row() -> None:
    assert batch_bounds(10, 4) == [(0, 4), (4, 8), (8, 10)]
    assert batch_bounds(9, 4) == [(0, 4), (4, 9)]
    assert batch_bounds(3, 8) == [(0, 3)]
    assert batch_bounds(2, 1) == [(0, 1), (1, 2)]


@pytest.mark.parametrize(
    "options",
    [
        {"dropout": 1.0},
        {"normalisation": "group"},
        {"activation": "swish"},
        {"scheme": "glorot"},
        {"activation": ["relu", "tanh", "relu"]},
    ],
)
def test_a_wrong_architecture_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"must be|give"):
        new([0, 1], **options)


def test_a_view_of_rows_equals_a_table_of_these_rows() -> None:
    X, labels = problem(60)
    rng = np.random.default_rng(0)
    index = np.stack([rng.permutation(60)[:40] for _ in range(2)])
    units = Scaling(rng.normal(size=(2, 5)), rng.uniform(0.5, 2, (2, 5)))
    views = [View(index[:, :30], units), View(index[:, 30:], units)]
    settings = TrainingSettings(3, 8, keep_best=True)
    together = new([0, 1], normalisation="batch")
    run = trained(
        together,
        [0, 1],
        settings=settings,
        data=(X, labels),
        view=views[0],
        validation=(X, labels),
        validation_view=views[1],
    )
    for m in (0, 1):
        own = (X[index[m]] - units.shift[m]) / units.scale[m]
        t = labels[index[m]]
        alone = new([m], normalisation="batch")
        single = trained(
            alone, [m], settings=settings, data=(own[:30], t[:30]), validation=(own[30:], t[30:])
        )
        torch.testing.assert_close(alone.theta[0], together.theta[m], rtol=0, atol=1e-10)
        for name, curve in single.history.items():
            np.testing.assert_allclose(curve[:, 0], run.history[name][:, m], atol=1e-10)
        layers = layer_statistics(together, CROSS_ENTROPY, X, labels, views[0])
        alone_layers = layer_statistics(alone, CROSS_ENTROPY, own[:30], t[:30])
        np.testing.assert_allclose(layers[1].error_rms[m], alone_layers[1].error_rms[0])


def test_targets_are_standardised_per_member() -> None:
    rng = np.random.default_rng(0)
    X, T = rng.normal(size=(20, 5)), rng.normal(3, 7, (20, 1))
    net = new([0, 1], sizes=(5, 4, 1))
    units = Scaling(np.array([[1.0], [2.0]]), np.array([[3.0], [5.0]]))
    part = member_rows(net, SQUARE, X, T, View(t=units))
    A, t = outputs(net, part)
    np.testing.assert_allclose(t[1], (T - 2) / 5)
    np.testing.assert_allclose(A, predict(net, X))
    assert torch.equal(part.t, torch.from_numpy(T))
    expected = 0.5 * ((A - t) ** 2).sum(axis=2).mean(axis=1)
    np.testing.assert_allclose(evaluate(net, SQUARE, part).loss, expected)
    with pytest.raises(ValueError, match="2 members"):
        member_rows(net, SQUARE, X, T, View(np.zeros((3, 4), dtype=np.int64)))
