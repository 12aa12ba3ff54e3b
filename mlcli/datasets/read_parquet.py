"""Parquet files, batch by batch, only the columns that are needed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from mlcli.datasets.cells import NotANumber, TextColumn, numbers, refuse_text
from mlcli.datasets.coding import Coder, coded
from mlcli.datasets.dataset import Array
from mlcli.errors import DataError

BUFFER_BYTES = 2**20


def column_names(path: Path) -> list[str]:
    """The names of the columns.

    Raises:
        DataError: the file is no Parquet file.
    """
    with _open(path) as file:
        return list(file.schema_arrow.names)


def n_rows(path: Path) -> int:
    """The number of rows, from the file's own account of itself."""
    with _open(path) as file:
        return int(file.metadata.num_rows)


def batches(
    path: Path,
    columns: Sequence[str],
    rows: int,
    *,
    asked: frozenset[str],
    coders: Mapping[str, Coder],
) -> Iterator[dict[str, Array]]:
    """At most `rows` rows at a time of some columns.

    Args:
        path: the file.
        columns: their names.
        rows: at most so many.
        asked: columns that the user named.
        coders: of the columns that hold words or dates.

    Raises:
        DataError: a column holds no numbers, or the file is damaged.
    """
    import pyarrow as pa

    first = 0
    with _open(path) as file:
        try:
            for batch in file.iter_batches(
                batch_size=rows, columns=list(columns), use_threads=False
            ):
                yield {
                    name: _floats(path, name, batch.column(name), first, asked)
                    if name not in coders
                    else coded(path, name, texts_of(batch.column(name)), first, coders[name])
                    for name in columns
                }
                first += batch.num_rows
        except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
            raise _damaged(path, error) from None


def cells(path: Path, rows: int) -> Iterator[Any]:
    """Every column as it is, as Arrow's batches of at most `rows` rows.

    Raises:
        DataError: the file is damaged.
    """
    import pyarrow as pa

    with _open(path) as file:
        try:
            yield from file.iter_batches(batch_size=rows, use_threads=False)
        except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
            raise _damaged(path, error) from None


def _open(path: Path) -> Any:
    import pyarrow as pa
    from pyarrow import parquet

    try:
        # A buffer makes Arrow read a column chunk piece by piece instead of whole.
        return parquet.ParquetFile(path, buffer_size=BUFFER_BYTES, pre_buffer=False)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise _damaged(path, error) from None


def texts_of(column: Any) -> Any:
    """A column as it would be written in a text file: whole numbers without a point."""
    import pyarrow as pa
    from pyarrow import compute

    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if pa.types.is_floating(column.type):
        whole = compute.equal(column, compute.round(column))
        texts = compute.if_else(
            whole, column.cast(pa.int64(), safe=False).cast(pa.string()), column.cast(pa.string())
        )
        # What is neither has no number to be rounded.
        return compute.if_else(compute.is_finite(column), texts, column.cast(pa.string()))
    return column.cast(pa.string())


def _floats(path: Path, name: str, column: Any, first: int, asked: frozenset[str]) -> Array:
    """A column as floats, missing cells as NaN; booleans are 0 and 1."""
    import pyarrow as pa

    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    kind = column.type
    plain = (pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal, pa.types.is_null)
    if pa.types.is_boolean(kind):
        column = column.cast(pa.uint8())
    elif pa.types.is_string(kind) or pa.types.is_large_string(kind):
        try:
            return numbers(column.to_pylist(), len(column))
        except NotANumber as error:
            row = first + error.row + 1
            refuse_text(path, name, f"row {row}", error.text, asked=name in asked)
    elif not any(is_kind(kind) for is_kind in plain):
        flag = "--dates" if pa.types.is_temporal(kind) else ""
        hint = "naming the numeric columns with --features"
        raise TextColumn(name, path, "numbers", f"the type {kind}", hint, flag)
    floats: Array = column.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    return floats


def _damaged(path: Path, error: Exception) -> DataError:
    reason = str(error).splitlines()[0][:120]
    return DataError(f"{path} can't be read as Parquet ({reason})", hint="writing it again")
