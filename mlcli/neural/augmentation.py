"""Augmentation of images in training, and averages over views in evaluation.

Images are in pixels whose empty value is 0. All images of a minibatch change at once, each with
random numbers of its own from its member's generator.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from mlcli.neural.batched_module import BatchedModule
from mlcli.neural.batches import MemberRows, Units
from mlcli.neural.data_parallel import Shard
from mlcli.neural.losses import Loss
from mlcli.neural.optimisers import Optimiser
from mlcli.neural.training import Floats, RunEpoch, TrainingSettings, take_steps


@dataclass(frozen=True)
class Augmentation:
    """Random changes that keep the label of an image; 0 and False turn a change off.

    They are applied in this order. Pixels from outside an image are 0, except with `crop`.

    Attributes:
        flip: mirror half of the images left to right.
        rotate: largest rotation, in degrees, in either direction.
        shift: largest shift in pixels, along each axis.
        crop: pixels of reflected border, before a random crop to the original size.
        cutout: side in pixels of a square of zeros at a random place.
    """

    flip: bool = False
    rotate: float = 0.0
    shift: int = 0
    crop: int = 0
    cutout: int = 0

    def __post_init__(self) -> None:
        """Check the sizes.

        Raises:
            ValueError: a size is negative.
        """
        for name in ("rotate", "shift", "crop", "cutout"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must not be negative, got {getattr(self, name)}")

    def __call__(
        self, X: Tensor, generators: Sequence[torch.Generator], shard: Shard | None = None
    ) -> Tensor:
        """Augmented images of all members, as `training.take_steps` calls it.

        Args:
            X: (M, B, c, h, w); not changed.
            generators: one per member.
            shard: which images of a minibatch X has; None: all.

        Returns:
            (M, B, c, h, w).

        Raises:
            ValueError: X has not five axes, or the images are too small.
        """
        if X.dim() != 5:
            raise ValueError(f"images must be (M, B, c, h, w), got {tuple(X.shape)}")
        if X.shape[0] == 1:
            return self.apply(X[0], generators[0], shard).unsqueeze(0)
        pairs = zip(X, generators, strict=True)
        return torch.stack([self.apply(Z, generator, shard) for Z, generator in pairs])

    def apply(self, Z: Tensor, generator: torch.Generator, shard: Shard | None = None) -> Tensor:
        """Augmented images of one member, (B, c, h, w) to the same."""
        steps: list[tuple[float, Callable[..., Tensor]]] = [
            (self.rotate, rotate),
            (self.shift, shift),
            (self.crop, crop),
            (self.cutout, cutout),
        ]
        if self.flip:
            Z = flip(Z, generator, shard)
        for size, step in steps:
            if size:
                Z = step(Z, size, generator, shard)
        return Z


def _uniform(n: int, Z: Tensor, generator: torch.Generator, shard: Shard | None) -> Tensor:
    """n numbers of U(0, 1) for each image (B, c, h, w), (n, B)."""
    n_rows = len(Z) if shard is None else shard.n_rows
    u = torch.rand(n, n_rows, generator=generator)
    return (u if shard is None else u[:, shard.start : shard.end]).to(Z.device)  # (n, B)


def flip(Z: Tensor, generator: torch.Generator, shard: Shard | None = None) -> Tensor:
    """Each image (B, c, h, w), mirrored with probability 1/2."""
    turned = _uniform(1, Z, generator, shard)[0] < 0.5  # (B,)
    return torch.where(turned.view(-1, 1, 1, 1), Z.flip(3), Z)


def shift(Z: Tensor, most: int, generator: torch.Generator, shard: Shard | None = None) -> Tensor:
    """Each image (B, c, h, w) moved by whole pixels, uniform in -most, ..., most on each axis."""
    return move(functional.pad(Z, (most,) * 4), most, generator, shard)


def crop(Z: Tensor, pad: int, generator: torch.Generator, shard: Shard | None = None) -> Tensor:
    """Each image (B, c, h, w) reflected outwards by `pad` pixels, then cropped at random."""
    _fits("crop", pad + 1, Z)
    return move(functional.pad(Z, (pad,) * 4, mode="reflect"), pad, generator, shard)


def move(
    padded: Tensor, most: int, generator: torch.Generator, shard: Shard | None = None
) -> Tensor:
    """A random window of each image: (B, c, h + 2 most, w + 2 most) to (B, c, h, w)."""
    n, c, h, w = (*padded.shape[:2], *(size - 2 * most for size in padded.shape[2:]))
    n_rows = n if shard is None else shard.n_rows
    corner = torch.randint(2 * most + 1, (2, n_rows, 1), generator=generator)
    corner = corner if shard is None else corner[:, shard.start : shard.end]  # (2, B, 1)
    corner = corner.to(padded.device)
    rows = corner[0] + torch.arange(h, device=padded.device)  # (B, h)
    columns = corner[1] + torch.arange(w, device=padded.device)  # (B, w)
    across = rows.view(n, 1, h, 1).expand(n, c, h, padded.shape[3])
    cut = padded.gather(2, across)  # (B, c, h, w + 2 most)
    return cut.gather(3, columns.view(n, 1, 1, w).expand(n, c, h, w))  # (B, c, h, w)


def rotate(
    Z: Tensor, most: float, generator: torch.Generator, shard: Shard | None = None
) -> Tensor:
    """Each image (B, c, h, w) rotated about its centre by U(-most, most) degrees, bilinear."""
    return turn(Z, (2 * _uniform(1, Z, generator, shard)[0] - 1) * most)


def turn(Z: Tensor, degrees: Tensor) -> Tensor:
    """Images (B, c, h, w) rotated about their centre by degrees (B,), anticlockwise."""
    h, w = Z.shape[2:]
    angle = degrees.to(Z.dtype) * (math.pi / 180)
    cos, sin, zero = angle.cos(), angle.sin(), torch.zeros_like(angle)
    # Maps places of the result to places of the image. Both axes run from -1 to 1 whatever the
    # sides, so a rotation needs the ratio of the sides.
    rows = [torch.stack([cos, -sin * (h / w), zero], 1), torch.stack([sin * (w / h), cos, zero], 1)]
    grid = functional.affine_grid(torch.stack(rows, 1), list(Z.shape), align_corners=False)
    return functional.grid_sample(Z, grid, mode="bilinear", align_corners=False)


def cutout(Z: Tensor, side: int, generator: torch.Generator, shard: Shard | None = None) -> Tensor:
    """Each image (B, c, h, w) with a square of zeros inside it, in all channels.

    Raises:
        ValueError: the square is larger than the image.
    """
    _fits("cutout", side, Z)
    h, w = Z.shape[2:]
    u = _uniform(2, Z, generator, shard).unsqueeze(2)  # (2, B, 1)
    top, left = ((v * (n - side + 1)).long() for v, n in zip(u, (h, w), strict=True))
    rows = torch.arange(h, device=Z.device) - top  # (B, h)
    columns = torch.arange(w, device=Z.device) - left  # (B, w)
    down, across = (rows >= 0) & (rows < side), (columns >= 0) & (columns < side)
    hole = down.unsqueeze(2) & across.unsqueeze(1)  # (B, h, w)
    return Z.masked_fill(hole.unsqueeze(1), 0.0)


def _fits(name: str, size: int, Z: Tensor) -> None:
    h, w = Z.shape[2:]
    if size > min(h, w):
        raise ValueError(f"{name} must fit into images of {h} x {w} pixels, it needs {size}")


def views(X: Tensor, *, flips: bool = True, pixels: int = 1) -> Iterator[Tensor]:
    """Views: the images as they are and shifted up, down, left and right, each also mirrored.

    Args:
        X: (M, B, c, h, w).
        flips: whether each view also comes mirrored.
        pixels: of the shift; 0: none. Pixels from outside are 0.
    """
    h, w = X.shape[3:]
    padded = functional.pad(X, (pixels,) * 4)  # (M, B, c, h + 2 pixels, w + 2 pixels)
    p = pixels
    for top, left in ((p, p), (0, p), (2 * p, p), (p, 0), (p, 2 * p))[: 5 if p else 1]:
        view = padded[..., top : top + h, left : left + w]  # (M, B, c, h, w)
        yield view
        if flips:
            yield view.flip(4)


@dataclass(frozen=True)
class Pixels:
    """Converts rows in a network's units to images whose empty pixels are 0, and back.

    In units every pixel may have a mean of its own. A shift moves pixels, not those means, so it
    is done in pixels.

    Attributes:
        shape: (c, h, w).
        background: value of an empty pixel in the data.
        units: of the rows, shift and scale (M, 1, D); None: the data's own.
    """

    shape: tuple[int, int, int]
    background: float
    units: Units | None = None

    def images(self, X: Tensor) -> Tensor:
        """Rows in units (M, B, c h w) to pixels (M, B, c, h, w)."""
        if self.units is not None:
            X = X * self.units.scale + self.units.shift
        return (X - self.background).reshape(*X.shape[:2], *self.shape)  # (M, B, c, h, w)

    def rows(self, images: Tensor) -> Tensor:
        """The inverse: pixels (M, B, c, h, w) to rows in units (M, B, c h w)."""
        X = images.flatten(2) + self.background  # (M, B, c h w)
        return X if self.units is None else (X - self.units.shift) / self.units.scale


@torch.no_grad()
def average_over_views(
    net: BatchedModule, X: Tensor, pixels: Pixels, *, flips: bool = True, most: int = 1
) -> Tensor:
    """Mean over `views` of the outputs before the output activation, in evaluation mode.

    Args:
        net: M members, on unrolled images.
        X: unrolled images in units, (M, B, c h w).
        pixels: the conversion to pixels.
        flips: whether each view also comes mirrored.
        most: pixels of the shifts; 0: none.

    Returns:
        (M, B, K).
    """
    net.eval()
    every = views(pixels.images(X), flips=flips, pixels=most)
    outputs = [net(pixels.rows(view)) for view in every]
    return torch.stack(outputs).mean(dim=0)  # (M, B, K)


def augmented_steps(
    augmentation: Augmentation, image_shape: tuple[int, int, int], background: float
) -> RunEpoch | None:
    """Steps of an epoch on augmented minibatches; None where nothing is augmented.

    Args:
        augmentation: what to do to each image.
        image_shape: (c, h, w) of the images whose unrolled pixels are the rows.
        background: value of an empty pixel in the data.
    """
    if augmentation == Augmentation():
        return None

    def steps(
        net: BatchedModule,
        optimiser: Optimiser,
        loss: Loss,
        part: MemberRows,
        order: Tensor,
        settings: TrainingSettings,
        n_steps: int,
        **more: Any,
    ) -> Floats:
        pixels = Pixels(image_shape, background, part.X_units)

        def change(X: Tensor, generators: Sequence[torch.Generator]) -> Tensor:
            return pixels.rows(augmentation(pixels.images(X), generators, net.shard))

        return take_steps(
            net, optimiser, loss, part, order, settings, n_steps, augment=change, **more
        )

    return steps
