"""One experiment by several processes that `torchrun` started: the first one writes and speaks."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from mlcli import console
from mlcli.commands.dry_run import show_plan
from mlcli.commands.experiment import RunSpec, execute, finished, prepare, show
from mlcli.commands.options import RunOptions
from mlcli.commands.track import track_run
from mlcli.errors import MlcliError
from mlcli.report.manifest import question_hash
from mlcli.scale.torchrun import Launch


def run_together(
    section: str, flags: Mapping[str, Any], options: RunOptions, launch: Launch
) -> None:
    """Resolve and check in every process, train in all of them, write and show in the first.

    Raises:
        MlcliError: in every process, if it is raised in one.
    """
    try:
        _run(section, flags, options, launch)
    except MlcliError as error:
        # If the first process is dead, the second one says so.
        if launch.rank == 1 and "process 0 of" in str(error):
            console.silence(False)
        raise


def _run(section: str, flags: Mapping[str, Any], options: RunOptions, launch: Launch) -> None:
    from mlcli.experiments.networks.processes import agreed, check_together, joined

    own = replace(options, processes=launch.size, rank=launch.rank)

    def prepared_here() -> RunSpec:
        found = prepare(section, flags, own)
        check_together(found.resolved.config, launch)
        return found

    with joined(launch) as group:
        spec = agreed(group, prepared_here, lambda one: question_hash(one.asked))
        if options.dry_run:
            if launch.rank == 0:
                show_plan(spec, not options.force and finished(spec))
            return
        # Only the first one's folder counts, wherever the others are.
        there = launch.rank == 0 and not options.force and finished(spec)
        there = group.exchange(json.dumps(there))[0] == "true"
        if there and not options.quiet:
            console.message(f"already done: {spec.target} (--force runs it again)")
        if not there and launch.rank == 0:
            execute(spec, group)
        elif not there:
            spec.experiment.follow(spec.prepared, group)
        if launch.rank == 0:
            show(spec)
            track_run(spec.target, options)
