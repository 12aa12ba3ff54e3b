"""`bayes`: linear regression with a distribution over its weights (appendix B of the notes)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcli.certificate import by_solve
from mlcli.datasets.source import Source
from mlcli.datasets.streaming import StreamSource
from mlcli.experiments.bayes import rows_seen, streamed, tables
from mlcli.experiments.bayes.arrivals import Arrivals, arrivals_of_two, arrivals_on_a_line
from mlcli.experiments.bayes.columns import (
    Data,
    basis_of,
    model_degree,
    r_factor_of,
)
from mlcli.experiments.bayes.config import BayesConfig
from mlcli.experiments.bayes.few_rows import (
    PosteriorsOfRows,
    StraightLine,
    law_table,
    line_metrics,
    lines_table,
    mean_spread,
    posteriors_of_rows,
    straight_line,
    two_weights_table,
    variance_metrics,
    variance_table,
)
from mlcli.experiments.bayes.fit import MaximumLikelihood, PosteriorFit, fit, maximum_likelihood
from mlcli.experiments.bayes.prepare import BayesPrepared
from mlcli.experiments.bayes.studies import (
    METHODS,
    EvidenceCurve,
    calibration,
    evidence_curve,
    evidence_surface,
    with_folds,
)
from mlcli.experiments.experiment import Context
from mlcli.experiments.source import prepared_info
from mlcli.experiments.summary import summary
from mlcli.linear.basis import Basis
from mlcli.linear.r_factor import RFactor
from mlcli.linear.redundant import left_out_entry, left_out_notes
from mlcli.models.bayes import encode
from mlcli.models.parts import SCHEMA
from mlcli.result import Columns, Metrics, Reading, Result
from mlcli.rng import stream

Array = NDArray[np.float64]
DETERMINISM = (
    "each data set's work is done with one BLAS thread and collected in order, so the bytes do not "
    "depend on --jobs; another machine, or another version of numpy, can differ in the last digits"
)


@dataclass(frozen=True)
class BayesReplicate:
    """What one data set contributes to the summaries."""

    fitted: PosteriorFit
    curve: EvidenceCurve
    # Means of the second term of (B.24), by the number of rows.
    spread: dict[int, float]


@dataclass(frozen=True)
class FirstModel:
    """The model of the first data set."""

    basis: Basis
    r_factor: RFactor
    fitted: PosteriorFit
    likely: MaximumLikelihood
    terms: list[str]


def check_answer(prepared: BayesPrepared) -> None:
    """Fit the first data set, to know before a stage is planned whether there is an answer.

    Raises:
        NoAnswerError: the evidence has no maximum, as where the target has no noise.
    """
    _model(prepared, prepared.first_data)


def run(prepared: BayesPrepared, context: Context) -> Result:
    """Fit the first data set in full, the others for the spread, and measure the calibration."""
    config, source = prepared.config, prepared.source
    if isinstance(source, StreamSource):
        data = streamed.read(config, source, context.progress)
        model = _model(prepared, data)
        spread = mean_spread(_few_rows(prepared, data, model), model.basis, prepared.first.X)
        found = [BayesReplicate(model.fitted, evidence_curve(config, data), spread)]
        return _result(prepared, data, found, [])
    generator, n_sets = source.generator, prepared.n_replicates
    n_study = config.n_calibration if generator else 0
    replicates: list[BayesReplicate] = []
    for one in context.workers.map_ordered(lambda i: _replicate(prepared, i), range(n_sets)):
        replicates.append(one)
        context.progress(
            len(replicates), n_sets + n_study, reading=Reading(seed=len(replicates) - 1)
        )
    study: list[Array] = []
    for covered in calibration(config, generator, context.workers) if generator and n_study else ():
        study.append(covered)
        context.progress(n_sets + len(study), n_sets + n_study)
    return _result(prepared, prepared.first_data, replicates, study)


def _replicate(prepared: BayesPrepared, index: int) -> BayesReplicate:
    config, data = prepared.config, prepared.data(index)
    rng = stream(config.seed, "folds", index)
    curve = evidence_curve(config, data)
    curve = with_folds(config, prepared.source.replicate(index, config.seed), curve, rng)
    model = _model(prepared, data)
    X, _ = _rows(prepared, data)
    spread = mean_spread(_few_rows(prepared, data, model), model.basis, X)
    return BayesReplicate(model.fitted, curve, spread)


def _rows(prepared: BayesPrepared, data: Data) -> tuple[Array, Array]:
    """The rows of a data set in their order; of a file read in batches a sample."""
    return data.arrays or (prepared.first.X, prepared.first.t)


def _few_rows(prepared: BayesPrepared, data: Data, model: FirstModel) -> PosteriorsOfRows:
    X, t = _rows(prepared, data)
    return posteriors_of_rows(model.basis, X, t, data.n_rows, model.fitted, prepared.prior)


def _model(prepared: BayesPrepared, data: Data) -> FirstModel:
    config = prepared.config
    basis = basis_of(config, data.low, data.high, model_degree(config), data.redundant)
    r_factor = r_factor_of(basis, data)
    fitted = fit(config, r_factor, prepared.prior)
    terms = basis.terms(prepared.source.feature_names)
    return FirstModel(basis, r_factor, fitted, maximum_likelihood(r_factor), terms)


def _result(
    prepared: BayesPrepared,
    data: Data,
    replicates: Sequence[BayesReplicate],
    study: Sequence[Array],
) -> Result:
    config, source = prepared.config, prepared.source
    model, first = _model(prepared, data), prepared.first
    line = straight_line(config, first.X, first.t, source.feature_names, model.fitted)
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
        **prepared_info(prepared.first),
    }
    return Result(
        metrics=_metrics(config, model, replicates, study, source) | line_metrics(line),
        tables=_tables(prepared, data, model, replicates, study)
        | _tables_of_few(prepared, data, model, line),
        model_tables={
            "posterior_mean": {"term": model.terms, "mean": posterior.mean, "std": posterior.std}
        },
        model_arrays={"posterior_covariance": posterior.covariance},
        model_tensors={"predictor": arrays},
        model_info=info,
        determinism=DETERMINISM,
        warnings=_warnings(
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
    prepared: BayesPrepared,
    data: Data,
    model: FirstModel,
    replicates: Sequence[BayesReplicate],
    study: Sequence[Array],
) -> dict[str, Columns]:
    config, first = prepared.config, prepared.first
    basis, fitted, rng = model.basis, model.fitted, stream(config.seed, "draws")
    at = first.X if prepared.points is None else prepared.points
    return {
        "band": tables.band_table(basis, fitted, first, data.low, data.high),
        "calibration": tables.calibration_table(study),
        "data": tables.data_table(first),
        "draws": tables.draws_table(basis, fitted, data.low, data.high, config.n_draws, rng),
        "evidence": tables.evidence_table([one.curve for one in replicates]),
        "evidence_surface": tables.surface_table(*evidence_surface(config, model.r_factor, fitted)),
        "predictive": tables.predictive_table(basis, fitted, at, first.feature_names),
        "sequential": tables.sequential_table(_arrivals(prepared, model)),
        "weights": tables.weights_table(model.terms, fitted, model.likely),
    }


def _tables_of_few(
    prepared: BayesPrepared, data: Data, model: FirstModel, line: StraightLine | None
) -> dict[str, Columns]:
    first, low, high, seed = prepared.first, data.low, data.high, prepared.config.seed
    X, basis, ends = first.X, model.basis, (float(low[0]), float(high[0]))
    few = _few_rows(prepared, data, model)
    seen = rows_seen.rows_seen(basis, model.terms, first, data.n_rows, model.fitted, prepared.prior)
    return {
        "lines": lines_table(line, *ends, seed),
        "rows_seen": rows_seen.weights_table(seen, basis, X),
        "rows_seen_curves": rows_seen.curves_table(seen, basis, first, *ends, seed),
        "target_law": law_table(line),
        "two_weights": two_weights_table(line),
        "variance_terms": variance_table(few, basis, X, low, high),
    }


def _arrivals(prepared: BayesPrepared, model: FirstModel) -> Arrivals:
    X, t, fitted = prepared.first.X, prepared.first.t, model.fitted
    if X.shape[1] == 1:
        return arrivals_on_a_line(prepared.config, X, t, fitted)
    return arrivals_of_two(model.basis, model.terms, model.r_factor, X, t, fitted, prepared.prior)


def _metrics(
    config: BayesConfig,
    model: FirstModel,
    replicates: Sequence[BayesReplicate],
    study: Sequence[Array],
    source: Source,
) -> Metrics:
    fitted, curve = model.fitted, replicates[0].curve
    metrics: Metrics = {
        "basis": config.basis,
        "degree": model_degree(config),
        **left_out_entry(model.basis.left_out_terms(source.feature_names)),
        "n_rows": model.r_factor.n_rows,
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
        "calibration": _calibrated(config, study),
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
    spreads = [one.spread for one in replicates]
    metrics |= variance_metrics(fitted.noise_precision, spreads, source.fresh_draws)
    if source.fresh_draws:
        metrics["over_seeds"] = _over_seeds(replicates)
    return metrics


def _over_seeds(replicates: Sequence[BayesReplicate]) -> Metrics:
    names: tuple[str, ...] = ("log_evidence", "noise_precision", "effective_parameters")
    if all(one.fitted.prior_precision is not None for one in replicates):
        names += ("prior_precision",)
    fits = [one.fitted for one in replicates]
    return {name: summary([float(getattr(fit, name)) for fit in fits], name) for name in names}


def _shares(chosen: Sequence[int | None]) -> dict[str, float]:
    """The share of the data sets that chose each degree, None aside."""
    counts = Counter(degree for degree in chosen if degree is not None)
    return {f"degree_{degree}": counts[degree] / len(chosen) for degree in sorted(counts)}


def _calibrated(config: BayesConfig, study: Sequence[Array]) -> Metrics:
    """How often intervals covered, by method and level; empty where nothing was drawn."""
    rows = tables.calibration_rows(study)
    if not rows:
        return {}
    found: dict[str, Any] = {method.replace(" ", "_"): {} for method in METHODS}
    for row in rows:
        kept = {key: value for key, value in row.items() if key not in ("method", "level")}
        found[row["method"].replace(" ", "_")][f"level_{100 * row['level']:g}"] = kept
    return found | {"n": len(study), "rows": config.calibration_rows}


def _warnings(
    config: BayesConfig, source: Source, at_limit: bool, left_out: Sequence[str]
) -> list[str]:
    """What a reader of the posterior should know."""
    found = left_out_notes(left_out)
    if at_limit:
        found.append(
            "the evidence rises without end as the prior narrows: the columns explain nothing, and "
            "the prior precision is the largest that was tried"
        )
    if source.streamed:
        found.append("the file is read in batches: no k-fold choice, and a sample in the pictures")
    if config.basis == "linear" and (config.degree != 1 or set(config.degrees) != {1}):
        found.append("the linear basis has one size; --degree and --degrees were not used")
    return found
