"""What section 8 says of trained networks, measured: layers, shifts, invariance, class maps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from mlcli.experiments.networks.fitting import Fitted
from mlcli.experiments.networks.problem import Problem
from mlcli.experiments.networks.variants import Variant
from mlcli.experiments.train_cnn import tables
from mlcli.experiments.train_cnn.deploy import deploy, deploy_metrics, map_table, picture_table
from mlcli.experiments.train_cnn.looking import (
    features_table,
    invariance_table,
    moved_by_a_pixel,
)
from mlcli.experiments.train_cnn.shifts import accuracies
from mlcli.result import Columns


@dataclass(frozen=True)
class Study:
    """Metrics and tables that `train-mlp` does not have."""

    metrics: dict[str, Any]
    tables: dict[str, Columns]


def study_of(
    config: Any,
    problem: Problem,
    variants: Sequence[Variant],
    equal: Sequence[Variant],
    fitted: Sequence[Fitted],
    shown: Variant,
) -> Study:
    """Look into trained networks, and shift and enlarge what they are shown.

    Args:
        config: validated parameters.
        problem: rows and splits.
        variants: the convolutional ones.
        equal: the perceptron beside them, or nothing.
        fitted: all programs.
        shown: the variant that is looked into.
    """
    shifts = accuracies(config, problem, fitted, config.max_shift) if config.max_shift else {}
    moved = invariance_table(config, problem, fitted, shown)
    deployed = None if config.deploy_size is None else deploy(config, problem, fitted, shown)
    layers = tables.summary_table(variants[:1], fitted)
    metrics: dict[str, Any] = {"layers": _layers(layers)}
    if shifts:
        metrics["moved_by_a_pixel"] = moved_by_a_pixel(moved)
        metrics["shifts"] = {
            (variant.name or "cnn"): {
                f"{pixels:02d}": tables.shift_summary(
                    problem, [shifts[variant.path, i][pixels] for i in range(config.n_seeds)]
                )
                for pixels in range(config.max_shift + 1)
            }
            for variant in (*variants, *equal)
        }
    if deployed is not None:
        metrics["deployed"] = deploy_metrics(problem, deployed)
    return Study(
        metrics,
        {
            "class_map": map_table(problem, deployed),
            "feature_maps": features_table(problem, fitted, shown),
            "filters": tables.filters_table(fitted, shown),
            "invariance": moved,
            "picture": picture_table(problem, deployed),
            "shifts": tables.shifts_table(
                [*variants, *equal] if shifts else [], config.n_seeds, shifts, problem
            ),
            "summary": tables.summary_table(variants, fitted),
        },
    )


def _layers(table: Columns) -> dict[str, Any]:
    keys = ("layer", "output", "parameters", "bytes_a_row")
    return {f"{i:02d}": {key: table[key][i] for key in keys} for i in range(len(table["layer"]))}
