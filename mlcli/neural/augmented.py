"""Training on other views of the images at every step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from mlcli.neural.batches import Part
from mlcli.neural.images import Augmentation
from mlcli.neural.losses import Loss
from mlcli.neural.members import Members
from mlcli.neural.optimisers import Optimiser
from mlcli.neural.pixels import Pixels
from mlcli.neural.training import Floats, RunEpoch, Settings, take_steps


def augmenting(
    augmentation: Augmentation, image_shape: tuple[int, int, int], ground: float
) -> RunEpoch | None:
    """Steps of an epoch whose minibatches are changed first; None where nothing changes.

    Args:
        augmentation: what may happen to an image.
        image_shape: (c, h, w) of the images whose unrolled pixels are the rows.
        ground: value of an empty pixel in the data, which comes in from outside.
    """
    if augmentation == Augmentation():
        return None

    def steps(
        net: Members,
        optimiser: Optimiser,
        loss: Loss,
        part: Part,
        order: Tensor,
        settings: Settings,
        n_steps: int,
        **more: Any,
    ) -> Floats:
        pixels = Pixels(image_shape, ground, part.X_units)

        def change(X: Tensor, generators: Sequence[torch.Generator]) -> Tensor:
            return pixels.rows(augmentation(pixels.images(X), generators, net.share))

        return take_steps(
            net, optimiser, loss, part, order, settings, n_steps, augment=change, **more
        )

    return steps
