"""What each layer of a convolutional network puts out, and how much of it a change of X moves."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mlcli.neural.architecture import Layer
from mlcli.neural.cnn import CNN

Floats = NDArray[np.float64]


@torch.no_grad()
def each_layer(net: CNN, X: Tensor) -> Iterator[tuple[Layer, Tensor]]:
    """Each layer with what it puts out in evaluation mode: (M, B, c, h, w) or (M, B, n).

    Args:
        net: M members.
        X: images (M, B, c, h, w), or unrolled (M, B, c h w).
    """
    net.eval()
    for i, layer in enumerate(net.layers, start=1):
        yield layer, net.by_member(net.through(X, i))


def relative_changes(net: CNN, X: Tensor, X_moved: Tensor) -> Floats:
    """||z(X_moved) - z(X)|| / ||z(X)|| of each layer and member, the mean over the rows.

    Rows for which a layer puts out nothing but zeros have no such ratio and are left out.

    0: the layer doesn't see the change; sqrt 2: what it puts out has nothing in common any more.

    Args:
        net: M members.
        X: unrolled images, (M, B, c h w).
        X_moved: the same images after a change.

    Returns:
        (layers, M); NaN where a layer puts out nothing but zeros for every row.
    """
    found = []
    for (_, Z), (_, Z_moved) in zip(each_layer(net, X), each_layer(net, X_moved), strict=True):
        size = Z.flatten(2).norm(dim=2)  # (M, B)
        change = (Z_moved - Z).flatten(2).norm(dim=2)  # (M, B)
        ratio = torch.where(size > 0, change / size, torch.nan)
        found.append(ratio.nanmean(dim=1).cpu().numpy().astype(np.float64))
    return np.stack(found)
