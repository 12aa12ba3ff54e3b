"""The training loop: minibatch gradient descent of all members at once (sections 6.3, 7).

It works for any `BatchedModule`: a network that maps X (M, B, ...) to outputs (M, B, K) and has its
parameters in one buffer (M, P).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mlcli.errors import NoAnswerError
from mlcli.neural.batched_module import BatchedModule, Stream
from mlcli.neural.batches import (
    MemberRows,
    View,
    batch_bounds,
    epoch_orders,
    member_rows,
    minibatches,
)
from mlcli.neural.data_parallel import shard_rows, shards_of
from mlcli.neural.device import to_numpy
from mlcli.neural.evaluation import EvaluationScores, computing, evaluate
from mlcli.neural.losses import Loss
from mlcli.neural.optimisers import Optimiser, clip_norms
from mlcli.neural.schedules import Schedule, constant

Floats = NDArray[np.float64]
Rows = NDArray[Any]
Flags = NDArray[np.bool_]
Counts = NDArray[np.int64]
Weights = dict[str, Tensor]


@dataclass(frozen=True)
class TrainingSettings:
    """How to train.

    Attributes:
        n_epochs: passes over the rows.
        batch_size: rows of a minibatch.
        schedule: factor on the learning rates at each step.
        clip_norm: largest norm of a member's gradient, or None.
        patience: early stopping: epochs without a better (validation) loss after which a member
            stops; each member ends with its best weights. None: the last weights.
        min_delta: by how much a loss must fall to count as better.
        keep_best: keep each member's best weights without early stopping too.
        evaluate_training: loss and accuracy on all training rows after each epoch.
        raise_on_divergence: whether a loss that is not finite is an error; else it is recorded.
        autocast: forward passes in bfloat16; parameters keep their type.
        max_steps: steps after which the training ends, even in the middle of an epoch.
    """

    n_epochs: int
    batch_size: int
    schedule: Schedule = field(default_factory=constant)
    clip_norm: float | None = None
    patience: int | None = None
    min_delta: float = 0.0
    keep_best: bool = False
    evaluate_training: bool = True
    raise_on_divergence: bool = True
    autocast: bool = False
    max_steps: int | None = None

    def n_steps(self, n_rows: int) -> int:
        """Steps of a whole training on so many rows."""
        n_steps = self.n_epochs * len(batch_bounds(n_rows, self.batch_size))
        return n_steps if self.max_steps is None else min(n_steps, self.max_steps)


@dataclass(frozen=True)
class TrainingResult:
    """Curves and states of a finished training; the network has its last or best weights.

    Attributes:
        history: curves by name, (epochs, M): minibatch_loss, the mean of E over the epoch's
            minibatches before each step; train_loss, train_accuracy, validation_loss,
            validation_accuracy, as far as they were computed.
        n_epochs: epochs done.
        n_steps: steps done.
        stopped: members that stopped early, (M,).
        best_epoch: of each member, counted from 1; 0 where the best was not kept, (M,).
        diverged_at: step of the first loss that was not finite, counted from 1, or 0, (M,).
        last: state of all members after their last step, by name, each (M, ...).
        best: the same at each member's best epoch; empty where it was not kept.
    """

    history: Mapping[str, Floats]
    n_epochs: int
    n_steps: int
    stopped: NDArray[np.bool_]
    best_epoch: NDArray[np.int64]
    diverged_at: NDArray[np.int64]
    last: Mapping[str, Tensor]
    best: Mapping[str, Tensor]


# Takes the steps of one epoch; its arguments are those of `take_steps`.
RunEpoch = Callable[
    [BatchedModule, Optimiser, Loss, MemberRows, Tensor, TrainingSettings, int], Floats
]
# (X (M, B, ...), one generator per member) to augmented X of that shape; X itself is not changed.
Augment = Callable[[Tensor, Sequence[torch.Generator]], Tensor]


def train(
    net: BatchedModule,
    optimiser: Optimiser,
    loss: Loss,
    X: Rows,
    t: Rows,
    settings: TrainingSettings,
    streams: Sequence[Stream],
    *,
    view: View | None = None,
    validation: tuple[Rows, Rows] | None = None,
    validation_view: View | None = None,
    on_epoch: Callable[[EpochReport], None] | None = None,
    state: TrainState | None = None,
    run_epoch: RunEpoch | None = None,
) -> TrainingResult:
    """Train all members, each as if it were alone, up to rounding.

    Args:
        net: M members where they start; changed in place.
        optimiser: of `net.theta`, with each member's learning rate.
        loss: E.
        X: inputs, (N, ...).
        t: labels (N,) or targets (N, K).
        settings: how to train.
        streams: randomness of each member: ("order", epoch) and ("noise", epoch) are drawn from.
        view: training rows and units of each member; None: all rows, as they are.
        validation: X and t of other rows.
        validation_view: rows and units of each member among these.
        on_epoch: called after each epoch; an exception from it ends the training.
        state: of an interrupted training with the same arguments, to go on from.
        run_epoch: takes the steps of an epoch; None: `take_steps`. A `partial` of it can augment
            minibatches or average weights.

    Raises:
        NoAnswerError: the loss of a member is no longer a finite number.
        ValueError: the arguments don't belong together.
    """
    if len(streams) != net.n_members:
        raise ValueError(f"give one stream per member ({net.n_members}), got {len(streams)}")
    if settings.n_epochs < 1:
        raise ValueError(f"there must be at least one epoch, got {settings.n_epochs}")
    part = member_rows(net, loss, X, t, view)
    others = None if validation is None else member_rows(net, loss, *validation, validation_view)
    n_steps, steps_of_epoch = settings.n_steps(part.n_rows), run_epoch or take_steps
    progress = TrainingProgress(net, optimiser, settings.patience, settings.keep_best)
    if state is not None:
        progress.resume(state)
    while optimiser.n_steps < n_steps and not progress.stopped.all():
        net.seed_noise(streams, progress.epoch)
        order = epoch_orders(streams, progress.epoch, part)
        losses = steps_of_epoch(net, optimiser, loss, part, order, settings, n_steps)
        progress.epoch += 1
        report = _evaluate_epoch(progress, losses, loss, part, others, settings)
        if on_epoch is not None:
            on_epoch(report)
    return _result(progress)


def _result(progress: TrainingProgress) -> TrainingResult:
    """The result after the last epoch."""
    last, best = progress.finish()
    return TrainingResult(
        history={name: np.stack(curve) for name, curve in progress.history.items()},
        n_epochs=progress.epoch,
        n_steps=progress.optimiser.n_steps,
        stopped=progress.stopped,
        best_epoch=progress.best_epoch,
        diverged_at=progress.diverged_at,
        last=last,
        best=best,
    )


def take_steps(
    net: BatchedModule,
    optimiser: Optimiser,
    loss: Loss,
    part: MemberRows,
    order: Tensor,
    settings: TrainingSettings,
    n_steps: int,
    *,
    augment: Augment | None = None,
    on_step: Callable[[BatchedModule], None] | None = None,
) -> Floats:
    """One step per minibatch; E of each before its step, (n, M).

    Args:
        net: M members.
        optimiser: of `net.theta`.
        loss: E.
        part: the rows of all members.
        order: row numbers of each member in this epoch, (M, N).
        settings: how to train.
        n_steps: steps of the whole training, on which the schedule depends.
        augment: applied to X of each minibatch.
        on_step: called after each step, for example to average the weights.
    """
    net.train()
    theta = net.theta
    cuts = batch_bounds(order.shape[1], settings.batch_size)[: n_steps - optimiser.n_steps]
    losses = torch.empty(len(cuts), net.n_members, dtype=theta.dtype, device=theta.device)
    shards = shards_of(cuts, net.group)
    for i, (rows, t) in enumerate(minibatches(part, *shard_rows(order, cuts, shards))):
        net.shard = shards[i]
        X = rows if augment is None else augment(rows, net.noise)  # (M, B, ...)
        with computing(net, settings.autocast):
            A = net(X) if settings.autocast else net.propagate(X)  # (M, B, K)
        losses[i], gradient = _loss_and_gradient(net, loss, A, t)  # (M,), (M, P)
        if settings.clip_norm is not None:
            clip_norms(gradient, settings.clip_norm)
        optimiser.step(gradient, settings.schedule(optimiser.n_steps, n_steps))
        if on_step is not None:
            on_step(net)
    net.shard = None
    if net.group is not None:
        net.group.add(losses)
    return to_numpy(losses).astype(np.float64)


def _loss_and_gradient(
    net: BatchedModule, loss: Loss, A: Tensor, t: Tensor
) -> tuple[Tensor, Tensor]:
    """This process's part of E (M,), and dE/dtheta (M, P) of the whole minibatch."""
    with torch.no_grad():
        E, delta = loss.value_and_delta(A.detach().to(net.theta.dtype), t)
    shard = net.shard
    if shard is None:
        return E, net.backward(A, delta)
    gradient = net.backward(A, delta.mul_(shard.weight))
    shard.group.add(gradient)
    return E * shard.weight, gradient


