"""Networks rebuilt from model.json and their arrays, for prediction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from mlcli.neural import architecture
from mlcli.neural.augmentation import Pixels, average_over_views
from mlcli.neural.batched_module import BatchedModule
from mlcli.neural.batches import MemberRows, Units
from mlcli.neural.cnn import CNN
from mlcli.neural.device import on_device, repeatable
from mlcli.neural.evaluation import Forward, outputs, rows_at_a_time
from mlcli.neural.layer_spec import parse
from mlcli.neural.mlp import MLP

Floats = NDArray[np.float64]
Tensors = Mapping[str, NDArray[Any]]


def restore_mlp(
    sizes: Sequence[int],
    activations: Sequence[str],
    normalisation: str,
    tensors: Tensors,
    device: torch.device,
) -> BatchedModule:
    """Trained multilayer perceptrons, one per activation.

    Args:
        sizes: D, n^(1), ..., n^(L), K.
        activations: of each of the M members.
        normalisation: see `MLP`.
        tensors: every parameter and running statistic by name, (M, ...).
        device: where they compute.

    Raises:
        ValueError: they are not those of such networks.
    """
    shapes = [tensors[f"W{layer}"].shape[1:] for layer in range(1, len(sizes))]
    if shapes != list(pairwise(sizes)):
        raise ValueError("the sizes are not those of the arrays")
    net = MLP(
        sizes,
        _any_weights(len(activations)),
        activation=activations,
        normalisation=normalisation,
        device=device,
        dtype=_dtype(tensors),
    )
    return _filled(net, tensors)


def restore_cnn(
    lines: Sequence[str],
    input_shape: tuple[int, ...],
    n_outputs: int,
    tensors: Tensors,
    device: torch.device,
) -> BatchedModule:
    """Trained convolutional networks.

    Args:
        lines: the layers, without the output layers.
        input_shape: (c, h, w).
        n_outputs: K.
        tensors: every parameter and running statistic by name, (M, ...).
        device: where they compute.

    Raises:
        ValueError: they are not those of such networks.
    """
    n_members = len(next(iter(tensors.values())))
    # Checked before memory is allocated.
    for layer in architecture.shapes(parse(lines), input_shape, n_outputs):
        for name, shape in layer.parameters.items():
            if tensors[name].shape != (n_members, *shape):
                raise ValueError(f"{name} is of another shape")
    net = CNN(
        lines,
        input_shape,
        n_outputs,
        _any_weights(n_members),
        device=device,
        dtype=_dtype(tensors),
    )
    return _filled(net, tensors)


def _any_weights(n_members: int) -> list[np.random.Generator]:
    """Generators for weights that are overwritten."""
    return [np.random.default_rng(0) for _ in range(n_members)]


def _dtype(tensors: Tensors) -> torch.dtype:
    return torch.from_numpy(next(iter(tensors.values()))[:0]).dtype


def _filled(net: BatchedModule, tensors: Tensors) -> BatchedModule:
    state = net.state_dict()
    own = net.unpack(state["theta"]) | {k: v for k, v in state.items() if k != "theta"}
    if own.keys() != tensors.keys():
        raise ValueError("the names of the arrays are not those of the network")
    for name, mine in own.items():
        given = torch.from_numpy(np.ascontiguousarray(tensors[name]))
        if mine.shape != given.shape:
            raise ValueError(f"{name} is of another shape")
        mine.copy_(given)
    return net


@dataclass(frozen=True)
class RestoredNetworks:
    """Members with their units, which predict with the bits of their evaluation.

    Attributes:
        net: M members.
        shift, scale: units of their inputs, (M, D) each.
        n_beside: members that were evaluated together, which set the rows of a batch.
        n_threads: threads of their kernels.
        autocast: whether they compute in bfloat16.
        views: conversion to pixels, and whether to mirror, where outputs are means over views.
        origin: subtracted from the inputs in float64 first, (D,); included in `shift`. None: 0.
    """

    net: BatchedModule
    shift: Floats
    scale: Floats
    n_beside: int
    n_threads: int
    autocast: bool
    views: tuple[Pixels, bool] | None
    origin: Floats | None = None

    @property
    def batch_rows(self) -> int:
        """Rows that go through the network at a time."""
        return rows_at_a_time(self.n_beside, self.shift.shape[1])

    def _look(self, units: Units) -> Forward | None:
        if self.views is None:
            return None
        pixels, flips = self.views
        known = replace(pixels, units=units)
        return partial(average_over_views, self.net, pixels=known, flips=flips)

    def outputs(self, X: Floats) -> Floats:
        """Outputs of each member before the output activation: (M, n, K).

        Args:
            X: the rows of all members, (n, D), or of each, (M, n, D).
        """
        theta = self.net.theta
        shift = self.shift if self.origin is None else self.shift - self.origin
        units = Units(*(on_device(a, theta).unsqueeze(1) for a in (shift, self.scale)))
        # Rounded by NumPy, as the rows of the training were.
        dtype = np.float64 if theta.dtype == torch.float64 else np.float32
        found = []
        with repeatable(theta.device, self.n_threads):
            for start in range(0, X.shape[-2], self.batch_rows):
                some = X[..., start : start + self.batch_rows, :]
                some = some if self.origin is None else some - self.origin
                rows = torch.as_tensor(some.astype(dtype).reshape(-1, X.shape[-1]))
                nothing = torch.zeros(len(rows), device=theta.device)
                index = None
                if X.ndim == 3:
                    index = torch.arange(len(rows), device=theta.device).view(len(X), -1)
                part = MemberRows(rows.to(theta.device), nothing, index, units)
                found.append(outputs(self.net, part, self.autocast, self._look(units))[0])
        return np.concatenate(found, axis=1).astype(np.float64)
