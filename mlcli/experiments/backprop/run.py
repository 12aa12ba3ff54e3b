"""`backprop`: a small network written out, and its gradients checked (sections 6.3 and 6.4)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mlcli.backpropagation.gradient_check import REACH
from mlcli.certificate import by_solve
from mlcli.experiments.backprop import tables
from mlcli.experiments.backprop.check import (
    CENTRAL_STEP,
    LARGEST_MOVE,
    ONE_SIDED_STEP,
    PRECISION,
    STEPS,
    Checked,
    check_seed,
    kink_names,
)
from mlcli.experiments.backprop.cost import counts, timed
from mlcli.experiments.backprop.problem import PreparedBackprop
from mlcli.experiments.backprop.steps import Step, plain
from mlcli.experiments.experiment import Context
from mlcli.experiments.summary import summary
from mlcli.lists import joined_names
from mlcli.result import Metrics, Reading, Result

DETERMINISM = (
    "each seed's work is done with one BLAS thread and collected in order, so the bytes do not "
    "depend on --jobs; another machine, or another version of numpy, can differ in the last "
    "digits, and these are all that the errors of the differences are made of"
)
MOST_KINKS = 6


def plan(prepared: PreparedBackprop) -> Mapping[str, Any]:
    """The size of the work, for a dry run."""
    return {
        "network": "-".join(map(str, prepared.sizes)),
        "weights": prepared.n_weights,
        "rows": len(prepared.X),
        "seeds": prepared.config.n_seeds,
        "forward passes a seed": STEPS.size * (3 * prepared.n_weights + 1),
    }


def run(prepared: PreparedBackprop, context: Context) -> Result:
    """Both passes of the drawn network, and the check of every seed's gradients."""
    total = prepared.config.n_seeds
    found: list[Checked] = []
    for one in context.workers.map_ordered(lambda i: check_seed(prepared, i), range(total)):
        found.append(one)
        context.progress(len(found), total, reading=Reading(seed=len(found) - 1))
    network = prepared.network(0)
    steps = tables.steps_of(prepared, network, found[0])
    step_sizes = tables.step_size_table(found)
    return Result(
        metrics=_metrics(prepared, found, steps),
        tables={
            "check": tables.check_table(found),
            "cost": tables.cost_table(prepared.sizes),
            "gradients": tables.gradients_table(network, found[0]),
            "matrices": tables.matrices_table(prepared, network),
            "step_size": step_sizes,
            "steps": tables.steps_table(steps),
            "weights": tables.weights_table(network),
        },
        determinism=DETERMINISM,
        warnings=[*prepared.notes, *_kinks(found), *_steep(found)],
        certificates=by_solve({"check of the gradients": [one.certificate for one in found]}),
        certificate_hint="another --seed; if it fails too, a gradient of this program is wrong",
        timings={"gradient": timed()},
    )


def _kinks(found: Sequence[Checked]) -> list[str]:
    """A sentence about units too near to a kink of h for a difference to tell its slope."""
    named: dict[str, None] = {}
    for index, one in enumerate(found):
        for units in one.at_kink:
            named |= {f"{name} of seed index {index}": None for name in kink_names(units).split()}
    if not named:
        return []
    listed = ", ".join(list(named)[:MOST_KINKS]) + (", ..." if len(named) > MOST_KINKS else "")
    return [
        f"a kink of h is within a small step of {listed}: differences across it are the mean of "
        "two slopes, so their weights are left out of the check"
    ]


def _steep(found: Sequence[Checked]) -> list[str]:
    """A sentence about weights whose smallest move is too large for an expansion."""
    n = sum(int(one.steep.sum()) for one in found)
    if not n:
        return []
    return [
        f"a step of {REACH:.1e} moves a sum by more than {LARGEST_MOVE:g} for {n} weights of all "
        "networks together, which are left out of the check: inputs or weights are large"
    ]


def _metrics(
    prepared: PreparedBackprop, found: Sequence[Checked], steps: Sequence[Step]
) -> Metrics:
    config, first = prepared.config, found[0]
    metrics: Metrics = {
        "network": {
            "sizes": "-".join(map(str, prepared.sizes)),
            "activation": config.activation,
            "loss": prepared.loss,
            "n_weights": prepared.n_weights,
            "n_rows": len(prepared.X),
            "data_name": "--at" if config.at is not None else prepared.source.name,
            "inputs": joined_names(prepared.names),
            "n_seeds": len(found),
        },
        # With the row of --at, since the next command repeats it.
        "at": None if config.at is None else _flag(config.at),
        "targets": None if config.at is None else _flag(prepared.T[0].tolist()),
        "x": _texts(prepared.X[0].tolist()),
        "t": _texts(prepared.T[0].tolist()),
        "steps": {f"step_{n:03d}": _step(one) for n, one in enumerate(steps, start=1)},
        "errors": _errors(first),
        "gradients": _gradients(prepared, first),
        "check": _check(found),
        "cost": counts(prepared.sizes),
        "passes": {"central": first.n_passes[0], "one_sided": first.n_passes[1]},
    }
    return metrics


def _flag(values: Sequence[float]) -> str:
    return ",".join(f"{value!r}" for value in values)


def _texts(values: Sequence[float]) -> str:
    return ", ".join(plain(value) for value in values)


def _step(one: Step) -> Metrics:
    return {
        "pass": one.direction,
        "kind": one.kind,
        "quantity": one.quantity,
        "numbers": one.numbers,
        "value": one.value,
        "equation": one.equation,
    }


def _errors(first: Checked) -> Metrics:
    """Root mean square of delta over the rows and units of each layer of the drawn network."""
    n_layers = len(first.passes[0][1].delta)
    return {
        f"layer_{i}": float(
            np.sqrt(np.mean([np.square(back.delta[i]) for _, back in first.passes]))
        )
        for i in range(1, n_layers)
    }


def _gradients(prepared: PreparedBackprop, first: Checked) -> Metrics:
    """Gradients of the minibatch beside their differences, by the name of the weight."""
    table = tables.gradients_table(prepared.network(0), first)
    return {
        f"{n:03d} {name}": {
            "by_sums": float(table["by_sums"][n]),
            "by_matrices": float(table["by_matrices"][n]),
            "central": float(table["central"][n]),
            "error": float(table["central_error"][n]),
            "one_sided_error": float(table["one_sided_error"][n]),
            "left_out": table["left_out"][n],
        }
        for n, name in enumerate(table["quantity"])
    }


def _check(found: Sequence[Checked]) -> Metrics:
    """The check and the shape of the curve over the seeds."""
    errors = [np.nan if one.certificate is None else one.certificate.value for one in found]
    slopes = np.array([one.slopes for one in found])
    values = {
        "log10_error": np.log10(np.maximum(errors, 1e-18)),
        "log10_measured_step": np.log10([one.measured_step for one in found]),
        "log10_predicted_step": np.log10([one.theory.best_central for one in found]),
        "slope_central": slopes[:, 0],
        "slope_one_sided": slopes[:, 1],
        "slope_rounding": slopes[:, 2],
    }
    metrics: Metrics = {
        name: summary(each, name) for name, each in values.items() if np.isfinite(each).all()
    }
    return metrics | {
        "central_step": CENTRAL_STEP,
        "one_sided_step": ONE_SIDED_STEP,
        "precision": PRECISION,
        "largest_sums_and_matrices": max(one.largest_difference for one in found),
        "n_left_out": sum(bool(why) for one in found for why in one.left_out_because),
    }
