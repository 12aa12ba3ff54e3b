"""Metrics of `filters`, as nested scalars."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcli.datasets.pictures import Picture
from mlcli.experiments.filters.config import FiltersConfig
from mlcli.experiments.filters.layers import (
    FilterResponse,
    LayerSize,
    depth_pool,
    grey,
    layer,
    orientation_maps,
    pools,
    turned_edges,
    variance_kept,
)
from mlcli.experiments.filters.shifts import REPRESENTATIONS, ShiftStudy
from mlcli.experiments.filters.tables import pool_of
from mlcli.experiments.summary import summary
from mlcli.result import Metrics

Array = NDArray[np.float64]
# The rows of (8.2), and of (8.12), which prints 10 where (8.11) gives 30.
OF_THE_NOTES = {
    "difference": np.tile([0.0, 0.0, 10.0, 0.0, 0.0], (6, 1)),
    "vertical": np.tile([0.0, 30.0, 30.0, 0.0], (4, 1)),
}
# (8.18): ten filters of 3 x 3 x 3.
N_NOTES = 280


def matrix_metrics(filtered: Mapping[str, Array]) -> Metrics:
    """(8.1) under each filter, row by row, and whether it equals the notes'."""
    found: Metrics = {}
    for name, matrix in filtered.items():
        found[name] = {
            f"row_{i + 1}": " ".join(f"{value:g}" for value in row + 0.0)
            for i, row in enumerate(matrix)
        }
        if name in OF_THE_NOTES:
            found[name]["equals_notes"] = np.array_equal(matrix, OF_THE_NOTES[name])
    return found


def filter_metrics(
    responses: Mapping[str, FilterResponse], kernels: Mapping[str, Array]
) -> Metrics:
    """Shape, parameters and size of each response."""
    found: Metrics = {}
    for name, response in responses.items():
        maps = np.stack(list(response.maps.values()))
        found[name] = {
            "kernel": " x ".join(map(str, kernels[name].shape[1:])),
            "output_height": maps.shape[1],
            "output_width": maps.shape[2],
            "output_channels": maps.shape[0],
            "shape_equals_formula": maps.shape[1:] == response.formula,
            "n_parameters": response.n_parameters,
            "mean_size": float(np.abs(maps).mean()),
            "smallest": float(maps.min()),
            "largest": float(maps.max()),
        }
    return found


def layer_metrics(config: FiltersConfig, picture: Picture) -> Metrics:
    """(8.18), and the layer of the config on the picture."""
    # The notes' filters have three channels and fit any image of three by three.
    notes = layer(
        config.model_copy(update={"padding": "valid"}),
        Picture("colours", np.zeros((3, 3, 3))),
        10,
        3,
    )
    asked = layer(config, picture, config.n_filters, config.filter_size)
    return {
        "notes": {
            "n_parameters": notes.n_parameters,
            "equals_notes": notes.n_parameters == N_NOTES,
        },
        "asked": _asked(asked),
    }


def _asked(found: LayerSize) -> Metrics:
    numbers_out = found.shape[0] * found.shape[1] * found.shape[2]
    return {
        "n_parameters": found.n_parameters,
        "n_parameters_dense": found.n_dense,
        "output_height": found.shape[0],
        "output_width": found.shape[1],
        "output_channels": found.shape[2],
        "numbers_in": found.numbers_in,
        "numbers_out": numbers_out,
    }


def pool_metrics(config: FiltersConfig, picture: Picture) -> Metrics:
    """Variance and numbers kept by max, average and depth pooling."""
    image = grey(picture)
    f, stride = pool_of(config)
    found: Metrics = {}
    for name, pooled in pools(image, f, stride).items():
        found[name] = {
            "output_height": pooled.shape[0],
            "output_width": pooled.shape[1],
            "output_channels": 1,
            "numbers_kept": pooled.size / image.size,
            "variance_kept": variance_kept(image, pooled, stride),
        }
    maps = orientation_maps(image[None])
    deep = depth_pool(maps)
    found["depth"] = {
        "output_height": deep.shape[1],
        "output_width": deep.shape[2],
        "output_channels": 1,
        "numbers_kept": deep.size / maps.size,
        "variance_kept": None,
    }
    return found


def turned_metrics() -> Metrics:
    """Smallest over largest response to a rotated edge: 1 for an isotropic filter."""
    each, pooled = turned_edges(np.arange(0.0, 180.0))
    return {
        "one_filter": float(each[:, 0].min() / each[:, 0].max()),
        "depth_pooled": float(pooled.min() / pooled.max()),
    }


def shape_metrics(table: Mapping[str, Sequence[Any]]) -> Metrics:
    """In how many cases formula, count and array agree."""
    agree = [
        len({formula, counted, array}) == 1
        for formula, counted, array in zip(
            table["formula"], table["counted"], table["array"], strict=True
        )
    ]
    return {"n_cases": len(agree), "n_agree": sum(agree)}


def shift_metrics(found: Sequence[ShiftStudy]) -> Metrics:
    """Each representation at each shift, over seeds."""
    metrics: Metrics = {"equivariance_difference": max(one.equivariance for one in found)}
    for d in range(len(found[0].lit)):
        lit = [float(one.lit[d]) for one in found]
        at: Metrics = {"bright_pixels_kept": summary(lit, "bright_pixels_kept")}
        for r, name in enumerate(REPRESENTATIONS):
            at[name.replace(" ", "_")] = {
                key: summary([float(getattr(one, key)[d, r]) for one in found], key)
                for key in ("similarity", "others", "same_class")
            }
        metrics[f"shift_{d}"] = at
    return metrics


def dense_metrics(differences: Sequence[tuple[float, float]]) -> Metrics:
    """Filters against the equivalent dense layers, (8.22) and (8.27)."""
    return {
        "n_parameters_1_by_1": 3 * (4 + 1),
        "largest_difference_1_by_1": max(one[0] for one in differences),
        "largest_difference_as_large_as_image": max(one[1] for one in differences),
    }
