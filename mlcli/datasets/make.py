"""Draws of a synthetic set in a CSV file, and the note beside it of how they were drawn.

The note brings back what a table cannot hold: the noise-free function and the size of the noise.
It counts only while the file is byte for byte the one that was written.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import IO, Any

import numpy as np

from mlcli.datasets.files import sha256
from mlcli.datasets.in_memory import SyntheticSource
from mlcli.datasets.registry import lookup
from mlcli.datasets.synthetic import SYNTHETIC, generator_of
from mlcli.errors import DataError
from mlcli.json_file import read_json
from mlcli.partials import replacing_file

SUFFIX = ".json"
# Numbers of a set that a note may leave out.
NUMBERS = ("x_min", "x_max", "noise_std")
DRAW_COLUMN = "draw"


def write_note(
    table: Path,
    content: Path,
    draw_column: str,
    identity: dict[str, Any],
    before: dict[str, Any] | None = None,
) -> None:
    """Write the note of a table next to it.

    Args:
        table: where the table is, or is to be.
        content: a file with its bytes.
        draw_column: its column of draw numbers.
        identity: what it was drawn from.
        before: the note of the table that is still there.
    """
    note = {
        "draw_column": draw_column,
        "drawn_from": identity,
        "sha256": hashlib.sha256(content.read_bytes()).hexdigest(),
    }
    text = json.dumps(note | ({"before": before} if before else {}), indent=2, sort_keys=True)
    with replacing_file(table.with_suffix(SUFFIX)) as partial:
        partial.write_bytes(f"{text}\n".encode())


def read_note(table: Path) -> dict[str, Any] | None:
    """The note of a table, or None if there is none or the table has changed since."""
    try:
        note = read_json(table.with_suffix(SUFFIX))
        digest = sha256(table)
    except (OSError, ValueError):
        return None
    before = note.pop("before", None) if isinstance(note, dict) else None
    for one in (note, before):
        if isinstance(one, dict) and _is_note(one) and one["sha256"] == digest:
            return one
    return None


def _is_note(note: Any) -> bool:
    """Whether it has the keys that `write_note` writes, with values of the right types."""
    if not isinstance(note, dict) or not isinstance(note.get("drawn_from"), dict):
        return False
    identity = note["drawn_from"]
    numbers = [identity[key] for key in NUMBERS if key in identity]
    return (
        all(isinstance(one, str) for one in (note.get("draw_column"), note.get("sha256")))
        and isinstance(identity.get("n_samples"), int)
        and all(isinstance(one, int | float) for one in numbers)
    )


def write_draws(
    name: str,
    path: Path,
    *,
    n_draws: int,
    seed: int,
    n_samples: int | None = None,
    x_min: float | None = None,
    x_max: float | None = None,
    noise_std: float | None = None,
) -> None:
    """Write replicates 0..n_draws-1 of a synthetic set to a CSV file with columns draw, x, t.

    Several features are columns x1, x2 and so on.
    Read back with ``draw_column="draw"``, draw i equals ``open_source(name).replicate(i, seed)``
    bit for bit; the same arguments give the same bytes. The file appears whole or not at all.

    Args:
        name: a synthetic set.
        path: the file; its folder is made.
        n_draws: how many data sets, at least 1.
        seed: of the streams.
        n_samples, x_min, x_max, noise_std: left out, the set's own; not every set has a range of x.

    Raises:
        DataError: the set isn't synthetic, a parameter is out of range, or writing fails.
    """
    named = lookup(name)
    if named.kind != "synthetic":
        raise DataError(
            f"{named.name}",
            must="a synthetic set",
            got=f"a {named.kind} one",
            hint=" or ".join(SYNTHETIC),
        )
    if n_draws < 1:
        raise DataError("n_draws", must="at least 1", got=str(n_draws))
    spec = SYNTHETIC[named.name]
    source = SyntheticSource(generator_of(spec, n_samples, x_min, x_max, noise_std))
    try:
        with replacing_file(path) as partial:
            with partial.open("w", encoding="utf-8", newline="\n") as file:
                _write(file, source, n_draws, seed)
            # Whichever of the two files a kill leaves new, one of the notes is that of the table.
            write_note(path, partial, DRAW_COLUMN, source.identity, before=read_note(path))
        write_note(path, path, DRAW_COLUMN, source.identity)
    except OSError as error:
        raise DataError(f"{path} can't be written: {(error.strerror or '').lower()}") from None


def _write(file: IO[str], source: SyntheticSource, n_draws: int, seed: int) -> None:
    file.write(",".join((DRAW_COLUMN, *source.feature_names, source.target_name)) + "\n")
    for index in range(n_draws):
        data = source.replicate(index, seed)
        # repr of a Python float is the shortest text that reads back as the same number.
        rows = np.column_stack([data.X, data.t]).tolist()
        file.writelines(f"{index},{','.join(map(repr, row))}\n" for row in rows)
