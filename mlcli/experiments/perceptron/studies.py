"""The studies of `perceptron`: the learning rule, the approximation and its deformation."""

from __future__ import annotations

from dataclasses import dataclass
from math import frexp, ldexp

import numpy as np
from numpy.typing import NDArray

from mlcli.classification.approximation import (
    bernstein,
    best_errors_from_below,
    chebyshev_interpolant,
    lebesgue_bound,
    staircase,
)
from mlcli.classification.perceptron import PerceptronFit, fit_perceptron, mistake_bound
from mlcli.datasets.dataset import ROWS_A_CLASS, few_enough
from mlcli.datasets.source import Source
from mlcli.errors import DataError
from mlcli.experiments.perceptron.config import PerceptronConfig
from mlcli.experiments.perceptron.formula import Function, parse
from mlcli.linear.statistics import spread
from mlcli.rng import stream

Array = NDArray[np.float64]
N_FINE = 20_001
# Bernstein's polynomials are smooth, so that every such point shows their largest error.
BERNSTEIN_STRIDE = 10


@dataclass(frozen=True)
class TwoClasses:
    """The rows of two classes.

    Attributes:
        X: rows in z-scores, (n, D).
        sides: -1 or +1, (n,).
        names: of the class -1 and the class +1.
        features: D names.
    """

    X: Array
    sides: Array
    names: tuple[str, str]
    features: tuple[str, ...]


@dataclass(frozen=True)
class LearningRun:
    """One run of Rosenblatt's rule.

    Attributes:
        fit: its result.
        bound: on its mistakes; infinite for rows that were not separated.
    """

    fit: PerceptronFit
    bound: float


def separable_rows(
    margin: float, n_points: int, rng: np.random.Generator
) -> tuple[Array, Array, Array]:
    """Random points of the square at a distance from a random line: X, sides, the line."""
    angle, offset = rng.uniform(0, 2 * np.pi), rng.uniform(-0.4, 0.4)
    line = np.array([np.cos(angle), np.sin(angle), offset])
    kept: list[Array] = []
    while len(kept) < n_points:
        x = rng.uniform(-1, 1, 2)
        if abs(x @ line[:2] + offset) >= margin:
            kept.append(x)
    X = np.array(kept)
    return X, np.sign(X @ line[:2] + offset), line


def learn_random_rows(config: PerceptronConfig, index: int) -> list[LearningRun]:
    """Rosenblatt's rule on random rows, one run per margin."""
    found = []
    for k, margin in enumerate(config.margins):
        rng = stream(config.seed, "rows", index, k)
        X, sides, line = separable_rows(margin, config.n_points, rng)
        fit = fit_perceptron(X, sides, config.max_passes)
        found.append(LearningRun(fit, mistake_bound(X, sides, line)))
    return found


def two_classes(config: PerceptronConfig, source: Source) -> TwoClasses:
    """Rows with the two smallest values of the target, which become the sides -1 and +1.

    Raises:
        DataError: the target has only one value, or is a measurement.
    """
    data = source.replicate(0, config.seed).fitted_to()
    values = np.unique(data.t)
    named = data.class_names is not None or source.task == "classification"
    if not named and not few_enough(values.size, data.t.size):
        raise DataError(
            f"target '{data.target_name}' of perceptron",
            must=f"classes, each with {ROWS_A_CLASS} rows or more on average",
            got=f"{values.size} values in {data.t.size} rows",
            hint="another --target, or --data iris",
        )
    if values.size < 2:
        raise DataError(
            f"target '{data.target_name}'", must="of two classes or more", got="one value"
        )
    rows = data.t <= values[1]
    X = data.X[rows]
    X = (X - X.mean(axis=0)) / spread(X)
    sides = np.where(data.t[rows] == values[0], -1.0, 1.0)
    first, second = data.names_of(values[:2].tolist())
    if data.class_names is None:
        first, second = (f"{data.target_name} {name}" for name in (first, second))
    return TwoClasses(X, sides, (first, second), data.feature_names)


def learn_data(config: PerceptronConfig, rows: TwoClasses, index: int) -> LearningRun:
    """Rosenblatt's rule on the rows of the data set, in a random order."""
    X, sides = rows.X, rows.sides
    order = stream(config.seed, "order", index).permutation(sides.size)
    fit = fit_perceptron(X[order], sides[order], config.max_passes)
    return LearningRun(fit, mistake_bound(X, sides, fit.w))


