"""One file over HTTP; the rest of it is in test_fetch, against real servers."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import pytest

from mlcli.datasets.fetch import DownloadFailed, _append


def test_an_early_end_that_nobody_reports(tmp_path: Path) -> None:
    class Response:
        headers: ClassVar = {"Content-Length": "10"}

        def iter_content(self, size: int) -> list[bytes]:
            return [b"abc"]

    with pytest.raises(DownloadFailed, match="ended after 3 of 10 bytes"):
        _append(Response(), tmp_path / "a.part", 0, None)
    assert (tmp_path / "a.part").read_bytes() == b"abc"
