"""The range test's mathematics: averages, the onset of divergence, the rules, 2 / lambda_max."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from mlcli.optimisation.range_test import (
    RULES,
    centred,
    exponential,
    longest_fall,
    minimum,
    onset,
    readable,
    slide,
    steep,
    suggest,
    valley,
    window,
)

Floats = np.ndarray
RATES = np.geomspace(1e-5, 10, 200)
# Depth from which float64 lets a component come back: ln 2^53.
ROUNDING = 53 * math.log(2)


def curve(at_fall: float = 1e-2, at_rise: float = 1.0, floor: float = 0.1) -> Floats:
    """Falls from 2 to the floor around one rate, and shoots up past another."""
    fall = floor + (2 - floor) / (1 + (RATES / at_fall) ** 2)
    return fall * np.where(at_rise < RATES, np.exp(20 * np.log(RATES / at_rise)), 1.0)


def test_the_moving_average_is_the_weighted_mean_of_past_losses() -> None:
    losses, beta = np.array([3.0, 1.0, 4.0, 1.0, 5.0]), 0.9
    for t, found in enumerate(exponential(losses, beta)):
        weights = beta ** np.arange(t, -1, -1)
        assert found == pytest.approx(np.average(losses[: t + 1], weights=weights))
    assert exponential(losses, 0.0).tolist() == losses.tolist()
    broken = exponential(np.array([1.0, np.nan, 1.0]), beta)
    assert np.isfinite(broken).tolist() == [True, False, False]


def test_the_centred_median_does_not_move_a_step() -> None:
    rng = np.random.default_rng(0)
    losses = rng.normal(size=41)
    level = centred(losses, 7)
    for t in range(3, 38):
        assert level[t] == np.median(losses[t - 3 : t + 4])
    assert level[0] == np.sort(losses[:4])[1]
    step = np.where(np.arange(60) < 30, 1.0, 5.0)
    assert np.array_equal(centred(step, 11), step)
    assert np.isinf(centred(np.where(step > 2, np.nan, step), 11)[30:]).all()
    assert centred(losses, 1).tolist() == losses.tolist()


def test_the_onset_is_before_the_step_where_divergence_is_detected() -> None:
    found = onset(curve(), 2.0, 4.0)
    assert found.outcome == "found"
    assert found.critical is not None
    assert found.diverged is not None
    # Twice the floor is reached at e^(ln 2 / 20) times the rate of the turn: half a step later.
    assert RATES[found.critical] == pytest.approx(1.0, rel=0.08)
    assert found.critical < found.diverged


def test_eta_crit_is_where_the_loss_is_the_square_root_of_the_factor_above_its_best() -> None:
    # A loss that grows as eta^2 past 1 is twice its best at sqrt(2), where it diverges at 2.
    rise = np.where(RATES > 1, RATES**2, 1.0)
    losses = np.where(RATES < 0.1, 2.0, 0.1) * rise
    found = onset(losses, 2.0, 4.0)
    assert RATES[[found.critical, found.diverged]] == pytest.approx([math.sqrt(2), 2], rel=0.08)


def test_eta_crit_depends_neither_on_the_average_nor_on_what_follows() -> None:
    rng = np.random.default_rng(1)
    losses = curve() * np.exp(0.2 * rng.normal(size=RATES.size))
    cut = np.where(RATES > 3, np.nan, losses)
    found = {
        suggest(RATES, E, 2.0, beta, 4.0).eta_crit for beta in (0, 0.9, 0.98) for E in (losses, cut)
    }
    assert len(found) == 1
    assert found.pop() == pytest.approx(1.0, rel=0.2)


@pytest.mark.parametrize(
    ("losses", "outcome"),
    [
        (curve(at_rise=100.0), "bounded"),
        (np.full(200, 2.0), "flat"),
        (np.linspace(2, 1.9, 200), "flat"),
        (np.geomspace(2, 1e9, 200), "at-once"),
        (np.full(200, np.nan), "at-once"),
        (np.r_[np.nan, np.full(199, 1.0)], "at-once"),
        (np.r_[1e5, 1e9, np.full(198, 1e12)], "at-once"),
        (np.where(RATES > 0.5, np.inf, curve()), "found"),
    ],
)
def test_each_outcome_of_a_range_test(losses: Floats, outcome: str) -> None:
    found = suggest(RATES, losses, 2.0, 0.9, 4.0)
    assert found.onset.outcome == outcome
    assert np.isfinite(found.eta_crit) == (outcome == "found")
    answers = np.array(list(found.rules.values()))
    assert np.isfinite(answers).all() == (outcome in ("found", "bounded"))


def descend(lam: Floats, rates: Floats) -> Floats:
    """Losses of gradient descent on 1/10 + 1/2 sum lam a^2, each before its step.

    Every step adds what rounding would: without it a component at rest would stay there.
    """
    rng = np.random.default_rng(0)
    a, losses = np.ones(lam.size), []
    for eta in rates:
        losses.append(0.1 + 0.5 * (lam * a**2).sum())
        a = (1 - eta * lam) * a + rng.uniform(-1, 1, lam.size) * 2.0**-53
    return np.array(losses)


@pytest.mark.parametrize(("n", "largest_delay"), [(1000, 0.75), (4000, 0.3), (10_000, 0.2)])
def test_on_a_quadratic_eta_crit_is_two_over_lambda_max_up_to_the_delay(
    n: int, largest_delay: float
) -> None:
    """The delay is known: the top component comes back by eta lambda_max - 1 at each step."""
    lam = np.array([0.3, 1.0, 4.0])
    rates = np.geomspace(0.01, 10, n) * 2 / lam.max()
    with np.errstate(over="ignore"):
        found = suggest(rates, descend(lam, rates), 2.75, 0.9, 4.0)
    depth = ROUNDING + math.log(math.sqrt(2 * 0.1 / lam.max()))
    growth = np.cumsum(np.log(np.maximum(rates * lam.max() - 1, 1.0)))
    assert found.eta_crit == pytest.approx(rates[np.searchsorted(growth, depth)], rel=0.03)
    assert 0 < found.eta_crit / (2 / lam.max()) - 1 < largest_delay


def test_window_is_odd_and_about_a_twentieth() -> None:
    for n in (50, 100, 299, 300, 10_000):
        assert window(n) % 2 == 1
        assert abs(window(n) - n / 20) <= 2


def fastai_slide(lrs: Floats, losses: Floats) -> float:
    """fastai/callback/schedule.py, slide, word by word."""
    loss_grad = np.gradient(losses)
    r_idx = -1
    l_idx = r_idx - 15
    local_min_lr = lrs[l_idx]
    while (l_idx >= -len(losses)) and (abs(loss_grad[r_idx] - loss_grad[l_idx]) > 0.005):
        local_min_lr = lrs[l_idx]
        r_idx -= 1
        l_idx -= 1
    return float(local_min_lr)


def fastai_valley(lrs: Floats, losses: Floats) -> float:
    """The same file, valley."""
    n = len(losses)
    max_start, max_end = 0, 0
    lds = [1] * n
    for i in range(1, n):
        for j in range(0, i):
            if losses[i] < losses[j] and lds[i] < lds[j] + 1:
                lds[i] = lds[j] + 1
            if lds[max_end] < lds[i]:
                max_end = i
                max_start = max_end - lds[max_end]
    sections = (max_end - max_start) / 3
    return float(lrs[max_start + int(sections) + int(sections / 2)])


def test_the_rules_are_those_of_fastai_where_those_are_right() -> None:
    eta, s = readable(RATES, exponential(curve(), 0.9), 173)
    assert eta[0] == RATES[20]
    assert eta[-1] == RATES[168]
    assert slide(eta, s) == fastai_slide(eta, s)
    assert minimum(eta, s) == eta[s.argmin()] / 10
    slope = (s[1:] - s[:-1]) / (np.log(eta[1:]) - np.log(eta[:-1]))
    assert steep(eta, s) == eta[slope.argmin()]
    # The steps that fall are contiguous after the first: fastai's start is one too early.
    one_early = fastai_valley(eta[10:], np.r_[s[10] * 0.5, s[11:]])
    assert 1e-3 < valley(eta, s) < 1e-1
    assert 1e-3 < one_early < 1e-1


def test_valley_starts_at_the_first_step_of_the_fall() -> None:
    # The longest fall has gaps: it starts at step 0, not 3 steps before its end.
    losses = np.array([9.0, 10.0, 8.0, 11.0, 7.0, 12.0])
    assert longest_fall(losses).tolist() in ([0, 2, 4], [1, 2, 4])
    down = np.linspace(2, 1, 12)
    assert longest_fall(down).tolist() == list(range(12))
    rates = np.geomspace(1, 2, 12)
    assert valley(rates, down) == rates[0 + 3 + 1]


def test_the_steepest_slope_is_that_on_a_logarithmic_axis() -> None:
    # The same fall in ln eta everywhere, but a little more at the end.
    losses = -0.1 * np.arange(50.0)
    losses[40:] -= 0.2
    rates = np.geomspace(1e-5, 1, 50)
    assert steep(rates, losses) == rates[39]


any_losses = arrays(np.float64, st.integers(0, 60), elements=st.floats(allow_nan=True))


@given(any_losses, st.sampled_from(list(RULES)), st.integers(0, 59) | st.none())
def test_a_rule_returns_one_of_the_rates_or_nan(
    losses: Floats, name: str, diverged: int | None
) -> None:
    rates = np.geomspace(1e-5, 10, max(1, len(losses)))[: len(losses)]
    with np.errstate(over="ignore", invalid="ignore"):
        found = RULES[name](*readable(rates, losses, diverged))
    allowed = rates / 10 if name == "minimum" else rates
    assert np.isnan(found) or found in allowed.tolist()


@pytest.mark.parametrize("rule", RULES.values(), ids=list(RULES))
@pytest.mark.parametrize("losses", [np.ones(40), np.arange(40.0)], ids=["constant", "rising"])
def test_a_curve_that_never_falls_suggests_nothing(
    rule: Callable[[Floats, Floats], float], losses: Floats
) -> None:
    assert np.isnan(rule(np.geomspace(1, 2, 40), losses))
