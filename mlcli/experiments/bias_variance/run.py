"""`bias-variance`: the decomposition of appendix A, computed (section 3.2 of the notes)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcli.certificate import by_solve
from mlcli.datasets.source import Source
from mlcli.experiments.bias_variance import models, tables
from mlcli.experiments.bias_variance.config import BiasVarianceConfig
from mlcli.experiments.bias_variance.double_descent import descent_sizes
from mlcli.experiments.bias_variance.ensemble import curve_grid
from mlcli.experiments.bias_variance.expectations import (
    expectations_metrics,
    expectations_tables,
)
from mlcli.experiments.bias_variance.replicate import (
    BiasVarianceOutcome,
    DecompositionTerms,
    run_replicate,
)
from mlcli.experiments.experiment import Context, Prepared
from mlcli.experiments.summary import summary
from mlcli.linear.basis import count_columns
from mlcli.linear.redundant import left_out_entry, left_out_notes
from mlcli.result import Metrics, Reading, Result

Array = NDArray[np.float64]
APART = ("bias_squared", "bias_squared_unbiased", "noise")
TOGETHER = ("bias_squared_plus_noise",)
ALWAYS = (
    "variance",
    "sum",
    "generalisation_error",
    "difference",
    "median_error",
    "largest_share",
)
# Above this share of one data set in the error, the mean over the ensemble is not typical; with few
# data sets, above this many even shares.
HALF, EVEN_SHARES = 0.5, 4
DETERMINISM = (
    "each seed's ensemble is fitted with one BLAS thread and collected in the order of the seeds, "
    "so the bytes do not depend on --jobs; another machine, or another version of numpy, can "
    "differ in the last digits"
)


def run(prepared: Prepared[BiasVarianceConfig], context: Context) -> Result:
    """Fit the ensemble of every seed, decompose its error, and summarise over the seeds."""
    config, source = prepared.config, prepared.source
    grid = curve_grid(source, config)

    def work(index: int) -> BiasVarianceOutcome:
        # The pointwise picture is the first seed's alone.
        return run_replicate(config, source, index, None if index else grid)

    outcomes: list[BiasVarianceOutcome] = []
    for outcome in context.workers.map_ordered(work, range(config.n_seeds)):
        outcomes.append(outcome)
        context.progress(len(outcomes), config.n_seeds, reading=Reading(seed=len(outcomes) - 1))
    along, losses = outcomes[0].pointwise, [one.losses for one in outcomes]
    return Result(
        metrics=_metrics(config, source, outcomes)
        | expectations_metrics(config, source, losses)
        | left_out_entry(outcomes[0].left_out),
        tables={
            "data": tables.data_table(source, along),
            "decomposition": tables.decomposition_table(config, outcomes),
            "descent": tables.descent_table(config, outcomes),
            "members": tables.members_table(config, along, grid),
            "pointwise": tables.pointwise_table(config, source, along, grid),
            "strengths": tables.strengths_table(config, outcomes),
            **expectations_tables(config, source, losses),
        },
        determinism=DETERMINISM,
        warnings=[
            *left_out_notes(outcomes[0].left_out),
            *_warnings(config, source, outcomes),
        ],
        certificates=by_solve({"path": [one.certificate for one in outcomes]}),
        certificate_hint="a larger --strength-min, or a lower --strength-degree",
    )


def _metrics(
    config: BiasVarianceConfig, source: Source, outcomes: Sequence[BiasVarianceOutcome]
) -> Metrics:
    """Every term of every degree, the best degree and strength, and the descent."""
    known = source.generator is not None
    degrees = models.sizes(config)
    found = [outcome.degrees for outcome in outcomes]
    residuals = [terms.identity_residual for terms in found]
    best = _lowest(np.stack([terms.sum for terms in found]))
    metrics: Metrics = {
        "ensemble": "fresh draws" if known else "bootstrap",
        "seeds_share_rows": not (known or source.fresh_draws),
        "n_seeds": len(outcomes),
        "n_datasets": config.n_datasets,
        "n_rows": outcomes[0].n_rows,
        "n_test": outcomes[0].n_test,
        "best_degree": None if best is None else degrees[best],
        "largest_identity_residual": _largest(np.stack(residuals)),
    }
    for k, degree in enumerate(degrees):
        ranks = [terms.effective_rank[k] for terms in found]
        metrics[f"degree_{degree}"] = _summaries(found, k, known) | {
            "effective_rank": summary(ranks, "effective_rank")
        }
    if outcomes[0].strengths is not None:
        metrics["strength"] = _strength(config, outcomes, known)
    if outcomes[0].descent:
        metrics["descent"] = {"n_rows": config.descent_rows} | {
            kind: _descent(config, np.stack([o.descent[kind].median_error for o in outcomes]))
            for kind in outcomes[0].descent
        }
    return metrics


def _summaries(found: Sequence[DecompositionTerms], k: int, known: bool) -> dict[str, Any]:
    names = (*(APART if known else TOGETHER), *ALWAYS)
    return {name: summary([getattr(terms, name)[k] for terms in found], name) for name in names}


def _lowest(stacked: Array) -> int | None:
    """The column of (n_seeds, k) with the lowest mean."""
    with np.errstate(over="ignore"):
        means = stacked.mean(axis=0)
    usable = np.flatnonzero(np.isfinite(means))
    return int(usable[np.argmin(means[usable])]) if usable.size else None


def _largest(values: Array) -> float | None:
    finite = values[np.isfinite(values)]
    return float(finite.max()) if finite.size else None


def _strength(
    config: BiasVarianceConfig, outcomes: Sequence[BiasVarianceOutcome], known: bool
) -> dict[str, Any]:
    found = [outcome.strengths for outcome in outcomes if outcome.strengths is not None]
    best = _lowest(np.stack([terms.sum for terms in found]))
    metrics: dict[str, Any] = {
        "degree": models.strength_degree(config),
        "penalty": config.penalty,
        "best_strength": None if best is None else float(models.strengths(config)[best]),
        "largest_relative_gap": max(outcome.relative_gap for outcome in outcomes),
    }
    return metrics if best is None else metrics | {"best": _summaries(found, best, known)}


def _descent(config: BiasVarianceConfig, medians: Array) -> dict[str, Any]:
    """The lowest median errors below and above the threshold, and the highest, (n_seeds, k)."""
    sizes = np.array(descent_sizes(config))
    with np.errstate(over="ignore"):
        means = medians.mean(axis=0)  # (k,)
    parts = {
        "lowest_below": (sizes < config.descent_rows, np.argmin),
        "peak": (np.ones(sizes.size, dtype=bool), np.argmax),
        "lowest_beyond": (sizes > config.descent_rows, np.argmin),
    }
    found: dict[str, Any] = {}
    for name, (inside, pick) in parts.items():
        where = np.flatnonzero(inside)
        if where.size:
            k = int(where[pick(means[where])])
            found[name] = {
                "n_columns": int(sizes[k]),
                "median_error": summary(medians[:, k], "median_error"),
            }
    return found


def _warnings(
    config: BiasVarianceConfig, source: Source, outcomes: Sequence[BiasVarianceOutcome]
) -> list[str]:
    """Sentences for stderr."""
    found = []
    degrees = np.array(models.sizes(config))
    if config.basis == "linear" and set(config.degrees) != {1}:
        found.append("the linear basis has one size; --degrees was not used")
    if config.descent and source.generator is None:
        found.append("the generator is unknown: no part past the interpolation threshold")
    shares = np.stack([outcome.degrees.largest_share for outcome in outcomes]).mean(axis=0)
    with np.errstate(invalid="ignore"):
        heavy = degrees[shares > max(HALF, EVEN_SHARES / config.n_datasets)]
    if heavy.size:
        found.append(
            f"at degree {_listed(heavy)} one data set makes up most of an ensemble's error; "
            "the mean says little there, the median more"
        )
    ranks = np.stack([outcome.degrees.effective_rank for outcome in outcomes]).mean(axis=0)
    n_columns = [count_columns(config.basis, len(source.feature_names), d) for d in degrees]
    short = degrees[ranks < np.array(n_columns) - 1e-9]
    if short.size:
        found.append(
            f"at degree {_listed(short)} some data sets have fewer independent columns than asked "
            "for; see effective_rank"
        )
    found += _strength_at_the_end(config, outcomes)
    if not np.isfinite(np.stack([outcome.degrees.sum for outcome in outcomes])).all():
        found.append("some terms are too large for a number and are null in details.json")
    if len(outcomes) == 1:
        found.append("one seed has no interval; std and the bounds are null")
    return found


def _strength_at_the_end(
    config: BiasVarianceConfig, outcomes: Sequence[BiasVarianceOutcome]
) -> list[str]:
    sums = [outcome.strengths.sum for outcome in outcomes if outcome.strengths is not None]
    best = _lowest(np.stack(sums)) if sums else None
    # At degree 0 there is nothing to penalise, and all strengths are one.
    alike = not sums or not np.ptp(np.stack(sums), axis=1).any()
    if best is None or 0 < best < config.n_strengths - 1 or alike:
        return []
    if best == 0:
        return ["the best strength is the weakest of the grid; try a lower --strength-min"]
    return ["the best strength is the strongest of the grid; try a higher --strength-max"]


def _listed(degrees: NDArray[np.int64]) -> str:
    return ", ".join(map(str, degrees))
