"""Every kind of data with every command that leaves a model, in every format of a file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mlcli.export.formats import FORMATS
from tests.commands.test_pairs import DATA, MODELS, check_pair, home

__all__ = ["home"]


@pytest.mark.parametrize("data", DATA)
@pytest.mark.parametrize("model", MODELS)
def test_every_pair(
    mlcli: Callable[..., Any], home: Path, empty_folder: Path, model: str, data: str
) -> None:
    check_pair(mlcli, home, model, data, tuple(FORMATS))
