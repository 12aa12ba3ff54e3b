"""JSON that others may have written: read without trust, or refused as a ValueError.

Python's own reader follows lists that are nested beyond its stack, makes whole numbers that no
float holds, and lets through halves of surrogate pairs that no file or terminal takes.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

# More than any file here has; a larger one is no result of a run.
MOST_BYTES = 2**26


def parse_json(content: bytes) -> Any:
    """The value of a text in UTF-8; whole numbers that exceed a float are infinite, as 1e999 is.

    Raises:
        ValueError: it is no JSON, nested too deeply, or holds text that can't be written as UTF-8.
    """
    try:
        found = json.loads(content.decode("utf-8"), parse_int=_whole)
        # Half a surrogate pair is only seen when it is written.
        json.dumps(found, ensure_ascii=False).encode("utf-8")
    except RecursionError:
        raise ValueError("nested too deeply") from None
    return found


def read_json(path: Path) -> Any:
    """The value in a file.

    Raises:
        OSError: it can't be read.
        ValueError: it is no plain file, larger than `MOST_BYTES`, or as `parse_json` says.
    """
    if path.exists() and not path.is_file():
        # A pipe or a device may never end.
        raise ValueError("no plain file")
    with path.open("rb") as file:
        content = file.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise ValueError(f"more than {MOST_BYTES} bytes")
    return parse_json(content)


def _whole(digits: str) -> int | float:
    # A float that overflows is infinite; Python's int would refuse 5,000 digits, and take 400.
    return int(digits) if abs(float(digits)) < float("inf") else float(digits)
