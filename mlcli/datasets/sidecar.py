"""The note beside a file that `data make` wrote: from which synthetic set it was drawn.

It brings back what a table can't hold: the noise-free function and the noise's size. It counts only
while the file is byte for byte the one that was written.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from mlcli.json_file import read_json

SUFFIX = ".json"
# Of a set's own numbers those that a note need not name.
NUMBERS = ("x_min", "x_max", "noise_std")


def write_note(table: Path, draw_column: str, identity: dict[str, Any]) -> None:
    """Write the note of a table next to it."""
    note = {
        "draw_column": draw_column,
        "drawn_from": identity,
        "sha256": hashlib.sha256(table.read_bytes()).hexdigest(),
    }
    text = json.dumps(note, indent=2, sort_keys=True) + "\n"
    table.with_suffix(SUFFIX).write_bytes(text.encode())


def read_note(table: Path) -> dict[str, Any] | None:
    """The note of a table, or None if there is none or the table has changed since."""
    try:
        note = read_json(table.with_suffix(SUFFIX))
        digest = hashlib.sha256(table.read_bytes()).hexdigest()
    except (OSError, ValueError):
        return None
    return note if _is_note(note) and note["sha256"] == digest else None


def _is_note(note: Any) -> bool:
    """Whether it says what `write_note` writes, of the types that its readers rely on."""
    if not isinstance(note, dict) or not isinstance(note.get("drawn_from"), dict):
        return False
    identity = note["drawn_from"]
    numbers = [identity[key] for key in NUMBERS if key in identity]
    return (
        all(isinstance(one, str) for one in (note.get("draw_column"), note.get("sha256")))
        and isinstance(identity.get("n_samples"), int)
        and all(isinstance(one, int | float) for one in numbers)
    )
