"""The note beside a file that `data make` wrote: from which synthetic set it was drawn.

It brings back what a table can't hold: the noise-free function and the noise's size. It counts only
while the file is byte for byte the one that was written.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from mlcli.datasets.files import sha256

SUFFIX = ".json"


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
        note = json.loads(table.with_suffix(SUFFIX).read_text(encoding="utf-8"))
        known = isinstance(note, dict) and isinstance(note.get("drawn_from"), dict)
        return note if known and note.get("sha256") == sha256(table) else None
    except (OSError, ValueError):
        return None
