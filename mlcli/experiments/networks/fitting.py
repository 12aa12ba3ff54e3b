"""Train every group of members, with checkpoints, layer statistics and progress."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from traceback import clear_frames
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcli.errors import EXIT_INTERRUPTED, MlcliError, NoAnswerError
from mlcli.experiments.networks.member_groups import (
    MemberGroup,
    device_of,
    group_kernels,
    loss_of,
    network_of,
    optimiser_of,
    out_of_memory_error,
    schedule_of,
    streams_of,
    view_of,
)
from mlcli.experiments.networks.problem import Problem
from mlcli.neural.batched_module import BatchedModule
from mlcli.neural.data_parallel import ExitStatus, LostError, ProcessGroup, hold_interrupts
from mlcli.neural.layer_statistics import STATISTICS, layer_statistics
from mlcli.neural.mlp import MLP
from mlcli.neural.optimisers import AveragedWeights
from mlcli.neural.training import (
    EpochReport,
    RunEpoch,
    TrainingResult,
    TrainingSettings,
    TrainState,
    take_steps,
    train,
)
from mlcli.result import Checkpoint, Progress, Reading

# Rows on which the statistics of layers are taken.
STATISTICS_ROWS = 256


Floats = NDArray[np.float64]
# Seconds between copies of the state in memory, and between copies in a file.
COPY_SECONDS = 0.5
FILE_SECONDS = 10.0


@dataclass(frozen=True)
class FittedGroup:
    """A group of members after training.

    Attributes:
        group: its members.
        net: with the weights that are evaluated: the best under early stopping, else the last, or
            their moving average, which is then also `trained.last`.
        trained: curves and states.
        moments: epochs of the layer statistics, 0 for the start, (T,).
        layers: `neural.layer_statistics.STATISTICS` of each hidden layer, (T, L, S, M).
    """

    group: MemberGroup
    net: BatchedModule
    trained: TrainingResult
    moments: NDArray[np.int64]
    layers: Floats


class CheckpointCallback:
    """Called after every epoch: saves checkpoints and reports the progress."""

    def __init__(
        self,
        groups: Sequence[MemberGroup],
        n_epochs: int,
        checkpoint: Checkpoint | None,
        progress: Progress,
        process_group: ProcessGroup | None = None,
    ) -> None:
        """Load the checkpoint of an interrupted run.

        Args:
            groups: all of them, in the order in which they train.
            n_epochs: of each.
            checkpoint: where states are saved, if anywhere.
            progress: called with the epochs that are done.
            process_group: processes that train together; the first has the checkpoint.
        """
        self.n_epochs, self.n_groups = n_epochs, len(groups)
        self._checkpoint, self._progress = checkpoint, progress
        self._process_group = process_group
        saved = None if checkpoint is None else checkpoint.load()
        saved = saved if process_group is None else process_group.from_first(saved)
        self._saved: dict[str, NDArray[Any]] = dict(saved or {})
        self._t_copied, self._t_written = time.monotonic(), -math.inf

    def state_of(self, number: int) -> dict[str, NDArray[Any]]:
        """The saved state of a group, by name; empty if there is none."""
        prefix = f"{number}/"
        named = self._saved.items()
        return {key.removeprefix(prefix): a for key, a in named if key.startswith(prefix)}

    def save(self, number: int, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Copy a group's state, and write the file if `FILE_SECONDS` have passed."""
        prefix = f"{number}/"
        others = {k: a for k, a in self._saved.items() if not k.startswith(prefix)}
        self._saved = others | {f"{prefix}{name}": array for name, array in arrays.items()}
        self._t_copied = time.monotonic()
        if self._t_copied - self._t_written > FILE_SECONDS:
            self.write()

    def write(self) -> None:
        """Write all states into the file."""
        if self._checkpoint is not None and self._saved:
            self._checkpoint.save(self._saved)
            self._t_written = time.monotonic()

    @property
    def is_due(self) -> bool:
        """Whether `COPY_SECONDS` have passed since the last copy of the state."""
        return self._checkpoint is not None and time.monotonic() - self._t_copied > COPY_SECONDS

    def show(self, number: int, epoch: int, reading: Reading) -> None:
        """Report how far the training is."""
        done, total = number * self.n_epochs + epoch, self.n_groups * self.n_epochs
        self._progress(done, total, reading=reading)

    def ended(self, error: BaseException) -> MlcliError:
        """Write the state; the error says why the training ended and where it will resume."""
        status = ExitStatus(EXIT_INTERRUPTED, "interrupted")
        if self._process_group is not None:
            # First, so that no other interrupt disturbs the writing.
            hold_interrupts()
        self.write()
        if self._process_group is not None:
            # The frames of a sum that was interrupted would keep its connections open.
            clear_frames(error.__traceback__)
            status = self._process_group.why(interrupted=isinstance(error, KeyboardInterrupt))
        where = "no file was left half written"
        if self._process_group is not None and self._process_group.rank > 0:
            where = "the same command goes on from what process 0 wrote, if it came to that"
        if self._saved and self._checkpoint is not None:
            epochs = [int(a) for key, a in self._saved.items() if key.endswith("/epoch")]
            where = (
                f"the same command goes on after epoch {sum(epochs)} of "
                f"{self.n_groups * self.n_epochs}"
            )
        return status.error(where)


