"""The tables of `bayes`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcli.datasets.dataset import Dataset
from mlcli.experiments.bayes.arrivals import Arrivals
from mlcli.experiments.bayes.fit import MaximumLikelihood, PosteriorFit
from mlcli.experiments.bayes.studies import LEVELS, METHODS, EvidenceCurve
from mlcli.experiments.summary import summary
from mlcli.linear.basis import Basis
from mlcli.linear.bayes.posterior import Posterior
from mlcli.result import Columns

Array = NDArray[np.float64]
MAX_POINTS = 2000
N_BAND = 201


def data_table(first: Dataset) -> Columns:
    """The rows of the first data set, at most 2,000."""
    columns: dict[str, Any] = {
        name: first.X[:MAX_POINTS, i] for i, name in enumerate(first.feature_names)
    }
    return columns | {first.target_name: first.t[:MAX_POINTS]}


def predictive_table(basis: Basis, fitted: PosteriorFit, X: Array, names: Sequence[str]) -> Columns:
    """Mean and standard deviation of t; the column of a single input is called x."""
    mean, std, _ = fitted.predict(basis.evaluate(X))
    labels = ["x"] if len(names) == 1 else list(names)
    return {label: X[:, i] for i, label in enumerate(labels)} | {"mean": mean, "std": std}


def band_table(
    basis: Basis, fitted: PosteriorFit, first: Dataset, low: Array, high: Array
) -> Columns:
    """The 95 % band of t and of the mean along a single input, and the truth where it is known."""
    names = ("x", "mean", "low", "high", "mean_low", "mean_high", "truth")
    columns: dict[str, Any] = {name: [] for name in names}
    if low.size != 1:
        return columns
    x = np.linspace(float(low[0]), float(high[0]), N_BAND)
    Phi = basis.evaluate(x[:, None])
    mean, _, half = fitted.predict(Phi)
    spread = np.linalg.norm(Phi @ fitted.posterior.factor, axis=1)
    _, whole = fitted.posterior.predict(Phi)
    own = half * _share_of_weights(fitted, spread, whole)
    truth = [None] * N_BAND if first.truth is None else first.truth(x[:, None])
    values = (x, mean, mean - half, mean + half, mean - own, mean + own, truth)
    return dict(zip(names, values, strict=True))


def _share_of_weights(fitted: PosteriorFit, spread: Array, whole: Array) -> Array:
    """The part of the predictive scale that the uncertain weights make up."""
    posterior = fitted.posterior
    if isinstance(posterior, Posterior):
        return np.asarray(spread / whole)
    return np.asarray(np.sqrt(posterior.rate / posterior.shape) * spread / whole)


def draws_table(
    basis: Basis,
    fitted: PosteriorFit,
    low: Array,
    high: Array,
    n_draws: int,
    rng: np.random.Generator,
) -> Columns:
    """Curves drawn from the posterior along a single input."""
    columns: dict[str, list[Any]] = {"draw": [], "x": [], "y": []}
    if low.size != 1 or n_draws == 0:
        return columns
    x = np.linspace(float(low[0]), float(high[0]), N_BAND)
    Y = basis.evaluate(x[:, None]) @ fitted.posterior.draw(n_draws, rng)  # (n, n_draws)
    for draw in range(n_draws):
        columns["draw"] += [draw] * x.size
        columns["x"] += x.tolist()
        columns["y"] += Y[:, draw].tolist()
    return columns


def weights_table(terms: Sequence[str], fitted: PosteriorFit, likely: MaximumLikelihood) -> Columns:
    """Maximum likelihood beside the posterior, whose mean is also its mode (MAP)."""
    precisions = fitted.prior_precisions
    return {
        "term": list(terms),
        "ml": likely.w,
        "map": fitted.posterior.mean,
        "mean": fitted.posterior.mean,
        "std": fitted.posterior.std,
        "prior_precision": [None] * len(terms)
        if precisions is None
        else [float(a) if np.isfinite(a) else None for a in precisions],
    }


def evidence_table(curves: Sequence[EvidenceCurve]) -> Columns:
    """Evidence and cross-validated error against degree: the first data set, and all of them."""
    names = (
        "degree",
        "log_evidence",
        "prior_precision",
        "noise_precision",
        "effective_parameters",
        "n_maxima",
        "cv_mse",
        "mean_log_evidence",
        "log_evidence_ci_low",
        "log_evidence_ci_high",
        "mean_cv_mse",
        "cv_mse_ci_low",
        "cv_mse_ci_high",
    )
    columns: dict[str, list[Any]] = {name: [] for name in names}
    first = curves[0]
    for i, degree in enumerate(first.degrees):
        one = first.maxima[i]
        row: list[Any] = [degree]
        row += (
            [None] * 5
            if one is None
            else [
                one.log_evidence,
                one.prior_precision,
                one.noise_precision,
                one.effective_parameters,
                one.n_maxima,
            ]
        )
        row.append(float(first.cv_mse[i]))
        evidence = [np.nan if c.maxima[i] is None else c.maxima[i].log_evidence for c in curves]  # type: ignore[union-attr]
        errors = [float(c.cv_mse[i]) for c in curves]
        for found in (summary(evidence, "log_evidence"), summary(errors, "cv_mse")):
            row += [found["mean"], found["ci_low"], found["ci_high"]]
        for name, value in zip(names, row, strict=True):
            columns[name].append(value)
    return columns


def surface_table(alphas: Array, betas: Array, values: Array) -> Columns:
    """The log evidence on a grid of precisions, one row per pair."""
    return {
        "prior_precision": np.repeat(alphas, betas.size),
        "noise_precision": np.tile(betas, alphas.size),
        "log_evidence": values.ravel(),
    }


def sequential_table(arrivals: Arrivals) -> Columns:
    """Mean and covariance of two weights after some points; which two, where there are several."""
    found = arrivals.found
    columns: dict[str, Any] = {
        "n_points": [one.n_points for one in found],
        "mean_0": [float(one.mean[0]) for one in found],
        "mean_1": [float(one.mean[1]) for one in found],
        "variance_0": [float(one.covariance[0, 0]) for one in found],
        "covariance": [float(one.covariance[0, 1]) for one in found],
        "variance_1": [float(one.covariance[1, 1]) for one in found],
    }
    if arrivals.names is not None:
        for k, name in enumerate(arrivals.names):
            columns[f"name_{k}"] = [name] * len(found)
        columns["n_weights"] = [arrivals.n_weights] * len(found)
    return columns


def calibration_rows(study: Sequence[Array]) -> list[dict[str, Any]]:
    """Coverage of each method at each level, over the data sets that gave an answer."""
    rows: list[dict[str, Any]] = []
    if not study:
        return rows
    stacked = np.stack(study)  # (n, n_methods, n_levels)
    for m, method in enumerate(METHODS):
        for k, level in enumerate(LEVELS):
            values = stacked[:, m, k]
            values = values[np.isfinite(values)]
            found = summary(values, "coverage") if values.size else {}
            rows.append({"method": method, "level": level} | found)
    return rows


def calibration_table(study: Sequence[Array]) -> Columns:
    """`calibration_rows` as columns."""
    names = ("method", "level", "mean", "std", "ci_low", "ci_high", "n")
    rows = calibration_rows(study)
    return {name: [row.get(name) for row in rows] for name in names}
