"""`bayes`: linear regression with a distribution over its weights (appendix B of the notes)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mlcli.certificate import by_solve
from mlcli.datasets.dataset import Dataset
from mlcli.datasets.source import Source
from mlcli.datasets.streaming import StreamSource
from mlcli.experiments.bayes import streamed, tables
from mlcli.experiments.bayes.arrivals import Arrivals, arrivals_of_two, arrivals_on_a_line
from mlcli.experiments.bayes.checks import all_rows, first_data, n_replicates
from mlcli.experiments.bayes.columns import (
    Data,
    basis_of,
    in_memory,
    model_degree,
    triangle_of,
    warnings_of,
)
from mlcli.experiments.bayes.config import BayesConfig
from mlcli.experiments.bayes.fit import Fitted, MaximumLikelihood, fit, maximum_likelihood
from mlcli.experiments.bayes.inputs import points, read_prior
from mlcli.experiments.bayes.shares import calibrated, shares
from mlcli.experiments.bayes.studies import (
    Curve,
    calibration,
    evidence_curve,
    evidence_surface,
    with_folds,
)
from mlcli.experiments.experiment import Context, Prepared
from mlcli.experiments.source import prepared_info
from mlcli.experiments.summary import summary
from mlcli.linear.basis import Basis
from mlcli.linear.bayes.posterior import Prior
from mlcli.linear.redundant import left_out_entry
from mlcli.linear.triangle import Triangle
from mlcli.models.bayes import encode
from mlcli.models.parts import SCHEMA
from mlcli.result import Columns, Metrics, Result
from mlcli.rng import stream

Array = NDArray[np.float64]
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


def check_answer(config: BayesConfig, source: Source) -> None:
    """Fit the first data set, to know before a stage is planned whether there is an answer.

    Raises:
        NoAnswerError: the evidence has no maximum, as where the target has no noise.
    """
    _model(config, source, _data(config, source, 0), _prior(config, source))


def run(prepared: Prepared[BayesConfig], context: Context) -> Result:
    """Fit the first data set in full, the others for the spread, and measure the calibration."""
    config, source = prepared.config, prepared.source
    prior = _prior(config, source)
    if isinstance(source, StreamSource):
        data = streamed.read(config, source, context.progress)
        fitted = _model(config, source, data, prior).fitted
        found = [Replicate(fitted, evidence_curve(config, data))]
        return _result(config, source, prior, data, found, [])
    generator = source.generator
    n_sets, n_study = n_replicates(config, source), config.n_calibration if generator else 0
    replicates: list[Replicate] = []
    for one in context.workers.map_ordered(
        lambda i: _replicate(config, source, prior, i), range(n_sets)
    ):
        replicates.append(one)
        context.progress(len(replicates), n_sets + n_study)
    study: list[Array] = []
    for covered in calibration(config, generator, context.workers) if generator and n_study else ():
        study.append(covered)
        context.progress(n_sets + len(study), n_sets + n_study)
    return _result(config, source, prior, _data(config, source, 0), replicates, study)


def _data(config: BayesConfig, source: Source, index: int) -> Data:
    if isinstance(source, StreamSource):
        return first_data(config, source)
    found = source.replicate(index, config.seed).fitted_to()
    return in_memory(found.X, found.t, found.related)


def _prior(config: BayesConfig, source: Source) -> Prior | None:
    """The prior of --prior-mean and --prior-covariance, for workers that may not have the files."""
    data = _data(config, source, 0)
    basis = basis_of(config, data.low, data.high, model_degree(config), data.redundant)
    return read_prior(config, basis.terms(source.feature_names))


def _replicate(config: BayesConfig, source: Source, prior: Prior | None, index: int) -> Replicate:
    data = _data(config, source, index)
    rng = stream(config.seed, "folds", index)
    curve = evidence_curve(config, data)
    curve = with_folds(config, source.replicate(index, config.seed), curve, rng)
    return Replicate(_model(config, source, data, prior).fitted, curve)


def _model(config: BayesConfig, source: Source, data: Data, prior: Prior | None) -> Model:
    basis = basis_of(config, data.low, data.high, model_degree(config), data.redundant)
    terms = basis.terms(source.feature_names)
    triangle = triangle_of(basis, data)
    fitted = fit(config, triangle, prior)
    return Model(basis, triangle, fitted, maximum_likelihood(triangle), terms)


def _result(
    config: BayesConfig,
    source: Source,
    prior: Prior | None,
    data: Data,
    replicates: Sequence[Replicate],
    study: Sequence[Array],
) -> Result:
    first = all_rows(config, source)
    model = _model(config, source, data, prior)
    posterior = model.fitted.posterior
    words, arrays = encode(model.basis, posterior)
    info = {
        "schema": SCHEMA,
        "kind": "bayes",
        "predictor": words,
        "basis": config.basis,
        "degree": model_degree(config),
        **left_out_entry(model.basis.left_out_terms(source.feature_names)),
        "low": data.low.tolist(),
        "high": data.high.tolist(),
        "intercept": config.intercept,
        "features": list(source.feature_names),
        "target": source.target_name,
        "noise_precision": model.fitted.noise_precision,
        "fitted_on": "all rows of the first data set",
        **prepared_info(first),
    }
    return Result(
        metrics=_metrics(config, model, replicates, study, source),
        tables=_tables(config, source, first, data, model, prior, replicates, study),
        model_tables={
            "posterior_mean": {"term": model.terms, "mean": posterior.mean, "std": posterior.std}
        },
        model_arrays={"posterior_covariance": posterior.covariance},
        model_tensors={"predictor": arrays},
        model_info=info,
        determinism=DETERMINISM,
        warnings=warnings_of(
            config, source, model.fitted.at_limit, model.basis.left_out_terms(source.feature_names)
        ),
        certificates=by_solve(
            {
                "evidence": [one.fitted.certificate for one in replicates],
                "evidence of each degree": [one.curve.certificate() for one in replicates],
            }
        ),
        certificate_hint="--prior-precision and --noise-precision, or a lower --degree",
    )


def _tables(
    config: BayesConfig,
    source: Source,
    first: Dataset,
    data: Data,
    model: Model,
    prior: Prior | None,
    replicates: Sequence[Replicate],
    study: Sequence[Array],
) -> dict[str, Columns]:
    X = points(config, first, data.low, data.high)
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
        "sequential": tables.sequential_table(_arrivals(config, first, model, prior)),
        "weights": tables.weights_table(model.terms, fitted, model.likely),
    }


def _arrivals(config: BayesConfig, first: Dataset, model: Model, prior: Prior | None) -> Arrivals:
    X, t, fitted = first.X, first.t, model.fitted
    if X.shape[1] == 1:
        return arrivals_on_a_line(config, X, t, fitted)
    return arrivals_of_two(model.basis, model.terms, model.triangle, X, t, fitted, prior)


def _metrics(
    config: BayesConfig,
    model: Model,
    replicates: Sequence[Replicate],
    study: Sequence[Array],
    source: Source,
) -> Metrics:
    fitted, curve = model.fitted, replicates[0].curve
    metrics: Metrics = {
        "basis": config.basis,
        "degree": model_degree(config),
        **left_out_entry(model.basis.left_out_terms(source.feature_names)),
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
            "evidence": shares([one.curve.degree_by_evidence() for one in replicates]),
            "kfold": shares([one.curve.degree_by_kfold() for one in replicates]),
        },
        "calibration": calibrated(config, study),
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
    if source.fresh_draws:
        metrics["over_seeds"] = _over_seeds(replicates)
    return metrics


def _over_seeds(replicates: Sequence[Replicate]) -> Metrics:
    names: tuple[str, ...] = ("log_evidence", "noise_precision", "effective_parameters")
    if all(one.fitted.prior_precision is not None for one in replicates):
        names += ("prior_precision",)
    fits = [one.fitted for one in replicates]
    return {name: summary([float(getattr(fit, name)) for fit in fits], name) for name in names}
