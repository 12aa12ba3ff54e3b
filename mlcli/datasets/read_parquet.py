"""Parquet files, batch by batch, only the columns that are needed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from mlcli.datasets.cells import Coder, NotANumber, TextColumn, coded, numbers, refuse_text
from mlcli.datasets.dataset import Array
from mlcli.errors import DataError

# Each column of a row group has its own buffer: this is about their total size.
BUFFERS_BYTES = 2**26
SMALLEST_BUFFER, LARGEST_BUFFER = 2**14, 2**20
# Of one batch, whatever the number of columns.
BATCH_VALUES = 2**26
# Of the texts in one column of a batch.
TEXT_BYTES = 2**28


def column_names(path: Path) -> list[str]:
    """The names of the columns.

    Raises:
        DataError: the file is not a Parquet file.
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
    requested: frozenset[str],
    coders: Mapping[str, Coder],
) -> Iterator[dict[str, Array]]:
    """At most `rows` rows at a time of some columns.

    Args:
        path: the file.
        columns: their names.
        rows: at most so many.
        requested: columns that the user named.
        coders: of the columns of text or dates.

    Raises:
        DataError: a column holds no numbers, or the file is damaged.
    """
    import pyarrow as pa

    first = 0
    rows = max(1, min(rows, BATCH_VALUES // max(1, len(columns))))
    with _open(path, len(columns), texts_packed=True) as file:
        try:
            for packed in file.iter_batches(
                batch_size=rows, columns=list(columns), use_threads=False
            ):
                batch = _unpacked(path, packed)
                yield {
                    name: _floats(path, name, batch.column(name), first, requested)
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

    with _open(path, texts_packed=True) as file:
        try:
            for packed in file.iter_batches(batch_size=rows, use_threads=False):
                yield _unpacked(path, packed)
        except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
            raise _damaged(path, error) from None


def _open(path: Path, n_columns: int = 1, *, texts_packed: bool = False) -> Any:
    """The open file; with `texts_packed`, columns of text are read as dictionaries."""
    import pyarrow as pa
    from pyarrow import parquet

    size = max(SMALLEST_BUFFER, min(LARGEST_BUFFER, BUFFERS_BYTES // max(1, n_columns)))
    # A buffer makes Arrow read a column chunk piece by piece instead of whole.
    how: dict[str, Any] = {"buffer_size": size, "pre_buffer": False}
    try:
        file = parquet.ParquetFile(path, **how)
        texts = [one.name for one in file.schema_arrow if _is_text(one.type)]
        if not (texts_packed and texts):
            return file
        file.close()
        return parquet.ParquetFile(path, read_dictionary=texts, **how)
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


def _is_text(kind: Any) -> bool:
    import pyarrow as pa

    names = ("is_string", "is_binary", "is_large_string", "is_large_binary")
    return any(getattr(pa.types, name)(kind) for name in names)


def _unpacked(path: Path, batch: Any) -> Any:
    """A batch with its texts written out row by row, once they are known to fit.

    A text of a megabyte in each of a million rows takes no more of a file than the one.
    """
    import pyarrow as pa
    from pyarrow import compute

    columns = []
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        if pa.types.is_dictionary(column.type):
            if _is_text(column.type.value_type):
                lengths = compute.binary_length(column.dictionary)
                n_bytes = compute.sum(lengths.take(column.indices).cast(pa.int64())).as_py() or 0
                if n_bytes > TEXT_BYTES:
                    raise DataError(
                        f"the texts in column '{name}' of {path}",
                        must=f"at most {TEXT_BYTES} bytes in {batch.num_rows} rows",
                        got=str(n_bytes),
                    )
            column = column.dictionary_decode()
        columns.append(column)
    return pa.RecordBatch.from_arrays(columns, names=batch.schema.names)


def _floats(path: Path, name: str, column: Any, first: int, requested: frozenset[str]) -> Array:
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
            refuse_text(path, name, f"row {row}", error.text, requested=name in requested)
    elif not any(is_kind(kind) for is_kind in plain):
        flag = "--dates" if pa.types.is_temporal(kind) else ""
        hint = "naming the numeric columns with --features"
        raise TextColumn(name, path, "numbers", f"the type {kind}", hint, flag)
    floats: Array = column.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    return floats


def _damaged(path: Path, error: Exception) -> DataError:
    reason = str(error).splitlines()[0][:120]
    return DataError(f"{path} can't be read as Parquet ({reason})", hint="writing it again")
