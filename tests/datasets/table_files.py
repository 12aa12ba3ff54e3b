"""Files for the tests of the readers, and what opening one says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mlcli.datasets.source import open_source
from mlcli.errors import DataError


def put(folder: Path, name: str, content: str | bytes) -> str:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return str(path)


def refusal(path: str, **given: Any) -> str:
    with pytest.raises(DataError) as caught:
        open_source(path, **given)
    sentence = str(caught.value)
    assert "\n" not in sentence
    assert len(sentence) < 400
    return sentence
