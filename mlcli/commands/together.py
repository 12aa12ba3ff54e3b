"""One experiment by several processes that `torchrun` started: the first one writes and speaks."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from mlcli import console
from mlcli.commands.experiment import Prepared, execute, finished, prepare, show, show_plan
from mlcli.commands.options import RunOptions
from mlcli.errors import EXIT_FAILED, EXIT_INTERRUPTED, ConfigError, MlcliError
from mlcli.report.manifest import question_hash
from mlcli.scale.torchrun import Launch

if TYPE_CHECKING:
    from mlcli.neural.process_group import ProcessGroup


def run_together(
    section: str, flags: Mapping[str, Any], options: RunOptions, launch: Launch
) -> None:
    """Resolve and check in every process, train in all of them, write and show in the first.

    Raises:
        MlcliError: in every process, if it is raised in one.
    """
    with _joined(launch) as group:
        own = replace(options, processes=launch.size, rank=launch.rank)
        prepared = _agreed(group, lambda: _prepare(section, flags, own, launch))
        if options.dry_run:
            if launch.rank == 0:
                show_plan(prepared)
            return
        # Only the first one's folder counts, wherever the others are.
        there = launch.rank == 0 and not options.force and finished(prepared)
        there = group.exchange(json.dumps(there))[0] == "true"
        if there and not options.quiet:
            console.message(f"already done: {prepared.target} (--force runs it again)")
        if not there and launch.rank == 0:
            execute(prepared, group)
        elif not there:
            prepared.experiment.follow(prepared.resolved.config, prepared.source, group)
        if launch.rank == 0:
            show(prepared)


def _prepare(
    section: str, flags: Mapping[str, Any], options: RunOptions, launch: Launch
) -> Prepared:
    from mlcli.neural.device import find_device
    from mlcli.neural.process_group import check_device

    prepared = prepare(section, flags, options)
    config = prepared.resolved.config
    if getattr(config, "engine", "torch") != "torch":
        raise ConfigError("--engine", must="torch under torchrun", got=config.engine)
    check_device(find_device(config.device), launch.local_size)
    return prepared


@contextmanager
def _joined(launch: Launch) -> Iterator[ProcessGroup]:
    """The group while the block runs; what ends it early is left as word for the others."""
    from mlcli.neural.process_group import LostError, join

    group = join(launch.rank, launch.size, launch.local_rank, launch.local_size)
    try:
        yield group
    except LostError:
        raise group.why(interrupted=False).error("nothing was changed") from None
    except MlcliError as error:
        group.leave_word(error.exit_code, str(error))
        _speak_for_the_first(group, error)
        raise
    except KeyboardInterrupt:
        group.leave_word(EXIT_INTERRUPTED, "interrupted")
        raise
    except Exception as error:
        group.leave_word(EXIT_FAILED, f"this is a bug: {type(error).__name__}: {error}")
        raise
    group.leave()


def _speak_for_the_first(group: ProcessGroup, error: MlcliError) -> None:
    """If the first process is dead, the second one says so."""
    if group.rank == 1 and "process 0 of" in str(error):
        console.hush(False)


def _agreed(group: ProcessGroup, make: Callable[[], Prepared]) -> Prepared:
    """What every process has prepared.

    Raises:
        MlcliError: one of them can't, or was asked something else.
    """
    from mlcli.neural.process_group import Word

    prepared, failed = None, None
    try:
        prepared = make()
        said = [0, question_hash(prepared.asked)]
    except MlcliError as error:
        failed, said = error, [error.exit_code, str(error)]
    words = [Word(*json.loads(text)) for text in group.exchange(json.dumps(said))]
    if failed is not None:
        raise failed
    assert prepared is not None
    for rank, word in enumerate(words):
        if word.code:
            raise Word(word.code, f"process {rank}: {word.sentence}").error("nothing was changed")
        if word.sentence != words[0].sentence:
            raise ConfigError(
                f"the parameters and data of process {rank}",
                must="those of process 0", got="others",
            )  # fmt: skip
    return prepared
