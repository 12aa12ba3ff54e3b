"""What is refused of tables and of parameters, and how much memory a file may take."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcli.datasets.dataset import Array
from mlcli.errors import DataError

# Of one data set: 4 GiB as floats, nine times all of Fashion-MNIST.
MOST_VALUES = 2**29
# Of one picture, before it is made smaller: 200 MB as it is unpacked.
MOST_PIXELS = 2**26
# Of one table: more than an image of 256 x 256 in colour has as a row.
MOST_COLUMNS = 2**18


def finite_rows(columns: Mapping[str, Array]) -> NDArray[np.bool_]:
    """(N,), False for a row with a missing or infinite value."""
    good = np.ones(len(next(iter(columns.values()))), dtype=bool)
    for column in columns.values():
        good &= np.isfinite(column)
    return good


class Missing:
    """Counts missing and infinite values over one or several batches."""

    def __init__(self) -> None:
        self.n_rows = 0
        self.n_bad_rows = 0
        self.n_missing = 0
        self.n_infinite = 0
        self.column: str | None = None

    def see(self, columns: Mapping[str, Array]) -> NDArray[np.bool_]:
        """Count a batch; returns which of its rows are complete, (n,)."""
        good = finite_rows(columns)
        self.n_rows += len(good)
        n_bad = len(good) - int(good.sum())
        if n_bad:
            self.n_bad_rows += n_bad
            for name, column in columns.items():
                n_missing = int(np.isnan(column).sum())
                n_infinite = int(np.isinf(column).sum())
                self.n_missing += n_missing
                self.n_infinite += n_infinite
                if self.column is None and n_missing + n_infinite:
                    self.column = name
        return good

    def refuse(self, path: object, *, drop_missing: bool, fillable: Collection[str] = ()) -> None:
        """Refuse bad rows, unless they are to be dropped, and a table too small to learn from.

        Args:
            path: the file.
            drop_missing: whether bad rows are dropped.
            fillable: columns whose gaps could be filled.

        Raises:
            DataError: with the counts.
        """
        if self.n_bad_rows and not drop_missing:
            kinds = ((self.n_missing, "missing"), (self.n_infinite, "infinite"))
            counts = " and ".join(f"{count} {kind}" for count, kind in kinds if count)
            fill = "--impute median to fill gaps, or " if self.column in fillable else ""
            raise DataError(
                f"{path} has {counts} value(s) in {self.n_bad_rows} of {self.n_rows} rows, "
                f"first in column '{self.column}'",
                hint=f"{fill}--drop-missing to leave those rows out",
            )
        n_left = self.n_rows - self.n_bad_rows
        if n_left < 2:
            after = " after the incomplete ones are left out" if self.n_bad_rows else ""
            raise DataError(f"the rows of {path}{after}", must="at least 2", got=str(n_left))


def refuse_constant(path: object, names: Sequence[str], low: Array, high: Array) -> None:
    """Refuse a feature that never varies: nothing can be learnt from it, and scaling divides by it.

    Args:
        names: D names.
        low, high: (D,) ranges.

    Raises:
        DataError: naming the first one.
    """
    for name, smallest, largest in zip(names, low, high, strict=True):
        if smallest == largest:
            raise DataError(
                f"feature '{name}' of {path} is {smallest:g} in every row",
                hint="leaving it out with --features",
            )


def refuse_given(name: str, given: Mapping[str, Any], why: str) -> None:
    """Refuse parameters that a data set has no use for.

    Args:
        name: the data set.
        given: parameter -> value, None where it wasn't given.
        why: what such parameters apply to, ``apply to ... only``.

    Raises:
        DataError: naming all that were given.
    """
    words = [word for word, value in given.items() if value is not None]
    if words:
        flags = ", ".join("--" + word.replace("_", "-") for word in words)
        raise DataError(f"{flags} can't be used with {name}: such parameters {why}")


def refuse_too_many(path: object, n_values: int, hint: str) -> None:
    """Refuse more numbers than are read into memory.

    Args:
        path: the file or folder.
        n_values: how many numbers it holds, or says it holds.
        hint: what to try instead.

    Raises:
        DataError: there are more than `MOST_VALUES`.
    """
    if n_values > MOST_VALUES:
        raise DataError(
            f"the numbers in {path}",
            must=f"at most {MOST_VALUES} (4 GiB in memory)",
            got=str(n_values),
            hint=hint,
        )


def refuse_too_many_columns(path: object, n_columns: int) -> None:
    """Refuse a table with more columns than are given names.

    Raises:
        DataError: there are more than `MOST_COLUMNS`.
    """
    if n_columns > MOST_COLUMNS:
        raise DataError(
            f"the columns of {path}", must=f"at most {MOST_COLUMNS}", got=str(n_columns)
        )
