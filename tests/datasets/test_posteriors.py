"""p(t = k|x) of the synthetic classes: integrals by SciPy, draws, limits and symmetries."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import norm

from mlcli.datasets.source import open_source
from mlcli.datasets.synthetic import LEAST_NOISE, SYNTHETIC, generator_of
from mlcli.rng import stream

CURVES = ("two-moons", "spirals")


def posterior(name: str, **settings: float):
    found = generator_of(SYNTHETIC[name], **settings).posterior
    assert found is not None
    return found


@pytest.mark.parametrize("name", CURVES)
@pytest.mark.parametrize("noise_std", [None, 0.08])
def test_densities_along_a_curve_are_those_of_scipy(name: str, noise_std: float | None) -> None:
    generator = generator_of(SYNTHETIC[name], noise_std=noise_std)
    spec, sd = generator.spec, generator.chosen.noise_std
    X = generator.draw(stream(3, "x"), 12).X

    def density(k: int, x: np.ndarray) -> float:
        def at(u: float) -> float:
            on_curve = spec.curve(np.array([float(k)]), np.array([u]))[0]
            return float(norm.pdf(x, on_curve, sd).prod())

        return quad(at, 0, 1, limit=400, epsabs=1e-12)[0]

    densities = np.array([[density(k, x) for k in range(spec.n_classes)] for x in X])
    expected = densities / densities.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(posterior(name, noise_std=noise_std)(X), expected, atol=1e-7)


@pytest.mark.parametrize("name", [*CURVES, "two-planes"])
def test_rows_of_a_class_are_as_frequent_as_their_probability(name: str) -> None:
    data = generator_of(SYNTHETIC[name]).draw(stream(1, "rows"), 40_000)
    P = posterior(name)(data.X)
    np.testing.assert_allclose(P.sum(axis=1), 1)
    for k in range(P.shape[1]):
        for low in (0.0, 0.3, 0.6):
            here = (P[:, k] >= low) & (P[:, k] < low + 0.3)
            share, n = (data.t[here] == k).mean(), here.sum()
            assert abs(share - P[here, k].mean()) < 4 * np.sqrt(0.25 / n)


@pytest.mark.parametrize(("name", "best"), [("two-moons", 0.97), ("spirals", 0.96)])
def test_the_best_rule_is_as_accurate_as_the_set_says(name: str, best: float) -> None:
    data = generator_of(SYNTHETIC[name]).draw(stream(2, "rows"), 40_000)
    P = posterior(name)(data.X)
    assert P.max(axis=1).mean() == pytest.approx(best, abs=0.006)
    assert (P.argmax(axis=1) == data.t).mean() == pytest.approx(P.max(axis=1).mean(), abs=0.005)
    assert f"accuracy of {best:g}" in SYNTHETIC[name].note


def test_the_moons_change_places_under_a_half_turn() -> None:
    X = stream(0, "x").normal(size=(50, 2))
    turned = np.array([1.0, 0.5]) - X
    np.testing.assert_allclose(posterior("two-moons")(turned), posterior("two-moons")(X)[:, ::-1])


def test_far_from_every_row_a_probability_is_a_number() -> None:
    P = posterior("two-moons", noise_std=LEAST_NOISE)(np.array([[1e3, -1e3], [0.0, 1.0]]))
    assert np.isfinite(P).all()
    np.testing.assert_allclose(P.sum(axis=1), 1)
    assert P[1, 0] == pytest.approx(1)


def test_noise_too_narrow_for_the_rule_has_no_posterior() -> None:
    assert generator_of(SYNTHETIC["two-moons"], noise_std=0.5 * LEAST_NOISE).posterior is None
    assert open_source("two-moons", noise_std=0.0).posterior is None


@pytest.mark.parametrize("name", ["noisy-cubic", "imbalance"])
def test_a_number_has_no_posterior(name: str) -> None:
    assert open_source(name).posterior is None


def test_both_classes_of_two_planes_are_those_of_its_law() -> None:
    generator = generator_of(SYNTHETIC["two-planes"], noise_std=0.7)
    X = stream(0, "x").normal(size=(30, 2))
    assert generator.class_probability is not None
    P = posterior("two-planes", noise_std=0.7)(X)
    np.testing.assert_allclose(P[:, 1], generator.class_probability(X))
    np.testing.assert_allclose(P[:, 0], 1 - P[:, 1])


def test_rows_of_a_file_have_no_law(tmp_path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("a,b,t\n" + "".join(f"{i},{i % 3},{i % 2}\n" for i in range(20)))
    assert open_source(str(path)).posterior is None