def fit_all(
    config: Any,
    problem: Problem,
    groups: Sequence[MemberGroup],
    *,
    checkpoint: Checkpoint | None,
    progress: Progress,
    run_epoch: RunEpoch | None = None,
    process_group: ProcessGroup | None = None,
    watch: Callable[[BatchedModule, int], None] | None = None,
) -> list[FittedGroup]:
    """Train every group, or resume an interrupted training.

    Args:
        config: has the fields of a training.
        problem: rows and splits.
        groups: members by shape.
        checkpoint: where states are saved, if anywhere.
        progress: called with the epochs that are done.
        run_epoch: see `neural.training.train`.
        process_group: processes that each train on a shard of every minibatch; None: this
            process alone.
        watch: called with each group's networks before the first epoch, as epoch 0, and after each.

    Raises:
        NoAnswerError: the only variant diverged, or every one did.
        Interrupted: Ctrl-C, after the state was saved.
        MlcliError: another process ended, after the state was saved.
        InputError: the members don't fit into memory.
    """
    callback = CheckpointCallback(groups, config.n_epochs, checkpoint, progress, process_group)
    # In a comparison a variant that diverges is part of the answer.
    alone = len({one.variant.name for group in groups for one in group.members}) == 1
    try:
        found = []
        for number, group in enumerate(groups):
            with group_kernels(group, device_of(config, group).device, process_group):
                one = _fit(
                    config,
                    problem,
                    group,
                    number,
                    callback,
                    run_epoch,
                    process_group,
                    watch,
                    raises=alone,
                )
            found.append(one)
    except (KeyboardInterrupt, LostError) as error:
        raise callback.ended(error) from None
    except (RuntimeError, MemoryError) as error:
        raise out_of_memory_error(error) from None
    diverged = np.concatenate([one.trained.diverged_at for one in found])
    if diverged.all():
        raise NoAnswerError(
            f"every member diverged, the first at step {diverged.min()}",
            hint="a smaller --learning-rate",
        )
    return found


def settings_of(config: Any, group: MemberGroup, n_rows: int, *, raises: bool) -> TrainingSettings:
    """How the members of a group train."""
    common = group.common
    return TrainingSettings(
        n_epochs=config.n_epochs,
        batch_size=common.batch_size,
        schedule=schedule_of(config, common.schedule, n_rows, common.batch_size),
        clip_norm=config.clip_norm,
        patience=config.patience,
        min_delta=config.min_delta,
        keep_best=True,
        evaluate_training=config.evaluate_training,
        raise_on_divergence=raises,
        autocast=config.precision == "bf16",
    )


def _averaging(
    config: Any, net: BatchedModule, saved: Mapping[str, NDArray[Any]], run_epoch: RunEpoch | None
) -> tuple[AveragedWeights | None, RunEpoch | None]:
    """The moving average of the weights and the steps that update it, or None."""
    # lr-find has no such field: its comparison evaluates the last weights.
    decay = getattr(config, "average_decay", None)
    if decay is None:
        return None, run_epoch
    average = AveragedWeights(decay)
    if saved:
        average.resume(saved, net)
    steps: Callable[..., Any] = run_epoch or take_steps
    return average, partial(steps, on_step=average.update)


