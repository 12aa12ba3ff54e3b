"""Members, the groups in which they train together, and what a group is built from."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from typing import Any

import numpy as np

from mlcli.errors import InputError
from mlcli.experiments.networks.architectures import Architecture, architecture_of
from mlcli.experiments.networks.problem import Problem
from mlcli.experiments.networks.variants import Variant
from mlcli.neural import schedules
from mlcli.neural.batched_module import BatchedModule, Stream
from mlcli.neural.batches import Scaling, View, batch_bounds
from mlcli.neural.data_parallel import ProcessGroup
from mlcli.neural.device import DeviceChoice, choose_device, find_dtype, repeatable
from mlcli.neural.losses import LOSSES, Loss
from mlcli.neural.optimisers import OPTIMISERS, Optimiser
from mlcli.neural.schedules import Schedule
from mlcli.rng import stream
from mlcli.scale.threads import cores, n_threads

# A group needs at most this much memory, whatever the machine has, so that results don't depend
# on it. Further members form another group.
GROUP_BYTES = 1 << 30
# Arrays as large as the parameters: parameters, gradients and their parts, two moments, best, last.
COPIES = 8


@dataclass(frozen=True)
class Member:
    """One network: a variant and a seed.

    Attributes:
        variant: its settings.
        seed_index: which of the seeds, from 0.
    """

    variant: Variant
    seed_index: int


@dataclass(frozen=True)
class MemberGroup:
    """Members of one shape, which train together as one `BatchedModule`.

    Attributes:
        members: in order of variants, then of seeds.
        architecture: of all of them.
    """

    members: tuple[Member, ...]
    architecture: Architecture

    @property
    def common(self) -> Variant:
        """The first variant: outside `variants.PER_MEMBER` its values are those of all members."""
        return self.members[0].variant

    @property
    def multiplications(self) -> int:
        """Of a forward pass of one minibatch, all members together."""
        n_rows: int = self.common.batch_size
        return len(self.members) * n_rows * self.architecture.multiplications


def member_groups_of(
    config: Any, problem: Problem, variants: Sequence[Variant], *, isolate: bool = False
) -> list[MemberGroup]:
    """Members grouped by shape, at most as many as fit into `GROUP_BYTES`; one each with `isolate`.

    Raises:
        InputError: a network does not fit these rows.
    """
    found, n_seeds = [], config.n_seeds
    # Variants of one group need not be adjacent: sorted by the first appearance of their shape.
    keys = [variant.group for variant in variants]
    ordered = sorted(variants, key=lambda variant: keys.index(variant.group))
    for _, alike_variants in groupby(ordered, key=lambda variant: variant.group):
        alike = list(alike_variants)
        members = [Member(variant, index) for variant in alike for index in range(n_seeds)]
        shape = architecture_of(problem, alike[0])
        numbers = COPIES * shape.n_parameters + alike[0].batch_size * shape.n_values
        weight = numbers * np.dtype(np.float32).itemsize
        most = 1 if isolate else max(1, GROUP_BYTES // weight)
        for start in range(0, len(members), most):
            some = tuple(members[start : start + most])
            found.append(MemberGroup(some, shape))
    return found


def streams_of(group: MemberGroup, seed: int) -> list[Stream]:
    """Random streams of each member, which depend on its seed only."""
    return [partial(stream, seed, "member", one.seed_index) for one in group.members]


def loss_of(problem: Problem) -> Loss:
    """The loss of a task."""
    return LOSSES["cross-entropy" if problem.labelled else "square"]


def dtype_of(config: Any) -> str:
    """The type of the parameters; bf16 is for forward passes only."""
    return "float64" if config.precision == "float64" else "float32"


def device_of(config: Any, group: MemberGroup) -> DeviceChoice:
    """The device of a group and why; where it is not given, by the size of the group.

    Raises:
        InputError: the device is absent, or can't compute in the type of the parameters.
    """
    if getattr(config, "engine", "torch") == "numpy":
        return DeviceChoice(choose_device("cpu", 0).device, "NumPy computes on the CPU")
    return choose_device(config.device, group.multiplications, dtype_of(config))


def network_of(config: Any, group: MemberGroup) -> BatchedModule:
    """The members of a group with initial weights.

    Raises:
        InputError: the device is absent, or the members don't fit into memory.
    """
    device = device_of(config, group).device
    dtype = find_dtype(dtype_of(config), device)
    generators = [one("weights") for one in streams_of(group, config.seed)]
    variants = [one.variant for one in group.members]
    try:
        return group.architecture.build(variants, generators, device, dtype)
    except (RuntimeError, MemoryError) as error:
        raise out_of_memory_error(error) from None


def out_of_memory_error(error: BaseException) -> BaseException:
    """An InputError for a failed allocation; any other error unchanged."""
    text = str(error)
    if isinstance(error, MemoryError) or "memory" in text.lower() or "alloc" in text.lower():
        return InputError(
            "the networks don't fit into memory", hint="smaller --hidden, --batch-size or --n-seeds"
        )
    return error


def optimiser_of(config: Any, group: MemberGroup, net: BatchedModule) -> Optimiser:
    """The optimiser of a group; each member has its own rate and penalties."""
    name = group.common.optimiser
    options: dict[str, Any] = {}
    if name in ("momentum", "nesterov"):
        options["momentum"] = config.momentum
    if name in ("adam", "adamw"):
        options["betas"] = (config.beta1, config.beta2)
    if name == "adamw":
        options["weight_decay"] = config.weight_decay
    every = [one.variant for one in group.members]
    return OPTIMISERS[name](
        net.theta,
        net.decays,
        [variant.learning_rate for variant in every],
        l1=[variant.l1 for variant in every],
        l2=[variant.l2 for variant in every],
        **options,
    )


def schedule_of(config: Any, name: str, n_rows: int, batch_size: int) -> Schedule:
    """A schedule by its name, with the settings of a config.

    Args:
        config: has `ScheduleFields` and n_epochs.
        name: of the schedule.
        n_rows: training rows.
        batch_size: rows of a minibatch.
    """
    epochs = config.n_epochs / 2 if config.decay_epochs is None else config.decay_epochs
    s = epochs * len(batch_bounds(n_rows, batch_size))
    cycles = (config.cycle_share, config.cycle_start, config.cycle_final)
    made: dict[str, Callable[[], Schedule]] = {
        "constant": schedules.constant,
        "power": lambda: schedules.power(s, config.power_c),
        "exponential": lambda: schedules.exponential(s),
        "piecewise": lambda: schedules.piecewise(config.piecewise_ends, config.piecewise_factors),
        "cosine": lambda: schedules.cosine(config.cosine_final),
        "one-cycle": lambda: schedules.one_cycle(*cycles),
        "n-cycle": lambda: schedules.n_cycle(config.n_cycles, *cycles),
    }
    return made[name]()


def view_of(problem: Problem, group: MemberGroup, part: str, n_rows: int | None = None) -> View:
    """The rows of one part (train, validation, test) of each member, in its own units.

    Args:
        problem: the rows and splits.
        group: the members.
        part: which part.
        n_rows: only the first so many; None: all.
    """
    splits = [problem.splits[one.seed_index] for one in group.members]
    index = np.stack([getattr(split, part)[:n_rows] for split in splits])  # (M, n)
    shift, scale = (
        np.stack([getattr(split, name) for split in splits]) for name in ("X_shift", "X_scale")
    )  # (M, D) each
    if problem.origin is not None:
        shift = shift - problem.origin
    units = Scaling(shift, scale) if (shift != 0).any() or (scale != 1).any() else None
    t_units = None
    if not problem.labelled:
        t_shift = np.array([[split.t_shift - problem.t_origin] for split in splits])  # (M, 1)
        t_units = Scaling(t_shift, np.array([[split.t_scale] for split in splits]))
    return View(index, units, t_units)


@contextmanager
def group_kernels(
    group: MemberGroup, device: Any, process_group: ProcessGroup | None = None
) -> Iterator[None]:
    """The settings that suit a group: its number of threads, and what repeats its bytes.

    With several processes each has a share of the rows and of the processors.

    Args:
        group: the members.
        device: where they compute.
        process_group: the processes; None: this one alone.
    """
    a_row, n_rows = group.architecture.multiplications, group.common.batch_size
    if process_group is not None:
        n_rows = -(-n_rows // process_group.size)
    count = n_threads(a_row, len(group.members), n_rows)
    if process_group is not None:
        count = max(1, min(count, cores() // process_group.local_size))
    with repeatable(device, count):
        yield