def root_mean_square(gap: Array) -> float:
    """sqrt(mean gap^2), in a unit that is a power of two, so that no square is too large."""
    unit = frexp(float(np.abs(gap).max()))[1]
    return ldexp(float(np.sqrt((np.ldexp(gap, -unit) ** 2).mean())), unit)


@dataclass(frozen=True)
class Approximation:
    """Errors of the staircase on one shifted interval.

    Attributes:
        largest, rms: against the number of bins, (n_counts,).
        slopes: of ln error against ln bins, of both errors.
        smooth: rms error of sigmoids at each steepness with `shown_bins`, (n_steepnesses,).
        live: mean share of units whose slope in x is above 1 % of its maximum, the same shape.
    """

    largest: Array
    rms: Array
    slopes: tuple[float, float]
    smooth: Array
    live: Array


def approximate(config: PerceptronConfig, index: int) -> Approximation:
    """Approximate the function on the interval, shifted at random by up to the widest bin."""
    f = parse(config.function)
    counts = sorted(set(config.n_bins))
    width = (config.function_max - config.function_min) / counts[0]
    shift = stream(config.seed, "shift", index).uniform(0, width) if index else 0.0
    low, high = config.function_min + shift, config.function_max + shift
    x = np.linspace(low, high, N_FINE)[1:-1]
    exact = values(f, x)
    largest, rms = [], []
    for n in counts:
        gap = staircase(f, low, high, n).evaluate(x) - exact
        largest.append(float(np.abs(gap).max()))
        rms.append(root_mean_square(gap))
    steps, bin_width = staircase(f, low, high, config.shown_bins), (high - low) / config.shown_bins
    smooth, live = [], []
    for steepness in config.steepnesses:
        gap = steps.evaluate(x, steepness / bin_width) - exact
        smooth.append(root_mean_square(gap))
        z = (x[::20, None] - steps.edges) * steepness / bin_width
        live.append(float((1.0 / np.cosh(np.minimum(np.abs(z) / 2, 300.0)) ** 2 > 0.01).mean()))
    n = np.log(counts) - np.mean(np.log(counts))
    with np.errstate(divide="ignore"):
        slopes = tuple(float(n @ np.log(np.maximum(e, 1e-300)) / (n @ n)) for e in (largest, rms))
    return Approximation(
        np.array(largest), np.array(rms), (slopes[0], slopes[1]), np.array(smooth), np.array(live)
    )


@dataclass(frozen=True)
class Polynomials:
    """Largest errors of functions with n numbers to choose, for each n, (n_counts,).

    Attributes:
        chebyshev: of the interpolant at n Chebyshev points.
        least: what the best polynomial with n coefficients errs by at least.
        bernstein: of Bernstein's polynomial of degree n - 1.
        size: the largest |f| on the interval, a number.
    """

    chebyshev: Array
    least: Array
    bernstein: Array
    size: float


def fit_polynomials(config: PerceptronConfig) -> Polynomials:
    """Approximate the function on its interval by polynomials with as many coefficients as bins."""
    formula = parse(config.function)
    low, high, counts = config.function_min, config.function_max, sorted(set(config.n_bins))

    def f(x: Array) -> Array:
        return values(formula, x)

    x = np.linspace(low, high, N_FINE)
    exact, few = f(x), x[::BERNSTEIN_STRIDE]

    def gap(found: Array, expected: Array) -> float:
        return float(np.abs(found - expected).max())

    chebyshev = np.array([gap(chebyshev_interpolant(f, low, high, n, x), exact) for n in counts])
    least = best_errors_from_below(f, low, high, counts)
    near = np.array([1 + lebesgue_bound(n) for n in counts])
    smooth = [gap(bernstein(f, low, high, n, few), exact[::BERNSTEIN_STRIDE]) for n in counts]
    return Polynomials(
        chebyshev,
        np.minimum(np.maximum(least, chebyshev / near), chebyshev),
        np.array(smooth),
        float(np.abs(exact).max()),
    )


def values(f: Function, x: Array) -> Array:
    """f at x, finite.

    Raises:
        DataError: f is not finite somewhere in the interval.
    """
    with np.errstate(all="ignore"):
        found = f(x)
    if not np.isfinite(found).all():
        where = float(x[int(np.flatnonzero(~np.isfinite(found))[0])])
        raise DataError(
            "the function",
            must="finite over the interval",
            got=f"{found[~np.isfinite(found)][0]} at x = {where:.4g}",
            hint="another --function-min or --function-max",
        )
    return found
