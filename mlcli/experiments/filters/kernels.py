"""The filters of a config by name, the picture, and whether they fit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mlcli.convolution.convolution import output_size
from mlcli.convolution.edges import (
    difference,
    scharr,
    sobel,
    sobel_diagonal,
    vertical_edge,
)
from mlcli.datasets.pictures import Picture, first_of_class, named_picture, read_picture
from mlcli.datasets.source import Source
from mlcli.errors import DataError, InputError
from mlcli.experiments.filters.config import FiltersConfig, kernel_of

Array = NDArray[np.float64]
NAMED = {
    "difference": difference(),
    "vertical": vertical_edge(),
    "horizontal": vertical_edge().T,
    "sobel": sobel(),
    "sobel-horizontal": sobel().T,
    "sobel-diagonal": sobel_diagonal(),
    "scharr": scharr(),
    "scharr-horizontal": scharr().T,
}
MOST_KERNEL_BYTES = 1 << 20
# Windows are copied into the columns of one matrix, see `convolve`.
MOST_COLUMN_BYTES = 1 << 30


def kernels_of(config: FiltersConfig) -> dict[str, Array]:
    """Every filter by name, each (n_ch, f_h, f_w); those with a name have one channel.

    Raises:
        DataError: the kernel file won't do.
    """
    kernels: dict[str, Array] = {name: NAMED[name][None] for name in config.filters}
    if config.kernel is not None:
        kernels["kernel"] = np.array(kernel_of(config.kernel))
    if config.kernel_file is not None:
        kernels["kernel-file"] = read_kernel(Path(config.kernel_file).expanduser())
    return kernels


def read_kernel(path: Path) -> Array:
    """A kernel from a text file: one row per line, an empty line between channels, # for comments.

    Returns:
        (n_ch, f_h, f_w).

    Raises:
        DataError: it is not a text, too long, or not a kernel.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MOST_KERNEL_BYTES + 1)
        if len(content) > MOST_KERNEL_BYTES:
            raise ValueError(f"must be a text of at most {MOST_KERNEL_BYTES:,} bytes, got more")
        try:
            text = content.decode("utf-8-sig")
        except UnicodeDecodeError:
            raise ValueError("must be a text of numbers, got bytes that are none") from None
        lines = [
            line.split("#")[0].strip()
            for line in text.splitlines()
            if not line.strip().startswith("#")
        ]
        channels = "\n".join(lines).strip().split("\n\n")
        marked = "|".join(";".join(part.strip().splitlines()) for part in channels if part.strip())
        return np.array(kernel_of(marked))
    except OSError as error:
        raise DataError(f"{path} can't be read: {error.strerror}") from None
    except ValueError as error:
        raise DataError(f"the kernel of {path} {error}") from None


def picture_of(config: FiltersConfig, source: Source) -> Picture:
    """The picture of a config.

    Raises:
        DataError: the file won't do.
    """
    if config.picture_file is not None:
        return read_picture(Path(config.picture_file).expanduser(), config.longest_side)
    if config.picture == "digit":
        data = source.replicate(0, config.seed)
        return first_of_class(data, source.image_shape or (), config.digit, config.longest_side)
    return named_picture(config.picture, config.longest_side)


def zeros_along(config: FiltersConfig, f: int) -> int:
    """Zeros along an axis in all, 2p of (8.16), for a filter of size f."""
    if config.padding == "same":
        return f - 1
    return 0 if config.padding == "valid" else 2 * int(config.padding)


def check_fit(config: FiltersConfig, name: str, size: tuple[int, ...], picture: Picture) -> None:
    """Refuse a filter that doesn't fit the picture, or whose windows don't fit into memory.

    Args:
        name: of the filter, for the message.
        size: (n_ch, f_h, f_w) of the filter.
        picture: to be filtered.

    Raises:
        InputError: what is wrong with it.
    """
    n_h, n_w, n_ch = picture.pixels.shape
    of_filter, of_picture = f"{size[1]} x {size[2]}", f"{n_h} x {n_w}"
    if size[0] > 1 and (size[0] != n_ch or config.channels != "all"):
        raise InputError(
            name,
            must=f"of 1 channel, or of the picture's {n_ch} with --channels all",
            got=f"{size[0]} with --channels {config.channels}",
        )
    zeros = [zeros_along(config, f) for f in size[1:]]
    if size[1] > n_h + zeros[0] or size[2] > n_w + zeros[1]:
        raise InputError(
            name,
            must=f"no larger than the padded picture, {of_picture} before padding",
            got=of_filter,
            hint="--padding same",
        )
    o_h, o_w = (
        output_size(n + p, f, config.stride)
        for n, p, f in zip((n_h, n_w), zeros, size[1:], strict=True)
    )
    if 8 * n_ch * size[1] * size[2] * o_h * o_w > MOST_COLUMN_BYTES:
        raise InputError(
            f"{name} of {of_filter} on {of_picture} pixels needs too much memory",
            hint=f"--longest-side {config.longest_side // 2} or a larger --stride",
        )
