"""The files of a model: each is checked against its hash before it is parsed."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcli.errors import DataError
from mlcli.json_file import parse_json

SCHEMA = 2
# The schema of models with preprocessing of the columns.
PREPARED_SCHEMA = 3
INFO = "model/model.json"
# The largest files that are read, more than any model writes.
MOST_BYTES = {".json": 2**26, ".safetensors": 2**32}
KINDS = ("float64", "float32", "int64")


class ModelFiles:
    """The files of a model in a run folder, by their names in its manifest.

    Args:
        folder: the run.
        digests: SHA-256 of each file, from the manifest.
    """

    def __init__(self, folder: Path, digests: Mapping[str, Any]) -> None:
        self.folder, self._digests = folder, digests

    def __contains__(self, name: str) -> bool:
        return name in self._digests

    def content(self, name: str) -> bytes:
        """The bytes of a file.

        Raises:
            DataError: it is missing, too large, or does not match the manifest.
        """
        path = self.folder / name
        try:
            if path.exists() and not path.is_file():
                raise DataError(f"{path}", must="a plain file", got="something else")
            size, most = path.stat().st_size, MOST_BYTES[path.suffix]
            if size > most:
                raise DataError(f"{path}", must=f"at most {most:,} bytes", got=f"{size:,}")
            content = path.read_bytes()
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise DataError(f"{path}, a part of the model, can't be read: {reason}") from None
        if hashlib.sha256(content).hexdigest() != self._digests.get(name):
            raise DataError(
                f"{name} of {self.folder} does not match its SHA-256 in manifest.json: it was "
                "altered after the run",
                hint="the same command again with --force",
            )
        return content

    def info(self) -> dict[str, Any]:
        """The metadata of the model, from model.json.

        Raises:
            DataError: it is not a JSON object, or has another schema.
        """
        try:
            found = parse_json(self.content(INFO))
        except ValueError:
            raise DataError(f"{self.folder / INFO}", must="JSON", got="something else") from None
        schema = found.get("schema") if isinstance(found, dict) else None
        if schema not in (SCHEMA, PREPARED_SCHEMA):
            raise DataError(
                f"the schema of {self.folder / INFO}",
                must=f"{SCHEMA} or {PREPARED_SCHEMA}",
                got=f"{schema}",
                hint="the same command again with --force, which writes today's",
            )
        return dict(found)

    def tensors(self, name: str, *, finite: bool = True) -> dict[str, NDArray[Any]]:
        """The arrays of a safetensors file, a format without executable content.

        Raises:
            DataError: it is damaged, or has an unexpected type of numbers.
        """
        from safetensors import SafetensorError
        from safetensors.numpy import load

        content = self.content(name)
        try:
            found: dict[str, NDArray[Any]] = load(content)
        except (SafetensorError, ValueError, KeyError, TypeError, OverflowError):
            raise self.damaged(name) from None
        for key, array in found.items():
            if array.dtype not in KINDS:
                raise DataError(
                    f"'{key}' in {name}",
                    must="numbers of " + ", ".join(KINDS),
                    got=str(array.dtype),
                )
            if finite and not np.isfinite(array).all():
                raise DataError(f"'{key}' in {name}", must="finite", got="NaN or infinity")
        return found

    def damaged(self, name: str) -> DataError:
        """The error for a file whose content is not a valid model."""
        return DataError(
            f"{name} of {self.folder} does not hold a model that can be read",
            hint="the same command again with --force",
        )
