"""One file over HTTP, going on where an earlier attempt stopped."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

TIMEOUT_SECONDS = 20.0
# A connection that breaks loses the piece that it was in, so pieces are small.
PIECE_BYTES = 2**13
OK, PARTIAL_CONTENT, RANGE_NOT_SATISFIABLE = 200, 206, 416

Progress = Callable[[int, int], None]


class DownloadFailed(Exception):
    """A server can't be reached, refuses, or stops half-way; what came is kept."""


def download(url: str, part: Path, progress: Progress | None = None) -> bool:
    """Fetch `url` into `part`, asking only for the rest where `part` holds a beginning.

    A server that ignores the question for a part is taken from its start.

    Args:
        url: what to fetch.
        part: where to, appended to as the bytes come.
        progress: called with the bytes so far and in all, where the server says how many.

    Returns:
        Whether an earlier beginning was kept, so that a wrong result may be its fault.

    Raises:
        DownloadFailed: with the reason.
        OSError: `part` can't be written.
    """
    import requests

    have = part.stat().st_size if part.exists() else 0
    # Without "identity" a server may pack the bytes again, and offsets would mean nothing.
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
    try:
        with requests.get(url, headers=headers, stream=True, timeout=TIMEOUT_SECONDS) as response:
            if response.status_code == RANGE_NOT_SATISFIABLE:
                # Either all of it is here already, or what is here belongs to another file.
                return True
            if response.status_code not in (OK, PARTIAL_CONTENT):
                raise DownloadFailed(f"HTTP {response.status_code}")
            resumed = response.status_code == PARTIAL_CONTENT
            _append(response, part, have if resumed else 0, progress)
            return resumed
    except requests.RequestException as error:
        raise DownloadFailed(type(error).__name__) from None


def _append(response: Any, part: Path, have: int, progress: Progress | None) -> None:
    length = response.headers.get("Content-Length")
    total = have + int(length) if length is not None else None
    with part.open("ab" if have else "wb") as file:
        for piece in response.iter_content(PIECE_BYTES):
            file.write(piece)
            have += len(piece)
            if progress is not None and total is not None:
                progress(have, total)
    # urllib3 before 2 takes a connection that ends early for the end of the file.
    if total is not None and have < total:
        raise DownloadFailed(f"the connection ended after {have} of {total} bytes")
