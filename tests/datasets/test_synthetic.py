"""Synthetic sets: the formula, the defaults, the noise, the limits of the parameters."""

from __future__ import annotations

import dataclasses
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlcli.datasets.source import open_source
from mlcli.datasets.synthetic import SYNTHETIC, SyntheticSpec, draw
from mlcli.errors import DataError
from mlcli.rng import stream


def test_the_cubic_is_that_of_the_notes() -> None:
    """(3.12), coefficient by coefficient."""
    x = np.linspace(-2, 2, 9)
    expected = 0.5 * x**3 + 0.3 * x**2 - 0.25 * x + 1
    np.testing.assert_allclose(SYNTHETIC["noisy-cubic"].truth(x[:, None]), expected, atol=1e-14)


def test_the_sine_has_one_period() -> None:
    values = SYNTHETIC["sine"].truth(np.array([[0.0], [0.25], [0.5], [0.75]]))
    np.testing.assert_allclose(values, [0, 1, 0, -1], atol=1e-15)


@pytest.mark.parametrize(
    ("name", "low", "high", "n", "noise"),
    [("noisy-cubic", -2, 2, 700, 1.95), ("sine", 0, 1, 100, 0.2)],
)
def test_defaults(name: str, low: float, high: float, n: int, noise: float) -> None:
    data = draw(SYNTHETIC[name], stream(0))
    assert data.X.shape == (n, 1)
    assert data.t.shape == (n,)
    assert data.X.min() >= low
    assert data.X.max() <= high
    assert data.noise_std == noise
    assert (data.feature_names, data.target_name) == (("x",), "t")


@pytest.mark.parametrize(
    "name",
    [
        name
        for name, spec in SYNTHETIC.items()
        if isinstance(spec, SyntheticSpec) and spec.task == "regression"
    ],
)
def test_inputs_are_uniform_and_the_noise_is_normal(name: str) -> None:
    """Moments of 200,000 rows, each within five standard errors."""
    spec, n = SYNTHETIC[name], 200_000
    data = draw(spec, stream(7), n_samples=n)
    u = (data.X[:, 0] - spec.low) / (spec.high - spec.low)
    assert abs(u.mean() - 1 / 2) < 5 * (1 / 12 / n) ** 0.5
    assert abs(u.var() - 1 / 12) < 5 * (1 / 180 / n) ** 0.5
    w = (data.t - spec.truth(data.X)) / spec.noise_std
    assert abs(w.mean()) < 5 * n**-0.5
    assert abs(w.var() - 1) < 5 * (2 / n) ** 0.5
    assert abs((w**4).mean() - 3) < 5 * (96 / n) ** 0.5
    assert abs(np.corrcoef(u, w)[0, 1]) < 5 * n**-0.5


def test_classes_have_the_probability_that_is_claimed() -> None:
    """In bins of the claimed p(C_1|x), the share of ones is p within five standard errors."""
    n = 200_000
    data = draw(SYNTHETIC["two-planes"], stream(7), n_samples=n)
    assert (data.X.shape, data.feature_names) == ((n, 2), ("x1", "x2"))
    assert set(np.unique(data.t)) == {0.0, 1.0}
    assert data.class_probability is not None
    p = data.class_probability(data.X)
    for low in np.linspace(0, 0.9, 10):
        chosen = (p >= low) & (p < low + 0.1)
        spread = np.sqrt((p[chosen] * (1 - p[chosen])).sum())
        assert abs(data.t[chosen].sum() - p[chosen].sum()) < 5 * spread
    quiet = draw(SYNTHETIC["two-planes"], stream(7), noise_std=0.0)
    assert quiet.class_probability is not None
    np.testing.assert_array_equal(quiet.class_probability(quiet.X), quiet.t)


def test_no_noise_is_the_truth() -> None:
    data = draw(SYNTHETIC["sine"], stream(0), noise_std=0.0)
    assert data.truth is not None
    np.testing.assert_array_equal(data.t, data.truth(data.X))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"n_samples": 1}, "n_samples must be at least 2, got 1"),
        ({"x_min": 2.0}, "x_min must be below x_max = 2, got 2"),
        ({"x_max": float("inf")}, "must be finite"),
        ({"x_min": float("nan")}, "must be finite"),
        ({"noise_std": -0.5}, "noise_std must be finite and at least 0, got -0.5"),
        ({"noise_std": float("nan")}, "noise_std must be"),
    ],
)
def test_parameters_out_of_range(given: dict[str, float], said: str) -> None:
    with pytest.raises(DataError) as caught:
        open_source("noisy-cubic", **given)  # type: ignore[arg-type]
    assert said in str(caught.value)


@given(seed=st.integers(0, 2**32), index=st.integers(0, 1000))
def test_a_replicate_is_its_own_stream(seed: int, index: int) -> None:
    source = open_source("sine", n_samples=5)
    again = draw(SYNTHETIC["sine"], stream(seed, "data", index), n_samples=5)
    first = source.replicate(index, seed)
    np.testing.assert_array_equal(first.X, again.X)
    np.testing.assert_array_equal(first.t, again.t)
    assert not np.array_equal(first.t, source.replicate(index + 1, seed).t)


def test_identity_has_the_parameters_and_the_generator() -> None:
    source = open_source("noisy_cubic", noise_std=1.0)
    assert source.identity == {
        "kind": "synthetic",
        "name": "noisy-cubic",
        "generator": 1,
        "n_samples": 700,
        "x_min": -2.0,
        "x_max": 2.0,
        "noise_std": 1.0,
    }
    assert (source.fresh_draws, source.streamed, source.n_rows) == (True, False, 700)
    assert source.noise_std == 1.0


def test_a_dataset_is_frozen() -> None:
    data = draw(SYNTHETIC["sine"], stream(0))
    with pytest.raises(dataclasses.FrozenInstanceError):
        data.name = "other"  # type: ignore[misc]


def test_a_synthetic_set_costs_only_numpy() -> None:
    script = (
        "import sys, mlcli.datasets\n"
        "assert 'numpy' not in sys.modules\n"
        "from mlcli.datasets.source import open_source\n"
        "from mlcli.datasets.make import write_draws\n"
        "from mlcli.datasets.registry import describe\n"
        "import mlcli.datasets.fetch, mlcli.datasets.tables\n"
        "describe('sine'), open_source('sine').replicate(0, 0)\n"
        "print([m for m in ('pandas', 'pyarrow', 'sklearn', 'platformdirs', 'requests', 'scipy')"
        " if m in sys.modules])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
