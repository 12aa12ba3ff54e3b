"""Random parts of the study, per seed: shifted images, 1 x 1 convolutions, dense layers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mlcli.convolution.convolution import convolve, convolve_pointwise, dense_as_filters, flatten
from mlcli.convolution.pooling import pool_average, pool_max
from mlcli.experiments.filters.config import FiltersConfig
from mlcli.experiments.filters.layers import orientation_maps
from mlcli.rng import stream

Array = NDArray[np.float64]
REPRESENTATIONS = ("pixels", "filtered", "max pooled", "average pooled", "largest response")
# (rows, columns) of a shift by one pixel.
DIRECTIONS = ((0, 1), (0, -1), (1, 0), (-1, 0))
# The filters reach one pixel farther than the image.
REACH = 1


@dataclass(frozen=True)
class ShiftStudy:
    """Similarity of images to themselves after shifts by 0, 1, ... pixels.

    Attributes:
        similarity: cosine of an image and itself shifted, (n_shifts, n_representations).
        others: cosine of the shifted image and the other images, the same shape.
        same_class: share of shifted images whose nearest other image is of their class, the same
            shape.
        lit: share of the bright pixels that are still bright, (n_shifts,).
        equivariance: largest |filtered(shifted) - shifted(filtered)|.
    """

    similarity: Array
    others: Array
    same_class: Array
    lit: Array
    equivariance: float


def on_canvas(images: Array, max_shift: int) -> Array:
    """Images in the middle of a dark canvas, so large that no shift loses a pixel or a response.

    Args:
        images: (m, n_h, n_w).

    Returns:
        (m, n_h + 2 margin, n_w + 2 margin).
    """
    margin = max_shift + REACH
    return np.pad(images, ((0, 0), (margin, margin), (margin, margin)))


def represent(canvases: Array, f: int, stride: int) -> list[Array]:
    """The unrolled vectors of `REPRESENTATIONS`, each (m, d).

    Args:
        canvases: (m, n_h, n_w).
        f: size of the pools.
        stride: of the pools.
    """
    maps = orientation_maps(canvases, REACH)  # (m, 4, n_h, n_w)
    pooled = (pool_max(maps, f, stride), pool_average(maps, f, stride))
    return [
        flatten(canvases[:, None]),
        flatten(maps),
        *(flatten(Z) for Z in pooled),
        maps.max(axis=(2, 3)),
    ]


def cosines(A: Array, B: Array) -> Array:
    """Cosines of all rows of A and B, (m, m); 0 with a vector of zeros."""
    units = []
    for rows in (A, B):
        norms = np.linalg.norm(rows, axis=1, keepdims=True)
        units.append(rows / np.where(norms > 0, norms, 1.0))
    return np.asarray(units[0] @ units[1].T)


def shift_images(config: FiltersConfig, images: Array, classes: Array, index: int) -> ShiftStudy:
    """The shift study of one seed: images drawn without replacement, each with its own direction.

    Args:
        images: all images, (N, n_h, n_w).
        classes: of the images, (N,).
        index: of the seed.
    """
    rng = stream(config.seed, "shifts", index)
    chosen = rng.choice(len(images), min(config.n_images, len(images)), replace=False)
    directions = rng.integers(len(DIRECTIONS), size=chosen.size)
    still = on_canvas(images[chosen], config.max_shift)
    pools = (config.pool_size, config.pool_stride or config.pool_size)
    before, maps = represent(still, *pools), orientation_maps(still, REACH)
    bright = still > still.max() / 2
    n_shifts, m = config.max_shift + 1, len(still)
    similarity, others, same_class = np.empty((3, n_shifts, len(REPRESENTATIONS)))
    lit, equivariance = np.empty(n_shifts), 0.0
    for d in range(n_shifts):
        moved, moved_maps = np.empty_like(still), np.empty_like(maps)
        for direction, (rows, columns) in enumerate(DIRECTIONS):
            mine = directions == direction
            moved[mine] = np.roll(still[mine], (d * rows, d * columns), axis=(1, 2))
            moved_maps[mine] = np.roll(maps[mine], (d * rows, d * columns), axis=(2, 3))
        difference = np.abs(orientation_maps(moved, REACH) - moved_maps).max()
        equivariance = max(equivariance, float(difference))
        lit[d] = (bright & (moved > still.max() / 2)).sum() / max(bright.sum(), 1)
        for r, after in enumerate(represent(moved, *pools)):
            table = cosines(after, before[r])
            own = np.diag(table)
            similarity[d, r] = own.mean()
            others[d, r] = (table.sum() - own.sum()) / (m * (m - 1))
            # Never itself: a cosine is below 2. Of images whose cosines differ only by rounding the
            # first is taken, on every processor.
            nearest = np.round(table - 3 * np.eye(m), 12).argmax(axis=1)
            same_class[d, r] = (classes[chosen][nearest] == classes[chosen]).mean()
    return ShiftStudy(similarity, others, same_class, lit, equivariance)


def pointwise_example(seed: int) -> tuple[Array, Array, Array]:
    """Figure 23 in whole numbers: Z (1, 4, 4, 4), f (3, 4) and the output (1, 3, 4, 4)."""
    rng = stream(seed, "network in a network")
    Z = rng.integers(0, 10, size=(1, 4, 4, 4)).astype(float)
    f = rng.integers(-1, 3, size=(3, 4)).astype(float)
    return Z, f, np.asarray(convolve_pointwise(Z, f))


def layer_differences(seed: int, index: int) -> tuple[float, float]:
    """Largest differences between filters and the equivalent dense layers, on random data.

    Returns:
        Of three 1 x 1 filters on 4 x 4 x 4 and a dense layer at each pixel (8.22); of filters as
        large as a 2 x 2 x 2 image and a dense layer on the unrolled image (8.25 to 8.27).
    """
    rng = stream(seed, "dense layers", index)
    Z, f, b = rng.normal(size=(1, 4, 4, 4)), rng.normal(size=(3, 4)), rng.normal(size=3)
    a = convolve(Z, f[:, :, None, None], b)
    dense = [[f @ Z[0, :, i, j] + b for j in range(4)] for i in range(4)]  # (4, 4, 3)
    pointwise = np.abs(a[0].transpose(1, 2, 0) - np.array(dense)).max()
    Z, W = rng.normal(size=(5, 2, 2, 2)), rng.normal(size=(6, 8))
    a = convolve(Z, dense_as_filters(W, 2, 2, 2))[:, :, 0, 0]
    return float(pointwise), float(np.abs(a - flatten(Z) @ W.T).max())