def _evaluate_epoch(
    progress: TrainingProgress,
    losses: Floats,
    loss: Loss,
    part: MemberRows,
    others: MemberRows | None,
    settings: TrainingSettings,
) -> EpochReport:
    """Evaluate after an epoch, check for divergence, and apply early stopping."""
    net, n_steps = progress.net, progress.optimiser.n_steps
    progress.restore_stopped()
    _check_finite(progress, losses, n_steps - len(losses), settings)
    train_scores = None
    if settings.evaluate_training:
        train_scores = evaluate(net, loss, part, settings.autocast)
        # The last step of the epoch shows in no minibatch loss of this epoch.
        _check_finite(progress, train_scores.loss[None], n_steps, settings)
    validation = None if others is None else evaluate(net, loss, others, settings.autocast)
    progress.record_curve("minibatch_loss", losses.mean(axis=0))
    progress.record("train", train_scores)
    progress.record("validation", validation)
    if progress.keep_best:
        watched = validation or train_scores
        progress.update_best(
            losses.mean(axis=0) if watched is None else watched.loss, settings.min_delta
        )
    return EpochReport(
        epoch=progress.epoch,
        step=n_steps,
        step_losses=losses,
        train=train_scores,
        validation=validation,
        stopped=progress.stopped.copy(),
        state=progress.state,
    )


