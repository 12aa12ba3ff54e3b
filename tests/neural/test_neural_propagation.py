"""Signals and errors against exact factors, quadrature against closed forms and another rule."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from scipy.integrate import quad
from scipy.special import ndtr

from mlcli.neural.activations import ACTIVATIONS, LEAKY_SLOPE
from mlcli.neural.device import one_thread
from mlcli.neural.evaluation import training_scores
from mlcli.neural.initialisation import SCHEMES, draw_weights, weight_variance
from mlcli.neural.layer_statistics import (
    one_signed,
    signals,
    weight_gradient,
)
from mlcli.neural.losses import LOSSES
from mlcli.neural.mean_field import activation_curve, moments, same_sign_share, variances
from mlcli.neural.mlp import MLP

CURVES = [name for name, h in ACTIVATIONS.items() if h.value is not None]


def measured(  # type: ignore[no-untyped-def]
    activation: str, scheme: str, *, width: int, depth: int, n: int, rows: int = 4, **options
):
    """Signals of n drawn networks of equal widths, their rows and errors standard normal."""
    rng = np.random.default_rng(1)
    rngs = [np.random.default_rng((7, i)) for i in range(n)]
    net = MLP(
        [width] * (depth + 2),
        rngs,
        activation=activation,
        scheme=scheme,
        dtype=torch.float64,
        **options,
    )
    X, errors = (rng.standard_normal((n, rows, width)) for _ in range(2))
    return signals(net, activation, X, errors)


@pytest.mark.parametrize("side", ["forward", "backward"])
@pytest.mark.parametrize("scheme", ["he", "xavier", "normal", "uniform", "he-uniform"])
def test_the_factors_of_relu_are_exact_at_any_width(scheme: str, side: str) -> None:
    width, depth, n = 6, 3, 3000
    found = getattr(measured("relu", scheme, width=width, depth=depth, n=n, rows=1), side)
    theory = getattr(variances("relu", scheme, [width] * (depth + 2)), side)
    mean, error = found.mean(axis=1), found.std(axis=1) / math.sqrt(n)
    assert (np.abs(mean - theory) < 4 * error).all(), (mean, theory, error)
    # The tolerance is a real one: the factor is known to a fifth.
    assert (error < 0.2 / 4 * theory).all()


@pytest.mark.parametrize(
    ("scheme", "factor"), [("he", 1.0), ("xavier", 0.5), ("lecun", 0.5), ("normal", 128.0)]
)
def test_the_theory_of_relu_is_n_var_w_over_2(scheme: str, factor: float) -> None:
    theory = variances("relu", scheme, [256] * 12)
    np.testing.assert_allclose(theory.forward[1:] / theory.forward[:-1], factor, rtol=1e-12)
    np.testing.assert_allclose(theory.backward[:-1] / theory.backward[1:], factor, rtol=1e-12)


@pytest.mark.parametrize(
    ("activation", "scheme", "ratio"),
    [
        ("sigmoid", "xavier", 2e-6),
        ("sigmoid", "normal", 6.0),
        ("tanh", "xavier", 0.28),
        ("tanh", "he", 1.03),
        ("tanh", "normal", 1.8e4),
        ("relu", "he", 1.0),
        ("relu", "xavier", 2.0**-4.5),
        ("relu", "normal", 128.0**4.5),
    ],
)
def test_ten_layers_of_256_as_published(activation: str, scheme: str, ratio: float) -> None:
    """The standard deviation of delta^(1) over that of delta^(10); one network was measured."""
    theory = variances(activation, scheme, [256] * 12).backward
    assert math.sqrt(theory[0] / theory[-1]) == pytest.approx(ratio, rel=0.55)
    found = measured(activation, scheme, width=256, depth=10, n=4, rows=8).backward
    # From layer to layer: what single layers are off by multiplies.
    off = math.sqrt(theory[0] / theory[-1]) / np.sqrt(found[0] / found[-1])
    assert np.exp(np.log(off).mean() / 9) == pytest.approx(1, abs=0.05)


def test_the_errors_of_sigmoid_fall_by_a_quarter_or_more() -> None:
    theory = variances("sigmoid", "xavier", [256] * 12).backward
    a_layer = np.sqrt(theory[:-1] / theory[1:])
    assert (a_layer <= 0.25).all()
    assert np.exp(np.log(a_layer).mean()) == pytest.approx(0.23, abs=0.005)


@pytest.mark.parametrize("activation", ["sigmoid", "tanh", "elu", "selu"])
@pytest.mark.parametrize("scheme", ["he", "lecun", "orthogonal"])
def test_wide_networks_follow_the_theory(activation: str, scheme: str) -> None:
    found = measured(activation, scheme, width=192, depth=6, n=6, rows=8)
    theory = variances(activation, scheme, [192] * 8)
    np.testing.assert_allclose(found.forward.mean(axis=1), theory.forward, rtol=0.1)
    np.testing.assert_allclose(found.backward.mean(axis=1), theory.backward, rtol=0.15)


def test_unequal_layers_and_orthogonal_weights() -> None:
    sizes = [40, 160, 80, 120, 20]
    rng = np.random.default_rng(0)
    for scheme in ("lecun", "xavier", "orthogonal"):
        rngs = [np.random.default_rng((3, i)) for i in range(40)]
        net = MLP(sizes, rngs, activation="tanh", scheme=scheme, dtype=torch.float64)
        X, errors = rng.standard_normal((40, 8, 40)), rng.standard_normal((40, 8, 20))
        found, theory = signals(net, "tanh", X, errors), variances("tanh", scheme, sizes)
        np.testing.assert_allclose(found.forward.mean(axis=1), theory.forward, rtol=0.06)
        np.testing.assert_allclose(found.backward.mean(axis=1), theory.backward, rtol=0.08)


@pytest.mark.parametrize("activation", ["relu", "tanh", "sigmoid"])
@pytest.mark.parametrize("scheme", ["he", "normal", "uniform"])
def test_batch_normalisation_makes_errors_grow_whatever_the_weights(
    activation: str, scheme: str
) -> None:
    found = measured(activation, scheme, width=160, depth=6, n=6, rows=128, normalisation="batch")
    np.testing.assert_allclose(found.forward, 1.0, rtol=1e-2)
    theory = variances(activation, scheme, [160] * 8, batch_norm=True)
    factor = theory.backward[0] / theory.backward[1]
    assert (theory.forward == 1).all()
    if activation == "relu":
        assert factor == pytest.approx(math.pi / (math.pi - 1), rel=1e-12)
    mean = (found.backward[:-1] / found.backward[1:]).mean()
    assert mean == pytest.approx(factor, rel=0.03)
    top = found.backward[-1].mean()
    assert top == pytest.approx(theory.backward[-1], rel=0.1)


@pytest.mark.parametrize("q", [1e-6, 0.3, 1.0, 40.0, 1e8])
def test_moments_against_closed_forms(q: float) -> None:
    relu = moments("relu", q)
    np.testing.assert_allclose(relu, [math.sqrt(q / (2 * math.pi)), q / 2, 0.5], rtol=1e-12)
    leaky = moments("leaky-relu", q)
    both = 1 + LEAKY_SLOPE**2
    np.testing.assert_allclose(leaky[1:], [both * q / 2, both / 2], rtol=1e-12)
    # E a Phi(a) = q / sqrt(2 pi (1 + q)), by parts.
    gelu = q / math.sqrt(2 * math.pi * (1 + q))
    assert moments("gelu", q).mean == pytest.approx(gelu, rel=1e-12)
    s = math.sqrt(q)
    # E e^a 1(a < 0) = e^(q/2) Phi(-s); e^(q/2) leaves a float's range for a large q.
    if q < 100:
        below = math.exp(q / 2) * ndtr(-s) - 0.5
        elu = s / math.sqrt(2 * math.pi) + below
        assert moments("elu", q).mean == pytest.approx(elu, rel=1e-9)
    assert moments("sigmoid", q).mean == pytest.approx(0.5, rel=1e-12)
    assert abs(moments("tanh", q).mean) < 1e-14 * s


@pytest.mark.parametrize("name", CURVES)
@pytest.mark.parametrize("q", [0.01, 1.0, 128.0])
def test_moments_against_adaptive_integration(name: str, q: float) -> None:
    s = math.sqrt(q)
    places = sorted({k / s for k in (-9, -3, -1, 0, 1, 3, 9) if abs(k / s) < 9} | {-9.0, 9.0})

    def integral(pick: int, power: int) -> float:
        def f(x: float) -> float:
            value = activation_curve(name, np.array([s * x]))[pick][0]
            return float(value**power * math.exp(-x * x / 2) / math.sqrt(2 * math.pi))

        return sum(quad(f, a, b, epsrel=1e-8)[0] for a, b in pairwise(places))

    found = moments(name, q)
    assert found.square == pytest.approx(integral(0, 2), rel=1e-8)
    assert found.slope_square == pytest.approx(integral(1, 2), rel=1e-8)


@pytest.mark.parametrize("scheme", [name for name in SCHEMES if name != "zeros"])
def test_the_variance_of_a_scheme_is_the_one_it_draws_with(scheme: str) -> None:
    rng = np.random.default_rng(5)
    W = np.stack([draw_weights(rng, scheme, (60, 90), 60, 90, 0.3) for _ in range(40)])
    assert (W**2).mean() == pytest.approx(weight_variance(scheme, 60, 90, 0.3), rel=0.02)


def test_names_without_a_curve_are_refused() -> None:
    with pytest.raises(ValueError, match="slope"):
        moments("prelu", 1.0)
    with pytest.raises(ValueError, match="positive"):
        moments("relu", 0.0)
    with pytest.raises(ValueError, match="scheme must be one of"):
        weight_variance("hee", 2, 2)


def test_theory_is_nan_beyond_the_range_of_a_float() -> None:
    theory = variances("relu", "normal", [512] * 202)
    assert np.isfinite(theory.forward[:100]).all()
    assert np.isnan(theory.forward[-1])


def gradients(  # type: ignore[no-untyped-def]
    activation: str, rows: int, normalisation: str = "none"
):
    rng = np.random.default_rng(2)
    rngs = [np.random.default_rng((9, i)) for i in range(24)]
    net = MLP(
        [96] * 4,
        rngs,
        activation=activation,
        scheme="xavier",
        dtype=torch.float64,
        normalisation=normalisation,
    )
    X, errors = (rng.standard_normal((24, rows, 96)) for _ in range(2))
    return weight_gradient(net, 2, X, errors)


def shard(found, n: int) -> float:  # type: ignore[no-untyped-def]
    same, alive = one_signed(found, n)
    return float(same.sum() / alive.sum())


def test_positive_activations_lock_the_signs_of_a_single_row() -> None:
    for n in (2, 5, 10):
        assert shard(gradients("sigmoid", 1), n) == 1
        assert shard(gradients("relu", 1), n) == 1
    for n in (2, 3, 5):
        assert shard(gradients("tanh", 1), n) == pytest.approx(2.0 ** (1 - n), abs=0.05)


def test_more_rows_leave_what_theory_says_and_normalisation_nothing() -> None:
    for name in ("sigmoid", "tanh", "gelu"):
        for n in (2, 3):
            found = shard(gradients(name, 128), n)
            assert found == pytest.approx(same_sign_share(name, 1.0, n), abs=0.02), name
    assert shard(gradients("sigmoid", 128, "batch"), 2) == pytest.approx(0.5, abs=0.02)
    # Two equally correlated sums: 1/2 + arcsin(rho) / pi, for ReLU with rho = 1 / pi.
    expected = 0.5 + math.asin(1 / math.pi) / math.pi
    assert same_sign_share("relu", 2.0, 2) == pytest.approx(expected, rel=1e-12)
    assert same_sign_share("tanh", 1.0, 5) == pytest.approx(2.0**-4, rel=1e-12)


def test_one_signed_counts_zeros_with_either_sign_and_leaves_out_the_dead() -> None:
    columns = [[1, 2, 0], [-1, -2, 0], [1, -2, 0], [0, 0, 0], [0, -3, 0]]
    same, alive = one_signed(np.array([np.array(columns, dtype=float).T]), 3)
    assert (same.tolist(), alive.tolist()) == ([3], [4])


def test_training_scores_use_the_batch_statistics_of_their_rows() -> None:
    rngs = [np.random.default_rng(i) for i in range(3)]
    net = MLP([4, 8, 2], rngs, activation="relu", normalisation="batch")
    X = 50.0 + np.random.default_rng(0).standard_normal((20, 4))
    t = np.arange(20) % 2
    found = training_scores(net, LOSSES["cross-entropy"], X, t)
    moved = training_scores(net, LOSSES["cross-entropy"], X - 50.0, t)
    np.testing.assert_allclose(found.loss, moved.loss, rtol=1e-4)
    assert found.accuracy.shape == (3,)


def test_one_thread_restores_the_number_of_threads() -> None:
    before = torch.get_num_threads()
    with one_thread():
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == before
