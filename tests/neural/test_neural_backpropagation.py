"""Backpropagation as it is written out, against autograd through the same network."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from neural_cases import CROSS_ENTROPY, new, optimiser_of, problem, streams_of, trained

from mlcli.neural.activations import ACTIVATIONS
from mlcli.neural.batched_module import BatchedModule
from mlcli.neural.mlp import NARROW, has_analytic_gradient
from mlcli.neural.training import TrainingSettings

OPTIONS: list[dict[str, Any]] = [
    *({"activation": name} for name in ACTIVATIONS),
    {"activation": ["relu", "tanh", "leaky-relu"]},
    {"activation": ["relu", "prelu", "sigmoid"]},
    {"normalisation": "batch"},
    {"normalisation": "layer", "activation": "gelu"},
    {"dropout": 0.3},
    {"dropout": 0.3, "normalisation": "batch", "activation": "rrelu"},
    {"sizes": (5, NARROW + 4, NARROW - 1, NARROW, 3)},
]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_analytic_gradients_equal_those_of_autograd(options: dict[str, Any]) -> None:
    net = new([0, 1, 2], **options)
    X, labels = (torch.from_numpy(array) for array in problem(12))
    rows, t = X.expand(3, *X.shape), labels.expand(3, *labels.shape)
    net.train()
    kept = {name: tensor.clone() for name, tensor in net.state_dict().items()}

    def gradient(written_out: bool) -> tuple[torch.Tensor, torch.Tensor]:
        net.load_state_dict(kept)
        net.seed_noise(streams_of([0, 1, 2]), 0)
        A = net.propagate(rows) if written_out else net(rows)
        assert A.requires_grad is not written_out
        errors = CROSS_ENTROPY.value_and_delta(A.detach(), t)[1]
        return A.detach().clone(), net.backward(A, errors).clone()

    ours, autograd = gradient(True), gradient(False)
    torch.testing.assert_close(ours[0], autograd[0], rtol=0, atol=1e-12)
    torch.testing.assert_close(ours[1], autograd[1], rtol=0, atol=1e-12)
    assert (autograd[1] != 0).any()


def test_which_activations_have_an_analytic_gradient() -> None:
    assert has_analytic_gradient(["relu", "tanh"])
    assert not has_analytic_gradient(["relu", "gelu"])
    assert not has_analytic_gradient(["prelu"])


def test_training_with_analytic_gradients_and_autograd_gives_the_same_weights(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def end() -> torch.Tensor:
        net = new([0, 1], activation="relu")
        settings = TrainingSettings(3, 8, clip_norm=1.0)
        trained(net, [0, 1], optimiser=optimiser_of(net, "adam", 0.01), settings=settings)
        return net.theta

    written_out = end()
    monkeypatch.setattr("mlcli.neural.mlp.MLP.propagate", BatchedModule.propagate)
    torch.testing.assert_close(end(), written_out, rtol=0, atol=1e-11)
