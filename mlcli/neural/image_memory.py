"""How images lie in memory, and pooling that makes use of it; values are those of torch's own."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def channels_innermost(images: Tensor) -> Tensor:
    """The same images (B, C, h, w) with the channels of a pixel side by side in memory.

    Convolutions and pooling on a CPU are faster that way, and hand the layout on. Of a single
    channel torch can't tell the layouts apart and would choose the slow one: its strides are set.
    """
    found = images.contiguous(memory_format=torch.channels_last)
    n_rows, channels, h, w = found.shape
    return found.as_strided((n_rows, channels, h, w), (channels * h * w, 1, w * channels, channels))


def max_pool(Z: Tensor, size: tuple[int, int], stride: tuple[int, int]) -> Tensor:
    """(8.19) on images (B, C, h, w): the largest of each window.

    Where no gradient will be asked for, nobody needs to know which was the largest: then it is the
    maximum of as many strided views as a window has pixels.
    """
    if torch.is_grad_enabled():
        pooled: Tensor = functional.max_pool2d(Z, size, stride)
        return pooled
    h, w = ((n - f) // s + 1 for n, f, s in zip(Z.shape[2:], size, stride, strict=True))
    largest: Tensor | None = None
    for i in range(size[0]):
        rows = slice(i, i + stride[0] * (h - 1) + 1, stride[0])
        for j in range(size[1]):
            view = Z[:, :, rows, j : j + stride[1] * (w - 1) + 1 : stride[1]]  # (B, C, h', w')
            largest = view if largest is None else torch.maximum(largest, view)
    assert largest is not None
    return largest
