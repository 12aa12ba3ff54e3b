"""CSV tables of `filters`: curves, matrices and panels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcli.datasets.pictures import Picture
from mlcli.experiments.filters.config import FiltersConfig
from mlcli.experiments.filters.layers import (
    FilterResponse,
    depth_pool,
    grey,
    orientation_maps,
    pools,
    turned_edges,
)
from mlcli.experiments.filters.shifts import (
    REPRESENTATIONS,
    ShiftStudy,
    on_canvas,
    pointwise_example,
)
from mlcli.experiments.summary import interval_columns
from mlcli.result import Columns

Array = NDArray[np.float64]
# Figure 21 with other numbers, in two channels.
POOLED_EXAMPLE = np.array(
    [
        [[4, 1, 0, 3], [2, 7, 5, 1], [6, 0, 2, 2], [3, 1, 8, 4]],
        [[1, 2, 6, 0], [9, 3, 1, 4], [2, 5, 0, 7], [0, 8, 3, 1]],
    ],
    dtype=float,
)
# Digits of a pixel or a response in the panels: enough to draw, and a third of the bytes.
PANEL_DIGITS = 3


def matrices(named: Mapping[str, Array]) -> Columns:
    """Small matrices entry by entry."""
    columns: dict[str, list[Any]] = {key: [] for key in ("matrix", "row", "column", "value")}
    for name, matrix in named.items():
        for (i, j), value in np.ndenumerate(matrix):
            for column, cell in zip(columns.values(), (name, i + 1, j + 1, value), strict=True):
                column.append(cell)
    return columns


def panels(named: Mapping[str, Array]) -> Columns:
    """Pictures one below the other, one row of pixels per line, padded with empty cells."""
    width = max(panel.shape[1] for panel in named.values())
    lines = [
        np.pad(panel, ((0, 0), (0, width - panel.shape[1])), constant_values=np.nan)
        for panel in named.values()
    ]
    pixels = np.round(np.concatenate(lines), PANEL_DIGITS) + 0.0  # no -0.0
    names = [name for name, panel in named.items() for _ in panel]
    return {"panel": names} | {f"column_{j + 1}": pixels[:, j] for j in range(width)}


def picture_panels(picture: Picture, responses: Mapping[str, FilterResponse]) -> Columns:
    """The channels of the picture and every response."""
    named = {
        f"picture {name}": picture.pixels[:, :, k] for k, name in enumerate(picture.channel_names)
    }
    for name, response in responses.items():
        for channel, panel in response.maps.items():
            named[name if len(response.maps) == 1 else f"{name}, {channel}"] = panel
    return panels(named)


def pooled_panels(config: FiltersConfig, picture: Picture) -> Columns:
    """The grey picture, pooled; the largest of four responses, and two of them."""
    image = grey(picture)
    maps = orientation_maps(image[None])
    named = {"picture": image, **pools(image, *pool_of(config))}
    named |= {"vertical edges": maps[0, 0], "horizontal edges": maps[0, 2]}
    return panels(named | {"depth": depth_pool(maps)[0]})


def pool_of(config: FiltersConfig) -> tuple[int, int]:
    """Size and stride of the pools."""
    return config.pool_size, config.pool_stride or config.pool_size


def pooled_example() -> dict[str, Array]:
    """Figure 21: 2 x 2 windows of stride 2, and the maximum over two channels."""
    first, second = POOLED_EXAMPLE
    pooled = pools(first, 2, 2)
    return {
        "first channel": first,
        "max pooled": pooled["max"],
        "average pooled": pooled["average"],
        "second channel": second,
        "depth pooled": depth_pool(POOLED_EXAMPLE[None])[0],
    }


def pointwise(seed: int) -> Columns:
    """Figure 23: four input channels, the 3 x 4 matrix of (8.21), three output channels."""
    Z, f, a = pointwise_example(seed)
    named = {f"input {k + 1}": Z[0, k] for k in range(Z.shape[1])}
    named["filters"] = f
    return matrices(named | {f"output {k + 1}": a[0, k] for k in range(a.shape[1])})


def turned() -> Columns:
    """Responses to an edge rotated by 0 to 180 degrees."""
    degrees = np.arange(0.0, 181.0)
    each, pooled = turned_edges(degrees)
    names = ("vertical", "diagonal", "horizontal", "other_diagonal")
    return {"degrees": degrees} | dict(zip(names, each.T, strict=True)) | {"depth_pooled": pooled}


def unrolled(image: Array, max_shift: int) -> Columns:
    """Figures 16 and 17: one image left, in the middle and right, in the order of unrolling."""
    still = on_canvas(image[None], max_shift)[0]
    rows, columns = np.indices(still.shape)
    found: dict[str, Any] = {
        "index": np.arange(still.size),
        "row": rows.ravel(),
        "column": columns.ravel(),
    }
    for d in (-max_shift, 0, max_shift):
        found[f"shift_{d}"] = np.roll(still, d, axis=1).ravel()
    return found


def shifts(found: Sequence[ShiftStudy]) -> Columns:
    """Similarity and class against the shift, one block of rows per representation."""
    n_shifts = len(found[0].lit)
    columns: dict[str, list[Any]] = {"representation": [], "shift": []}
    for r, name in enumerate(REPRESENTATIONS):
        columns["representation"] += [name] * n_shifts
        columns["shift"] += list(range(n_shifts))
        for key in ("similarity", "others", "same_class"):
            stacked = np.stack([getattr(one, key)[:, r] for one in found])
            for label, values in interval_columns(key, stacked).items():
                columns.setdefault(label, []).extend(values)
    return columns
