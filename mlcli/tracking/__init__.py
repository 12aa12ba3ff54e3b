"""Finished runs, handed to the tracker of a user's choice; one small file a tracker."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from mlcli.tracking.record import Record

# Each is the name of the flag, of the extra, of the library, and of the file here.
TRACKERS = ("mlflow", "tensorboard", "dvclive")


class Tracker(Protocol):
    """What the file of each tracker has."""

    @staticmethod
    def log(record: Record) -> str:
        """Log a run, instead of what is there of the same run, and say where.

        Raises:
            Exception: what the library raises; nothing of ours is lost by it.
        """
