"""Dense layers as convolutions (section 8.6), and maps of logits on images of any size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from mlcli.neural.architecture import CNNLayer
from mlcli.neural.cnn import CNN


@torch.no_grad()
def as_convolutional(net: CNN) -> CNN:
    """The same function without a dense layer, ending in a map of logits and its mean.

    After `flatten`, F^(m)_ijk = W_m;ijk, (8.26) and (8.27): the first dense layer has filters as
    large as its image, channel outermost in (8.24), and those behind it are 1x1. After `global avg`
    one dense layer, which is linear, is moved before the mean. A network without dense layers is
    copied.

    Args:
        net: M members; not changed.

    Returns:
        A network in evaluation mode with the same outputs on images of the same size.

    Raises:
        ValueError: a layer has no equivalent convolution; the message names it.
    """
    lines: list[str] = []
    source: list[CNNLayer | None] = []
    images: tuple[int, ...] | None = None  # the input of flatten, until a dense layer follows
    averaged = False
    for layer in net.layers:
        kind = layer.spec.kind
        if kind == "flatten":
            images = layer.input
        elif kind == "global" and layer.spec.pooling == "avg":
            averaged = True
        elif kind == "dense":
            size = "1x1" if images is None else f"{images[1]}x{images[2]}"
            lines.append(f"conv {layer.spec.n} {size}")
            source.append(layer)
            images = None
        else:
            _check(layer, images is not None, averaged)
            lines.append(layer.name)
            source.append(layer)
    _check_linear_output(net, averaged)
    twin = CNN(
        [*lines, "global avg"],
        net.input_shape,
        None,
        [np.random.default_rng(0)] * net.n_members,
        scheme="zeros",
        device=net.theta.device,
        dtype=net.theta.dtype,
    )
    for new, old in zip(twin.layers, source, strict=False):
        if old is not None:
            _copy(net, old, twin, new)
    twin.eval()
    return twin


def _check(layer: CNNLayer, flat: bool, averaged: bool) -> None:
    """Refuse a layer that has no equivalent convolution."""
    kind, where = layer.spec.kind, f"layer {layer.number}, {layer.name!r}"
    if kind in ("scan", "global"):
        raise ValueError(f"{where}: it has no convolution that does the same on every image")
    if kind == "batch-norm" and flat:
        raise ValueError(f"{where}: between flatten and dense it normalises pixels, not channels")
    if averaged and kind in ("activation", "batch-norm"):
        raise ValueError(f"{where}: behind the mean it can't change places with it")


def _check_linear_output(net: CNN, averaged: bool) -> None:
    """Refuse a network whose `flatten` has no dense layer behind it."""
    last = net.layers[-1]
    if last.spec.kind not in ("dense", "global") and not averaged:
        raise ValueError(f"layer {last.number}, {last.name!r}: the outputs must be a dense layer")


def _copy(net: CNN, old: CNNLayer, twin: CNN, new: CNNLayer) -> None:
    """Parameters and running statistics of a layer into its twin's."""
    for theirs, mine in _pairs(old.parameters, new.parameters):
        value = net.leaves[theirs]
        if value.dim() == 3:
            # (M, n_in, n_out) to (M, n_out, c, h, w).
            value = value.transpose(1, 2).reshape(-1, *new.parameters[mine])
        twin.leaves[mine].copy_(value)
    for theirs, mine in _pairs(old.statistics, new.statistics):
        twin.get_buffer(mine).copy_(net.get_buffer(theirs))


def _pairs(old: Mapping[str, object], new: Mapping[str, object]) -> zip[tuple[str, str]]:
    return zip(old, new, strict=True)


@torch.no_grad()
def logit_map(net: CNN, X: Tensor) -> Tensor:
    """Logits at each place of images that may be larger than those of the training.

    Their mean over the places is the output of the network, in evaluation mode.

    Args:
        net: M members; converted by `as_convolutional`.
        X: images, (M, B, c, h, w).

    Returns:
        (M, B, K, h', w').

    Raises:
        ValueError: as `as_convolutional`, or the images are too small.
    """
    twin = as_convolutional(net)
    return twin.by_member(twin.through(X, len(twin.layers) - 1))


@torch.no_grad()
def largest_difference(net: CNN, X: Tensor) -> float:
    """Of the logits by dense layers and by convolutions, (8.24) to (8.27), over the largest logit.

    Args:
        net: M members.
        X: images (M, B, c, h, w), or unrolled (M, B, c h w).
    """
    net.eval()
    mine, theirs = net(X), as_convolutional(net)(X)
    return float((mine - theirs).abs().max() / mine.abs().max())


def collage(tiles: Tensor, places: Sequence[tuple[int, int]], blank: Tensor, size: int) -> Tensor:
    """Images in a larger picture, whose background has the value of the corners of an empty image.

    In units every pixel of an image has a shift of its own, and the background has none.

    Args:
        tiles: (M, n, c, h, w).
        places: top and left of each.
        blank: an empty image, (M, c, h, w).
        size: side S of the picture.

    Returns:
        (M, 1, c, S, S).
    """
    h, w = tiles.shape[3:]
    corners = torch.stack([blank[..., i, j] for i in (0, -1) for j in (0, -1)])  # (4, M, c)
    background = corners.mean(dim=0)[:, None, :, None, None]  # (M, 1, c, 1, 1)
    X = background.expand(-1, 1, -1, size, size).clone()  # (M, 1, c, S, S)
    for i, (top, left) in enumerate(places[: tiles.shape[1]]):
        X[:, 0, :, top : top + h, left : left + w] = tiles[:, i]
    return X


def places(net: CNN) -> tuple[tuple[float, int], tuple[float, int]]:
    """Positions of the places of a map of logits in the image: down, and across.

    The window of place i has its centre at first + i stride, in pixels from the edge of the image.
    A layer with windows of f pixels, stride s and padding p moves the first by (f - 1)/2 - p steps
    of its input, and multiplies the stride by s.

    Args:
        net: one that `as_convolutional` takes.

    Returns:
        The first centre and the stride of each axis.
    """
    found = []
    for axis in (0, 1):
        first, stride = 0.5, 1
        for layer in as_convolutional(net).layers:
            spec = layer.spec
            if spec.kind in ("conv", "pool"):
                first += ((spec.size[axis] - 1) / 2 - spec.padding[axis]) * stride
            if spec.kind in ("conv", "pool", "residual"):
                stride *= spec.stride[axis]
        found.append((first, stride))
    return found[0], found[1]
