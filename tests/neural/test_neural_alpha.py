"""alpha of leaky ReLU, PReLU and ELU: against torch, autograd, the NumPy network and theory."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from neural_cases import new
from torch.nn import functional

from mlcli.backpropagation.activations import elu, leaky_relu
from mlcli.neural.activations import ACTIVATIONS, activate, alpha_of_each, find_activation
from mlcli.neural.cnn import CNN
from mlcli.neural.layer_spec import parse
from mlcli.neural.mean_field import moments, variances
from mlcli.neural.mlp import MLP

ALPHA = 0.3
PEERS = {
    "leaky-relu 0.3": lambda a: functional.leaky_relu(a, ALPHA),
    "prelu 0.3": lambda a: functional.prelu(a, torch.tensor([ALPHA], dtype=torch.float64)),
    "elu 0.3": lambda a: functional.elu(a, ALPHA),
    "elu 2.5": lambda a: functional.elu(a, 2.5),
}
WRITTEN = {"leaky-relu 0.3": leaky_relu(ALPHA), "elu 0.3": elu(ALPHA), "elu 2.5": elu(2.5)}


@pytest.mark.parametrize("text", PEERS)
def test_an_activation_with_an_alpha_is_that_of_torch_and_of_the_numpy_network(text: str) -> None:
    a = torch.linspace(-8, 8, 40, dtype=torch.float64).view(1, 40, 1).requires_grad_()
    theirs = a.detach().clone().requires_grad_()
    z = activate([text], a, torch.full((1, 1, 1), ALPHA, dtype=torch.float64))
    (slope,) = torch.autograd.grad(z.sum(), a)
    expected = PEERS[text](theirs)
    expected.sum().backward()
    torch.testing.assert_close(z, expected, rtol=0, atol=1e-15)
    torch.testing.assert_close(slope, theirs.grad, rtol=0, atol=1e-15)
    if text in WRITTEN:
        values = WRITTEN[text].value(a.detach().numpy())
        np.testing.assert_allclose(z.detach(), values, rtol=0, atol=1e-14)
        np.testing.assert_allclose(slope, WRITTEN[text].derivative(values), rtol=0, atol=1e-14)
    backward = find_activation(text).backward
    if backward is not None:
        found = backward(torch.full_like(slope, 3.0), a.detach(), z.detach())
        torch.testing.assert_close(found, 3.0 * slope, rtol=0, atol=1e-15)


def test_the_usual_alpha_is_the_activation_itself_and_any_other_is_in_its_name() -> None:
    for name, alpha in (("leaky-relu", 0.01), ("prelu", 0.25), ("elu", 1.0)):
        assert find_activation(f"{name} {alpha}") is ACTIVATIONS[name]
    assert find_activation("elu 1.2345678901234567").name == "elu 1.2345678901234567"
    tiny = find_activation("leaky-relu 1e-300")
    assert tiny.alpha == tiny.negative_slope == find_activation(tiny.name).negative_slope == 1e-300


@pytest.mark.parametrize(
    ("name", "alpha", "sentence"),
    [
        ("relu", 0.3, "alpha is no parameter of relu; leaky-relu, prelu, elu have one"),
        ("rrelu", 0.3, "no parameter of rrelu"),
        ("leaky-relu", 1.0, "above 0 and below 1 for leaky-relu, got 1"),
        ("prelu", 1.5, "below 1 for prelu, got 1.5"),
        ("leaky-relu", 0.0, "above 0"),
        ("elu", -1.0, "above 0 and below 100 for elu, got -1"),
        ("elu", 100.0, "below 100"),
        ("elu", math.nan, "got nan"),
        ("elu", math.inf, "got inf"),
    ],
)
def test_an_alpha_out_of_range_is_refused(name: str, alpha: float, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        ACTIVATIONS[name].with_alpha(alpha)
    with pytest.raises(ValueError, match=sentence):
        alpha_of_each([name], alpha)


@pytest.mark.parametrize("text", ["leaky-relu x", "leaky-relu 0.3 0.4", "leakyrelu 0.3", "elu 1e5"])
def test_a_text_that_names_no_activation_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"could not convert|must be"):
        find_activation(text)


def test_of_several_activations_those_that_have_an_alpha_take_it() -> None:
    found = alpha_of_each(["relu", "leaky-relu", "elu"], 0.5)
    assert found == {"relu": "relu", "leaky-relu": "leaky-relu 0.5", "elu": "elu 0.5"}
    assert alpha_of_each(["relu", "elu"], None) == {"relu": "relu", "elu": "elu"}


@pytest.mark.parametrize("alpha", [0.01, 0.3, 0.9])
@pytest.mark.parametrize("q", [1e-6, 1.0, 1e8])
def test_theory_and_the_gain_of_he_have_the_slope(alpha: float, q: float) -> None:
    """E h^2 = (1 + alpha^2) q / 2, E h'^2 = (1 + alpha^2) / 2: He's weights make up for it."""
    both = 1 + alpha**2
    name = f"leaky-relu {alpha}"
    np.testing.assert_allclose(moments(name, q)[1:], [both * q / 2, both / 2], rtol=1e-12)
    for scheme, factor in (("he", 1.0), ("xavier", both / 2)):
        found = variances(name, scheme, [64] * 12)
        expected = factor ** np.arange(10)
        np.testing.assert_allclose(found.forward / found.forward[0], expected, rtol=1e-10)
        np.testing.assert_allclose(found.backward[::-1] / found.backward[-1], expected, rtol=1e-10)


def test_weights_by_he_have_the_variance_of_each_members_alpha() -> None:
    names = ["leaky-relu 0.5", "prelu 0.9", "elu 0.5", "relu"]
    net = MLP(
        [400, 300, 2],
        [np.random.default_rng(0) for _ in names],
        activation=names,
        dtype=torch.float64,
    )
    for W, gain in zip(net.leaves["W1"], (1.25, 1.81, 1.0, 1.0), strict=True):
        assert float(W.detach().var()) == pytest.approx(2 / (gain * 400), rel=0.02)
    # Members that learn no slope have one that nothing reads.
    assert net.leaves["slope1"].flatten().tolist() == [0.25, 0.9, 0.25, 0.25]


def test_layers_of_a_convolutional_network_take_an_alpha() -> None:
    lines = ("conv 3 3x3", "leaky-relu 0.3", "residual 4 stride 2 elu 0.5", "prelu 0.7", "elu")
    specs = parse(lines)
    assert [one.activation for one in specs][1:] == [
        "leaky-relu 0.3",
        "elu 0.5",
        "prelu 0.7",
        "elu",
    ]
    assert specs[2].stride == (2, 2)
    assert [one.line for one in specs] == list(lines)
    net = CNN(lines, (1, 8, 8), 2, [np.random.default_rng(0)], dtype=torch.float64)
    assert net.leaves["slope4"].tolist() == [[0.7]]
    # 3 x 3 weights of one channel; the gain of He for the slope 0.3.
    wide = CNN(("conv 500 3x3", "leaky-relu 0.9"), (1, 8, 8), 2, [np.random.default_rng(0)])
    assert float(wide.leaves["W1"].detach().var()) == pytest.approx(2 / (1.81 * 9), rel=0.08)


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("relu 0.3", "alpha is no parameter of relu"),
        ("leaky-relu 2", "below 1 for leaky-relu"),
        ("elu 0.3 0.4", "nothing must follow"),
        ("elu much", "nothing must follow here, got 'much'"),
        ("residual 4 relu 0.3", "no parameter of relu"),
    ],
)
def test_a_layer_with_another_alpha_is_refused(line: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        parse(("conv 4 3x3", line))


@pytest.mark.parametrize("options", [{"activation": "leaky-relu 0.4"}, {"activation": "elu 2.0"}])
def test_training_with_an_alpha_follows_autograd(options: dict[str, Any]) -> None:
    net = new([0, 1], **options)
    X = torch.from_numpy(np.random.default_rng(0).standard_normal((2, 6, net.sizes[0])))
    net.train()
    A = net.propagate(X)
    given = torch.ones_like(A)
    ours = net.backward(A, given.clone()).clone()
    torch.testing.assert_close(ours, net.backward(net(X), given).clone(), rtol=0, atol=1e-12)
