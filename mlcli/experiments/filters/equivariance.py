"""Whether an operation of a shifted image is the shifted operation of the image (section 8)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcli.convolution.convolution import convolve
from mlcli.convolution.edges import orientations, vertical_edge
from mlcli.convolution.pooling import pool_max
from mlcli.convolution.shifts import shifted
from mlcli.experiments.filters.config import FiltersConfig
from mlcli.experiments.filters.shifts import DIRECTIONS, REACH, on_canvas
from mlcli.experiments.summary import summary
from mlcli.result import Columns, Metrics
from mlcli.rng import stream

Array = NDArray[np.float64]
# Images of a seed that are shifted.
MOST_IMAGES = 40
STRIDE = 2


@dataclass(frozen=True)
class Operation:
    """What is done to images.

    Attributes:
        name: of it.
        apply: (m, n_h, n_w) to (m, n_ch, o_h, o_w).
        stride: pixels of the image between two pixels of the output.
        on_canvas: whether the images are on a larger canvas, so that nothing is cut off.
    """

    name: str
    apply: Callable[[Array], Array]
    stride: int = 1
    on_canvas: bool = True


def filtered(images: Array, stride: int = 1) -> Array:
    """Responses of Sobel's filter in four directions, with zeros around the image."""
    kernels = orientations()[:, None]
    return np.asarray(convolve(images[:, None], kernels, padding=REACH, stride=stride))


def operations(config: FiltersConfig) -> list[Operation]:
    """The filter at stride 1 and 2, a pool behind it, and the largest response of all."""
    f, s = config.pool_size, config.pool_stride or config.pool_size

    def largest(images: Array) -> Array:
        return np.asarray(filtered(images).max(axis=(2, 3), keepdims=True))

    return [
        Operation("filter, stride 1", filtered),
        Operation("filter, stride 1, cut off at the border", filtered, on_canvas=False),
        Operation(f"filter, stride {STRIDE}", lambda images: filtered(images, STRIDE), STRIDE),
        Operation(
            f"max pool {f}, stride {s}", lambda Z: np.asarray(pool_max(filtered(Z), f, s)), s
        ),
        Operation("largest response", largest),
    ]


def least_change(operation: Operation, images: Array, direction: tuple[int, int], d: int) -> Array:
    """min over k of |T(S_d x) - S_k T(x)| / |T(x)| of each image, (m,).

    0: some whole shift of the output is the output of the shifted image. One pixel of the output
    is `stride` pixels of the image, so that k = d / stride is one by theory where that is whole.

    Args:
        operation: T.
        images: x, (m, n_h, n_w).
        direction: of the shift, rows and columns.
        d: pixels.
    """
    rows, columns = direction
    after = operation.apply(shifted(images, d * rows, d * columns))
    before = operation.apply(images)
    size = np.sqrt((before**2).sum(axis=(1, 2, 3)))
    each = [
        np.sqrt(((after - shifted(before, k * rows, k * columns)) ** 2).sum(axis=(1, 2, 3)))
        for k in range(d // operation.stride + 2)
    ]
    if before.shape[2:] == (1, 1):
        each = each[:1]  # a shift of a single pixel would leave nothing
    return np.asarray(np.min(each, axis=0) / np.where(size > 0, size, 1.0))


def equivariance_of(config: FiltersConfig, images: Array, index: int) -> Array:
    """The mean of `least_change` over the images of a seed, (operations, max_shift + 1).

    Args:
        images: all images, (N, n_h, n_w).
        index: of the seed.
    """
    rng = stream(config.seed, "equivariance", index)
    chosen = rng.choice(len(images), min(config.n_images, MOST_IMAGES, len(images)), replace=False)
    directions = rng.integers(len(DIRECTIONS), size=chosen.size)
    plain = images[chosen]
    roomy = on_canvas(plain, config.max_shift)
    every = operations(config)
    found = np.zeros((len(every), config.max_shift + 1))
    for number, operation in enumerate(every):
        on = roomy if operation.on_canvas else plain
        for d in range(1, config.max_shift + 1):
            changes = [
                least_change(operation, on[directions == k], direction, d)
                for k, direction in enumerate(DIRECTIONS)
            ]
            found[number, d] = np.concatenate(changes).mean()
    return found


def is_exact(config: FiltersConfig, operation: Operation, d: int) -> bool:
    """Whether theory has a whole shift of the output for a shift by d pixels."""
    return operation.on_canvas and d % operation.stride == 0


def equivariance_table(config: FiltersConfig, found: Sequence[Array]) -> Columns:
    """Each operation at each shift: the change by theory, 0 or more, and over the seeds."""
    columns: dict[str, list[Any]] = {"operation": [], "shift": [], "is_exact": []}
    for number, operation in enumerate(operations(config)):
        for d in range(config.max_shift + 1):
            one = summary([values[number, d] for values in found], "change")
            columns["operation"].append(operation.name)
            columns["shift"].append(d)
            columns["is_exact"].append(is_exact(config, operation, d))
            for key in ("mean", "ci_low", "ci_high"):
                name = "change" if key == "mean" else f"change_{key}"
                columns.setdefault(name, []).append(one[key])
    return columns


def equivariance_metrics(config: FiltersConfig, found: Sequence[Array]) -> Metrics:
    """The same by operation and shift, without the shift by nothing."""
    return {
        f"operation_{number}": {
            "name": operation.name,
            **{
                f"shift_{d}": {
                    "is_exact": is_exact(config, operation, d),
                    "change": summary([values[number, d] for values in found], "change"),
                }
                for d in range(1, config.max_shift + 1)
            },
        }
        for number, operation in enumerate(operations(config))
    }


def equivariance_maps(config: FiltersConfig, image: Array) -> dict[str, Array]:
    """One image filtered and then moved by a pixel, moved and then filtered, and both pooled.

    Args:
        image: (n_h, n_w).
    """
    x = on_canvas(image[None], config.max_shift)
    f, s = config.pool_size, config.pool_stride or config.pool_size

    def respond(images: Array) -> Array:
        kernel = vertical_edge()[None, None]
        return np.asarray(convolve(images[:, None], kernel, padding=REACH))

    def respond_and_pool(images: Array) -> Array:
        return np.asarray(pool_max(respond(images), f, s))

    found = {}
    for name, apply, stride in (("filter", respond, 1), ("pool", respond_and_pool, s)):
        after = apply(shifted(x, 0, 1))[0, 0]
        moves = [shifted(apply(x), 0, k)[0, 0] for k in range(1 // stride + 2)]
        best = min(moves, key=lambda moved: float(np.abs(after - moved).sum()))
        found[f"{name}, then shift"] = best
        found[f"shift, then {name}"] = after
        found[f"difference of {name}"] = after - best
    return found
