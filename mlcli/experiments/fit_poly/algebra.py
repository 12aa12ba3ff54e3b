"""The linear algebra of a fit, to be looked at: its columns, normal equations and error bars.

All of it is of the first seed unless it says otherwise, and of a degree with few columns.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import isfinite
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcli.experiments.fit_poly.prepare import N_GRID, FitPolyPrepared, TrainTestRows
from mlcli.linear.basis import Basis, count_columns, fit_basis
from mlcli.linear.ellipses import (
    WeightLaw,
    pairs_of,
    radius_squared,
    resampled_weights,
    weight_law,
)
from mlcli.linear.least_squares import NormalEquations, fit_columns, normal_equations
from mlcli.result import Columns, Metrics
from mlcli.rng import stream
from mlcli.selection.expected_loss import uniform_quadrature
from mlcli.selection.intervals import coverage_interval

Array = NDArray[np.float64]
# More basis functions can't be told apart in one picture.
MOST_FUNCTIONS = 12
# Number grids have at most so many columns, and two rows more than columns.
MOST_SHOWN_COLUMNS, SPARE_ROWS = 4, 2
LEVELS = (0.68, 0.95)
MOST_PAIRS = 4
# Ellipses are of fits with at most so many columns, and of at most so many numbers in Phi.
MOST_ELLIPSE_COLUMNS, MOST_ELLIPSE_NUMBERS = 60, 20_000_000
N_RESAMPLES, MOST_RESAMPLED_ROWS = 400, 20_000
SPARE_NODES = 64


def _largest_degree(prepared: FitPolyPrepared, most: int, fewest: int = 1) -> int | None:
    """The largest degree of the run with at most so many columns; None if it has none."""
    sizes = {degree: count_of(prepared, degree) for degree in prepared.spec.degrees}
    return max((d for d, size in sizes.items() if fewest <= size <= most), default=None)


def count_of(prepared: FitPolyPrepared, degree: int) -> int:
    """How many columns a degree of the run's basis has."""
    config, n_features = prepared.config, len(prepared.source.feature_names)
    return count_columns(config.basis, n_features, degree, config.intercept)


def columns_of_degrees(prepared: FitPolyPrepared) -> dict[str, int]:
    """How many columns each degree of the run has."""
    return {f"degree_{d}": count_of(prepared, d) for d in prepared.spec.degrees}


def _basis(prepared: FitPolyPrepared, degree: int) -> Basis:
    """The columns of one degree, over the range of the first seed's training rows."""
    config, X = prepared.config, prepared.first.X_train
    low, high = X.min(axis=0), X.max(axis=0)
    return fit_basis(config.basis, low, high, degree, intercept=config.intercept)


# The basis functions (3.9).


def basis_table(prepared: FitPolyPrepared, coefficients: Columns) -> Columns:
    """phi_j(x) and w_j phi_j(x) along a single input, whose sum over j is the fit (3.9).

    Where every degree has too many columns, some of those of the lowest are taken, evenly chosen,
    without the weights: only all of them add up to a fit.

    Args:
        prepared: the run.
        coefficients: of the first seed, with their degree and term.
    """
    names = ("degree", "n_columns", "term", "x", "phi", "weighted")
    columns: dict[str, list[Any]] = {name: [] for name in names}
    X = prepared.first.X_train
    if X.shape[1] != 1:
        return columns
    degree = _largest_degree(prepared, MOST_FUNCTIONS)
    basis = _basis(prepared, prepared.spec.degrees[0] if degree is None else degree)
    terms = basis.terms(prepared.source.feature_names)
    w = {
        term: value
        for d, term, value in zip(
            coefficients["degree"], coefficients["term"], coefficients["estimate"], strict=True
        )
        if d == degree
    }
    x = np.linspace(float(X.min()), float(X.max()), N_GRID)
    Phi = basis.evaluate(x[:, None])  # (N_GRID, p)
    shown = np.unique(np.linspace(0, len(terms) - 1, MOST_FUNCTIONS).round().astype(int))
    for place in shown.tolist():
        phi = Phi[:, place]
        # A column that depends on others may have been left out, with the weight 0.
        weighted = [None] * x.size if degree is None else w.get(terms[place], 0.0) * phi
        columns["degree"] += [basis.degree] * x.size
        columns["n_columns"] += [len(terms)] * x.size
        columns["term"] += [terms[place]] * x.size
        columns["x"] += x.tolist()
        columns["phi"] += phi.tolist()
        columns["weighted"] += list(weighted)
    return columns


