"""`filters`: filters, pooling and 1 x 1 convolutions (sections 8.1 to 8.3 and 8.5 of the notes)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcli.convolution.convolution import convolve
from mlcli.datasets.pictures import Picture, edge_matrix, first_of_class, grey_images
from mlcli.datasets.source import Source
from mlcli.errors import DataError, InputError
from mlcli.experiments.experiment import Context, Prepared
from mlcli.experiments.filters import metrics, tables
from mlcli.experiments.filters.config import FiltersConfig
from mlcli.experiments.filters.equivariance import (
    equivariance_maps,
    equivariance_metrics,
    equivariance_of,
    equivariance_table,
)
from mlcli.experiments.filters.kernels import (
    MOST_COLUMN_BYTES,
    NAMED,
    check_fit,
    kernels_of,
    picture_of,
)
from mlcli.experiments.filters.layers import FilterResponse, respond, shapes
from mlcli.experiments.filters.scan import (
    inner_product_matrices,
    inner_products,
    scan_matrices,
    scan_metrics,
    scan_of,
    scanned_image,
    scans_of,
)
from mlcli.experiments.filters.shifts import ShiftStudy, layer_differences, on_canvas, shift_images
from mlcli.result import Metrics, Reading, Result

Array = NDArray[np.float64]
DETERMINISM = (
    "each seed's work is done with one BLAS thread and collected in order, so the bytes do not "
    "depend on --jobs; another machine, or another version of numpy or Pillow, can differ in the "
    "last digits"
)


@dataclass(frozen=True)
class PreparedFilters(Prepared[FiltersConfig]):
    """Filters that fit their picture.

    Attributes:
        picture: what is filtered.
        kernels: every filter by name, each (n_ch, f_h, f_w).
        shown: the image that is shown shifted, (n_h, n_w).
    """

    picture: Picture
    kernels: Mapping[str, Array]
    shown: Array


def prepare(config: FiltersConfig, source: Source) -> PreparedFilters:
    """Check images, picture and filters; the picture and the filters.

    Raises:
        InputError: the device, the images, the picture or a filter won't do.
    """
    if source.streamed or source.image_shape is None or source.task == "regression":
        raise DataError(
            "--data",
            must="a set of images with classes for filters",
            got=source.name,
            hint="digits",
        )
    data, shape = source.replicate(0, config.seed), source.image_shape
    shown = first_of_class(data, shape, config.digit, config.longest_side).pixels[:, :, 0]
    picture = picture_of(config, source)
    n_h, n_w = picture.pixels.shape[:2]
    if min(n_h, n_w) < 3:
        raise DataError(
            f"the picture {picture.name}", must="of at least 3 x 3 pixels", got=f"{n_h} x {n_w}"
        )
    kernels = kernels_of(config)
    for name, kernel in kernels.items():
        flag = f"--{name}" if name not in NAMED else f"filter {name}"
        check_fit(config, flag, kernel.shape, picture)
    size = config.filter_size
    check_fit(config, "--filter-size", (1, size, size), picture)
    canvas = canvas_of(config, shape)
    # The nine pixels of every window are copied, see `convolve`.
    if 8 * 9 * min(config.n_images, source.n_rows) * prod(canvas) > MOST_COLUMN_BYTES:
        raise InputError(
            f"{config.n_images} images of {source.name} need too much memory",
            hint=f"--n-images {max(2, config.n_images // 10)}",
        )
    smallest = min(n_h, n_w, *canvas)
    if config.pool_size > smallest:
        raise InputError(
            "--pool-size",
            must=f"at most {smallest}, the smallest side of what is pooled",
            got=str(config.pool_size),
        )
    return PreparedFilters(config, source, picture, kernels, shown)


def canvas_of(config: FiltersConfig, shape: tuple[int, ...]) -> tuple[int, int]:
    """(n_h, n_w) of the background on which an image of a set is shifted."""
    n_h, n_w = on_canvas(np.zeros((0, *shape[-2:])), config.max_shift).shape[1:]
    return n_h, n_w


def plan(prepared: PreparedFilters) -> Mapping[str, Any]:
    """The size of the work, for a dry run."""
    config, source, picture = prepared.config, prepared.source, prepared.picture
    return {
        "picture": f"{picture.name}, {' x '.join(map(str, picture.pixels.shape))}",
        "filters": ", ".join(prepared.kernels),
        "images a seed": min(config.n_images, source.n_rows),
        "seeds": config.n_seeds,
    }


def run(prepared: PreparedFilters, context: Context) -> Result:
    """Filters on the matrix and the picture, pools, 1 x 1 convolutions, shifted images."""
    config, source = prepared.config, prepared.source
    data = source.replicate(0, config.seed)
    shape = source.image_shape or ()
    images = grey_images(data, shape)
    found: list[ShiftStudy] = []
    differences = []

    changes: list[Array] = []

    def work(index: int) -> tuple[ShiftStudy, tuple[float, float], Array]:
        return (
            shift_images(config, images, data.t, index),
            layer_differences(config.seed, index),
            equivariance_of(config, images, index),
        )

    for shifted, difference, change in context.workers.map_ordered(work, range(config.n_seeds)):
        found.append(shifted)
        changes.append(change)
        differences.append(difference)
        context.progress(len(found), config.n_seeds, reading=Reading(seed=len(found) - 1))
    picture, kernels = prepared.picture, prepared.kernels
    responses = {name: respond(config, picture, kernel) for name, kernel in kernels.items()}
    filtered = on_the_matrix(kernels)
    sizes = shapes(len(edge_matrix()))
    scan = scan_of(config, kernels)
    of_layers = {
        "equivariance": equivariance_metrics(config, changes),
        "inner_products": inner_products(),
        "scan": scan_metrics(scan),
        "layer": metrics.layer_metrics(config, picture),
        "dense": metrics.dense_metrics(differences),
        "shapes": metrics.shape_metrics(sizes),
        "shifts": metrics.shift_metrics(found),
    }
    return Result(
        metrics=_metrics(prepared, filtered, responses) | of_layers,
        tables={
            "equivariance": equivariance_table(config, changes),
            "equivariance_maps": tables.panels(equivariance_maps(config, prepared.shown)),
            "inner_products": tables.matrices(inner_product_matrices()),
            "scan": tables.matrices(scan_matrices(scan)),
            "scans": tables.matrices(scans_of(*scanned_image(config, data, shape), kernels)),
            "matrices": tables.matrices(
                {"image": edge_matrix(), **filtered, **tables.pooled_example()}
            ),
            "picture": tables.picture_panels(picture, responses),
            "pointwise": tables.pointwise(config.seed),
            "pooled": tables.pooled_panels(config, picture),
            "shapes": sizes,
            "shifts": tables.shifts(found),
            "turned": tables.turned(),
            "unrolled": tables.unrolled(prepared.shown, config.max_shift),
        },
        determinism=DETERMINISM,
    )


def on_the_matrix(kernels: Mapping[str, Array]) -> dict[str, Array]:
    """(8.1) under the notes' two filters and every other that fits: stride 1, no padding."""
    image = edge_matrix()[None, None]
    every = {name: NAMED[name][None] for name in metrics.OF_THE_NOTES} | dict(kernels)
    return {
        name: convolve(image, kernel[None])[0, 0]
        for name, kernel in every.items()
        if kernel.shape[0] == 1 and max(kernel.shape) <= len(image[0, 0])
    }


def _metrics(
    prepared: PreparedFilters,
    filtered: Mapping[str, Array],
    responses: Mapping[str, FilterResponse],
) -> Metrics:
    config, source, picture = prepared.config, prepared.source, prepared.picture
    n_h, n_w, n_ch = picture.pixels.shape
    return {
        "picture": {
            "name": picture.name,
            "height": n_h,
            "width": n_w,
            "channels": n_ch,
            "reduced_by": picture.reduced_by,
        },
        "stride": config.stride,
        "padding": config.padding,
        "data_name": source.name,
        "n_seeds": config.n_seeds,
        "matrix": metrics.matrix_metrics(filtered),
        "filters": metrics.filter_metrics(responses, prepared.kernels),
        "pooling": metrics.pool_metrics(config, picture),
        "turned_edge": metrics.turned_metrics(),
    }
