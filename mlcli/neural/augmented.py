"""Training on other views of the images at every step."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor

from mlcli.neural.images import Augmentation
from mlcli.neural.training import RunEpoch, take_steps


def augmenting(augmentation: Augmentation, image_shape: Sequence[int]) -> RunEpoch | None:
    """Steps of an epoch whose minibatches are changed first; None where nothing changes.

    Args:
        augmentation: what may happen to an image.
        image_shape: (c, h, w) of the images whose unrolled pixels are the rows.
    """
    if augmentation == Augmentation():
        return None

    def change(X: Tensor, generators: Sequence[torch.Generator]) -> Tensor:
        images = X.reshape(*X.shape[:2], *image_shape)  # (M, B, c, h, w)
        return augmentation(images, generators).reshape(X.shape)  # (M, B, c h w)

    return partial(take_steps, augment=change)
