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
from mlcli.json_file import read_json
from mlcli.partials import replacing_file

SUFFIX = ".json"
# Of a set's own numbers those that a note need not name.
NUMBERS = ("x_min", "x_max", "noise_std")


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
