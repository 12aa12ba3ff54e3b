"""Classes along curves: the formulas, the noise, what lines and the best can reach, files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import make_moons
from sklearn.linear_model import LogisticRegression

from mlcli.datasets.make import write_draws
from mlcli.datasets.registry import DATASETS, describe
from mlcli.datasets.source import open_source
from mlcli.datasets.synthetic import CURVES, SYNTHETIC, CurvesSpec, generator_of
from mlcli.errors import DataError
from mlcli.rng import stream

NAMES = [spec.name for spec in CURVES]


def spec_of(name: str) -> CurvesSpec:
    spec = SYNTHETIC[name]
    assert isinstance(spec, CurvesSpec)
    return spec


def test_the_moons_are_those_of_scikit_learn() -> None:
    X, t = make_moons(200, shuffle=False, noise=None)
    u = np.tile(np.linspace(0, 1, 100), 2)
    np.testing.assert_allclose(spec_of("two-moons").curve(t.astype(float), u), X, atol=1e-14)


def test_the_arms_are_one_arm_turned() -> None:
    """Radius u, angle 2 pi u: r = angle / 2 pi; arm k is arm 0 turned by a third of a turn."""
    u, curve = np.linspace(0.01, 0.99, 50), spec_of("spirals").curve
    z = [curve(np.full(50, float(k)), u) @ [1, 1j] for k in range(3)]
    np.testing.assert_allclose(np.abs(z[0]), u, atol=1e-14)
    np.testing.assert_allclose(np.unwrap(np.angle(z[0])), 2 * np.pi * u, atol=1e-12)
    for k in (1, 2):
        np.testing.assert_allclose(z[k], z[0] * np.exp(2j * np.pi * k / 3), atol=1e-14)


@pytest.mark.parametrize(("name", "n", "noise"), [("two-moons", 400, 0.2), ("spirals", 600, 0.05)])
def test_defaults(name: str, n: int, noise: float) -> None:
    source = open_source(name)
    data = source.replicate(0, 0)
    assert data.X.shape == (n, 2)
    assert source.identity == {
        "kind": "synthetic",
        "name": name,
        "generator": 1,
        "n_samples": n,
        "noise_std": noise,
    }
    assert (source.task, source.fresh_draws, source.n_rows) == ("classification", True, n)
    assert source.truth is source.noise_std is source.generator is data.class_probability is None
    assert not np.array_equal(data.X, source.replicate(1, 0).X)
    assert not np.array_equal(data.t, source.replicate(1, 0).t)
    np.testing.assert_array_equal(data.X, source.replicate(0, 0).X)


@pytest.mark.parametrize("name", NAMES)
def test_classes_and_places_are_uniform_and_the_noise_is_normal(name: str) -> None:
    """Moments of 100,000 rows, each within five standard errors, with the exact mean of a curve."""
    spec, n, s = spec_of(name), 100_000, 0.3
    data = generator_of(spec, n_samples=n, noise_std=s).draw(stream(7))
    K = spec.n_classes
    assert K == DATASETS[name].n_classes == len(np.unique(data.t))
    places = (np.arange(2000) + 0.5) / 2000
    for k in range(K):
        rows = data.X[data.t == k]
        assert abs(len(rows) - n / K) < 5 * (n / K * (1 - 1 / K)) ** 0.5
        c = spec.curve(np.full(2000, float(k)), places)
        spread = (c.var(axis=0) + s**2) ** 0.5
        assert (abs(rows.mean(axis=0) - c.mean(axis=0)) < 5 * spread * len(rows) ** -0.5).all()
        # A bound on the standard error of a variance: the fourth moment is at most a normal's.
        allowed = 5 * spread**2 * (2 / len(rows)) ** 0.5
        assert (abs(rows.var(axis=0) - spread**2) < allowed).all()


@pytest.mark.parametrize("name", NAMES)
def test_the_order_of_the_draws_is_fixed(name: str) -> None:
    """All t, then all u, then all w: another order is another GENERATOR."""
    spec, rng = spec_of(name), stream(4, "data", 2)
    data = open_source(name, n_samples=9).replicate(2, 4)
    t = rng.integers(spec.n_classes, size=9)
    np.testing.assert_array_equal(data.t, t)
    c = spec.curve(t.astype(float), rng.uniform(size=9))
    w = spec.noise_std * rng.normal(size=(9, 2))
    np.testing.assert_allclose(data.X, c + w, atol=1e-14)


@pytest.mark.parametrize("name", NAMES)
def test_no_noise_is_the_curve(name: str) -> None:
    data = generator_of(spec_of(name), noise_std=0.0).draw(stream(0))
    x, y = data.X.T
    if name == "spirals":
        x, y = np.hypot(x, y), (np.arctan2(y, x) / (2 * np.pi) - data.t / 3) % 1
        np.testing.assert_allclose(np.cos(2 * np.pi * (x - y)), 1, atol=1e-12)
    else:
        radius = np.hypot(x - data.t, y - data.t / 2)
        np.testing.assert_allclose(radius, 1, atol=1e-14)
        assert ((y - data.t / 2) * (1 - 2 * data.t) >= 0).all()


@pytest.mark.parametrize(
    ("name", "line", "best"), [("two-moons", 0.87, 0.97), ("spirals", 0.37, 0.96)]
)
def test_the_accuracies_that_the_notes_state(name: str, line: float, best: float) -> None:
    """Of the linear classifier with the least loss, and of argmax_k p(x|k) by a sum over u."""
    spec = spec_of(name)
    for stated in (f"accuracy of {best}", f" {line}"):
        assert stated in spec.note
    data = generator_of(spec, n_samples=6000).draw(stream(3))
    linear = LogisticRegression().fit(data.X, data.t).score(data.X, data.t)
    assert linear == pytest.approx(line, abs=0.025)
    density = np.zeros((6000, spec.n_classes))
    for k in range(spec.n_classes):
        for place in spec.curve(np.full(150, float(k)), (np.arange(150) + 0.5) / 150):
            density[:, k] += np.exp(-((data.X - place) ** 2).sum(axis=1) / (2 * spec.noise_std**2))
    assert (density.argmax(axis=1) == data.t).mean() == pytest.approx(best, abs=0.01)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"x_min": 0.0}, "--x-min can't be used with two-moons: such parameters apply to sets"),
        ({"x_min": 0.0, "x_max": 1.0}, "--x-min, --x-max can't be used with two-moons"),
        ({"n_samples": 1}, "n_samples must be at least 2, got 1"),
        ({"noise_std": -0.5}, "noise_std must be finite and at least 0, got -0.5"),
        ({"noise_std": float("inf")}, "noise_std must be finite"),
    ],
)
def test_refusals(tmp_path: Path, given: dict[str, float], said: str) -> None:
    for attempt in (
        lambda: open_source("two-moons", **given),  # type: ignore[arg-type]
        lambda: write_draws("two-moons", tmp_path / "a.csv", n_draws=1, seed=0, **given),  # type: ignore[arg-type]
    ):
        with pytest.raises(DataError) as caught:
            attempt()
        assert said in str(caught.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", NAMES)
def test_no_range_is_described(name: str) -> None:
    assert set(describe(name)["parameters"]) == {"n_samples", "noise_std"}


@pytest.mark.parametrize("name", NAMES)
def test_a_file_reads_back_bit_for_bit(tmp_path: Path, name: str) -> None:
    path = tmp_path / "c.csv"
    write_draws(name, path, n_draws=2, seed=3, n_samples=50, noise_std=0.1)
    from_file, drawn = open_source(str(path)), open_source(name, n_samples=50, noise_std=0.1)
    assert (from_file.name, from_file.task, from_file.fresh_draws) == (name, "classification", True)
    assert from_file.truth is from_file.noise_std is from_file.generator is None
    assert from_file.identity["drawn_from"] == drawn.identity
    for i in range(2):
        ours, theirs = from_file.replicate(i, 99), drawn.replicate(i, 3)
        assert ours.X.tobytes() == theirs.X.tobytes()
        assert ours.t.tobytes() == theirs.t.tobytes()
        assert ours.class_probability is None
