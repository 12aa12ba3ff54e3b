"""How much a file may ask of this machine's memory."""

from __future__ import annotations

from mlcli.errors import DataError

# Of one data set: 4 GiB as floats, nine times all of Fashion-MNIST.
MOST_VALUES = 2**29
# Of one picture, before it is made smaller: 200 MB as it is unpacked.
MOST_PIXELS = 2**26
# Of one table: more than an image of 256 x 256 in colour has as a row.
MOST_COLUMNS = 2**18


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
