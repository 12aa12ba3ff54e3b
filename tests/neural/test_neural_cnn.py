"""Convolutional members: as torch's layers, as those in NumPy, alone, without dense layers."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from neural_cases import CROSS_ENTROPY, optimiser_of, streams_of
from sklearn.datasets import load_digits
from torch import nn
from torch.nn import functional

from mlcli.convolution.convolution import convolve, convolve_backward, flatten
from mlcli.convolution.pooling import pool_max, pool_max_backward
from mlcli.neural.architecture import PRESETS
from mlcli.neural.augmentation import Augmentation
from mlcli.neural.cnn import CNN, channels_innermost, max_pool
from mlcli.neural.fully_convolutional import as_convolutional, logit_map
from mlcli.neural.optimisers import AveragedWeights
from mlcli.neural.training import TrainingResult, TrainingSettings, take_steps, train

SHAPE = (2, 9, 8)
TINY = (
    "conv 4 3x3 pad same",
    "pool max 2",
    "batch-norm",
    "relu",
    "conv 6 3x3",
    "relu",
    "flatten",
    "dense 7",
    "tanh",
)
KINDS = {
    "conv": TINY,
    "strides": ("conv 4 3x2 stride 2x1 pad 1x0", "gelu", "pool avg 3 stride 2", "batch-norm"),
    "residual": ("conv 3 1x1", "elu", "residual 3", "residual 5 stride 2 silu", "global avg"),
    "scan": ("scan 3", "batch-norm", "tanh", "dense 4", "prelu"),
    "prelu": ("conv 3 3x3", "prelu", "residual 4 prelu", "global max", "dense 3", "batch-norm"),
    "noise": ("conv 3 3x3", "dropout 0.3", "rrelu", "flatten", "dropout 0.2", "dense 5", "rrelu"),
}


def built(lines: Sequence[str], seeds: Sequence[int] = (0, 1), shape: Any = SHAPE) -> CNN:
    generators = [s("weights") for s in streams_of(seeds)]
    net = CNN(lines, shape, 4, generators, dtype=torch.float64)
    with torch.no_grad():
        # Biases, gains and averages that a wrong formula can't hide behind.
        for name, leaf in net.leaves.items():
            if not name.startswith("W"):
                for m, seed in enumerate(seeds):
                    g = torch.Generator().manual_seed(seed)
                    leaf[m].add_(0.3 * torch.rand(leaf[m].shape, generator=g, dtype=leaf.dtype))
    return net


def rows(n: int = 6, n_members: int = 2, shape: Any = SHAPE) -> torch.Tensor:
    g = torch.Generator().manual_seed(5)
    return torch.randn(n_members, n, *shape, generator=g, dtype=torch.float64)


class Scan(nn.Module):
    def __init__(self, by_row: nn.Conv2d, by_column: nn.Conv2d) -> None:
        super().__init__()
        self.by_row, self.by_column = by_row, by_column

    def forward(self, Z: torch.Tensor) -> torch.Tensor:
        return torch.cat([self.by_row(Z).flatten(1), self.by_column(Z).flatten(1)], 1)


class Residual(nn.Module):
    def __init__(self, first: nn.Sequential, skip: nn.Module, last: nn.Module) -> None:
        super().__init__()
        self.first, self.skip, self.last = first, skip, last

    def forward(self, Z: torch.Tensor) -> torch.Tensor:
        return self.last(self.first(Z) + self.skip(Z))


class Peer:
    """One member out of torch's own layers; `known` pairs our names with torch's parameters."""

    def __init__(self, net: CNN, m: int) -> None:
        self.net, self.m = net, m
        self.known: dict[str, nn.Parameter] = {}
        self.norms: dict[str, Any] = {}
        self.whole = nn.Sequential(*[self.module(layer) for layer in net.layers]).double()

    def take(self, suffix: str, module: Any, names: tuple[str, str] = ("W", "b")) -> Any:
        for kind, parameter in zip(names, (module.weight, module.bias), strict=True):
            if parameter is not None:
                value = self.net.leaves[kind + suffix][self.m].detach()
                dense = isinstance(module, nn.Linear) and kind == "W"
                parameter.data = (value.T if dense else value).clone()
                self.known[kind + suffix] = parameter
        return module

    def conv(self, suffix: str, **how: Any) -> Any:
        n, c, *size = self.net.shapes[f"W{suffix}"]
        bias = f"b{suffix}" in self.net.shapes
        return self.take(suffix, nn.Conv2d(c, n, tuple(size), bias=bias, **how))

    def norm(self, suffix: str, kind: Any = nn.BatchNorm2d) -> Any:
        (n,) = self.net.shapes[f"gamma{suffix}"]
        self.norms[suffix] = self.take(suffix, kind(n).double(), ("gamma", "beta"))
        return self.norms[suffix]

    def h(self, name: str, suffix: str) -> nn.Module:
        if name == "prelu":
            module = nn.PReLU()
            module.weight.data = self.net.leaves[f"slope{suffix}"][self.m].detach().clone()
            self.known[f"slope{suffix}"] = module.weight
            return module
        return {"relu": nn.ReLU, "tanh": nn.Tanh, "gelu": nn.GELU, "elu": nn.ELU, "silu": nn.SiLU}[
            name
        ]()

    def module(self, layer: Any) -> nn.Module:
        spec, name = layer.spec, str(layer.number)
        if spec.kind == "conv":
            return self.conv(name, stride=spec.stride, padding=spec.padding)
        if spec.kind == "batch-norm":
            return self.norm(name, nn.BatchNorm2d if len(layer.input) == 3 else nn.BatchNorm1d)
        if spec.kind == "activation":
            return self.h(spec.activation, name)
        if spec.kind == "dense":
            bias = f"b{name}" in self.net.shapes
            return self.take(name, nn.Linear(layer.input[0], spec.n, bias=bias))
        if spec.kind == "scan":
            return Scan(self.conv(f"{name}_rows"), self.conv(f"{name}_columns"))
        if spec.kind == "residual":
            first = nn.Sequential(
                self.conv(f"{name}_1", stride=spec.stride, padding=1),
                self.norm(f"{name}_1"),
                self.h(spec.activation, f"{name}_1"),
                self.conv(f"{name}_2", padding=1),
                self.norm(f"{name}_2"),
            )
            skip: nn.Module = nn.Identity()
            if f"W{name}_skip" in self.net.shapes:
                skip = nn.Sequential(
                    self.conv(f"{name}_skip", stride=spec.stride), self.norm(f"{name}_skip")
                )
            return Residual(first, skip, self.h(spec.activation, f"{name}_2"))
        pool = {"max": nn.MaxPool2d, "avg": nn.AvgPool2d}
        if spec.kind == "pool":
            return pool[spec.pooling](spec.size, spec.stride)
        if spec.kind == "global":
            kind = {"max": nn.AdaptiveMaxPool2d, "avg": nn.AdaptiveAvgPool2d}[spec.pooling]
            return nn.Sequential(kind(1), nn.Flatten())
        assert spec.kind == "flatten"
        return nn.Flatten()


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "noise"])
@pytest.mark.parametrize("n_members", [1, 2])
def test_logits_and_gradients_equal_those_of_torch(kind: str, n_members: int) -> None:
    net = built(KINDS[kind], range(n_members))
    peers = [Peer(net, m) for m in range(n_members)]
    X, t = rows(n_members=n_members), torch.tensor([[0, 1, 2, 3, 1, 1]] * n_members)
    close = partial(torch.testing.assert_close, rtol=0, atol=1e-11)
    for training in (True, True, False):
        net.train(training)
        A = net.propagate(X)
        errors = CROSS_ENTROPY.value_and_delta(A.detach(), t)[1]
        gradients = net.unpack(net.backward(A, errors))
        for m, peer in enumerate(peers):
            peer.whole.train(training)
            peer.whole.zero_grad()
            B = peer.whole(X[m])
            functional.cross_entropy(B, t[m]).backward()
            close(A[m], B)
            assert peer.known.keys() == gradients.keys()
            for name, parameter in peer.known.items():
                gradient = gradients[name][m]
                dense = name[0] == "W" and gradient.dim() == 2
                close(gradient.T if dense else gradient, parameter.grad)
            for suffix, norm in peer.norms.items():
                close(net.get_buffer(f"mean{suffix}")[m], norm.running_mean)
                close(net.get_buffer(f"var{suffix}")[m], norm.running_var)


def test_layers_equal_those_of_the_numpy_convolution_package() -> None:
    net = built(["conv 3 3x3 pad same stride 2", "relu", "pool max 2", "flatten"], [0])
    net.train()
    X = rows(n_members=1)
    p = {name: leaf[0].detach().numpy() for name, leaf in net.leaves.items()}
    Z = X[0].numpy()
    a = convolve(Z, p["W1"], p["b1"], stride=2, padding=1)
    z = np.maximum(a, 0)
    pooled = pool_max(z, 2, 2)
    A = net.propagate(X)
    expected = flatten(pooled) @ p["W5"] + p["b5"]
    np.testing.assert_allclose(A[0].detach().numpy(), expected, atol=1e-12)
    delta = np.random.default_rng(0).normal(size=expected.shape)
    gradients = net.unpack(net.backward(A, torch.from_numpy(delta)[None]))
    back = pool_max_backward(z, (delta @ p["W5"].T).reshape(pooled.shape), 2, 2) * (a > 0)
    _, F, b = convolve_backward(Z, p["W1"], back, stride=2, padding=1)
    np.testing.assert_allclose(gradients["W1"][0].numpy(), F, atol=1e-12)
    np.testing.assert_allclose(gradients["b1"][0].numpy(), b, atol=1e-12)
    np.testing.assert_allclose(gradients["W5"][0].numpy(), flatten(pooled).T @ delta, atol=1e-12)


def trained(net: CNN, seeds: Sequence[int], X: Any, t: Any, n: int, **how: Any) -> TrainingResult:
    optimiser = optimiser_of(net, "adam", 0.01)
    return train(
        net, optimiser, CROSS_ENTROPY, X, t, TrainingSettings(n, 16), streams_of(seeds), **how
    )


@pytest.mark.parametrize("kind", KINDS)
def test_members_trained_together_equal_those_trained_alone(kind: str) -> None:
    X, t = rows(40, 1)[0].numpy(), np.arange(40) % 4
    augment = partial(take_steps, augment=Augmentation(flip=True, shift=1, cutout=2))
    seeds = [3, 1, 4]
    together = built(KINDS[kind], seeds)
    start = together.theta.clone()
    run = trained(together, seeds, X, t, 2, run_epoch=augment)
    assert not torch.equal(together.theta, start)
    for m, seed in enumerate(seeds):
        alone = built(KINDS[kind], [seed])
        assert torch.equal(alone.theta[0], start[m])
        single = trained(alone, [seed], X, t, 2, run_epoch=augment)
        torch.testing.assert_close(alone.theta[0], together.theta[m], rtol=0, atol=1e-9)
        for name, curve in single.history.items():
            np.testing.assert_allclose(curve[:, 0], run.history[name][:, m], atol=1e-9)


def test_weights_have_the_variance_of_the_filters_area() -> None:
    lines = ["conv 64 5x5", "relu", "conv 200 3x3 stride 3", "leaky-relu", "flatten", "dense 50"]
    net = CNN(lines, (3, 20, 20), 4, [np.random.default_rng(0)])
    for name, n_in in (("W1", 75), ("W3", 64 * 9)):
        assert net.leaves[name].var().item() == pytest.approx(2 / n_in, rel=0.05)
    xavier = CNN(lines, (3, 20, 20), 4, [np.random.default_rng(0)], scheme="xavier")
    expected = 2 / (64 * 9 + 200 * 9)
    assert xavier.leaves["W3"].var().item() == pytest.approx(expected, rel=0.05)
    penalised = {name for name, part in net.unpack(net.decays[None]).items() if part.any()}
    assert penalised == {"W1", "W3", "W6", "W7"}


def test_dropout_drops_in_training_only_and_keeps_the_mean() -> None:
    net = CNN(
        ["dropout 0.25", "flatten", "dropout 0.25"],
        (3, 40, 40),
        2,
        [np.random.default_rng(m) for m in (0, 1)],
    )
    X = torch.ones(2, 5, 3, 40, 40)
    net.seed_noise(streams_of([0, 1]), 0)
    net.train()
    images, vectors = net.by_member(net.through(X, 1)), net.through(X, 3)
    assert set(images.unique().tolist()) == {0.0, torch.tensor(1 / 0.75).item()}
    assert (images == 0).double().mean().item() == pytest.approx(0.25, abs=0.01)
    assert (vectors == 0).double().mean().item() == pytest.approx(1 - 0.75**2, abs=0.01)
    assert not torch.equal(images[0], images[1])
    net.eval()
    assert torch.equal(net.through(X, 3), X.flatten(2))


def test_augmentation_draws_from_the_member_s_noise_of_the_epoch() -> None:
    seen: list[torch.Tensor] = []

    def watch(X: torch.Tensor, generators: Sequence[torch.Generator]) -> torch.Tensor:
        seen.append(torch.stack([torch.rand(3, generator=g) for g in generators]))
        return X

    X, t = rows(8, 1)[0].numpy(), np.arange(8) % 4
    for _ in range(2):
        net = built(["flatten"])
        trained(net, [0, 1], X, t, 2, run_epoch=partial(take_steps, augment=watch))
    assert not torch.equal(seen[0][0], seen[0][1])
    assert not torch.equal(seen[0], seen[1])
    assert torch.equal(torch.stack(seen[:2]), torch.stack(seen[2:]))
    streams = streams_of([0, 1])
    net.seed_noise(streams, 0)
    assert torch.equal(seen[0], torch.stack([torch.rand(3, generator=g) for g in net.noise]))


CONVERTED = {
    "flatten": ("conv 3 3x3", "relu", "flatten"),
    "dense": TINY,
    "normalised": ("conv 3 3x3", "flatten", "dropout 0.5", "dense 5", "batch-norm", "relu"),
    "residual": KINDS["residual"],
    "fcn": KINDS["strides"],
}


@pytest.mark.parametrize("kind", CONVERTED)
def test_dense_layers_equal_their_convolutions(kind: str) -> None:
    net = built(CONVERTED[kind])
    net.train()
    net(rows())
    twin = as_convolutional(net)
    assert not any(layer.spec.kind in ("dense", "flatten") for layer in twin.layers)
    net.eval()
    X = rows()
    torch.testing.assert_close(twin(X), net(X), rtol=0, atol=1e-12)
    logits = logit_map(net, X)
    torch.testing.assert_close(logits.mean(dim=(3, 4)), net(X), rtol=0, atol=1e-12)


def test_a_logit_map_holds_the_logits_of_each_window() -> None:
    net = built(["conv 3 3x3", "relu", "flatten", "dense 5", "tanh"], shape=(2, 6, 5))
    big = rows(2, shape=(2, 9, 7))
    logits = logit_map(net, big)
    assert logits.shape == (2, 2, 4, 4, 3)
    net.eval()
    for i in range(4):
        for j in range(3):
            window = big[..., i : i + 6, j : j + 5]
            torch.testing.assert_close(logits[..., i, j], net(window), rtol=0, atol=1e-12)
    # Figure 22 with pools: a step of the map is a step of the pools.
    net = built(PRESETS["basic"], [0], shape=(1, 8, 8))
    assert logit_map(net, rows(1, 1, (1, 16, 24))).shape == (1, 1, 4, 2, 3)


@pytest.mark.parametrize("name", ["fcn", "nin", "residual"])
def test_fully_convolutional_networks_take_images_of_other_sizes(name: str) -> None:
    net = CNN(PRESETS[name], (1, 12, 12), 4, [np.random.default_rng(0)])
    net.eval()
    X = torch.randn(1, 2, 1, 20, 31, generator=torch.manual_seed(0))
    torch.testing.assert_close(logit_map(net, X).mean(dim=(3, 4)), net(X), rtol=0, atol=1e-5)


def test_a_layer_without_an_equivalent_convolution_is_refused_by_name() -> None:
    net = built(TINY)
    with pytest.raises(ValueError, match=r"layer 8, 'dense 7': .* 2 x 9 x 8 .* got 2 x 12 x 8"):
        net(rows(shape=(2, 12, 8)))
    with pytest.raises(ValueError, match=r"layer 1, 'conv .* got 3 x 9 x 8"):
        net(rows(shape=(3, 9, 8)))
    fully = built(["conv 2 5x5", "relu"])
    with pytest.raises(ValueError, match="layer 1, 'conv 2 5x5': its width"):
        fully(rows(shape=(2, 9, 4)))
    refused = {
        "scan 3": ["scan 3"],
        "global max": ["global max"],
        "batch-norm": ["flatten", "batch-norm"],
        "relu": ["global avg", "relu"],
    }
    for line, lines in refused.items():
        with pytest.raises(ValueError, match=f"layer {len(lines)}, '{line}'"):
            as_convolutional(built(lines))


def digits() -> tuple[Any, Any]:
    X, t = load_digits(return_X_y=True)
    some = np.random.default_rng(0).permutation(len(X))[:700]
    return X[some].reshape(-1, 1, 8, 8) / 16, t[some]


def test_a_small_network_learns_digits_and_resumes_bit_for_bit() -> None:
    X, t = digits()
    lines = ["conv 8 3x3 pad same", "pool max 2", "batch-norm", "relu", "dropout 0.1", "flatten"]
    augment = Augmentation(rotate=10, cutout=2)

    def new() -> CNN:
        return CNN(lines, (1, 8, 8), 10, [s("weights") for s in streams_of([0, 1])])

    def run(net: CNN, average: AveragedWeights, n: int, **how: Any) -> TrainingResult:
        steps = partial(take_steps, augment=augment, on_step=average.update)
        return trained(
            net, [0, 1], X[:500], t[:500], n, run_epoch=steps, validation=(X[500:], t[500:]), **how
        )

    whole, average = new(), AveragedWeights(0.95)
    kept: list[Any] = []
    done = run(whole, average, 8, on_epoch=lambda r: kept.append((r.state(), average.arrays())))
    assert (done.history["validation_accuracy"][-1] > 0.85).all()
    assert (done.history["train_loss"][-1] < 0.5 * done.history["train_loss"][0]).all()
    again, resumed = new(), AveragedWeights(0.95)
    resumed.resume(kept[2][1], again)
    run(again, resumed, 8, state=kept[2][0])
    assert torch.equal(again.theta, whole.theta)
    assert torch.equal(again.get_buffer("var3"), whole.get_buffer("var3"))
    assert all(torch.equal(resumed.state[name], average.state[name]) for name in average.state)


@pytest.mark.parametrize("channels", [1, 3])
def test_convolutions_keep_the_channels_last_layout(channels: int) -> None:
    images = torch.rand(2, channels, 6, 5)
    found = channels_innermost(images)
    assert torch.equal(found, images)
    assert found.stride() == (30 * channels, 1, 5 * channels, channels)
    after = functional.conv2d(found, torch.rand(4, channels, 3, 3))
    assert after.stride()[1] == 1


@pytest.mark.parametrize("size", [(2, 2), (3, 2), (1, 1)])
@pytest.mark.parametrize("stride", [(2, 2), (1, 3)])
def test_pooling_is_the_same_with_and_without_a_gradient(
    size: tuple[int, int], stride: tuple[int, int]
) -> None:
    Z = channels_innermost(torch.randn(3, 4, 9, 8))
    Z[0, 0, 2, 2] = torch.nan
    expected = functional.max_pool2d(Z, size, stride)
    with torch.no_grad():
        found = max_pool(Z, size, stride)
    torch.testing.assert_close(found, expected, rtol=0, atol=0, equal_nan=True)
    assert torch.equal(max_pool(Z[1:], size, stride), expected[1:])
