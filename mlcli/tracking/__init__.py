"""Finished runs, logged to MLflow, TensorBoard or DVCLive; one module per tracker.

Each module has a function ``log(record: Record) -> str``. It logs a run, replacing an earlier log
of it, and returns where. It may raise whatever its library raises; the run folder is unaffected.
"""

from __future__ import annotations

import logging
import re
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from mlcli import console
from mlcli.errors import ConfigError, Interrupted, MlcliError
from mlcli.params.faults import unknown

if TYPE_CHECKING:
    from mlcli.run.execute import RunOptions

# Each is the name of the flag, of the extra, of the library, and of the module here.
TRACKERS = ("mlflow", "tensorboard", "dvclive")
# Each run of a command replaces the one before.
ONE_A_COMMAND = ("dvclive",)
# Characters shown of a library's error.
MOST = 200


def trackers_of(text: str | None) -> tuple[str, ...]:
    """The trackers of a flag, each there to be used.

    Raises:
        ConfigError: one is unknown, or its library is not installed.
    """
    if text is None:
        return ()
    names = tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    if not names:
        raise ConfigError("--track", must="some of " + ", ".join(TRACKERS), got=repr(text))
    for name in names:
        if name not in TRACKERS:
            raise ConfigError(f"--track: {unknown('tracker', name, TRACKERS)}")
        if find_spec(name) is None:
            raise ConfigError(
                f"--track {name} needs a library that is not installed",
                hint=f"`pip install 'mlcli[{name}]'`",
            )
    return names


def track_run(folder: Path, options: RunOptions) -> None:
    """Log a finished run with the trackers that were asked for.

    Raises:
        MlcliError: a tracker failed or was interrupted; the run is as it was.
    """
    if not options.dry_run:
        track([folder], options.track, quiet=options.quiet)


def track(folders: Sequence[Path], names: Sequence[str], *, quiet: bool) -> None:
    """Log finished runs with each tracker, whatever becomes of the others.

    Args:
        folders: run folders.
        names: of trackers.
        quiet: whether not to say where.

    Raises:
        MlcliError: a tracker failed; the runs are as they were.
        Interrupted: so are they.
    """
    kept = str(folders[0]) if len(folders) == 1 else f"the {len(folders)} run folders"
    failed = []
    for name in names:
        try:
            where = _log_all(folders, name)
        except KeyboardInterrupt:
            raise Interrupted(
                f"interrupted while {name} was told of the run; {kept} is whole, and the same "
                "command goes on from there"
            ) from None
        except Exception as error:
            failed.append(f"{name} failed ({_reason(error)})")
            continue
        if where and not quiet:
            console.message(f"tracked by {name}: {without_password(where)}")
    if failed:
        raise MlcliError(f"{'; '.join(failed)}; the result is in {kept}")


def _log_all(folders: Sequence[Path], name: str) -> str:
    """Log each run; where the last of them is."""
    from mlcli.tracking.record import read_record

    where = ""
    with _silenced():
        tracker = import_module(f"mlcli.tracking.{name}")
        for folder in folders:
            where = tracker.log(read_record(folder))
    return where


def _reason(error: Exception) -> str:
    """The first words of an error, which may be long and of many lines."""
    words = " ".join(str(error).split())
    kind = "" if isinstance(error, MlcliError) else f"{type(error).__name__}: "
    return without_password(f"{kind}{words[:MOST]}{'...' if len(words) > MOST else ''}")


def without_password(text: str) -> str:
    """The same text with no user and no password in its addresses."""
    return re.sub(r"//[^/@\s]*@", "//", text)


@contextmanager
def _silenced() -> Iterator[None]:
    """What libraries say on the side: stdout is the result's, stderr gets one sentence of ours."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings(), redirect_stdout(sys.stderr):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
