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
from mlcli.experiments.descent.studies import DescentOutcome, replicate
from mlcli.experiments.experiment import Context, Prepared
from mlcli.experiments.source import refuse_words
from mlcli.experiments.summary import summary
from mlcli.linear.basis import count_columns
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
    noise, rates = tables.noise_table(config, found), tables.rates_table(config, found)
    return Result(
        metrics=_metrics(config, found) | {"noise": _noise(noise), "rates": _rates(rates)},
        tables={
            "flow": tables.flow_table(config, found),
            "loss": tables.loss_table(found),
            "noise": noise,
            "paths": tables.paths_table(config, found[0].loss),
            "rates": rates,
        },
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
    return metrics | {"n_seeds": len(found), "n_steps": config.n_steps, "momentum": config.momentum}


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
