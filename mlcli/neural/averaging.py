"""The exponential moving average of weights: a smoother net than the last step of a training."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mlcli.neural.members import Members


class AveragedWeights:
    """The average of all members' states s_1, ..., s_n, running statistics included.

    s_bar_n = sum_k d^(n-k) s_k / sum_k d^(n-k), as s_bar += (s_n - s_bar) (1 - d) / (1 - d^n).
    Divided by the sum of its weights, it has nothing of the start in it and needs no warm-up.

    Attributes:
        decay: d.
        n_updates: n.
        state: the average by name as `Members.kept`, each (M, ...); empty before the first update.
    """

    def __init__(self, decay: float) -> None:
        """Nothing averaged yet.

        Args:
            decay: d, at least 0 (the last state alone) and below 1; 1/(1 - d) steps are averaged.

        Raises:
            ValueError: d is out of range.
        """
        if not 0 <= decay < 1:
            raise ValueError(f"the decay must be at least 0 and below 1, got {decay}")
        self.decay = decay
        self.n_updates = 0
        self.state: dict[str, Tensor] = {}

    @torch.no_grad()
    def update(self, net: Members) -> None:
        """Take in the members as they are now."""
        self.n_updates += 1
        if self.n_updates == 1:
            self.state = {name: tensor.clone() for name, tensor in net.kept().items()}
            return
        share = (1 - self.decay) / (1 - self.decay**self.n_updates)
        for name, tensor in net.kept().items():
            self.state[name].lerp_(tensor, share)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """A copy of everything, by name, ready for a file of arrays."""
        copies = {f"average.{k}": tensor.cpu().numpy().copy() for k, tensor in self.state.items()}
        return {"n_updates": np.array(self.n_updates), **copies}

    def resume(self, arrays: Mapping[str, NDArray[Any]], net: Members) -> None:
        """Go on from `arrays`, where the network lives."""
        self.n_updates = int(arrays["n_updates"])
        self.state = {
            name: torch.from_numpy(arrays[f"average.{name}"].copy()).to(tensor)
            for name, tensor in net.kept().items()
            if f"average.{name}" in arrays
        }
