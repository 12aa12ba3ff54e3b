"""Schedules against torch's, step by step, and against (7.25)-(7.27) by hand."""

from __future__ import annotations

import warnings
from itertools import pairwise

import pytest
import torch

from mlcli.neural.schedules import SCHEDULES, Schedule, n_cycle, one_cycle, piecewise

N_STEPS = 137


def of_torch(make: object, eta: float = 0.3) -> list[float]:
    """Learning rates that a scheduler of torch sets, divided by eta."""
    optimiser = torch.optim.SGD([torch.zeros(1, requires_grad=True)], eta)
    scheduler = make(optimiser)  # type: ignore[operator]
    found = []
    for _ in range(N_STEPS):
        found.append(optimiser.param_groups[0]["lr"] / eta)
        optimiser.step()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if len(found) < N_STEPS:
                scheduler.step()
    return found


def ours(schedule: Schedule) -> list[float]:
    return [schedule(step, N_STEPS) for step in range(N_STEPS)]


@pytest.mark.parametrize("share", [0.9, 0.6, 0.5])
def test_one_cycle_equals_that_of_torch(share: float) -> None:
    theirs = of_torch(
        lambda optimiser: torch.optim.lr_scheduler.OneCycleLR(
            optimiser,
            0.3,
            total_steps=N_STEPS,
            pct_start=share / 2,
            anneal_strategy="linear",
            div_factor=10,
            final_div_factor=1e4,
            three_phase=True,
            cycle_momentum=False,
        )
    )
    assert ours(one_cycle(share)) == pytest.approx(theirs, rel=1e-12)


def test_other_schedules_equal_those_of_torch() -> None:
    lr = torch.optim.lr_scheduler
    cosine = of_torch(lambda o: lr.CosineAnnealingLR(o, N_STEPS, eta_min=0.03))
    assert ours(SCHEDULES["cosine"](final=0.1)) == pytest.approx(cosine, rel=1e-10)
    exponential = of_torch(lambda o: lr.ExponentialLR(o, 0.1 ** (1 / 40)))
    assert ours(SCHEDULES["exponential"](s=40)) == pytest.approx(exponential, rel=1e-10)
    steps = of_torch(lambda o: lr.MultiStepLR(o, [69, 103], gamma=0.1))
    assert ours(piecewise([69 / 137, 103 / 137], [1, 0.1, 0.01])) == pytest.approx(steps)


def test_the_power_schedule_equals_its_formula() -> None:
    assert SCHEDULES["power"](s=10)(30, 100) == 0.25
    assert SCHEDULES["power"](s=10, c=2)(10, 100) == 0.25
    assert set(ours(SCHEDULES["constant"]())) == {1.0}


def test_n_cycle_rises_and_falls_n_times() -> None:
    found = [n_cycle(3)(step, 1000) for step in range(1000)]
    rises = [b > a for a, b in pairwise(found)]
    peaks = sum(a and not b for a, b in pairwise(rises))
    assert peaks == 3
    assert found[0] == pytest.approx(0.1)
    assert max(found) == pytest.approx(1.0, abs=0.01)
    assert found[-1] == pytest.approx(1e-5)
    assert min(found[:880]) > 0.0999


@pytest.mark.parametrize("n_steps", [1, 2, 3, 5])
def test_a_few_steps_are_enough(n_steps: int) -> None:
    for step in range(n_steps):
        assert 0 < n_cycle(2)(step, n_steps) <= 1.0


def test_invalid_schedule_parameters_are_refused() -> None:
    for name, options in [
        ("power", {"s": 0}),
        ("exponential", {"s": -1}),
        ("one-cycle", {"share": 1.0}),
        ("piecewise", {"ends": [0.5, 0.2], "factors": [1, 2, 3]}),
        ("piecewise", {"ends": [0.5], "factors": [1]}),
        ("n-cycle", {"n_cycles": 0}),
    ]:
        with pytest.raises(ValueError):
            SCHEDULES[name](**options)
