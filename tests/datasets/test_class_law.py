"""Densities of classes of known law: sums against other sums, shares of draws, the posterior."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.integrate import dblquad, quad
from scipy.special import logsumexp

from mlcli.classification.generative import posterior
from mlcli.datasets.class_law import ClassLaw
from mlcli.datasets.make import write_draws
from mlcli.datasets.source import open_source
from mlcli.datasets.synthetic import SYNTHETIC, CurvesSpec, SyntheticSpec, generator_of

NAMES = ("two-planes", "two-moons", "spirals")


def law_of(name: str, **given: float) -> ClassLaw:
    law = open_source(name, **given).class_law  # type: ignore[arg-type]
    assert law is not None
    return law


@pytest.mark.parametrize("name", NAMES)
def test_the_posterior_of_the_densities_is_right_about_rows_that_are_drawn(name: str) -> None:
    """Shares of classes, overall and in ten groups by probability, within five standard errors."""
    data = open_source(name, n_samples=20_000).replicate(0, 0)
    law = law_of(name)
    P = posterior(law.log_densities(data.X), law.priors)
    for k, prior in enumerate(law.priors):
        hit = data.t == k
        error = np.sqrt(prior * (1 - prior) / hit.size)
        assert hit.mean() == pytest.approx(prior, abs=5 * error)
        for rows in np.array_split(np.argsort(P[:, k]), 10):
            error = np.sqrt((P[rows, k] * (1 - P[rows, k])).sum()) / rows.size
            assert hit[rows].mean() == pytest.approx(P[rows, k].mean(), abs=5 * error + 1e-12)
    best = {"two-planes": 0.843, "two-moons": 0.97, "spirals": 0.96}[name]
    assert (P.argmax(axis=1) == data.t).mean() == pytest.approx(best, abs=0.008)


def test_two_planes_have_the_posterior_they_are_drawn_by() -> None:
    data = open_source("two-planes").replicate(0, 0)
    law = law_of("two-planes")
    found = posterior(law.log_densities(data.X), law.priors)[:, 1]
    assert data.class_probability is not None
    np.testing.assert_allclose(found, data.class_probability(data.X), rtol=1e-12)


@pytest.mark.parametrize("noise", [0.2, 1.8, 20.0])
def test_the_share_of_a_class_in_a_box_is_an_integral(noise: float) -> None:
    spec = SYNTHETIC["two-planes"]
    assert isinstance(spec, SyntheticSpec)
    scale = noise * np.sqrt(3) / np.pi
    law = law_of("two-planes", noise_std=noise, x_min=-1.0, x_max=3.0)

    def p(y: float, x: float) -> float:
        return float(1 / (1 + np.exp(-(0.5 + 2 * x - 1.5 * y) / scale)))

    share = dblquad(p, -1, 3, -1, 3, epsabs=1e-9)[0] / 16
    assert law.priors == pytest.approx([1 - share, share], abs=1e-8)
    inside, outside = np.array([[0.3, -0.2]]), np.array([[0.3, -1.5], [3.1, 0.0]])
    density = p(-0.2, 0.3) / share / 16
    assert np.exp(law.log_densities(inside)[0, 1]) == pytest.approx(density, rel=1e-7)
    assert (law.log_densities(outside) == -np.inf).all()


@pytest.mark.parametrize(("name", "noise"), [("two-moons", 0.2), ("spirals", 0.05), ("spirals", 1)])
def test_a_density_along_a_curve_is_an_integral(name: str, noise: float) -> None:
    """At places on the curve, beside it, and 15 standard deviations off."""
    spec = SYNTHETIC[name]
    assert isinstance(spec, CurvesSpec)
    law = law_of(name, noise_std=noise)
    X = np.array([[0.1, 0.2], [0.8, -0.1], [0.3 + 15 * noise, 0.4]])
    found = law.log_densities(X)
    for k in range(spec.n_classes):
        for row, x in enumerate(X):

            def exponent(u: float, k: int = k, x: np.ndarray = x) -> float:
                c = spec.curve(np.array([float(k)]), np.array([u]))[0]
                return -0.5 * float(((x - c) ** 2).sum()) / noise**2

            u = np.linspace(0, 1, 2001)
            top = max(map(exponent, u))
            near = u[int(np.argmax([exponent(one) for one in u]))]
            total = quad(
                lambda u: np.exp(exponent(u) - top),  # noqa: B023
                0,
                1,
                points=sorted({near, 0.5}),
                limit=400,
                epsabs=0,
                epsrel=1e-10,
            )[0]
            expected = top + np.log(total / (2 * np.pi * noise**2))
            assert found[row, k] == pytest.approx(expected, abs=2e-6)


def test_all_classes_but_one_are_their_mixture() -> None:
    law = law_of("spirals")
    both = law.against_others(1)
    X = np.array([[0.1, 0.2], [0.8, -0.1], [30.0, 2.0]])
    every = law.log_densities(X)
    assert both.priors == pytest.approx([2 / 3, 1 / 3])
    mixture = logsumexp(every[:, [0, 2]], axis=1) - np.log(2)
    np.testing.assert_allclose(both.log_densities(X), np.column_stack([mixture, every[:, 1]]))
    P = posterior(every, law.priors)
    np.testing.assert_allclose(posterior(both.log_densities(X), both.priors)[:, 1], P[:, 1])


def test_the_mixture_of_classes_that_have_no_rows_there_has_none() -> None:
    law = law_of("two-planes").against_others(0)
    assert law.log_densities(np.array([[9.0, 0.0]])).tolist() == [[-np.inf, -np.inf]]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("noise", [0.0, 1e-300, 1e-6])
def test_classes_without_a_blurred_border_have_no_law(name: str, noise: float) -> None:
    assert open_source(name, noise_std=noise).class_law is None


def test_regressions_and_tables_have_no_law() -> None:
    for name in ("noisy-cubic", "sine", "imbalance", "iris", "diabetes"):
        assert open_source(name).class_law is None


def test_a_file_of_draws_has_the_law_of_its_set(tmp_path: Path) -> None:
    path = tmp_path / "moons.csv"
    write_draws("two-moons", path, n_draws=2, seed=0, noise_std=0.3)
    source = open_source(str(path), draw_column="draw")
    law, expected = source.class_law, law_of("two-moons", noise_std=0.3)
    assert law is not None
    X = np.array([[0.1, 0.2], [2.0, 0.0]])
    np.testing.assert_array_equal(law.log_densities(X), expected.log_densities(X))
    half = generator_of(SYNTHETIC["two-moons"], noise_std=0.15).class_law
    assert half is not None
    assert not np.allclose(law.log_densities(X), half.log_densities(X))
