"""Filters and pooling on a picture: responses, shapes, parameters, variance that is kept."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import numpy as np
from numpy.typing import NDArray

from mlcli.convolution.convolution import convolve, output_size, pad_same, windows
from mlcli.convolution.edges import orientations
from mlcli.convolution.pooling import pool_average, pool_channels_max, pool_max
from mlcli.datasets.pictures import Picture
from mlcli.experiments.filters.config import FiltersConfig
from mlcli.experiments.filters.kernels import zeros_along

Array = NDArray[np.float64]


@dataclass(frozen=True)
class FilterResponse:
    """Response of a filter on a picture.

    Attributes:
        maps: by the name of the filtered channel, each (o_h, o_w).
        formula: (o_h, o_w) by floor((n + 2p - f) / s) + 1.
        n_parameters: weights and biases.
    """

    maps: dict[str, Array]
    formula: tuple[int, int]
    n_parameters: int


@dataclass(frozen=True)
class LayerSize:
    """The size of a convolutional layer, counted from its arrays.

    Attributes:
        n_parameters: weights and biases, (8.18).
        n_dense: weights and biases of a dense layer with the same inputs and outputs.
        shape: (o_h, o_w, n_f) of its output, (8.14) with stride and padding.
        numbers_in: numbers in the input.
    """

    n_parameters: int
    n_dense: int
    shape: tuple[int, int, int]
    numbers_in: int


def tensor(picture: Picture) -> Array:
    """The notes' (n_h, n_w, n_ch) as (1, n_ch, n_h, n_w)."""
    return picture.pixels.transpose(2, 0, 1)[None]


def grey(picture: Picture) -> Array:
    """The mean of the channels, (n_h, n_w)."""
    return np.asarray(picture.pixels.mean(axis=2))


def padded(config: FiltersConfig, Z: Array, f_h: int, f_w: int) -> Array:
    """The images with the padding of the config."""
    if config.padding == "same":
        return np.asarray(pad_same(Z, f_h, f_w))
    p = 0 if config.padding == "valid" else int(config.padding)
    return np.asarray(np.pad(Z, ((0, 0), (0, 0), (p, p), (p, p))))


def respond(config: FiltersConfig, picture: Picture, kernel: Array) -> FilterResponse:
    """Apply a filter to the picture, with the channels of `config.channels`.

    Args:
        kernel: (n_ch, f_h, f_w); one channel is repeated where all colours are filtered at once.
    """
    n_h, n_w = picture.pixels.shape[:2]
    Z, names = tensor(picture), picture.channel_names
    if config.channels == "grey":
        Z, names = grey(picture)[None, None], ("grey",)
    elif config.channels == "each":
        Z = Z.transpose(1, 0, 2, 3)  # (n_ch, 1, n_h, n_w): each channel an image of its own
    else:
        names = ("all",)
    F = np.broadcast_to(kernel, (Z.shape[1], *kernel.shape[1:]))[None]  # (1, n_ch, f_h, f_w)
    a = convolve(padded(config, Z, *F.shape[2:]), F, stride=config.stride)  # (m, 1, o_h, o_w)
    o_h, o_w = (
        output_size(n + zeros_along(config, f), f, config.stride)
        for n, f in zip((n_h, n_w), F.shape[2:], strict=True)
    )
    maps = dict(zip(names, a[:, 0], strict=True))
    return FilterResponse(maps, (o_h, o_w), len(Z) * (F.size + 1))


def layer(config: FiltersConfig, picture: Picture, n_filters: int, f: int) -> LayerSize:
    """A layer of n_f filters of f x f on the picture's channels.

    Args:
        n_filters: n_f.
        f: their size.
    """
    Z = tensor(picture)
    F, b = np.zeros((n_filters, Z.shape[1], f, f)), np.zeros(n_filters)
    local = windows(padded(config, Z, f, f), f, f, config.stride)
    shape = (local.shape[2], local.shape[3], n_filters)
    return LayerSize(F.size + b.size, (Z.size + 1) * prod(shape), shape, Z.size)


def shapes(n: int) -> dict[str, list[int | str]]:
    """Sizes of outputs on n x n for every filter size, stride and padding: formula, count, array.

    `counted` is the number of places where the filter is inside the padded image.
    """
    columns: dict[str, list[int | str]] = {
        key: [] for key in ("n", "f", "stride", "padding", "zeros", "formula", "counted", "array")
    }
    Z = np.ones((1, 1, n, n))
    for f in range(1, n + 1):
        for padding in ("valid", "1", "same"):
            on = pad_same(Z, f, f) if padding == "same" else Z
            if padding == "1":
                on = np.pad(Z, ((0, 0), (0, 0), (1, 1), (1, 1)))
            size = on.shape[2]
            for stride in (1, 2, 3):
                a = convolve(on, np.ones((1, 1, f, f)), stride=stride)
                counted = sum(start + f <= size for start in range(0, size, stride))
                row = (
                    n,
                    f,
                    stride,
                    padding,
                    size - n,
                    output_size(size, f, stride),
                    counted,
                    a.shape[2],
                )
                for column, value in zip(columns.values(), row, strict=True):
                    column.append(value)
    return columns


def pools(image: Array, f: int, stride: int) -> dict[str, Array]:
    """Max and average pooling of an (n_h, n_w) image, (8.19)."""
    Z = image[None, None]
    return {"max": pool_max(Z, f, stride)[0, 0], "average": pool_average(Z, f, stride)[0, 0]}


def variance_kept(image: Array, pooled: Array, stride: int) -> float | None:
    """1 - |x - y|^2 / |x - mean|^2, y the pooled image with each pixel repeated over its window.

    Args:
        image: x, (n_h, n_w).
        pooled: (o_h, o_w).
        stride: of the pooling.

    Returns:
        1: nothing is lost; 0: no better than the mean; None for a constant image.
    """
    rows, columns = (
        np.minimum(np.arange(n) // stride, o - 1)
        for n, o in zip(image.shape, pooled.shape, strict=True)
    )
    spread = ((image - image.mean()) ** 2).sum()
    lost = ((image - pooled[np.ix_(rows, columns)]) ** 2).sum()
    return float(1 - lost / spread) if spread > 0 else None


def orientation_maps(images: Array, padding: int = 0) -> Array:
    """Sizes of the responses of Sobel's filter at 0, 45, 90 and 135 degrees.

    Args:
        images: (m, n_h, n_w).
        padding: p; with zeros around it, a bright image has edges where it ends.

    Returns:
        (m, 4, n_h + 2p - 2, n_w + 2p - 2).
    """
    return np.abs(convolve(images[:, None], orientations()[:, None], padding=padding))


def depth_pool(maps: Array) -> Array:
    """The largest of the channels, (m, n_ch, n_h, n_w) to (m, n_h, n_w)."""
    return np.asarray(pool_channels_max(maps)[:, 0])


def turned_edges(degrees: Array) -> tuple[Array, Array]:
    """Responses of the filters and their depth pool to a rotated edge, one pixel wide.

    Args:
        degrees: angles of the edge's normal, (k,).

    Returns:
        Sizes of the four responses (k, 4) and their maximum (k,), at the pixel on the edge.
    """
    y, x = np.mgrid[-1:2, -1:2]
    angle = np.deg2rad(degrees)[:, None, None]
    edges = np.clip(0.5 - (x * np.cos(angle) + y * np.sin(angle)), 0, 1)  # (k, 3, 3)
    # The cosine of a right angle is 6e-17 in floating point.
    maps = np.round(orientation_maps(edges), 12)  # (k, 4, 1, 1)
    return maps[:, :, 0, 0], depth_pool(maps)[:, 0, 0]