# The normal equations (4.2) to (4.5) of a few rows.


@dataclass(frozen=True)
class SmallSystem:
    """A few training rows, the columns of a low degree there, and both ways to their weights.

    Attributes:
        degree: of the columns.
        features: the inputs that they are made of.
        terms: the names of the columns, p of them.
        Phi: eq (4.2), (n, p).
        t: (n,).
        normal: their products, and the weights that solve (4.5) as it stands.
        w_qr: the weights from Phi = Q R, in which Phi^T Phi never appears, (p,).
        rank: independent columns; None where the columns are beyond a number.
    """

    degree: int
    features: tuple[str, ...]
    terms: tuple[str, ...]
    Phi: Array
    t: Array
    normal: NormalEquations
    w_qr: Array
    rank: int | None


def small_system(prepared: FitPolyPrepared) -> SmallSystem:
    """The normal equations of a few training rows, evenly chosen in the order of an input.

    The degree is the largest of the run with at most 4 columns; if it has none, the largest of its
    basis; if inputs are too many for that, the linear columns of the first ones.
    """
    config, rows = prepared.config, prepared.first
    names, most = tuple(rows.data.feature_names), MOST_SHOWN_COLUMNS
    degree = _largest_degree(prepared, most)
    if degree is None:
        fitting = (d for d in range(most, 0, -1) if count_of(prepared, d) <= most)
        degree = next(fitting, None)
    if degree is not None:
        basis = _basis(prepared, degree)
    else:
        names = names[: most - int(config.intercept)]
        box = rows.X_train[:, : len(names)]
        low, high = box.min(axis=0), box.max(axis=0)
        basis = fit_basis("linear", low, high, 1, intercept=config.intercept)
    order = np.argsort(rows.X_train[:, 0], kind="stable")
    n = min(basis.n_columns + SPARE_ROWS, order.size)
    chosen = order[np.linspace(0, order.size - 1, n).round().astype(int)]
    Phi, t = basis.evaluate(rows.X_train[chosen, : len(names)]), rows.t_train[chosen]
    fit = None
    if np.isfinite(Phi).all():
        with np.errstate(over="ignore", invalid="ignore"):
            fit = fit_columns(Phi, t)
    nothing = np.full(basis.n_columns, np.nan)
    return SmallSystem(
        basis.degree,
        names,
        tuple(basis.terms(names)),
        Phi,
        t,
        normal_equations(Phi, t),
        nothing if fit is None else fit.w,
        None if fit is None else fit.rank,
    )


def normal_table(system: SmallSystem) -> Columns:
    """Every number of the equations, one row each."""
    columns: dict[str, list[Any]] = {key: [] for key in ("matrix", "row", "column", "value")}
    rows = [str(k + 1) for k in range(system.t.size)]
    normal = system.normal
    for name, of_rows, of_columns, values in (
        ("Phi", rows, system.terms, system.Phi),
        ("t", rows, ("t",), system.t[:, None]),
        ("Phi^T Phi", system.terms, system.terms, normal.gram),
        ("Phi^T t", system.terms, ("t",), normal.moment[:, None]),
        ("w by the normal equations", system.terms, ("w",), normal.w[:, None]),
        ("w by QR", system.terms, ("w",), system.w_qr[:, None]),
        ("condition number", ("Phi",), ("",), np.array([[normal.condition]])),
        ("condition number", ("Phi^T Phi",), ("",), np.array([[normal.gram_condition]])),
    ):
        columns["matrix"] += [name] * values.size
        columns["row"] += [row for row in of_rows for _ in of_columns]
        columns["column"] += list(of_columns) * len(of_rows)
        columns["value"] += values.ravel().tolist()
    return columns


