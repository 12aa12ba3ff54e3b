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
Weights = dict[str, Tensor]


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

    def __init__(
        self, net: Members, optimiser: Optimiser, patience: int | None, keep_best: bool = False
    ) -> None:
        """Nothing done yet; the best is kept if it is asked for, and always with a patience."""
        self.net, self.optimiser, self.patience = net, optimiser, patience
        n = net.n_members
        self.epoch = 0
        self.stopped: Flags = np.zeros(n, dtype=np.bool_)
        self.diverged_at: Counts = np.zeros(n, dtype=np.int64)
        self.best_loss: Floats = np.full(n, np.inf)
        self.best_epoch: Counts = np.zeros(n, dtype=np.int64)
        self.history: dict[str, list[Floats]] = {}
        self.keep_best = keep_best or patience is not None
        self._best = self._copy() if self.keep_best else {}
        # Where early stopping found each member, before it went back to its best.
        self._last = self._copy() if patience is not None else {}

    def _copy(self) -> Weights:
        return {name: tensor.clone() for name, tensor in self.net.kept().items()}

    def mask(self, members: Flags) -> Tensor:
        """Flags of members where the network lives, (M,)."""
        return torch.from_numpy(members).to(self.net.theta.device)

    def hold_stopped(self) -> None:
        """Stopped members stay at their best, running statistics included."""
        if self.patience is not None and self.stopped.any():
            self.net.put_back(self._best, self.mask(self.stopped))

    def watch(self, loss: Floats, min_delta: float) -> None:
        """Keep each member's best; stop those that have not bettered it for `patience` epochs.

        Args:
            loss: of this epoch, (M,).
            min_delta: by how much a loss must fall to count as better.
        """
        better = (loss < self.best_loss - min_delta) & ~self.stopped
        self.best_loss = np.where(better, loss, self.best_loss)
        self.best_epoch = np.where(better, self.epoch, self.best_epoch)
        _take(self._best, self.net.kept(), self.mask(better), better)
        if self.patience is None:
            return
        late = (self.epoch - self.best_epoch >= self.patience) & ~self.stopped
        _take(self._last, self.net.kept(), self.mask(late), late)
        self.stop(self.stopped | late)
        self.hold_stopped()

    def stop(self, members: Flags) -> None:
        """These members train no more."""
        self.stopped = members
        self.optimiser.freeze(self.mask(members))

    def finish(self) -> tuple[Weights, Weights]:
        """Every member at its best, if there is a patience.

        Returns:
            The last and the best state of all members; the best is empty where it was not kept.
        """
        last = self._copy()
        if self.patience is not None:
            # A diverged member has no last state of its own: it stays where it was frozen.
            stopped = self.stopped & (self.diverged_at == 0)
            _take(last, self._last, self.mask(stopped), stopped)
            self.net.put_back(self._best)
        return last, self._best

    def record(self, name: str, scores: Scores | None) -> None:
        """Add an epoch to the curves."""
        if scores is not None:
            self.record_curve(f"{name}_loss", scores.loss)
            if scores.accuracy is not None:
                self.record_curve(f"{name}_accuracy", scores.accuracy)

    def record_curve(self, name: str, values: Floats) -> None:
        """Add an epoch, (M,), to one curve."""
        self.history.setdefault(name, []).append(values)

    def state(self) -> TrainState:
        """A copy of everything, see `TrainState`."""
        tensors = {f"net.{name}": tensor for name, tensor in self.net.kept().items()}
        tensors |= {f"best.{name}": tensor for name, tensor in self._best.items()}
        tensors |= {f"last.{name}": tensor for name, tensor in self._last.items()}
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

        def tensors(prefix: str) -> Weights:
            return {name: torch.from_numpy(array) for name, array in part(prefix).items()}

        self.epoch = state.epoch
        self.net.put_back(tensors("net."))
        self.optimiser.load_state_dict(tensors("optimiser."))
        for kept, prefix in ((self._best, "best."), (self._last, "last.")):
            for name, tensor in tensors(prefix).items():
                kept[name].copy_(tensor)
        self.diverged_at = state.arrays["diverged_at"].copy()
        self.best_loss = state.arrays["best_loss"].copy()
        self.best_epoch = state.arrays["best_epoch"].copy()
        self.history = {name: list(curve) for name, curve in part("history.").items()}
        self.stop(state.arrays["stopped"].copy())


def _take(into: Weights, source: Weights, mask: Tensor, members: Flags) -> None:
    """Copy the state of some members, flagged twice: where the network lives, and here."""
    if members.any():
        for name, tensor in into.items():
            tensor[mask] = source[name][mask]
