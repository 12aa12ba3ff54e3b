"""Finished runs, logged to MLflow, TensorBoard or DVCLive; one module per tracker."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from mlcli.tracking.record import Record

# Each is the name of the flag, of the extra, of the library, and of the file here.
TRACKERS = ("mlflow", "tensorboard", "dvclive")


class Tracker(Protocol):
    """The interface of the module of each tracker."""

    @staticmethod
    def log(record: Record) -> str:
        """Log a run, replacing an earlier log of it, and return where.

        Raises:
            Exception: what the library raises; the run folder is unaffected.
        """
