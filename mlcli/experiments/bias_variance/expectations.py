"""The expected loss of the regularity f~ and of other functions, appendix A up to (A.12).

x and t are drawn from the law of the run's generator. What is measured on them stands beside what
follows from the law exactly.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcli.datasets.source import Source
from mlcli.datasets.synthetic import Generator
from mlcli.experiments.bias_variance import models
from mlcli.experiments.bias_variance.config import BiasVarianceConfig
from mlcli.experiments.bias_variance.ensemble import fresh_rows
from mlcli.experiments.summary import interval_columns, summary
from mlcli.result import Columns, Metrics
from mlcli.rng import stream
from mlcli.selection.expected_loss import (
    expected_squared_error,
    joint_density,
    loss_parts,
    loss_slopes,
    regression_function,
    uniform_quadrature,
)
from mlcli.selection.interpolation import legendre_columns

Array = NDArray[np.float64]
Function = Callable[[Array], Array]
# What is beyond a float is infinite or not a number, and null in the files.
TOO_LARGE = np.errstate(over="ignore", invalid="ignore")
N_DRAWS = 20_000
N_NODES = 200
N_BINS = 16
N_NODES_A_BIN = 20
# Degrees of the directions of the variation: polynomials of Legendre with the mean square 1.
DIRECTIONS = (0, 1, 2, 3)
# p(x, t) as a table: points of x and t, and how many standard deviations of the noise it shows.
N_X, N_T, REACH = 41, 61, 4.0
TRUTH, SHIFTED, LINE = "regression_function", "shifted", "best_line"
SLOPES = ("slope_measured", "slope_measured_ci_low", "slope_measured_ci_high")
# The functions whose variation is drawn.
VARIED = (TRUTH, SHIFTED, LINE)


@dataclass(frozen=True)
class Law:
    """p(x, t) of a generator: x ~ U(low, high), t normal around f~(x).

    Attributes:
        low, high: the range of x.
        truth: f~, (n, 1) -> (n,).
        noise_std: of t around f~.
        nodes, weights: quadrature over x, (n_nodes,) each.
    """

    low: float
    high: float
    truth: Function
    noise_std: float
    nodes: Array
    weights: Array

    @property
    def width(self) -> float:
        """Of the range of x; p(x) is one over it."""
        return self.high - self.low

    def directions(self, x: Array) -> Array:
        """The h of the variation, (n,) -> (n, 4), with the mean square 1 over x."""
        return legendre_columns(x, self.low, self.high, len(DIRECTIONS), "orthonormal")


def law_of(config: BiasVarianceConfig, generator: Generator) -> Law:
    """The law of a generator, with a quadrature that is exact for its own polynomials."""
    chosen = generator.chosen
    top = models.sizes(config)[-1]
    nodes, weights = uniform_quadrature(chosen.x_min, chosen.x_max, max(N_NODES, top + 20))
    truth = generator.spec.truth
    return Law(chosen.x_min, chosen.x_max, truth, chosen.noise_std, nodes, weights)


@TOO_LARGE
def functions_of(config: BiasVarianceConfig, generator: Generator, law: Law) -> dict[str, Function]:
    """f~ and other functions by name; each takes (n, 1) and returns (n,).

    Two are f~ + h with the same E h^2, so that their expected losses are the same. The fits are
    those of the degrees shown to the first data set of the first seed.
    """
    at_nodes = law.truth(law.nodes[:, None])
    coefficients = (law.weights * at_nodes) @ law.directions(law.nodes)[:, :2]  # (2,)
    spread = sqrt(law.weights @ (at_nodes - coefficients[0]) ** 2)
    size = 0.5 * (law.noise_std or spread or 1.0)

    def added(degree: int) -> Function:
        return lambda X: law.truth(X) + size * law.directions(X[:, 0])[:, degree]

    def projected(n: int) -> Function:
        return lambda X: law.directions(X[:, 0])[:, :n] @ coefficients[:n]

    found: dict[str, Function] = {
        TRUTH: law.truth,
        SHIFTED: added(0),
        "tilted": added(1),
        LINE: projected(2),
        "best_constant": projected(1),
    }
    data = generator.draw(stream(config.seed, "ensemble", 0, 0), fresh_rows(config))
    for index in models.shown(config)[:3]:
        degree = models.sizes(config)[index]
        # Alone, since predictions are of every degree that was fitted.
        alone = config.model_copy(update={"degrees": (degree,)})
        found[f"fit_degree_{degree}"] = _first(models.fit_degrees(alone, data.X, data.t).predict)
    return found


def _first(predict: Function) -> Function:
    return lambda X: predict(X)[:, 0]


@dataclass(frozen=True)
class MeasuredLosses:
    """What one seed measured on its draws of (x, t), for k functions.

    Attributes:
        expected_loss: E[L], (k,).
        cross_term: (A.11) around f~, (k,).
        cross_term_about_shifted: the same around f~ shifted, where it does not vanish, (k,).
        slopes: along the directions, (k, 4).
        gradient: the mean of dE[L]/df(x) over each bin of x, of the functions varied, (3, n_bins).
        t_density: the mean of the integral of t p(x, t) dt over each bin, (n_bins,).
    """

    expected_loss: Array
    cross_term: Array
    cross_term_about_shifted: Array
    slopes: Array
    gradient: Array
    t_density: Array


def bin_edges(law: Law) -> Array:
    """Ends of the bins of x, (n_bins + 1,)."""
    return np.linspace(law.low, law.high, N_BINS + 1)


@TOO_LARGE
def measure(config: BiasVarianceConfig, source: Source, index: int) -> MeasuredLosses | None:
    """Average over drawn rows of one seed; None where the law is unknown.

    Each function has rows of its own, so that their errors are independent.
    """
    if source.generator is None:
        return None
    law = law_of(config, source.generator)
    functions = functions_of(config, source.generator, law)
    even = np.full(N_DRAWS, 1.0 / N_DRAWS)
    around, about, slopes, gradients = [], [], [], []
    t_density = np.empty(0)
    for k, (name, function) in enumerate(functions.items()):
        data = source.generator.draw(stream(config.seed, "expected loss", index, k), N_DRAWS)
        X, t, f = data.X, data.t, function(data.X)[:, None]  # (n, 1)
        around.append(loss_parts(f, law.truth(X), t))
        about.append(loss_parts(f, functions[SHIFTED](X), t))
        slopes.append(loss_slopes(f, t, law.directions(X[:, 0]), even)[0])
        if name in VARIED:
            inside = _in_bins(law, X[:, 0])  # (n, n_bins)
            gradients.append(loss_slopes(f, t, inside, even)[0])
            if name == TRUTH:
                t_density = (even * t) @ inside
    return MeasuredLosses(
        expected_loss=np.array([one.loss[0] for one in around]),
        cross_term=np.array([one.cross[0] for one in around]),
        cross_term_about_shifted=np.array([one.cross[0] for one in about]),
        slopes=np.stack(slopes),
        gradient=np.stack(gradients),
        t_density=t_density,
    )


def _in_bins(law: Law, x: Array) -> Array:
    """The direction of each bin: 1 / width inside and 0 outside, (n,) -> (n, n_bins)."""
    edges = bin_edges(law)
    which = np.clip(np.searchsorted(edges, x, side="right") - 1, 0, N_BINS - 1)
    found: Array = (which[:, None] == np.arange(N_BINS)) * (N_BINS / law.width)
    return found


def _bin_means(law: Law, function: Function) -> Array:
    """Means over each bin of x, (n_bins,)."""
    edges = bin_edges(law)
    found = []
    for low, high in pairwise(edges.tolist()):
        nodes, weights = uniform_quadrature(low, high, N_NODES_A_BIN)
        found.append(float(weights @ function(nodes[:, None])))
    return np.array(found)


@dataclass(frozen=True)
class ExactLosses:
    """What follows from the law, for k functions: `excess` E h^2 and so on as in `MeasuredLosses`.

    The cross term around f~ is 0.
    """

    names: tuple[str, ...]
    excess: Array
    loss: Array
    cross_term_about_shifted: Array
    slopes: Array


@TOO_LARGE
def exact_losses(config: BiasVarianceConfig, generator: Generator) -> ExactLosses:
    """The same quantities from the law alone, by quadrature."""
    law = law_of(config, generator)
    functions = functions_of(config, generator, law)
    nodes = law.nodes[:, None]
    truth = law.truth(nodes)
    f = np.stack([one(nodes) for one in functions.values()], axis=1)  # (n_nodes, k)
    g = functions[SHIFTED](nodes)  # (n_nodes,)
    return ExactLosses(
        names=tuple(functions),
        excess=expected_squared_error(f, truth, law.weights, 0.0),
        loss=expected_squared_error(f, truth, law.weights, law.noise_std),
        cross_term_about_shifted=(law.weights * (g - truth)) @ (f - g[:, None]),
        slopes=loss_slopes(f, truth, law.directions(law.nodes), law.weights),
    )


def expectations_metrics(
    config: BiasVarianceConfig, source: Source, found: Sequence[MeasuredLosses | None]
) -> Metrics:
    """Exact and measured, by function; empty where the law is unknown."""
    measured = [one for one in found if one is not None]
    if source.generator is None or not measured:
        return {}
    exact = exact_losses(config, source.generator)
    return {
        "expected_loss": {
            "n_draws": N_DRAWS,
            "noise": float(source.generator.chosen.noise_std**2),
            "functions": {name: _of_one(exact, measured, k) for k, name in enumerate(exact.names)},
        }
    }


def _of_one(exact: ExactLosses, measured: Sequence[MeasuredLosses], k: int) -> dict[str, Any]:
    """One function: numbers of the law end with _exact."""
    found: dict[str, Any] = {
        "index": k,
        "excess_exact": _finite(exact.excess[k]),
        "loss_exact": _finite(exact.loss[k]),
        "cross_term_about_shifted_exact": _finite(exact.cross_term_about_shifted[k]),
        "expected_loss": summary([one.expected_loss[k] for one in measured], "expected_loss"),
    }
    for name in ("cross_term", "cross_term_about_shifted"):
        found[name] = summary([getattr(one, name)[k] for one in measured], name)
    for degree in DIRECTIONS:
        key = f"slope_{degree}"
        found[f"{key}_exact"] = _finite(exact.slopes[k, degree])
        found[key] = summary([one.slopes[k, degree] for one in measured], key)
    return found


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


@TOO_LARGE
def expectations_tables(
    config: BiasVarianceConfig, source: Source, found: Sequence[MeasuredLosses | None]
) -> dict[str, Columns]:
    """p(x, t), its regression function, the losses and the variation; empty without a law."""
    measured = [one for one in found if one is not None]
    generator = source.generator
    if generator is None or not measured:
        return {name: {column: [] for column in columns} for name, columns in EMPTY.items()}
    law = law_of(config, generator)
    functions = functions_of(config, generator, law)
    exact = exact_losses(config, generator)
    return {
        "joint": _joint_table(law),
        "regression_function": _regression_table(law, measured),
        "functions": _functions_table(law, functions),
        "expected_loss": _losses_table(exact, measured),
        "variation": _variation_table(law, functions, measured),
    }


EMPTY = {
    "joint": ("x", "t", "density"),
    "regression_function": ("x",),
    "functions": ("function", "x", "f"),
    "expected_loss": ("function",),
    "variation": ("function",),
}


def _joint_table(law: Law) -> Columns:
    """p(x, t) on a grid, and f~ of it by (A.7); no rows where the noise is too small for one."""
    names = ("x", "t", "density", "regression_function")
    x = np.linspace(law.low, law.high, N_X)
    truth = law.truth(x[:, None])
    reach = REACH * law.noise_std
    # Sums over t are integrals where it has a point within each standard deviation.
    if not np.ptp(truth) + 2 * reach < (N_T - 1) * law.noise_std:
        return {name: [] for name in names}
    t = np.linspace(truth.min() - reach, truth.max() + reach, N_T)
    p = joint_density(x, t, truth, law.width, law.noise_std)
    values = (np.repeat(x, N_T), np.tile(t, N_X), p.ravel())
    best = np.repeat(regression_function(p, t), N_T)
    return dict(zip(names, (*values, best), strict=True))


def _bins(law: Law) -> dict[str, Array]:
    edges = bin_edges(law)
    return {"x": (edges[:-1] + edges[1:]) / 2, "x_low": edges[:-1], "x_high": edges[1:]}


def _regression_table(law: Law, measured: Sequence[MeasuredLosses]) -> Columns:
    """(A.6) over bins of x: the integral of t p(x, t) dt, f~ p(x), and E[t|x] = f~."""
    stacked = np.stack([one.t_density for one in measured])  # (n_seeds, n_bins)
    best = _bin_means(law, law.truth)
    columns: dict[str, Any] = dict(_bins(law))
    columns["density_of_x"] = np.full(N_BINS, 1.0 / law.width)
    columns["exact_integral"] = [_finite(value) for value in best / law.width]
    columns |= interval_columns("integral", stacked)
    columns["regression_function"] = [_finite(value) for value in best]
    columns |= interval_columns("conditional_mean", stacked * law.width)
    return columns


def _functions_table(law: Law, functions: dict[str, Function]) -> Columns:
    """The functions along x."""
    x = np.linspace(law.low, law.high, N_X)
    columns: dict[str, list[Any]] = {"function": [], "x": [], "f": []}
    for name, function in functions.items():
        columns["function"] += [name] * N_X
        columns["x"] += x.tolist()
        columns["f"] += [_finite(value) for value in function(x[:, None])]
    return columns


def _losses_table(exact: ExactLosses, measured: Sequence[MeasuredLosses]) -> Columns:
    columns: dict[str, Any] = {
        "function": list(exact.names),
        "excess_exact": [_finite(value) for value in exact.excess],
        "loss_exact": [_finite(value) for value in exact.loss],
        "cross_term_about_shifted_exact": [
            _finite(value) for value in exact.cross_term_about_shifted
        ],
    }
    for name in ("expected_loss", "cross_term", "cross_term_about_shifted"):
        columns |= interval_columns(name, np.stack([getattr(one, name) for one in measured]))
    for degree in DIRECTIONS:
        columns[f"slope_{degree}_exact"] = [_finite(value) for value in exact.slopes[:, degree]]
        slopes = np.stack([one.slopes[:, degree] for one in measured])
        columns |= interval_columns(f"slope_{degree}", slopes)
    return columns


def _variation_table(
    law: Law, functions: dict[str, Function], measured: Sequence[MeasuredLosses]
) -> Columns:
    """dE[L]/df(x), eq (A.5), averaged over bins of x."""
    columns: dict[str, list[Any]] = {"function": [], "x": [], "x_low": [], "x_high": []}
    columns |= {name: [] for name in ("slope_exact", *SLOPES)}
    for k, name in enumerate(VARIED):
        function = functions[name]

        def gradient(X: Array, f: Function = function) -> Array:
            return 2.0 * (f(X) - law.truth(X)) / law.width

        columns["function"] += [name] * N_BINS
        for key, values in _bins(law).items():
            columns[key] += values.tolist()
        columns["slope_exact"] += [_finite(value) for value in _bin_means(law, gradient)]
        stacked = np.stack([one.gradient[k] for one in measured])
        for key, found in interval_columns("slope_measured", stacked).items():
            columns[key] += found
    return columns
