"""What every training checks and builds before its work: `PreparedTraining`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from mlcli.datasets.source import Source
from mlcli.errors import DataError, InputError
from mlcli.experiments.experiment import Prepared
from mlcli.experiments.networks.member_groups import (
    COPIES,
    MemberGroup,
    device_of,
    dtype_of,
    member_groups_of,
)
from mlcli.experiments.networks.problem import Problem, check_batches, problem_of
from mlcli.experiments.networks.variants import Variant, check_members, variants_of
from mlcli.neural.device import choose_device, device_bytes

C = TypeVar("C")
# Bytes that the interpreter, torch and everything else need besides the members.
RESERVED = 1 << 30


@dataclass(frozen=True)
class PreparedTraining(Prepared[C], Generic[C]):
    """A training that can start.

    Attributes:
        problem: rows, targets and the split of each seed.
        variants: every combination of the values that are compared.
        groups: all members, in groups that train together.
    """

    problem: Problem
    variants: tuple[Variant, ...]
    groups: tuple[MemberGroup, ...]

    @property
    def sizes(self) -> str:
        """Training, validation and test rows of a seed, for ``--dry-run``."""
        split = self.problem.splits[0]
        return ", ".join(str(part.size) for part in (split.train, split.validation, split.test))

    @property
    def labels(self) -> str:
        """What the variants are called, for ``--dry-run``."""
        return ", ".join(one.label for one in self.variants)

    @property
    def parameter_counts(self) -> str:
        """The numbers of parameters that a member can have, for ``--dry-run``."""
        counts = sorted({one.architecture.n_parameters for one in self.groups})
        return ", ".join(str(n) for n in counts)


def prepare_training(config: C, source: Source, *, isolate: bool = False) -> PreparedTraining[C]:
    """Check data, device, sizes, networks and memory, and build what the training uses.

    Args:
        config: has the fields of a training.
        source: where the data come from.
        isolate: whether each member trains alone.

    Raises:
        DataError: the data are read in batches, or the rows or labels won't do.
        InputError: a parameter won't do.
    """
    settings: Any = config
    if source.streamed:
        raise DataError(
            f"{source.name} has {source.n_rows} rows and is read in batches, which networks can't "
            "use",
            hint="a file with fewer rows",
        )
    choose_device(settings.device, 0, dtype_of(settings))
    variants = variants_of(settings)
    check_members(variants, settings.n_seeds)
    problem = problem_of(settings, source)
    groups = member_groups_of(settings, problem, variants, isolate=isolate)
    check_batches(settings.batch_size, problem)
    if settings.round_metric and problem.labelled:
        raise InputError(
            "--round-metric", must="used with a regression", got="classes", hint="--task regression"
        )
    check_memory(settings, groups)
    return PreparedTraining(config, source, problem, tuple(variants), tuple(groups))


def check_memory(config: Any, groups: Sequence[MemberGroup]) -> None:
    """Refuse members that can't fit into memory, before hours of swapping.

    Raises:
        InputError: with what they need and what there is.
    """
    devices = [device_of(config, one).device for one in groups]
    for device in dict.fromkeys(devices):
        own = [one for one, its in zip(groups, devices, strict=True) if its == device]
        _check_memory_of(device, own)


def _check_memory_of(device: Any, groups: Sequence[MemberGroup]) -> None:
    """Refuse the groups of one device."""
    present = device_bytes(device)
    # One group trains at a time. Of the others the current, last and best weights stay in memory.
    weights = sum(3 * 4 * len(one.members) * one.architecture.n_parameters for one in groups)
    training = max(
        4
        * len(one.members)
        * (
            COPIES * one.architecture.n_parameters
            + one.common.batch_size * one.architecture.n_values
        )
        for one in groups
    )
    needed = training + weights + RESERVED
    if present is not None and needed > present:
        raise InputError(
            "the memory that the networks need",
            must=f"at most the {present / 2**30:.0f} GiB of the device",
            got=f"about {needed / 2**30:.0f} GiB",
            hint="smaller networks, --batch-size or --n-seeds",
        )