def _fit(
    config: Any,
    problem: Problem,
    group: MemberGroup,
    number: int,
    callback: CheckpointCallback,
    run_epoch: RunEpoch | None,
    process_group: ProcessGroup | None,
    watch: Callable[[BatchedModule, int], None] | None,
    *,
    raises: bool,
) -> FittedGroup:
    net, loss = network_of(config, group), loss_of(problem)
    net.group = process_group
    optimiser = optimiser_of(config, group, net)
    view = view_of(problem, group, "train")
    assert view.index is not None
    saved = callback.state_of(number)
    statistics = LayerStatisticsCallback(config, problem, group, saved)
    if not saved:
        statistics.record(net, 0)
        if watch is not None:
            watch(net, 0)
    t_start, first = time.monotonic(), int(saved.get("epoch", np.array(0)))

    def on_epoch(report: EpochReport) -> None:
        statistics.record(net, report.epoch)
        if watch is not None:
            watch(net, report.epoch)
        if callback.is_due or report.epoch == config.n_epochs:
            state = report.state()
            more = {} if average is None else average.arrays()
            more["epoch"] = np.array(state.epoch)
            callback.save(number, {**state.arrays, **statistics.arrays, **more})
        seen = (report.epoch - first) * view.index.size  # type: ignore[union-attr]
        rate = optimiser.learning_rate.mean() * settings.schedule(report.step, n_steps)
        reading = Reading(
            epoch=report.epoch,
            step=report.step,
            loss=float(np.nanmean(report.step_losses)),
            rate=float(rate),
            samples_per_second=seen / (time.monotonic() - t_start),
        )
        callback.show(number, report.epoch, reading)

    average, run_epoch = _averaging(config, net, saved, run_epoch)
    settings = settings_of(config, group, view.index.shape[1], raises=raises)
    n_steps = settings.n_steps(view.index.shape[1])
    watched = problem.splits[0].validation.size > 0
    trained = train(
        net,
        optimiser,
        loss,
        problem.X,
        problem.t,
        settings,
        streams_of(group, config.seed),
        view=view,
        validation=(problem.X, problem.t) if watched else None,
        validation_view=view_of(problem, group, "validation") if watched else None,
        on_epoch=on_epoch,
        state=TrainState(first, saved) if saved else None,
        run_epoch=run_epoch,
    )
    net.group = None
    if average is not None:
        net.load_state_dict(average.state)
        trained = replace(trained, last=average.state)
    return FittedGroup(group, net, trained, *statistics.stacked)


class LayerStatisticsCallback:
    """Records statistics of the layers at a few epochs of a training."""

    def __init__(
        self,
        config: Any,
        problem: Problem,
        group: MemberGroup,
        saved: Mapping[str, NDArray[Any]],
    ) -> None:
        """Choose the epochs, and load the statistics of an interrupted run.

        Args:
            config: has n_epochs and n_statistics.
            problem: rows and splits.
            group: the members.
            saved: arrays of an interrupted run, or empty.
        """
        self._problem = problem
        self._view = view_of(problem, group, "train", STATISTICS_ROWS)
        count = min(config.n_statistics, config.n_epochs + 1)
        self._wanted = set(np.linspace(0, config.n_epochs, count).round().astype(int).tolist())
        n_layers, n_members = group.architecture.n_hidden, len(group.members)
        if not n_layers:
            self._wanted = set()
        empty = np.zeros((0, n_layers, len(STATISTICS), n_members))
        self._moments: list[int] = [int(epoch) for epoch in saved.get("moments", ())]
        self._layers: list[Floats] = list(saved.get("layers", empty))
        self._empty = empty

    def record(self, net: BatchedModule, epoch: int) -> None:
        """Record the statistics if this epoch is one of the chosen."""
        if epoch not in self._wanted or epoch in self._moments:
            return
        assert isinstance(net, MLP)
        problem = self._problem
        found = layer_statistics(net, loss_of(problem), problem.X, problem.t, self._view)
        self._moments.append(epoch)
        self._layers.append(np.array([[getattr(one, k) for k in STATISTICS] for one in found]))

    @property
    def stacked(self) -> tuple[NDArray[np.int64], Floats]:
        """Epochs (T,) and statistics (T, L, S, M)."""
        layers = np.stack(self._layers) if self._layers else self._empty
        return np.array(self._moments, dtype=np.int64), layers

    @property
    def arrays(self) -> dict[str, NDArray[Any]]:
        """The same as arrays for a checkpoint."""
        moments, layers = self.stacked
        return {"moments": moments, "layers": layers}
