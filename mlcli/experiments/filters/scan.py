"""A filter that scans a small matrix (Figure 20), and inner products, (8.4) to (8.7)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcli.convolution.convolution import convolve, flatten, frobenius, windows
from mlcli.convolution.edges import vertical_edge
from mlcli.datasets.dataset import Dataset
from mlcli.datasets.pictures import edge_matrix, first_of_class
from mlcli.experiments.filters.config import FiltersConfig
from mlcli.experiments.filters.layers import padded
from mlcli.result import Metrics

Array = NDArray[np.float64]
# A filter of the user is shown if its products can be read, and so many zeros on either side.
LARGEST_FILTER, MOST_ZEROS = 4, 3
MOST_PLACES = 3
# The image that every filter scans: pixels of its longer side, grey levels, and the strides.
LONGEST_SIDE, GREY_LEVELS = 8, 16
STRIDES = (1, 2)
# Two tensors of 2 x 2 x 2 in the order (channel, row, column).
A = np.arange(1.0, 9.0).reshape(2, 2, 2)
B = np.array([[[2.0, 0.0], [-1.0, 3.0]], [[1.0, -2.0], [0.0, 1.0]]])


@dataclass(frozen=True)
class Scan:
    """A filter on the matrix (8.1).

    Attributes:
        name: of the filter.
        kernel: F, (f_h, f_w).
        image: with its zeros around it, (n_h, n_w).
        is_inside: whether a pixel is one of the image, not a zero around it, (n_h, n_w).
        local: a^(ij;f) at every place, (o_h, o_w, f_h, f_w).
        output: (a^(ij;f), F)_F at every place, (o_h, o_w).
        stride: s.
        places: rows and columns of the output that are shown, in the order of the scan.
    """

    name: str
    kernel: Array
    image: Array
    is_inside: Array
    local: Array
    output: Array
    stride: int
    places: tuple[tuple[int, int], ...]


def scan_of(config: FiltersConfig, kernels: Mapping[str, Array]) -> Scan:
    """(8.8) and (8.9) with the stride and the padding of a config on the matrix (8.1).

    The filter is the user's own if it is small and has one channel, else that of (8.11).
    """
    small = [
        name
        for name in ("kernel", "kernel-file")
        if name in kernels
        and len(kernels[name]) == 1
        and max(kernels[name].shape) <= LARGEST_FILTER
    ]
    name = small[0] if small else "vertical"
    kernel = kernels[name][0] if small else vertical_edge()
    zeros = config.padding if config.padding in ("valid", "same") else None
    if zeros is None:
        zeros = str(min(int(config.padding), MOST_ZEROS))
    shown = config.model_copy(update={"padding": zeros})
    image, ones = (
        padded(shown, Z[None, None], *kernel.shape) for Z in (edge_matrix(), np.ones((6, 6)))
    )
    f_h, f_w = kernel.shape
    local = windows(image, f_h, f_w, config.stride)[0, 0]
    output = convolve(image, kernel[None, None], stride=config.stride)[0, 0]
    strongest = np.unravel_index(int(np.abs(output).argmax()), output.shape)
    last = output.shape[0] - 1, output.shape[1] - 1
    wanted = [(0, 0), (int(strongest[0]), int(strongest[1])), last, *np.ndindex(output.shape)]
    places = list(dict.fromkeys(wanted))[:MOST_PLACES]
    return Scan(
        name, kernel, image[0, 0], ones[0, 0], local, output, config.stride, tuple(sorted(places))
    )


def scan_matrices(scan: Scan) -> dict[str, Array]:
    """The matrices of Figure 20 by name; ``place 2`` has its row and column and its sum."""
    found = {
        "image": scan.image,
        "inside": scan.is_inside,
        "filter": scan.kernel,
        "output": scan.output,
        "stride": np.array([[float(scan.stride)]]),
    }
    for number, (i, j) in enumerate(scan.places, start=1):
        found[f"place {number}"] = np.array(
            [[i + 1, j + 1, frobenius(scan.local[i, j], scan.kernel)]]
        )
        found[f"window {number}"] = scan.local[i, j]
        found[f"products {number}"] = scan.local[i, j] * scan.kernel
    return found


def scanned_image(
    config: FiltersConfig, data: Dataset, shape: tuple[int, ...]
) -> tuple[str, Array]:
    """A small image in whole grey levels, and its name: the matrix (8.1) if that is the picture.

    Args:
        data: images with classes, one per row; else the first of the class `config.digit` is it.
        shape: of a row of data.
    """
    if config.picture == "matrix" and config.picture_file is None:
        return "matrix (8.1)", edge_matrix()
    picture = first_of_class(data, shape, config.digit, LONGEST_SIDE)
    return f"image of {picture.name}", np.round(GREY_LEVELS * picture.pixels[:, :, 0]) + 0.0


def scans_of(name: str, image: Array, kernels: Mapping[str, Array]) -> dict[str, Array]:
    """Every filter that can be read on one image without padding, (8.9), at each of `STRIDES`.

    Args:
        name: of the image.
        image: (n_h, n_w).
        kernels: by name, each (n_ch, f_h, f_w).

    Returns:
        The image, ``filter`` and its name, and ``output`` with the name and the stride.
    """
    found = {name: image}
    for filter_name, kernel in kernels.items():
        fits = all(f <= n for f, n in zip(kernel.shape[1:], image.shape, strict=True))
        if len(kernel) > 1 or max(kernel.shape) > LARGEST_FILTER or not fits:
            continue
        found[f"filter {filter_name}"] = kernel[0]
        for stride in STRIDES:
            output = convolve(image[None, None], kernel[None], stride=stride)[0, 0]
            found[f"output {filter_name}, stride {stride}"] = output
    return found


def scan_metrics(scan: Scan) -> Metrics:
    """Filter, stride and zeros, and the products with their sum at each place that is shown."""
    found: Metrics = {
        "filter": scan.name,
        "stride": scan.stride,
        "n_zeros": int((scan.is_inside == 0).sum()),
        "output_height": scan.output.shape[0],
        "output_width": scan.output.shape[1],
    }
    for number, (i, j) in enumerate(scan.places, start=1):
        local = scan.local[i, j]
        pairs = zip(local.ravel(), scan.kernel.ravel(), strict=True)
        found[f"place_{number}"] = {
            "row": i + 1,
            "column": j + 1,
            "products": " + ".join(f"{a:g} * {_signed(f)}" for a, f in pairs),
            "sum": frobenius(local, scan.kernel),
        }
    return found


def _signed(value: float) -> str:
    return f"({value:g})" if value < 0 else f"{value + 0.0:g}"


def inner_products() -> Metrics:
    """(8.4) as a sum and as a trace, (8.5), (8.7) and (8.24) of two tensors of 2 x 2 x 2."""
    each: Metrics = {}
    for k, (a, b) in enumerate(zip(A, B, strict=True), start=1):
        each[f"channel_{k}"] = {
            "sum_of_products": frobenius(a, b),
            "trace": float(np.trace(a @ b.T)),
            "unrolled": float(a.ravel() @ b.ravel()),
        }
    flat = flatten(A[None])[0]
    return {
        **each,
        "over_channels": sum(frobenius(a, b) for a, b in zip(A, B, strict=True)),
        "tensor_unrolled": float(flat @ flatten(B[None])[0]),
        "unrolled_tensor": " ".join(f"{value:g}" for value in flat),
        "order": " ".join(index_names()),
    }


def index_names() -> list[str]:
    """The indices (row, column, channel) of an unrolled 2 x 2 x 2 tensor in the order of (8.24)."""
    channel, row, column = np.indices(A.shape)
    every = [flatten(one[None].astype(float))[0] for one in (row, column, channel)]
    return ["".join(f"{int(value) + 1}" for value in values) for values in zip(*every, strict=True)]


def inner_product_matrices() -> dict[str, Any]:
    """The two tensors channel by channel, their products, and all of it unrolled."""
    found: dict[str, Any] = {}
    for k, (a, b) in enumerate(zip(A, B, strict=True), start=1):
        found |= {f"A {k}": a, f"B {k}": b, f"products {k}": a * b}
    for name, tensor in (("A", A), ("B", B), ("products", A * B)):
        found[f"{name} unrolled"] = flatten(tensor[None])
    return found