def _check_finite(
    progress: TrainingProgress, losses: Floats, n_before: int, settings: TrainingSettings
) -> None:
    """Raise for the first loss that is not finite, or record and stop the member.

    Args:
        progress: of the members.
        losses: (n, M), of the steps n_before + 1, ...
        n_before: steps before them.
        settings: says whether to raise.
    """
    bad = ~np.isfinite(losses) & (progress.diverged_at == 0) & ~progress.stopped
    if not bad.any():
        return
    steps = n_before + 1 + bad.argmax(axis=0)  # (M,)
    if settings.raise_on_divergence:
        members = np.flatnonzero(bad.any(axis=0))
        first = int(members[np.argmin(steps[members])])
        step = int(steps[first])
        raise NoAnswerError(
            f"the loss of member {first} at step {step}",
            must="finite",
            got=str(losses[step - n_before - 1, first]),
            hint="a smaller learning rate",
        )
    diverged = bad.any(axis=0)
    progress.diverged_at = np.where(diverged, steps, progress.diverged_at)
    progress.stop(progress.stopped | diverged)


@dataclass(frozen=True)
class TrainState:
    """Everything needed to resume a training with the same results.

    Attributes:
        epoch: epochs that are done.
        arrays: state by name.
    """

    epoch: int
    arrays: Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class EpochReport:
    """Results of one epoch.

    Attributes:
        epoch: 1, 2, ...
        step: steps so far.
        step_losses: E of each minibatch of the epoch before its step, (n_steps, M).
        train: on the training rows, after the epoch; None if not computed.
        validation: on the validation rows; None if there are none.
        stopped: members that train no more, (M,).
        state: returns a copy of the current state; call it in the callback.
    """

    epoch: int
    step: int
    step_losses: Floats
    train: EvaluationScores | None
    validation: EvaluationScores | None
    stopped: Flags
    state: Callable[[], TrainState]


