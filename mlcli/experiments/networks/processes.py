"""The processes of a launch: how they meet, agree on what is asked, and tell why one ends."""

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
from mlcli.neural.device import find_device
from mlcli.scale.torchrun import Launch

T = TypeVar("T")


def check_together(config: Any, launch: Launch) -> None:
    """Refuse what one process can train and several can't.

    Raises:
        ConfigError: the engine, or the device of one of the processes.
    """
    if getattr(config, "engine", "torch") != "torch":
        raise ConfigError("--engine", must="torch under torchrun", got=config.engine)
    check_device(find_device(config.device), launch.local_size)


@contextmanager
def joined(launch: Launch) -> Iterator[ProcessGroup]:
    """The group while the block runs; what ends it early is left as word for the others."""
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


def agreed(group: ProcessGroup, make: Callable[[], T], question: Callable[[T], str]) -> T:
    """What this process makes, once every process has made its own and all are asked the same.

    Args:
        group: all processes.
        make: prepares what is to be done.
        question: its short name.

    Raises:
        MlcliError: one of them can't, or was asked something else.
    """
    made, failed = None, None
    try:
        made = make()
        said = [0, question(made)]
    except MlcliError as error:
        failed, said = error, [error.exit_code, str(error)]
    words = [ExitStatus(*json.loads(text)) for text in group.exchange(json.dumps(said))]
    if failed is not None:
        raise failed
    assert made is not None
    for rank, word in enumerate(words):
        if word.code:
            raise ExitStatus(word.code, f"process {rank}: {word.message}").error(
                "nothing was changed"
            )
        if word.message != words[0].message:
            raise ConfigError(
                f"the parameters and data of process {rank}",
                must="those of process 0",
                got="others",
            )
    return made
