"""`descent`: gradient descent against the closed form and the flow (section 4 of the notes)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mlcli.datasets.source import Source
from mlcli.errors import DataError
from mlcli.experiments.column_limit import smaller_basis
from mlcli.experiments.descent import tables
from mlcli.experiments.descent.config import DescentConfig
from mlcli.experiments.descent.grid import grid_tables
from mlcli.experiments.descent.studies import (
    ESCAPE_STEPS,
    N_ESCAPES,
    OVERFIT_STEPS,
    DescentOutcome,
    Overfit,
    design,
    replicate,
)
from mlcli.experiments.experiment import Context, Prepared
from mlcli.experiments.source import refuse_words
from mlcli.experiments.summary import geometric_summary, summary
from mlcli.linear.basis import count_columns
from mlcli.linear.statistics import NON_NEGATIVE, SHARE_OF_ROWS
from mlcli.result import Columns, Metrics, Reading, Result

MAX_COLUMNS = 40
DETERMINISM = (
    "each data set's work is done with one BLAS thread and collected in order, so the bytes do not "
    "depend on --jobs; another machine, or another version of numpy, can differ in the last digits"
)


@dataclass(frozen=True)
class PreparedDescent(Prepared[DescentConfig]):
    """The size of the model: the number of its weights."""

    n_weights: int


def prepare(config: DescentConfig, source: Source) -> PreparedDescent:
    """Check that the target is numbers and that the basis has a single minimum.

    Raises:
        InputError: the rows or the size of the basis won't do.
    """
    if source.streamed:
        raise DataError(
            f"{source.name} has {source.n_rows} rows and is read in batches, which descent can't "
            "use",
            hint="a file with fewer rows",
        )
    refuse_words("descent", source.replicate(0, config.seed))
    n_columns = count_columns(config.basis, len(source.feature_names), config.degree)
    most = min(MAX_COLUMNS, source.n_rows)
    if not 2 <= n_columns <= most:
        raise DataError(
            f"degree {config.degree} of the {config.basis} basis has {n_columns:,} columns",
            must=f"2 to {most:,}, and no more than the rows",
            got=f"{n_columns:,}",
            hint=smaller_basis(config.basis, len(source.feature_names), True, most, ("--degree",)),
        )
    return PreparedDescent(config, source, n_columns)


def plan(prepared: PreparedDescent) -> Mapping[str, Any]:
    """The size of the work, for a dry run."""
    config = prepared.config
    return {
        "rows": prepared.source.n_rows,
        "weights": prepared.n_weights,
        "repeats": config.n_seeds,
        "steps": config.n_steps,
        "stochastic steps a repeat": len(config.batch_sizes)
        * len(config.noise_rates)
        * config.n_noise,
    }


def run(prepared: PreparedDescent, context: Context) -> Result:
    """Descend on every data set, and measure what theory says of it."""
    config, source = prepared.config, prepared.source
    total = config.n_seeds
    found: list[DescentOutcome] = []
    for one in context.workers.map_ordered(lambda i: replicate(config, source, i), range(total)):
        found.append(one)
        context.progress(len(found), total, reading=Reading(seed=len(found) - 1))
    data = source.replicate(0, config.seed).fitted_to()
    noise, rates = tables.noise_table(config, found), tables.rates_table(config, found)
    escape = tables.escape_table(config, found)
    return Result(
        metrics=_metrics(config, found)
        | {"noise": _noise(noise), "rates": _rates(rates)}
        | {"spread": _spread(config, found), "escape": _escape(config, found, escape)}
        | _overfit([one.overfit for one in found if one.overfit is not None]),
        tables={
            "escape": escape,
            "escape_loss": tables.escape_loss_table(),
            "escape_paths": tables.escape_paths_table(config),
            "flow": tables.flow_table(config, found),
            "loss": tables.loss_table(found),
            "noise": noise,
            "overfit": tables.overfit_table(found),
            "paths": tables.paths_table(config, found[0].loss),
            "rates": rates,
            "spread": tables.spread_table(config, found),
            "stochastic": tables.stochastic_table(
                config, found[0].loss, design(config, data)[1], data.t
            ),
        }
        | grid_tables(found[0].loss),
        determinism=DETERMINISM,
        unfinished={f"descent in {config.n_steps} steps": [one.certificate for one in found]},
    )


def _metrics(config: DescentConfig, found: Sequence[DescentOutcome]) -> Metrics:
    losses = [one.loss for one in found]
    values = {
        "condition_number": [loss.condition_number for loss in losses],
        "critical_rate": [loss.critical_rate for loss in losses],
        "measured_over_critical": [one.measured_critical / one.loss.critical_rate for one in found],
        "learning_rate": [one.learning_rate for one in found],
        "floor": [loss.floor for loss in losses],
        "final_excess": [float(one.excess[-1]) for one in found],
        "final_distance": [one.distance for one in found],
        "flow_order": [float(one.flow_orders[0]) for one in found],
        "flow_order_log_cosh": [float(one.flow_orders[1]) for one in found],
    }
    metrics: Metrics = {name: summary(np.array(each), name) for name, each in values.items()}
    return metrics | {
        "n_seeds": len(found),
        "n_steps": config.n_steps,
        "momentum": config.momentum,
        "basis": config.basis,
        "degree": config.degree,
    }


def _noise(table: Columns) -> Metrics:
    found: Metrics = {}
    rows = zip(
        *(table[key] for key in ("batch_size", "rate", "measured", "theory", "n_diverged")),
        strict=True,
    )
    for batch, rate, measured, theory, n_diverged in rows:
        entry = {"measured": measured, "theory": theory, "n_diverged": n_diverged}
        found.setdefault(f"batch_{batch}", {})[f"rate_{rate:g}"] = entry
    return found


def _rates(table: Columns) -> Metrics:
    found: Metrics = {}
    rows = zip(
        *(table[key] for key in ("method", "condition_number", "measured", "theory")), strict=True
    )
    for method, kappa, measured, theory in rows:
        entry = {"measured": measured, "theory": theory}
        found.setdefault(method, {})[f"kappa_{kappa:g}"] = entry
    return found


def _spread(config: DescentConfig, found: Sequence[DescentOutcome]) -> Metrics:
    """Root mean squares along two directions at the largest rate, of the data sets that settle."""
    r = int(np.argmax(config.noise_rates))
    spread: Metrics = {"rate": config.noise_rates[r]}
    for b, batch in enumerate(config.batch_sizes):
        measured = np.array([one.spread[b, r] for one in found])  # (n_seeds, 2)
        theory = np.array([one.spread_theory[b, r] for one in found])
        settled = np.isfinite(measured).all(axis=1) & np.isfinite(theory).all(axis=1)
        of_batch: Metrics = {"n_diverged": int((~settled).sum())}
        if settled.any():
            for k, name in enumerate(("stiff", "soft")):
                of_batch[f"{name}_std"] = summary(measured[settled, k], NON_NEGATIVE)
                of_batch[f"{name}_theory"] = float(theory[settled, k].mean())
        spread[f"batch_{batch}"] = of_batch
    return spread


def _escape(config: DescentConfig, found: Sequence[DescentOutcome], table: Columns) -> Metrics:
    """Shares that left the local minimum, of runs and by the chain; "all" is plain descent."""
    escape: Metrics = {"n_steps": ESCAPE_STEPS, "n_runs": N_ESCAPES * len(found)}
    theory = dict(
        zip(
            zip(table["batch_size"], table["rate"], strict=True),
            zip(table["share"], table["theory"], strict=True),
            strict=True,
        )
    )
    escape["all"] = {f"rate_{r:g}": theory[tables.EVERY_ROW, r][0] for r in config.noise_rates}
    for b, batch in enumerate(config.batch_sizes):
        escape[f"batch_{batch}"] = {
            f"rate_{rate:g}": {
                "share": summary([one.escaped[b, r] for one in found], SHARE_OF_ROWS, N_ESCAPES),
                "theory": theory[batch, rate][1],
            }
            for r, rate in enumerate(config.noise_rates)
        }
    return escape


def _overfit(found: Sequence[Overfit]) -> Metrics:
    """Errors where descent has overfitted, and after it went on with weight decay."""
    if not found:
        return {}
    errors = np.stack([one.errors for one in found])  # (n_seeds, 2, n, 2)
    overfit: Metrics = {
        "n_train": found[0].n_train,
        "n_columns": found[0].n_columns,
        "degree": found[0].degree,
        "n_steps": OVERFIT_STEPS,
        "decay_rate": geometric_summary([one.strength for one in found]),
        "share_better": float((errors[:, 1, -1, 1] < errors[:, 0, -1, 1]).mean()),
    }
    for p, part in enumerate(("overfit", "regularised")):
        for r, rows in enumerate(("train", "test")):
            last = errors[:, p, -1, r]
            # Test errors of an overfitted model differ by powers of ten from seed to seed.
            overfit[f"{part}_{rows}_mse"] = (
                summary(last, NON_NEGATIVE)
                if rows == "train"
                else geometric_summary(np.where(last > 0, last, np.nan))
            )
    least = errors[:, 0, :, 1].min(axis=1)
    overfit["stopped_test_mse"] = geometric_summary(np.where(least > 0, least, np.nan))
    return {"overfit": overfit}