class TrainingProgress:
    """Early stopping and history: which members still train, and the best state of each.

    Attributes:
        epoch: epochs that are done.
        stopped: members that train no more, (M,).
        diverged_at: step of each member's first loss that was not finite, 0 if there is none, (M,).
        best_loss: smallest loss of each member, of validation where there is one, (M,).
        best_epoch: its epoch, (M,).
        history: curves by name, one array (M,) per epoch.
    """

    def __init__(
        self,
        net: BatchedModule,
        optimiser: Optimiser,
        patience: int | None,
        keep_best: bool = False,
    ) -> None:
        """Start before the first epoch; with a patience the best is always kept."""
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
        # State of each member when it was stopped, before its best was restored.
        self._last = self._copy() if patience is not None else {}

    def _copy(self) -> Weights:
        return {name: tensor.clone() for name, tensor in self.net.state_dict().items()}

    def mask(self, members: Flags) -> Tensor:
        """Flags of members on the network's device, (M,)."""
        return torch.from_numpy(members).to(self.net.theta.device)

    def restore_stopped(self) -> None:
        """Reset stopped members to their best, running statistics included."""
        if self.patience is not None and self.stopped.any():
            _copy_members(self.net.state_dict(), self._best, self.mask(self.stopped), self.stopped)

    def update_best(self, loss: Floats, min_delta: float) -> None:
        """Keep each member's best; stop those without a better one for `patience` epochs.

        Args:
            loss: of this epoch, (M,).
            min_delta: by how much a loss must fall to count as better.
        """
        better = (loss < self.best_loss - min_delta) & ~self.stopped
        self.best_loss = np.where(better, loss, self.best_loss)
        self.best_epoch = np.where(better, self.epoch, self.best_epoch)
        _copy_members(self._best, self.net.state_dict(), self.mask(better), better)
        if self.patience is None:
            return
        late = (self.epoch - self.best_epoch >= self.patience) & ~self.stopped
        _copy_members(self._last, self.net.state_dict(), self.mask(late), late)
        self.stop(self.stopped | late)
        self.restore_stopped()

    def stop(self, members: Flags) -> None:
        """Stop and freeze these members."""
        self.stopped = members
        self.optimiser.freeze(self.mask(members))

    def finish(self) -> tuple[Weights, Weights]:
        """Load every member's best state, if there is a patience.

        Returns:
            The last and the best state of all members; the best is empty where it was not kept.
        """
        last = self._copy()
        if self.patience is not None:
            # A diverged member stays where it was frozen.
            stopped = self.stopped & (self.diverged_at == 0)
            _copy_members(last, self._last, self.mask(stopped), stopped)
            self.net.load_state_dict(self._best)
        return last, self._best

    def record(self, name: str, scores: EvaluationScores | None) -> None:
        """Add the scores of an epoch to the curves."""
        if scores is not None:
            self.record_curve(f"{name}_loss", scores.loss)
            if scores.accuracy is not None:
                self.record_curve(f"{name}_accuracy", scores.accuracy)

    def record_curve(self, name: str, values: Floats) -> None:
        """Add an epoch, (M,), to one curve."""
        self.history.setdefault(name, []).append(values)

    def state(self) -> TrainState:
        """A copy of the state."""
        tensors = {f"net.{name}": tensor for name, tensor in self.net.state_dict().items()}
        tensors |= {f"best.{name}": tensor for name, tensor in self._best.items()}
        tensors |= {f"last.{name}": tensor for name, tensor in self._last.items()}
        tensors |= {f"optimiser.{k}": tensor for k, tensor in self.optimiser.state_dict().items()}
        arrays = {name: to_numpy(tensor).copy() for name, tensor in tensors.items()}
        for name in ("stopped", "diverged_at", "best_loss", "best_epoch"):
            arrays[name] = getattr(self, name).copy()
        arrays |= {f"history.{name}": np.stack(curve) for name, curve in self.history.items()}
        return TrainState(self.epoch, arrays)

    def resume(self, state: TrainState) -> None:
        """Load the state of a training with the same settings."""

        def part(prefix: str) -> dict[str, NDArray[Any]]:
            named = state.arrays.items()
            return {k.removeprefix(prefix): array for k, array in named if k.startswith(prefix)}

        def tensors(prefix: str) -> Weights:
            return {name: torch.from_numpy(array) for name, array in part(prefix).items()}

        self.epoch = state.epoch
        self.net.load_state_dict(tensors("net."))
        self.optimiser.load_state_dict(tensors("optimiser."))
        for copies, prefix in ((self._best, "best."), (self._last, "last.")):
            for name, tensor in tensors(prefix).items():
                copies[name].copy_(tensor)
        self.diverged_at = state.arrays["diverged_at"].copy()
        self.best_loss = state.arrays["best_loss"].copy()
        self.best_epoch = state.arrays["best_epoch"].copy()
        self.history = {name: list(curve) for name, curve in part("history.").items()}
        self.stop(state.arrays["stopped"].copy())


def _copy_members(into: Weights, source: Weights, mask: Tensor, members: Flags) -> None:
    """Copy the state of some members, flagged on the device (`mask`) and on the CPU (`members`)."""
    if members.any():
        for name, tensor in into.items():
            tensor[mask] = source[name][mask]
