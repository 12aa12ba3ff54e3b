"""`bayes`: linear regression with a distribution over its weights (appendix B of the notes)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcli.config.bayes import BayesConfig
from mlcli.datasets.dataset import Dataset
from mlcli.datasets.source import Source
from mlcli.datasets.streaming import StreamSource
from mlcli.experiments.bayes import streamed, tables
from mlcli.experiments.bayes.checks import check, n_replicates, plan
from mlcli.experiments.bayes.columns import Data, basis_of, in_memory, model_degree, triangle_of
from mlcli.experiments.bayes.display import display
from mlcli.experiments.bayes.fit import Fitted, MaximumLikelihood, fit, maximum_likelihood
from mlcli.experiments.bayes.inputs import points, read_prior
from mlcli.experiments.bayes.studies import (
    METHODS,
    Curve,
    arrivals,
    calibration,
    evidence_curve,
    evidence_surface,
)
from mlcli.experiments.summary import summary
from mlcli.linear.basis import Basis
from mlcli.linear.triangle import Triangle
from mlcli.models.bayes import encode
from mlcli.models.parts import SCHEMA
from mlcli.result import Columns, Metrics, Progress, Result
from mlcli.rng import stream
from mlcli.scale.jobs import map_ordered

__all__ = ["FILES", "check", "display", "plan", "run"]

Array = NDArray[np.float64]
TABLES = (
    "band",
    "calibration",
    "data",
    "draws",
    "evidence",
    "evidence_surface",
    "predictive",
    "sequential",
    "weights",
)
FILES = (
    "metrics.json",
    *(f"{name}.csv" for name in TABLES),
    "model/posterior_mean.csv",
    "model/posterior_covariance.npy",
    "model/model.json",
    "model/predictor.safetensors",
)
DETERMINISM = (
    "each data set's work is done with one BLAS thread and collected in order, so the bytes do not "
    "depend on --jobs; another machine, or another version of numpy, can differ in the last digits"
)


@dataclass(frozen=True)
class Replicate:
    """What one data set contributes to the summaries."""

    fitted: Fitted
    curve: Curve


@dataclass(frozen=True)
class Model:
    """The model of the first data set."""

    basis: Basis
    triangle: Triangle
    fitted: Fitted
    likely: MaximumLikelihood
    terms: list[str]


def run(config: BayesConfig, source: Source, *, jobs: int | None, progress: Progress) -> Result:
    """Fit the first data set in full, the others for the spread, and measure the calibration.

    Args:
        config: validated parameters.
        source: where each data set comes from.
        jobs: workers; never changes a byte.
        progress: told how many data sets are done, or rows of a table that is read in batches.
    """
    if isinstance(source, StreamSource):
        data = streamed.read(config, source, progress)
        return _result(config, source, source.sample, data, [_fitted(config, source, data)], [])
    generator = source.generator
    n_sets, n_study = n_replicates(config, source), config.n_calibration if generator else 0
    replicates: list[Replicate] = []
    for one in map_ordered(lambda i: _replicate(config, source, i), range(n_sets), jobs=jobs):
        replicates.append(one)
        progress(len(replicates), n_sets + n_study)
    study: list[Array] = []
    for covered in calibration(config, generator, jobs) if generator and n_study else ():
        study.append(covered)
        progress(n_sets + len(study), n_sets + n_study)
    first = source.replicate(0, config.seed)
    return _result(config, source, first, in_memory(first.X, first.t), replicates, study)


def _replicate(config: BayesConfig, source: Source, index: int) -> Replicate:
    found = source.replicate(index, config.seed)
    rng = stream(config.seed, "folds", index)
    return _fitted(config, source, in_memory(found.X, found.t), rng)


def _fitted(
    config: BayesConfig, source: Source, data: Data, rng: np.random.Generator | None = None
) -> Replicate:
    return Replicate(_model(config, source, data).fitted, evidence_curve(config, data, rng))


def _model(config: BayesConfig, source: Source, data: Data) -> Model:
    basis = basis_of(config, data.low, data.high, model_degree(config))
    terms = basis.terms(source.feature_names)
    triangle = triangle_of(basis, data)
    fitted = fit(config, triangle, read_prior(config, terms))
    return Model(basis, triangle, fitted, maximum_likelihood(triangle), terms)


def _result(
    config: BayesConfig,
    source: Source,
    first: Dataset,
    data: Data,
    replicates: Sequence[Replicate],
    study: Sequence[Array],
) -> Result:
    model = _model(config, source, data)
    posterior = model.fitted.posterior
    words, arrays = encode(model.basis, posterior)
    info = {
        "schema": SCHEMA,
        "kind": "bayes",
        "predictor": words,
        "basis": config.basis,
        "degree": model_degree(config),
        "low": data.low.tolist(),
        "high": data.high.tolist(),
        "intercept": config.intercept,
        "features": list(source.feature_names),
        "target": source.target_name,
        "noise_precision": model.fitted.noise_precision,
        "fitted_on": "all rows of the first data set",
    }
    return Result(
        metrics=_metrics(config, model, replicates, study, source.fresh_draws),
        tables=_tables(config, source, first, data, model, replicates, study),
        model_tables={
            "posterior_mean": {
                "term": model.terms, "mean": posterior.mean, "std": posterior.std
            }
        },
        model_arrays={"posterior_covariance": posterior.covariance},
        model_tensors={"predictor": arrays},
        model_info=info,
        determinism=DETERMINISM,
        warnings=_warnings(config, source, model),
    )  # fmt: skip


def _tables(
    config: BayesConfig,
    source: Source,
    first: Dataset,
    data: Data,
    model: Model,
    replicates: Sequence[Replicate],
    study: Sequence[Array],
) -> dict[str, Columns]:
    X = points(config, source.feature_names, data.low, data.high)
    basis, fitted, rng = model.basis, model.fitted, stream(config.seed, "draws")
    at = first.X if X is None else X
    return {
        "band": tables.band_table(basis, fitted, first, data.low, data.high),
        "calibration": tables.calibration_table(study),
        "data": tables.data_table(first),
        "draws": tables.draws_table(basis, fitted, data.low, data.high, config.n_draws, rng),
        "evidence": tables.evidence_table([one.curve for one in replicates]),
        "evidence_surface": tables.surface_table(*evidence_surface(config, model.triangle, fitted)),
        "predictive": tables.predictive_table(basis, fitted, at, source.feature_names),
        "sequential": tables.sequential_table(arrivals(config, first.X, first.t, fitted)),
        "weights": tables.weights_table(model.terms, fitted, model.likely),
    }


def _metrics(
    config: BayesConfig,
    model: Model,
    replicates: Sequence[Replicate],
    study: Sequence[Array],
    fresh: bool,
) -> Metrics:
    fitted, curve = model.fitted, replicates[0].curve
    metrics: Metrics = {
        "basis": config.basis,
        "degree": model_degree(config),
        "n_rows": model.triangle.n_rows,
        "n_seeds": len(replicates),
        "log_evidence": fitted.log_evidence,
        "prior_precision": fitted.prior_precision,
        "noise_precision": fitted.noise_precision,
        "effective_parameters": fitted.effective_parameters,
        "n_maxima": fitted.n_maxima,
        "log_likelihood": model.likely.log_likelihood,
        "noise_precision_ml": model.likely.noise_precision,
        "degree_by_evidence": curve.degree_by_evidence(),
        "degree_by_kfold": curve.degree_by_kfold(),
        "chosen": {
            "evidence": _shares([one.curve.degree_by_evidence() for one in replicates]),
            "kfold": _shares([one.curve.degree_by_kfold() for one in replicates]),
        },
        "calibration": _calibration(config, study),
    }
    rows = zip(
        model.terms, model.likely.w, fitted.posterior.mean, fitted.posterior.std, strict=True
    )
    metrics["weights"] = {
        term: {"index": i, "ml": float(ml), "mean": float(mean), "std": float(std)}
        for i, (term, ml, mean, std) in enumerate(rows)
    }
    for i, degree in enumerate(curve.degrees):
        one = curve.maxima[i]
        cv_mse = float(curve.cv_mse[i])
        metrics[f"degree_{degree}"] = {
            "log_evidence": None if one is None else one.log_evidence,
            "cv_mse": cv_mse if np.isfinite(cv_mse) else None,
        }
    if fresh:
        metrics["over_seeds"] = _over_seeds(replicates)
    return metrics


def _over_seeds(replicates: Sequence[Replicate]) -> Metrics:
    names = ("log_evidence", "noise_precision", "effective_parameters")
    found = {name: summary([getattr(one.fitted, name) for one in replicates]) for name in names}
    alphas = [one.fitted.prior_precision for one in replicates]
    if all(alpha is not None for alpha in alphas):
        found["prior_precision"] = summary([float(alpha) for alpha in alphas if alpha is not None])
    return found


def _shares(chosen: Sequence[int | None]) -> dict[str, float]:
    counts = Counter(degree for degree in chosen if degree is not None)
    return {f"degree_{degree}": counts[degree] / len(chosen) for degree in sorted(counts)}


def _calibration(config: BayesConfig, study: Sequence[Array]) -> Metrics:
    rows = tables.calibration_rows(study)
    if not rows:
        return {}
    found: dict[str, Any] = {method.replace(" ", "_"): {} for method in METHODS}
    for row in rows:
        kept = {key: value for key, value in row.items() if key not in ("method", "level")}
        found[row["method"].replace(" ", "_")][f"level_{100 * row['level']:g}"] = kept
    return found | {"n": len(study), "rows": config.calibration_rows}


def _warnings(config: BayesConfig, source: Source, model: Model) -> list[str]:
    found = []
    if model.fitted.at_limit:
        found.append(
            "the evidence rises without end as the prior narrows: the columns explain nothing, and "
            "the prior precision is the largest that was tried"
        )
    if source.streamed:
        found.append("the file is read in batches: no k-fold choice, and a sample in the pictures")
    if config.basis == "linear" and (config.degree != 1 or set(config.degrees) != {1}):
        found.append("the linear basis has one size; --degree and --degrees were not used")
    return found
