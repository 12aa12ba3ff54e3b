"""Independent data sets in one table, told apart by a column that numbers them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mlcli.datasets.dataset import Array
from mlcli.errors import DataError


def draw_rows(path: Path, column: str, values: Array) -> list[NDArray[np.int64]]:
    """The row numbers of each data set, in the table's order.

    Args:
        path: the file, for the message.
        column: the draw column's name, for the message.
        values: its values, (N,); 0, 1, 2, ... without a gap, in any order.

    Raises:
        DataError: a value is no such number, or one is left out.
    """
    found, counts = np.unique(values, return_counts=True)
    expected = np.arange(len(found))
    wrong = np.flatnonzero(found != expected)
    if len(wrong):
        raise DataError(
            f"the values of column '{column}' in {path}",
            must="the numbers 0, 1, 2, ... without a gap",
            got=f"{found[wrong[0]]:g} where {expected[wrong[0]]} is next",
        )
    order = np.argsort(values, kind="stable")
    return np.split(order, np.cumsum(counts)[:-1])
