"""The tables of a run of `backprop`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcli.backpropagation.backpropagation import backward, forward
from mlcli.backpropagation.layers import Network
from mlcli.experiments.backprop.check import STEPS, Checked
from mlcli.experiments.backprop.cost import COUNTED, counts
from mlcli.experiments.backprop.problem import PreparedBackprop
from mlcli.experiments.backprop.steps import Step, backward_steps, forward_steps, weight_name
from mlcli.experiments.summary import interval_columns
from mlcli.result import Columns

Array = NDArray[np.floating[Any]]


def steps_of(prepared: PreparedBackprop, network: Network, found: Checked) -> list[Step]:
    """Every step of the first row, forward then backward."""
    ahead, back = found.passes[0]
    activation, loss, t = prepared.config.activation, prepared.loss, prepared.T[0].tolist()
    E = prepared.loss_of(np.array([ahead.a[-1]]), prepared.T[:1])[0]
    return [
        *forward_steps(network, ahead, activation, loss, t, E),
        *backward_steps(network, ahead, back, activation, loss, t),
    ]


def steps_table(steps: Sequence[Step]) -> Columns:
    """One row per step."""
    return {
        "step": list(range(1, len(steps) + 1)),
        "pass": [one.direction for one in steps],
        "layer": [one.layer for one in steps],
        "unit": [one.unit for one in steps],
        "source": [one.source for one in steps],
        "kind": [one.kind for one in steps],
        "quantity": [one.quantity for one in steps],
        "formula": [one.formula for one in steps],
        "numbers": [one.numbers for one in steps],
        "value": [one.value for one in steps],
        "equation": [one.equation for one in steps],
    }


def places(network: Network) -> Iterator[tuple[int, int, int]]:
    """Layer, unit and source of each weight in the order of `layers.parameters`; source 0: bias."""
    for number, layer in enumerate(network, start=1):
        n_out, n_in = layer.W.shape
        yield from ((number, k, j) for k in range(1, n_out + 1) for j in range(1, n_in + 1))
        yield from ((number, k, 0) for k in range(1, n_out + 1))


def weights_table(network: Network) -> Columns:
    """One row per weight: what `--weights` takes."""
    rows = [
        (i, k, j, float(network[i - 1].W[k - 1, j - 1] if j else network[i - 1].b[k - 1]))
        for i, k, j in places(network)
    ]
    return {
        name: [row[place] for row in rows]
        for place, name in enumerate(("layer", "unit", "source", "value"))
    }


def gradients_table(network: Network, found: Checked) -> Columns:
    """Each gradient of the minibatch by sums, by matrices and by differences."""
    where = list(places(network))
    return {
        "layer": [i for i, _, _ in where],
        "unit": [k for _, k, _ in where],
        "source": [j for _, _, j in where],
        "quantity": [f"dE/d{weight_name(*one)}" for one in where],
        "by_sums": found.sums,
        "by_matrices": found.gradient,
        "central": found.central,
        "one_sided": found.one_sided,
        "central_error": np.abs(found.central - found.gradient),
        "one_sided_error": np.abs(found.one_sided - found.gradient),
        "left_out": found.left_out_because,
    }


def step_size_table(every: Sequence[Checked]) -> Columns:
    """log10 of the largest error over the largest gradient against the step: means over seeds."""
    columns: dict[str, object] = {"step": STEPS}
    for name in ("central", "one_sided"):
        errors = np.array([getattr(one, f"{name}_error") for one in every])
        theory = np.array([getattr(one.theory, name)(STEPS) / one.scale for one in every])
        columns |= interval_columns(f"log10_{name}", np.log10(errors))
        columns[f"log10_{name}_theory"] = np.log10(np.maximum(theory, 1e-300)).mean(axis=0)
        columns[f"{name}_first_seed"] = errors[0]
    columns["left_out"] = np.mean([one.left_out for one in every], axis=0)
    parts = np.array([np.divide(one.theory.central_parts(STEPS), one.scale) for one in every])
    for place, name in enumerate(("truncation", "rounding")):
        each = parts[:, place]
        # Where E is a parabola along every weight of a network there is no such line.
        known = each.min() > 0
        columns[f"log10_central_{name}"] = (
            np.log10(each).mean(axis=0) if known else np.full(STEPS.size, np.nan)
        )
    return columns  # type: ignore[return-value]


def check_table(every: Sequence[Checked]) -> Columns:
    """One row per seed: the check, and the best step as measured and by theory."""
    certificates = [one.certificate for one in every]
    return {
        "seed_index": list(range(len(every))),
        "loss": [one.E for one in every],
        "largest_gradient": [one.scale for one in every],
        "error": [None if one is None else one.value for one in certificates],
        "tolerance": [None if one is None else one.tolerance for one in certificates],
        "measured_step": [one.measured_step for one in every],
        "predicted_step": [
            one.theory.best_central if np.isfinite(one.theory.best_central) else None
            for one in every
        ],
        "sums_and_matrices": [one.largest_difference for one in every],
        "n_left_out": [sum(map(bool, one.left_out_because)) for one in every],
    }


def cost_table(sizes: Sequence[int]) -> Columns:
    """Multiplications of one gradient, of the drawn network and of n-n-n for many n."""
    networks = [tuple(sizes), *((n, n, n) for n in COUNTED)]
    rows = [counts(one) for one in networks]
    return {
        "network": ["-".join(map(str, one)) for one in networks],
        **{name: [row[name] for row in rows] for name in rows[0]},
    }


def matrices_table(prepared: PreparedBackprop, network: Network) -> Columns:
    """Every matrix of section 6.4 entry by entry: rows are units, columns rows of the data."""
    A, caches = forward(network, prepared.X)
    delta = prepared.loss_of(A, prepared.T)[1]
    m, last = len(prepared.X), len(network)
    found = backward(network, caches, delta)
    entries: list[tuple[str, int, int, int, float]] = []

    def add(name: str, layer: int, matrix: Array) -> None:
        for k, row in enumerate(matrix.tolist(), start=1):
            entries.extend((name, layer, k, j, value) for j, value in enumerate(row, start=1))

    add("z", 0, prepared.X.T)
    add("t", last, prepared.T.T)
    for i, (layer, past, gradient) in enumerate(zip(network, caches, found, strict=True), start=1):
        add("W", i, layer.W)
        add("b", i, layer.b[:, None])
        add("a", i, (past.z_in @ layer.W.T + layer.b).T)
        if i < last:
            add("z", i, past.z.T)
            add("slope", i, layer.h.derivative(past.z).T)  # type: ignore[union-attr]
            # W^T delta, before the Hadamard product of (6.40).
            add("back", i, m * (found[i].delta @ network[i].W).T)
        else:
            add("z", i, prepared.output(A).T)
        # Those of the notes are without the factor 1/m_B of (6.39).
        add("delta", i, m * gradient.delta.T)
        add("dW", i, gradient.arrays[0])
        add("db", i, gradient.arrays[1][:, None])
    names = ("matrix", "layer", "row", "column", "value")
    return {name: [entry[place] for entry in entries] for place, name in enumerate(names)}
