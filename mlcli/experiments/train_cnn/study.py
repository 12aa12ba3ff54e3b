"""The claims of section 8, measured on trained networks: layers, shifts, invariance, class maps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcli.experiments.networks.architectures import Convolutional
from mlcli.experiments.networks.fitting import FittedGroup
from mlcli.experiments.networks.metrics import headline, rows_of
from mlcli.experiments.networks.problem import Problem
from mlcli.experiments.networks.tables import fitted_members
from mlcli.experiments.networks.variants import Variant
from mlcli.experiments.summary import summary
from mlcli.experiments.train_cnn.dense_inference import (
    class_map_table,
    dense_inference_metrics,
    infer_densely,
    picture_table,
)
from mlcli.experiments.train_cnn.feature_maps import (
    features_table,
    invariance_table,
    moved_by_a_pixel,
)
from mlcli.experiments.train_cnn.fields import (
    field_maps_table,
    field_metrics,
    fields_of,
    fields_table,
)
from mlcli.experiments.train_cnn.shifts import MOST_ROWS, accuracies
from mlcli.result import Columns

Floats = NDArray[np.float64]
MOST_FILTERS = 64


@dataclass(frozen=True)
class CnnStudy:
    """Metrics and tables that `train-mlp` does not have."""

    metrics: dict[str, Any]
    tables: dict[str, Columns]


def study_of(
    config: Any,
    problem: Problem,
    variants: Sequence[Variant],
    matched: Sequence[Variant],
    fitted: Sequence[FittedGroup],
    shown: Variant,
) -> CnnStudy:
    """Measure feature maps, filters, invariance, shifted images and dense inference.

    Args:
        config: validated parameters.
        problem: rows and splits.
        variants: the convolutional ones.
        matched: the perceptron with about as many parameters, or empty.
        fitted: all groups.
        shown: the variant whose layers are shown.
    """
    shifts = accuracies(config, problem, fitted, config.max_shift) if config.max_shift else {}
    moved = invariance_table(config, problem, fitted, shown)
    inference = (
        None if config.deploy_size is None else infer_densely(config, problem, fitted, shown)
    )
    layers = summary_table(variants[:1], fitted)
    fields = fields_of(config, problem, fitted, shown)
    metrics: dict[str, Any] = {
        "layers": _layers(layers),
        "receptive_fields": field_metrics(fields),
    }
    if shifts:
        metrics["moved_by_a_pixel"] = moved_by_a_pixel(moved)
        metrics["shifts"] = {
            (variant.name or "cnn"): {
                f"{pixels:02d}": shift_summary(
                    problem, [shifts[variant.path, i][pixels] for i in range(config.n_seeds)]
                )
                for pixels in range(config.max_shift + 1)
            }
            for variant in (*variants, *matched)
        }
    if inference is not None:
        metrics["deployed"] = dense_inference_metrics(problem, inference)
    return CnnStudy(
        metrics,
        {
            "class_map": class_map_table(problem, inference),
            "field_maps": field_maps_table(fields),
            "feature_maps": features_table(problem, fitted, shown),
            "filters": filters_table(fitted, shown),
            "invariance": moved,
            "picture": picture_table(problem, inference),
            "receptive_fields": fields_table(fields),
            "shifts": shifts_table(
                [*variants, *matched] if shifts else [], config.n_seeds, shifts, problem
            ),
            "summary": summary_table(variants, fitted),
        },
    )


def _layers(table: Columns) -> dict[str, Any]:
    keys = ("layer", "output", "parameters", "bytes_a_row")
    return {f"{i:02d}": {key: table[key][i] for key in keys} for i in range(len(table["layer"]))}


def layers_of(fitted: Sequence[FittedGroup], variant: Variant) -> Convolutional:
    """The architecture of a variant."""
    found = fitted_members(fitted, variant)[0][0].group.architecture
    assert isinstance(found, Convolutional)
    return found


def summary_table(variants: Sequence[Variant], fitted: Sequence[FittedGroup]) -> Columns:
    """Each layer of each architecture: shape, parameters, memory per row."""
    columns: dict[str, list[Any]] = {
        name: []
        for name in ("architecture", "layer", "input", "output", "parameters", "bytes_a_row")
    }
    seen: set[tuple[str, ...]] = set()
    for variant in variants:
        shape = layers_of(fitted, variant)
        if shape.lines in seen:
            continue
        seen.add(shape.lines)
        for layer in shape.layers:
            columns["architecture"].append(variant.architecture)
            columns["layer"].append(layer.name)
            columns["input"].append(" x ".join(map(str, layer.input)))
            columns["output"].append(" x ".join(map(str, layer.output)))
            columns["parameters"].append(layer.n_parameters)
            columns["bytes_a_row"].append(layer.n_bytes())
    return columns


def filters_table(fitted: Sequence[FittedGroup], shown: Variant) -> Columns:
    """The first layer's filters of a variant's first seed, one row per filter and channel.

    The entries are in the last column, separated by spaces, and by a slash between rows.
    """
    columns: dict[str, list[Any]] = {"filter": [], "channel": [], "weights": []}
    one, m = fitted_members(fitted, shown)[0]
    named = one.net.named_arrays(one.net.state_dict())
    first = next((name for name, W in named.items() if name.startswith("W") and W.ndim == 5), None)
    if first is None:
        return columns
    for k, channels in enumerate(named[first][m][:MOST_FILTERS]):
        for c, weights in enumerate(channels):
            columns["filter"].append(k)
            columns["channel"].append(c)
            text = "/".join(" ".join(f"{w:.6g}" for w in line) for line in weights)
            columns["weights"].append(text)
    return columns


def shift_summary(problem: Problem, values: Sequence[float] | Floats) -> dict[str, Any]:
    """The score of every seed at one shift: accuracy, or the mean squared error."""
    name = headline(problem)
    rows = rows_of(problem, name)
    return summary(values, name, None if rows is None else min(rows, MOST_ROWS))


def shifts_table(
    variants: Sequence[Variant],
    n_seeds: int,
    scores: Mapping[tuple[tuple[str, ...], int], Floats],
    problem: Problem,
) -> Columns:
    """Scores on shifted test images against the shift: means over the seeds and intervals."""
    columns: dict[str, list[Any]] = {
        name: [] for name in ("network", "shift", "score", "score_ci_low", "score_ci_high")
    }
    for variant in variants:
        curves = np.array([scores[variant.path, i] for i in range(n_seeds)])  # (S, shifts)
        for pixels, values in enumerate(curves.T):
            found = shift_summary(problem, values)
            columns["network"].append(variant.label)
            columns["shift"].append(pixels)
            columns["score"].append(found["mean"])
            columns["score_ci_low"].append(found["ci_low"])
            columns["score_ci_high"].append(found["ci_high"])
    return columns
