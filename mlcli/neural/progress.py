"""What a training remembers between epochs, and how it is written down and taken up again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mlcli.neural.evaluation import Scores
from mlcli.neural.members import Members
from mlcli.neural.optimisers import Optimiser

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Counts = NDArray[np.int64]


@dataclass(frozen=True)
class TrainState:
    """Everything from which a training goes on as if it had never stopped.

    Attributes:
        epoch: epochs that are done.
        arrays: by name, ready for a file of arrays.
    """

    epoch: int
    arrays: Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class EpochReport:
    """An epoch that is done.

    Attributes:
        epoch: 1, 2, ...
        step: steps so far.
        step_losses: E of each minibatch of the epoch before its step, (n_steps, M).
        train: on the training rows, after the epoch; None if not asked for.
        validation: on the validation rows; None if there are none.
        stopped: members that train no more, (M,).
        state: gives the state to write down, copied when called, so call it in the callback.
    """

    epoch: int
    step: int
    step_losses: Floats
    train: Scores | None
    validation: Scores | None
    stopped: Flags
    state: Callable[[], TrainState]


class Progress:
    """Which members still train, and the best each has been.

    Attributes:
        epoch: epochs that are done.
        stopped: members that train no more, (M,).
        diverged_at: step of each member's first loss that was not finite, 0 if there is none, (M,).
        best_loss: smallest watched loss of each member, (M,).
        best_epoch: where it was, (M,).
        history: curves by name, one array (M,) per epoch.
    """

    def __init__(self, net: Members, optimiser: Optimiser, patience: int | None) -> None:
        """Nothing done yet; the best is kept only if there is a patience."""
        self.net, self.optimiser, self.patience = net, optimiser, patience
        n = net.n_members
        self.epoch = 0
        self.stopped: Flags = np.zeros(n, dtype=np.bool_)
        self.diverged_at: Counts = np.zeros(n, dtype=np.int64)
        self.best_loss: Floats = np.full(n, np.inf)
        self.best_epoch: Counts = np.zeros(n, dtype=np.int64)
        self.history: dict[str, list[Floats]] = {}
        self._best: dict[str, Tensor] = {}
        if patience is not None:
            self._best = {name: tensor.clone() for name, tensor in net.kept().items()}

    def mask(self, members: Flags) -> Tensor:
        """Flags of members where the network lives, (M,)."""
        return torch.from_numpy(members).to(self.net.theta.device)

    def hold_stopped(self) -> None:
        """Stopped members stay at their best, running statistics included."""
        if self._best and self.stopped.any():
            self.net.put_back(self._best, self.mask(self.stopped))

    def watch(self, loss: Floats, min_delta: float) -> None:
        """Keep each member's best; stop those that have not bettered it for `patience` epochs.

        Args:
            loss: of this epoch, (M,).
            min_delta: by how much a loss must fall to count as better.
        """
        assert self.patience is not None
        better = (loss < self.best_loss - min_delta) & ~self.stopped
        self.best_loss = np.where(better, loss, self.best_loss)
        self.best_epoch = np.where(better, self.epoch, self.best_epoch)
        if better.any():
            mask = self.mask(better)
            for name, tensor in self.net.kept().items():
                self._best[name][mask] = tensor[mask]
        self.stop(self.stopped | (self.epoch - self.best_epoch >= self.patience))
        self.hold_stopped()

    def stop(self, members: Flags) -> None:
        """These members train no more."""
        self.stopped = members
        self.optimiser.freeze(self.mask(members))

    def finish(self) -> None:
        """Every member at its best, if the best was kept."""
        if self._best:
            self.net.put_back(self._best)

    def record(self, name: str, scores: Scores | None) -> None:
        """Add an epoch to the curves."""
        if scores is not None:
            self.history.setdefault(f"{name}_loss", []).append(scores.loss)
            if scores.accuracy is not None:
                self.history.setdefault(f"{name}_accuracy", []).append(scores.accuracy)

    def state(self) -> TrainState:
        """A copy of everything, see `TrainState`."""
        tensors = {f"net.{name}": tensor for name, tensor in self.net.kept().items()}
        tensors |= {f"best.{name}": tensor for name, tensor in self._best.items()}
        tensors |= {f"optimiser.{k}": tensor for k, tensor in self.optimiser.state_dict().items()}
        arrays = {name: tensor.cpu().numpy().copy() for name, tensor in tensors.items()}
        for name in ("stopped", "diverged_at", "best_loss", "best_epoch"):
            arrays[name] = getattr(self, name).copy()
        arrays |= {f"history.{name}": np.stack(curve) for name, curve in self.history.items()}
        return TrainState(self.epoch, arrays)

    def resume(self, state: TrainState) -> None:
        """Go on from a state of a training with the same settings."""

        def part(prefix: str) -> dict[str, NDArray[Any]]:
            named = state.arrays.items()
            return {k.removeprefix(prefix): array for k, array in named if k.startswith(prefix)}

        def tensors(prefix: str) -> dict[str, Tensor]:
            return {name: torch.from_numpy(array) for name, array in part(prefix).items()}

        self.epoch = state.epoch
        self.net.put_back(tensors("net."))
        self.optimiser.load_state_dict(tensors("optimiser."))
        for name, tensor in tensors("best.").items():
            self._best[name].copy_(tensor)
        self.diverged_at = state.arrays["diverged_at"].copy()
        self.best_loss = state.arrays["best_loss"].copy()
        self.best_epoch = state.arrays["best_epoch"].copy()
        self.history = {name: list(curve) for name, curve in part("history.").items()}
        self.stop(state.arrays["stopped"].copy())
