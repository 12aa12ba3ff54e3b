"""Processes that `torchrun` started: join, compare the parameters, report exits."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from mlcli.errors import EXIT_FAILED, EXIT_INTERRUPTED, ConfigError, MlcliError
from mlcli.neural.data_parallel import (
    ExitStatus,
    LostError,
    ProcessGroup,
    check_device,
    interrupt_once,
    join,
)
from mlcli.neural.device import accelerator, find_device
from mlcli.scale.torchrun import Launch

T = TypeVar("T")


def check_together(config: Any, launch: Launch) -> None:
    """Refuse settings that several processes can't train.

    Raises:
        ConfigError: the engine, or the device of one of the processes.
    """
    if getattr(config, "engine", "torch") != "torch":
        raise ConfigError("--engine", must="torch under torchrun", got=config.engine)
    name = (accelerator() or "cpu") if config.device == "auto" else config.device
    check_device(find_device(name), launch.local_size)


@contextmanager
def joined(launch: Launch) -> Iterator[ProcessGroup]:
    """The group while the block runs; an error is reported to the other processes."""
    group = join(launch.rank, launch.size, launch.local_rank, launch.local_size)
    interrupt_once()
    try:
        yield group
    except LostError:
        raise group.why(interrupted=False).error("nothing was changed") from None
    except MlcliError as error:
        group.report_exit(error.exit_code, str(error))
        raise
    except KeyboardInterrupt:
        group.report_exit(EXIT_INTERRUPTED, "interrupted")
        raise
    except Exception as error:
        group.report_exit(EXIT_FAILED, f"this is a bug: {type(error).__name__}: {error}")
        raise
    group.leave()


def agreed(group: ProcessGroup, make: Callable[[], T], name: Callable[[T], str]) -> T:
    """Call `make` in every process and check that all made the same.

    Args:
        group: all processes.
        make: prepares the run.
        name: identifies a run in a short text.

    Raises:
        MlcliError: one of them failed, or has other parameters or data.
    """
    made, failed = None, None
    try:
        made = make()
        status = [0, name(made)]
    except MlcliError as error:
        failed, status = error, [error.exit_code, str(error)]
    statuses = [ExitStatus(*json.loads(text)) for text in group.exchange(json.dumps(status))]
    if failed is not None:
        raise failed
    assert made is not None
    for rank, one in enumerate(statuses):
        if one.code:
            raise ExitStatus(one.code, f"process {rank}: {one.message}").error(
                "nothing was changed"
            )
        if one.message != statuses[0].message:
            raise ConfigError(
                f"the parameters and data of process {rank}",
                must="those of process 0",
                got="others",
            )
    return made
