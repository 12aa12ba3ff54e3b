"""Receptive fields: the pixels that a neuron of each layer sees, by recursion and by gradients."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mlcli.neural.architecture import CNNLayer
from mlcli.neural.cnn import CNN, layer_outputs
from mlcli.neural.device import to_numpy


@dataclass(frozen=True)
class Step:
    """A filter or a pool along one axis: size f, stride s, padding p, on n_in neurons."""

    f: int
    stride: int
    padding: int
    n_in: int


@dataclass(frozen=True)
class Axis:
    """Windows of the neurons of a layer along one axis of the image, in pixels.

    Attributes:
        n: neurons.
        start: first pixel of the first neuron's window; negative where it begins on the padding.
        size: pixels of a window, those outside of the image included.
        jump: pixels between the windows of two neighbours.
        steps: from the image to the layer.
    """

    n: int
    start: int = 0
    size: int = 1
    jump: int = 1
    steps: tuple[Step, ...] = ()

    def through(self, f: int, stride: int, padding: int, n: int) -> Axis:
        """After a filter or a pool of size f: r + (f - 1) j pixels, and s times the jump."""
        return Axis(
            n,
            self.start - padding * self.jump,
            self.size + (f - 1) * self.jump,
            self.jump * stride,
            (*self.steps, Step(f, stride, padding, self.n)),
        )

    @property
    def whole(self) -> Axis:
        """One neuron that sees what all of these see: a filter as large as the axis, (8.27)."""
        return self.through(self.n, 1, 0, 1)

    @property
    def middle(self) -> tuple[int, int]:
        """First pixel of the middle neuron's window, and the pixel after its last."""
        first = self.start + self.n // 2 * self.jump
        return first, first + self.size

    @property
    def seen(self) -> tuple[int, int]:
        """The pixels of the image among these: step by step without zeros around the inputs.

        Pixels that a stride leaves over at the end are seen by no neuron.
        """
        low = high = self.n // 2
        for step in reversed(self.steps):
            low = max(low * step.stride - step.padding, 0)
            high = min(high * step.stride - step.padding + step.f - 1, step.n_in - 1)
        return (low, high + 1) if low <= high else (0, 0)


@dataclass(frozen=True)
class ReceptiveField:
    """What the neuron in the middle of a layer sees.

    Attributes:
        down, across: the windows of its neurons along the height and the width.
    """

    down: Axis
    across: Axis

    @property
    def box(self) -> tuple[int, int, int, int]:
        """Top, left, bottom and right of the pixels of the image; the ends are excluded."""
        (top, bottom), (left, right) = self.down.seen, self.across.seen
        return (top, left, bottom, right) if top < bottom and left < right else (0, 0, 0, 0)


def receptive_fields(layers: Sequence[CNNLayer]) -> tuple[ReceptiveField, ...]:
    """The receptive field of each layer by recursion over the layers.

    A filter of size f with stride s and padding p on neurons that see r pixels each and lie j
    pixels apart: r + (f - 1) j pixels, s j apart, the first p j pixels further out. A dense layer
    and a global pool see what all of their inputs see.

    Args:
        layers: with their shapes, from `architecture.shapes`.
    """
    _, height, width = layers[0].input
    down, across = Axis(height), Axis(width)
    found = []
    for layer in layers:
        kind, spec = layer.spec.kind, layer.spec
        if kind in ("conv", "pool"):
            n_h, n_w = layer.output[1:]
            down = down.through(spec.size[0], spec.stride[0], spec.padding[0], n_h)
            across = across.through(spec.size[1], spec.stride[1], spec.padding[1], n_w)
        elif kind == "residual":
            n_h, n_w = layer.output[1:]
            down = down.through(3, spec.stride[0], 1, n_h).through(3, 1, 1, n_h)
            across = across.through(3, spec.stride[1], 1, n_w).through(3, 1, 1, n_w)
        elif kind == "scan":
            # Of its neurons those of rows: one row of the input each.
            across = across.whole
        elif kind == "global" or (kind == "dense" and (down.n > 1 or across.n > 1)):
            down, across = down.whole, across.whole
        found.append(ReceptiveField(down, across))
    return tuple(found)


def middle_of(layer: CNNLayer, Z: Tensor, shape: tuple[int, ...] | None) -> Tensor:
    """The neurons in the middle of a layer, (M, B, n): one of each channel, or all that are alike.

    Args:
        layer: whose output it is.
        Z: the output, (M, B, c, h, w) or (M, B, n).
        shape: (c, h, w) that a vector has been unrolled from, (8.24); None: all neurons see alike.
    """
    if Z.dim() == 5:
        return Z[..., Z.shape[3] // 2, Z.shape[4] // 2]
    if shape is None:
        return Z
    c, h, w = shape
    return Z[..., : c * h * w].reshape(*Z.shape[:2], c, h, w)[..., h // 2, w // 2]


def measured_fields(net: CNN, X: Tensor, signs: np.random.Generator) -> NDArray[np.float64]:
    """How much each pixel changes the neuron in the middle of each layer: the mean |dz / dx|.

    The neurons of all channels are added up with random signs, so that one gradient shows them all.

    Args:
        net: M members, taken in evaluation mode.
        X: unrolled images in their units, (M, B, c h w).
        signs: draws them.

    Returns:
        (layers, h, w), the mean over members, images and channels; 0 where no image of X has a
        gradient: the pixel is outside the receptive field.
    """
    net.eval()
    X = X.detach().clone().requires_grad_()
    c, height, width = net.input_shape
    found, unrolled = [], None
    with torch.enable_grad():
        for layer, Z in layer_outputs(net, X):
            unrolled = _unrolled_from(layer, unrolled)
            z = middle_of(layer, Z, unrolled)
            drawn = signs.choice([-1.0, 1.0], size=tuple(z.shape))
            weights = torch.as_tensor(drawn, dtype=z.dtype).to(z.device)
            (gradient,) = torch.autograd.grad(z, X, weights, retain_graph=True)
            pixels = gradient.abs().reshape(-1, c, height, width)
            found.append(to_numpy(pixels.mean(dim=(0, 1))).astype(np.float64))
    return np.stack(found)


def _unrolled_from(layer: CNNLayer, before: tuple[int, ...] | None) -> tuple[int, ...] | None:
    """The shape that the neurons of a vector had as an image, as long as each sees its own part."""
    if layer.spec.kind == "flatten":
        return layer.input
    if layer.spec.kind == "scan":
        return layer.spec.n, layer.input[1], 1
    return None if layer.spec.kind in ("dense", "global") else before


def box_of(strength: NDArray[np.float64]) -> tuple[int, int, int, int]:
    """Top, left, bottom and right of the pixels above 0, the ends excluded; all 0 if none is.

    Args:
        strength: (h, w).
    """
    rows, columns = (np.flatnonzero((strength > 0).any(axis=axis)) for axis in (1, 0))
    if not rows.size:
        return 0, 0, 0, 0
    return int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1
