"""From rows in a network's units to pixels and back, and averages over views of the pixels.

In units every pixel may have a mean of its own. An image that moves takes its pixels along, and not
the means of the places where they were: so it moves in pixels.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from mlcli.neural.batches import Units
from mlcli.neural.images import views
from mlcli.neural.members import Members


@dataclass(frozen=True)
class Pixels:
    """Images whose empty pixels are 0, made from rows in units.

    Attributes:
        shape: (c, h, w).
        ground: value of an empty pixel in the data.
        units: of the rows, shift and scale (M, 1, D); None: the data's own.
    """

    shape: tuple[int, int, int]
    ground: float
    units: Units | None = None

    def images(self, X: Tensor) -> Tensor:
        """Rows in units (M, B, c h w) to pixels (M, B, c, h, w)."""
        if self.units is not None:
            X = X * self.units.scale + self.units.shift
        return (X - self.ground).reshape(*X.shape[:2], *self.shape)  # (M, B, c, h, w)

    def rows(self, images: Tensor) -> Tensor:
        """The way back: pixels (M, B, c, h, w) to rows in units (M, B, c h w)."""
        X = images.flatten(2) + self.ground  # (M, B, c h w)
        return X if self.units is None else (X - self.units.shift) / self.units.scale


@torch.no_grad()
def average_over_views(
    net: Members, X: Tensor, pixels: Pixels, *, flips: bool = True, most: int = 1
) -> Tensor:
    """Mean over `views` of the outputs before the output activation, in evaluation mode.

    Args:
        net: M members, on unrolled images.
        X: unrolled images in units, (M, B, c h w).
        pixels: what they are in pixels.
        flips: whether each view comes a second time, as in a mirror.
        most: pixels by which the views are moved; 0: not moved.

    Returns:
        (M, B, K).
    """
    net.eval()
    every = views(pixels.images(X), flips=flips, pixels=most)
    outputs = [net(pixels.rows(view)) for view in every]
    return torch.stack(outputs).mean(dim=0)  # (M, B, K)
