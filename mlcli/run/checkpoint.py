"""Work that was interrupted, kept in one file until the run it belongs to is done."""

from __future__ import annotations

import io
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from mlcli.partials import replacing_file
from mlcli.run.files import json_text, write_bytes
from mlcli.run.manifest import package_versions

# The entry that says by which versions the arrays were made.
VERSIONS = "versions"


class FileCheckpoint:
    """A `result.Checkpoint` in a file of arrays, without pickle.

    The file is named after the run, so another run never finds it. Other versions of the packages
    could continue with other digits, so they don't find it either.
    """

    def __init__(self, path: Path) -> None:
        """Nothing is read or written yet.

        Args:
            path: the file, hidden beside the run folders.
        """
        self.path = path

    def exists(self) -> bool:
        """Whether there is work to go on from."""
        return self.load() is not None

    def load(self) -> dict[str, np.ndarray] | None:
        """The arrays that were kept; None if there are none, or none that can be trusted."""
        try:
            with (
                warnings.catch_warnings(),
                self.path.open("rb") as file,
                np.load(file, allow_pickle=False) as kept,
            ):
                # Of what is odd in a damaged head, which NumPy takes for a text of Python's.
                warnings.simplefilter("ignore")
                # First of all: nothing else is unpacked of a file that isn't ours.
                if not _is_ours(kept):
                    return None
                return {name: kept[name] for name in kept.files if name != VERSIONS}
        except Exception:
            # Damaged bytes make the readers of archives and of their heads raise almost anything.
            return None

    def save(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Replace what was kept, in one step: a kill leaves the old file or the new one."""
        content = io.BytesIO()
        np.savez(content, **({VERSIONS: np.array(_versions())} | dict(arrays)))  # type: ignore[arg-type]
        with replacing_file(self.path) as partial:
            write_bytes(partial, content.getvalue())

    def clear(self) -> None:
        """The run is done: nothing to go on from."""
        self.path.unlink(missing_ok=True)


def _is_ours(kept: Any) -> bool:
    found = kept[VERSIONS]
    return found.shape == () and found.dtype.kind == "U" and str(found) == _versions()


def _versions() -> str:
    return json_text(package_versions())