def normal_metrics(system: SmallSystem, n_train: int) -> Metrics:
    """The weights by both routes, and the condition numbers."""
    weights = zip(system.terms, system.normal.w.tolist(), system.w_qr.tolist(), strict=True)
    return {
        "degree": system.degree,
        "n_rows": system.t.size,
        "n_columns": len(system.terms),
        "n_train": n_train,
        "rank": system.rank,
        "condition": _or_none(system.normal.condition),
        "condition_of_gram": _or_none(system.normal.gram_condition),
        "weights": {
            term: {"normal_equations": _or_none(one), "qr": _or_none(other)}
            for term, one, other in weights
        },
    }


def _or_none(value: float) -> float | None:
    return value if isfinite(value) else None


# Error bars of the weights.


def ellipse_degree(prepared: FitPolyPrepared) -> int | None:
    """The degree whose weights have ellipses: the largest with 2 to 4 columns, else the lowest."""
    if prepared.config.penalty != "none":
        return None
    degree = _largest_degree(prepared, MOST_SHOWN_COLUMNS, fewest=2)
    if degree is not None:
        return degree
    sizes = {d: count_of(prepared, d) for d in prepared.spec.degrees}
    return min((d for d, p in sizes.items() if 2 <= p <= MOST_ELLIPSE_COLUMNS), default=None)


def weight_law_of(prepared: FitPolyPrepared, rows: TrainTestRows) -> WeightLaw | None:
    """The least-squares weights of one seed with their covariance.

    Every seed has the columns of the first one, so that their weights can be compared.
    """
    degree = ellipse_degree(prepared)
    if degree is None or count_of(prepared, degree) * rows.t_train.size > MOST_ELLIPSE_NUMBERS:
        return None
    return weight_law(_basis(prepared, degree).evaluate(rows.X_train), rows.t_train)


@dataclass(frozen=True)
class WeightPoint:
    """Weights that an ellipse is compared with.

    Attributes:
        w: (p,).
        law: where an ellipse of its own belongs to it.
        holds: pair -> for each of `LEVELS` whether the ellipse holds the point that it should.
    """

    w: Array
    law: WeightLaw | None
    holds: Mapping[tuple[int, int], tuple[bool, ...]]


@dataclass(frozen=True)
class Ellipses:
    """Ellipses of pairs of weights, and how often they hold what they should.

    Attributes:
        degree: of the columns.
        terms: their names.
        law: of the first seed.
        pairs: which weights are shown together.
        kind: ``seeds``, independent data sets, each with an ellipse that should hold the weights of
            the known law; ``resamples`` of the rows, which the ellipse should hold; or ``none``.
        truth: the weights that least squares tends to under the known law; None: not known.
        points: of each seed or resample.
    """

    degree: int
    terms: tuple[str, ...]
    law: WeightLaw
    pairs: Sequence[tuple[int, int]]
    kind: str
    truth: Array | None
    points: Sequence[WeightPoint]


def ellipses(prepared: FitPolyPrepared, laws: Sequence[WeightLaw | None]) -> Ellipses | None:
    """The ellipses of the first seed, beside the other seeds or resamples of its rows.

    Args:
        prepared: the run.
        laws: of each seed.

    Returns:
        None where the first seed has no law.
    """
    degree, law = ellipse_degree(prepared), laws[0]
    pairs = [] if law is None else pairs_of(law.covariance, MOST_PAIRS)
    if degree is None or law is None or not pairs:
        return None
    basis = _basis(prepared, degree)
    found = Ellipses(
        degree, tuple(basis.terms(prepared.source.feature_names)), law, pairs, "none", None, []
    )
    truth = _limit(prepared, basis)
    known = [one for one in laws if one is not None]
    if truth is not None and prepared.source.fresh_draws:
        points = [
            WeightPoint(
                one.w,
                one,
                {pair: tuple(one.holds(truth, pair, level) for level in LEVELS) for pair in pairs},
            )
            for one in known
        ]
        return replace(found, kind="seeds", truth=truth, points=points)
    rows = prepared.first
    if rows.t_train.size > MOST_RESAMPLED_ROWS:
        return found
    rng = stream(prepared.config.seed, "resampled weights")
    W = resampled_weights(basis.evaluate(rows.X_train), rows.t_train, N_RESAMPLES, rng)
    return replace(
        found,
        kind="resamples" if len(W) else "none",
        points=[
            WeightPoint(
                w,
                None,
                {pair: tuple(law.holds(w, pair, level) for level in LEVELS) for pair in pairs},
            )
            for w in W
        ],
    )


