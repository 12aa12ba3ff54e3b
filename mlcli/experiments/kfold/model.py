"""The chosen model, fitted to all rows of the first data set."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcli.certificate import require, worst_of
from mlcli.datasets.dataset import Dataset
from mlcli.experiments.cross_validation.refits import columns_of, labels_of, logistic_weights
from mlcli.experiments.kfold.config import KfoldConfig
from mlcli.experiments.kfold.prepare import spec_of
from mlcli.experiments.linear_fits import LinearFits, LinearModelSpec, fit
from mlcli.experiments.source import prepared_info
from mlcli.linear.column_families import StandardisedFamily
from mlcli.linear.design import Design
from mlcli.linear.redundant import left_out_entry
from mlcli.models import functions
from mlcli.models.functions import Standardised, Tensors
from mlcli.models.linear import error_entry
from mlcli.models.parts import SCHEMA
from mlcli.result import Columns

Array = NDArray[np.float64]
ModelFiles = tuple[dict[str, Columns], dict[str, Any], Tensors]


def chosen_model(
    config: KfoldConfig, data: Dataset, degree: int, strength: float, error: float | None
) -> ModelFiles:
    """Coefficients of the columns in x itself, one row per term (and class), with what they mean.

    Args:
        config: validated parameters.
        data: the rows to fit to.
        degree, strength: of the choice.
        error: its cross-validated loss.
    """
    if config.loss != "zero-one":
        fits = _regression(config, data, data.t, degree, strength)
        return regression_model(config, data, degree, strength, fits, data.t.size, error)
    info = described(config, data, degree, strength)
    classes, labels = labels_of(data.t)
    names = data.names_of(classes.tolist())
    info |= {"classes": list(names), "class_values": classes.tolist()}
    if config.model == "logistic":
        terms, W, function = _logistic(config, data, labels, classes.size, degree, strength)
        info |= _left_out(data, function.design)
        words, arrays = functions.encode([function])
    else:
        every = [
            _regression(config, data, indicator, degree, strength)
            for indicator in np.eye(classes.size)[labels].T
        ]
        info |= _left_out(data, every[0].design)
        found = [fits.coefficients(0) for fits in every]
        terms, W = list(found[0].terms), np.stack([one.estimate for one in found], axis=1)
        words, arrays = functions.encode([f for fits in every for f in fits.functions()])
    labels_shown: Sequence[Any] = classes.tolist() if data.class_names is None else names
    rows: Columns = {
        "class": [c for c in labels_shown for _ in terms],
        "term": terms * classes.size,
        "estimate": W.T.ravel().tolist(),
    }
    return {"coefficients": rows}, info | {"functions": words}, arrays


def regression_model(
    config: KfoldConfig,
    data: Dataset,
    degree: int,
    strength: float,
    fits: LinearFits,
    n_train: int,
    error: float | None,
) -> ModelFiles:
    """A regression's coefficients with standard errors, and all that its predictions need."""
    found = fits.coefficients(0)
    free = n_train - float(fits.degrees_of_freedom[0])
    sigma = float(np.sqrt(fits.train_rss[0] / free)) if free >= 0.5 else None
    errors: list[Any] = [None] * len(found.terms)
    if found.unit_std_error is not None and sigma is not None:
        errors = (sigma * found.unit_std_error).tolist()
    columns = {"term": list(found.terms), "estimate": found.estimate.tolist()}
    words, arrays = functions.encode(fits.functions())
    mse = error if config.loss == "squared" else None
    entry = error_entry(sigma, None if sigma is None else free, mse, n_train)
    info = described(config, data, degree, strength) | _left_out(data, fits.design)
    info |= {"functions": words, "fits": [entry]}
    return {"coefficients": columns | {"std_error": errors}}, info, arrays


def described(config: KfoldConfig, data: Dataset, degree: int, strength: float) -> dict[str, Any]:
    """What the coefficients of a model mean."""
    return {
        "schema": SCHEMA,
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
        **prepared_info(data),
    }


def _left_out(data: Dataset, design: Design | None) -> dict[str, Any]:
    """The products that standardised columns leave out, for model.json."""
    return left_out_entry([] if design is None else design.basis.left_out_terms(data.feature_names))


def _regression(
    config: KfoldConfig, data: Dataset, t: Array, degree: int, strength: float
) -> LinearFits:
    """The fit at one degree and strength."""
    spec = LinearModelSpec(
        degrees=(degree,),
        basis=config.basis,
        intercept=config.intercept,
        penalty=config.penalty,
        l1=strength,
        l2=strength,
        standardize=config.standardize,
    )
    fits = fit(spec, data.X, t, data.feature_names, data.related)
    require(worst_of(*fits.certificates), "the fit of the chosen model")
    return fits


def _logistic(
    config: KfoldConfig,
    data: Dataset,
    labels: NDArray[np.int64],
    n_classes: int,
    degree: int,
    strength: float,
) -> tuple[list[str], Array, Standardised]:
    """Terms and weights (p, K) of the columns in x itself, and the activations as a function."""
    family = columns_of(spec_of(config), data.X, data.t, degree, data.related)
    P = family.columns.rows(slice(None))
    W = logistic_weights(P, labels, n_classes, [strength], intercept=config.intercept)[:, :, 0]
    terms = family.design.basis.terms(data.feature_names)
    function = Standardised(family.design, W, config.intercept, family.order)
    return terms, _raw(family, W, config.intercept), function


def _raw(family: StandardisedFamily, W: Array, intercept: bool) -> Array:
    """Weights of [1, A] as those of the columns in x itself, in the order of the basis."""
    first = int(intercept)
    slopes = np.empty_like(W[first:])
    slopes[family.order] = W[first:]  # back from the order of degrees
    raw = np.stack([family.design.raw(w) for w in slopes.T], axis=1)  # (p, K)
    if intercept:
        raw[0] += W[0] - family.design.scaling.t_mean
    return raw
