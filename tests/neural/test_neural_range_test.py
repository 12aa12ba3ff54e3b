"""The range test leaves no trace, is the training it says it is, and finds 2 / lambda_max."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from neural_cases import (
    CROSS_ENTROPY,
    SQUARE,
    new,
    optimiser_of,
    problem,
    streams_of,
    trained,
)

from mlcli.neural.mlp import MLP
from mlcli.neural.optimisers import Optimiser
from mlcli.neural.range_test import range_test
from mlcli.neural.training import TrainingSettings
from mlcli.optimisation.range_test import suggest

SEEDS = (3, 4, 5)
RATES = np.geomspace(1e-4, 100, 40)


def everything(net: MLP, optimiser: Optimiser) -> dict[str, Any]:
    """All that a training could notice, as bytes."""
    tensors = {f"net.{k}": v for k, v in net.state_dict().items()}
    tensors |= {f"optimiser.{k}": v for k, v in optimiser.buffers().items()}
    tensors |= {
        "gradient": net.gradient,
        "rates": optimiser.learning_rate,
        "minus_eta": optimiser.minus_eta,
        "global": torch.get_rng_state(),
    }
    tensors |= {f"noise{i}": g.get_state() for i, g in enumerate(net.noise)}
    found: dict[str, Any] = {k: v.numpy().tobytes() for k, v in tensors.items()}
    return found | {"training": net.training, "n_steps": optimiser.n_steps}


def half_trained(name: str, mode: bool) -> tuple[MLP, Optimiser]:
    net = new(
        SEEDS,
        normalisation="batch",
        dropout=0.3,
        activation=["rrelu", "relu", "prelu"],
        dtype=torch.float32,
    )
    optimiser = optimiser_of(net, name, 0.01)
    trained(net, SEEDS, optimiser=optimiser, settings=TrainingSettings(n_epochs=2, batch_size=8))
    optimiser.freeze(torch.tensor([False, True, False]))
    net.train(mode)
    return net, optimiser


@pytest.mark.parametrize("name", ["sgd", "nesterov", "adam", "adamw"])
@pytest.mark.parametrize("mode", [True, False], ids=["training", "evaluation"])
def test_a_range_test_leaves_network_and_optimiser_bit_for_bit_unchanged(
    name: str, mode: bool
) -> None:
    net, optimiser = half_trained(name, mode)
    before = everything(net, optimiser)
    X, t = problem()
    losses = range_test(net, optimiser, CROSS_ENTROPY, X, t, RATES, streams_of(SEEDS), batch_size=8)
    assert everything(net, optimiser) == before
    # It did sweep: every member, the frozen one too, has learnt, or gone where no loss is a number.
    assert losses.shape == (40, 3)
    assert not (np.abs(losses[-1] - losses[0]) < 0.1).any()


def test_an_interrupted_range_test_leaves_them_unchanged_too() -> None:
    net, optimiser = half_trained("adam", mode=True)
    before = everything(net, optimiser)

    def broken(*address: Any) -> np.random.Generator:
        if address == ("order", 2):
            raise KeyboardInterrupt
        torch.rand(1)
        return np.random.default_rng(0)

    X, t = problem()
    with pytest.raises(KeyboardInterrupt):
        range_test(net, optimiser, CROSS_ENTROPY, X, t, RATES, [broken] * 3, batch_size=8)
    assert everything(net, optimiser) == before


@pytest.mark.parametrize("name", ["momentum", "adam"])
def test_a_range_test_with_a_constant_rate_equals_training_at_that_rate(name: str) -> None:
    net = new(SEEDS)
    X, t = problem()
    # A training before it does not show: the sweep starts at rest.
    mine = optimiser_of(net, name, [1.0, 2.0, 3.0])
    mine.n_steps = 7
    for tensor in mine.buffers().values():
        tensor.fill_(5.0)
    losses = range_test(
        net, mine, CROSS_ENTROPY, X, t, np.full(14, 0.05), streams_of(SEEDS), batch_size=8
    )
    settings = TrainingSettings(n_epochs=2, batch_size=8)
    other = trained(net, SEEDS, optimiser=optimiser_of(net, name, 0.05), settings=settings)
    per_epoch = losses.reshape(2, 7, 3).mean(axis=1)
    np.testing.assert_allclose(per_epoch, other.history["minibatch_loss"], rtol=1e-13)


def test_a_diverged_member_does_not_end_the_range_test_of_others() -> None:
    X, t = problem()
    net = new(SEEDS, activation=["relu", "tanh", "relu"])
    with np.errstate(over="ignore"):
        losses = range_test(
            net,
            optimiser_of(net),
            CROSS_ENTROPY,
            X,
            t,
            np.geomspace(1e-3, 1e300, 60),
            streams_of(SEEDS),
            batch_size=8,
        )
    alone = new(SEEDS[:1], activation="relu")
    single = range_test(
        alone,
        optimiser_of(alone),
        CROSS_ENTROPY,
        X,
        t,
        np.geomspace(1e-3, 1e300, 60),
        streams_of(SEEDS[:1]),
        batch_size=8,
    )
    assert np.isfinite(losses[-1]).tolist() == [False, True, False]
    np.testing.assert_allclose(losses[:8, 0], single[:8, 0], rtol=1e-10)


def linear_problem(n: int) -> tuple[np.ndarray, np.ndarray, float]:
    """Rows of a noisy line, its targets, and lambda_max of the mean square loss."""
    rng = np.random.default_rng(1)
    X = rng.uniform(-2, 2, (n, 1))
    t = 1.5 * X + 0.3 + 0.3 * rng.normal(size=(n, 1))
    A = np.c_[X, np.ones(n)]
    return X, t, float(np.linalg.eigvalsh(A.T @ A / n)[-1])


@pytest.mark.parametrize(
    ("n_rows", "batch_size", "n_steps", "start", "tolerance"),
    [
        # Full batches: while the rate is below 2 / lambda_max the top component decays, and above
        # it comes back at about the pace at which it went: from 0.9 on, until about 1.1.
        (256, 256, 400, 0.9, 0.15),
        # The noise of minibatches holds it up: the sweep may start anywhere.
        (2048, 32, 2000, 0.005, 0.1),
        (2048, 256, 4000, 0.005, 0.1),
    ],
)
def test_a_degree_one_fit_diverges_at_two_over_lambda_max(
    n_rows: int, batch_size: int, n_steps: int, start: float, tolerance: float
) -> None:
    X, t, largest = linear_problem(n_rows)
    seeds = tuple(range(8))
    net = new(seeds, sizes=(1, 1), scheme="normal")
    rates = np.geomspace(start, 5, n_steps) * 2 / largest
    losses = range_test(
        net,
        optimiser_of(net, "sgd", 1.0),
        SQUARE,
        X,
        t,
        rates,
        streams_of(seeds),
        batch_size=batch_size,
    )
    found = [suggest(rates, curve, float(curve[0]), 0.9, 4.0).eta_crit for curve in losses.T]
    assert np.exp(np.mean(np.log(found))) == pytest.approx(2 / largest, rel=tolerance)
