"""Optimisers and clipping against torch's, member by member."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from mlcli.neural.optimisers import OPTIMISERS, clip_norms

RATES, L2 = [0.1, 0.01, 0.03], [0.0, 0.02, 0.1]
Peer = Callable[[list[Tensor], float, float], torch.optim.Optimizer]
CASES: dict[str, tuple[dict[str, Any], Peer]] = {
    "sgd": ({}, lambda p, eta, l2: torch.optim.SGD(p, eta, weight_decay=2 * l2)),
    "momentum": ({}, lambda p, eta, l2: torch.optim.SGD(p, eta, 0.9, weight_decay=2 * l2)),
    "nesterov": (
        {"momentum": 0.8},
        lambda p, eta, l2: torch.optim.SGD(p, eta, 0.8, weight_decay=2 * l2, nesterov=True),
    ),
    "adam": (
        {"betas": (0.8, 0.99), "epsilon": 1e-6},
        lambda p, eta, l2: torch.optim.Adam(p, eta, (0.8, 0.99), 1e-6, weight_decay=2 * l2),
    ),
    "adamw": (
        {"weight_decay": 0.3},
        lambda p, eta, l2: torch.optim.AdamW(p, eta, weight_decay=0.3),
    ),
}


def gradient(theta: Tensor, step: int) -> Tensor:
    """Of some function that is neither quadratic nor the same at each step."""
    return torch.sin(3 * theta) + 0.1 * theta**3 + 0.3 * torch.cos(theta + step)


@pytest.mark.parametrize("name", CASES)
def test_fifty_steps_equal_those_of_torch(name: str) -> None:
    options, peer = CASES[name]
    start = torch.randn(3, 11, generator=torch.manual_seed(0), dtype=torch.float64)
    l2 = [0.0] * 3 if name == "adamw" else L2
    theta = start.clone()
    ours = OPTIMISERS[name](theta, torch.ones(11), RATES, l2=l2, **options)
    rows = [row.clone().requires_grad_() for row in start]
    theirs = [peer([row], RATES[m], l2[m]) for m, row in enumerate(rows)]
    for step in range(50):
        factor = 1 / (1 + step / 20)
        ours.step(gradient(theta, step), factor)
        for m, optimiser in enumerate(theirs):
            optimiser.param_groups[0]["lr"] = RATES[m] * factor
            rows[m].grad = gradient(rows[m].detach(), step)
            optimiser.step()
    torch.testing.assert_close(theta, torch.stack(rows).detach(), rtol=0, atol=1e-10)


@pytest.mark.parametrize("name", OPTIMISERS)
def test_an_optimiser_resumes_bit_for_bit_and_frozen_members_do_not_move(name: str) -> None:
    theta = torch.randn(3, 6, generator=torch.manual_seed(1), dtype=torch.float64)
    first = OPTIMISERS[name](theta, torch.ones(6), 0.05)
    for step in range(5):
        first.step(gradient(theta, step))
    copy = theta.clone()
    second = OPTIMISERS[name](copy, torch.ones(6), 0.05)
    second.load_state_dict(first.state_dict())
    held = theta[1].clone()
    for optimiser in (first, second):
        optimiser.freeze(torch.tensor([False, True, False]))
        for step in range(5, 9):
            optimiser.step(gradient(optimiser.theta, step))
    assert torch.equal(theta, copy)
    assert torch.equal(theta[1], held)
    assert not torch.equal(theta[0], held)


def test_penalties_act_on_weights_and_not_on_biases() -> None:
    theta = torch.tensor([[2.0, -2.0, 2.0]] * 2, dtype=torch.float64)
    decays = torch.tensor([1.0, 1.0, 0.0])
    optimiser = OPTIMISERS["sgd"](theta, decays, 0.1, l1=[0.5, 0.0], l2=[0.25, 0.0])
    optimiser.step(torch.zeros_like(theta))
    # The gradient of l2 w^2 + l1 |w| is 2 l2 w + l1 sign w.
    expected = torch.tensor([[1.85, -1.85, 2.0], [2.0, -2.0, 2.0]], dtype=torch.float64)
    torch.testing.assert_close(theta, expected)


def test_gradient_clipping_equals_that_of_torch() -> None:
    g = torch.randn(3, 9, generator=torch.manual_seed(0), dtype=torch.float64)
    g[1] *= 0.01
    rows = [torch.zeros(9, requires_grad=True) for _ in range(3)]
    for row, of_row in zip(rows, g, strict=True):
        row.grad = of_row.float()
        torch.nn.utils.clip_grad_norm_([row], 0.5)
    torch.testing.assert_close(
        clip_norms(g.clone(), 0.5).float(),
        torch.stack([row.grad for row in rows if row.grad is not None]),
    )
    assert torch.equal(clip_norms(g.clone(), 0.5)[1], g[1])


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("sgd", {"learning_rate": 0.0}),
        ("sgd", {"learning_rate": 0.1, "l2": -1.0}),
        ("momentum", {"learning_rate": 0.1, "momentum": 1.0}),
        ("adam", {"learning_rate": 0.1, "betas": (0.9, 1.0)}),
    ],
)
def test_numbers_out_of_range_are_refused(name: str, options: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        OPTIMISERS[name](torch.zeros(2, 3), torch.ones(3), **options)
