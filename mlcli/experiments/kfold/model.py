"""The chosen model, fitted to all rows of the first data set."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcli.config.fit_poly import FitPolyConfig
from mlcli.config.kfold import KfoldConfig
from mlcli.datasets.dataset import Dataset
from mlcli.experiments.fit_poly import estimators
from mlcli.experiments.kfold.classes import labels_of
from mlcli.experiments.kfold.refits import columns_of, logistic_weights
from mlcli.linear.nested import StandardisedFamily
from mlcli.result import Columns

Array = NDArray[np.float64]
Model = tuple[dict[str, Columns], dict[str, Any]]


def chosen_model(config: KfoldConfig, data: Dataset, degree: int, strength: float) -> Model:
    """Coefficients of the columns in x itself, one row a term (and class), with what they mean."""
    info = described(config, data, degree, strength)
    if config.loss != "zero-one":
        found = _regression(config, data, data.t, degree, strength)
        errors = [None] * len(found.terms)
        columns = {"term": list(found.terms), "estimate": found.estimate.tolist()}
        return {"coefficients": columns | {"std_error": _errors(found, errors)}}, info
    classes, labels = labels_of(data.t)
    info["classes"] = classes.tolist()
    if config.model == "logistic":
        terms, W = _logistic(config, data, labels, classes.size, degree, strength)
    else:
        fits = [
            _regression(config, data, indicator, degree, strength)
            for indicator in np.eye(classes.size)[labels].T
        ]
        terms, W = list(fits[0].terms), np.stack([fit.estimate for fit in fits], axis=1)
    rows = {
        "class": [c for c in classes.tolist() for _ in terms],
        "term": terms * classes.size,
        "estimate": W.T.ravel().tolist(),
    }
    return {"coefficients": rows}, info


def described(config: KfoldConfig, data: Dataset, degree: int, strength: float) -> dict[str, Any]:
    """What the coefficients of a model mean."""
    return {
        "schema": 1,
        "kind": "kfold",
        "model": config.model,
        "loss": config.loss,
        "basis": config.basis,
        "degree": degree,
        "strength": strength,
        "penalty": config.penalty,
        "rule": config.rule,
        "features": list(data.feature_names),
        "target": data.target_name,
        "fitted_on": "all rows of the first data set",
    }


def _errors(found: estimators.Coefficients, nothing: list[None]) -> list[float | None]:
    return list(nothing) if found.unit_std_error is None else found.unit_std_error.tolist()


def _regression(
    config: KfoldConfig, data: Dataset, t: Array, degree: int, strength: float
) -> estimators.Coefficients:
    """The fit of `fit-poly` at one degree and strength."""
    settings = FitPolyConfig(
        degrees=(degree,), basis=config.basis, intercept=config.intercept, test_fraction=0.0,
        penalty=config.penalty, l1=strength, l2=strength, standardize=config.standardize,
    )  # fmt: skip
    fits = estimators.fit(settings, data.X, t, data.feature_names)
    found = fits.coefficients(0)
    if found.unit_std_error is None:
        return found
    free = t.size - fits.degrees_of_freedom[0]
    if free < 0.5:
        return estimators.Coefficients(found.terms, found.estimate, None)
    sigma = float(np.sqrt(fits.train_rss[0] / free))
    return estimators.Coefficients(found.terms, found.estimate, sigma * found.unit_std_error)


def _logistic(
    config: KfoldConfig,
    data: Dataset,
    labels: NDArray[np.int64],
    n_classes: int,
    degree: int,
    strength: float,
) -> tuple[list[str], Array]:
    """Terms and weights (p, K) of the columns in x itself."""
    family = columns_of(config, data.X, data.t, degree)
    P = family.columns.rows(slice(None))
    W = logistic_weights(P, labels, n_classes, [strength], intercept=config.intercept)[:, :, 0]
    return family.design.basis.terms(data.feature_names), _raw(family, W, config.intercept)


def _raw(family: StandardisedFamily, W: Array, intercept: bool) -> Array:
    """Weights of [1, A] as those of the columns in x itself, in the order of the basis."""
    first = int(intercept)
    slopes = np.empty_like(W[first:])
    slopes[family.order] = W[first:]  # back from the order of degrees
    raw = np.stack([family.design.raw(w) for w in slopes.T], axis=1)  # (p, K)
    if intercept:
        raw[0] += W[0] - family.design.scaling.t_mean
    return raw