def _limit(prepared: FitPolyPrepared, basis: Basis) -> Array | None:
    """The weights that least squares tends to as rows grow without end, (p,)."""
    generator = prepared.source.generator
    if generator is None or basis.low.size != 1:
        return None
    chosen = generator.chosen
    nodes, weights = uniform_quadrature(chosen.x_min, chosen.x_max, basis.degree + SPARE_NODES)
    root = np.sqrt(weights)  # (n_nodes,)
    Phi = basis.evaluate(nodes[:, None])
    return fit_columns(root[:, None] * Phi, root * generator.spec.truth(nodes[:, None])).w


def ellipses_metrics(found: Ellipses) -> Metrics:
    """How often the ellipses hold what they should, by pair and level, with Wilson's interval."""
    metrics: Metrics = {"degree": found.degree, "kind": found.kind, "n": len(found.points)}
    for place, pair in enumerate(found.pairs, start=1):
        std = np.sqrt(np.diagonal(found.law.covariance))
        i, j = pair
        entry: Metrics = {
            "first": found.terms[i],
            "second": found.terms[j],
            "correlation": float(found.law.covariance[i, j] / (std[i] * std[j])),
            "std_error_first": float(std[i]),
            "std_error_second": float(std[j]),
        }
        for k, level in enumerate(LEVELS):
            if found.points:
                inside = sum(one.holds[pair][k] for one in found.points)
                share = coverage_interval(inside, len(found.points))
                entry[f"level_{100 * level:.0f}"] = {
                    "inside": inside,
                    "coverage": share.estimate,
                    "ci_low": share.low,
                    "ci_high": share.high,
                }
        metrics[f"pair_{place}"] = entry
    return metrics


def ellipses_table(found: Ellipses | None) -> Columns:
    """The ellipses of each pair and the points beside them.

    `kind` is fit (the first seed), truth (what it estimates), seed or resample; `radius_68` and
    `radius_95` are the square roots of the d^T C^-1 d at the edge.
    """
    names = ["first", "second", "kind", "w_first", "w_second", "variance_first", "covariance"]
    names += ["variance_second", "radius_68", "radius_95", "holds_68", "holds_95"]
    columns: dict[str, list[Any]] = {name: [] for name in names}
    if found is None:
        return columns
    nothing: list[Any] = [None] * 5

    def add(pair: tuple[int, int], kind: str, w: Array, law: Any, holds: Sequence[Any]) -> None:
        i, j = pair
        own = nothing
        if law is not None:
            C = law.covariance
            radii = [float(np.sqrt(radius_squared(level, law.dof))) for level in LEVELS]
            own = [float(C[i, i]), float(C[i, j]), float(C[j, j]), *radii]
        row = [found.terms[i], found.terms[j], kind, float(w[i]), float(w[j]), *own, *holds]
        for name, value in zip(names, row, strict=True):
            columns[name].append(value)

    for pair in found.pairs:
        add(pair, "fit", found.law.w, found.law, (None, None))
        if found.truth is not None:
            add(pair, "truth", found.truth, None, (None, None))
        kind = found.kind.removesuffix("s")
        for one in found.points:
            add(pair, kind, one.w, one.law, [int(inside) for inside in one.holds[pair]])
    return columns
