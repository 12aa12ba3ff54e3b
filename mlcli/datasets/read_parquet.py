"""Parquet files, batch by batch, only the columns that are needed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from mlcli.datasets.cells import NotANumber, numbers, refuse_text
from mlcli.datasets.dataset import Array
from mlcli.errors import DataError

# Each column of a row group has a buffer of its own: together they have about this.
BUFFERS_BYTES = 2**26
SMALLEST_BUFFER, LARGEST_BUFFER = 2**14, 2**20


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
    path: Path, columns: Sequence[str], rows: int, *, asked: frozenset[str]
) -> Iterator[dict[str, Array]]:
    """At most `rows` rows at a time of some columns.

    Raises:
        DataError: a column holds no numbers, or the file is damaged.
    """
    import pyarrow as pa

    first = 0
    with _open(path, len(columns)) as file:
        try:
            for batch in file.iter_batches(
                batch_size=rows, columns=list(columns), use_threads=False
            ):
                yield {
                    name: _floats(path, name, batch.column(name), first, asked) for name in columns
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


def _open(path: Path, n_columns: int = 1) -> Any:
    import pyarrow as pa
    from pyarrow import parquet

    size = max(SMALLEST_BUFFER, min(LARGEST_BUFFER, BUFFERS_BYTES // max(1, n_columns)))
    try:
        # A buffer makes Arrow read a column chunk piece by piece instead of whole.
        return parquet.ParquetFile(path, buffer_size=size, pre_buffer=False)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise _damaged(path, error) from None


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
        raise DataError(
            f"column '{name}' of {path}", must="numbers", got=f"the type {kind}",
            hint="naming the numeric columns with --features",
        )  # fmt: skip
    floats: Array = column.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    return floats


def _damaged(path: Path, error: Exception) -> DataError:
    reason = str(error).splitlines()[0][:120]
    return DataError(f"{path} can't be read as Parquet ({reason})", hint="writing it again")
