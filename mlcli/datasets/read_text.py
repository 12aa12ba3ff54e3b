"""CSV and TSV files, batch by batch, with every float exact to the last bit.

Arrow does the reading: its parser rounds correctly (the nearest double, as Python's does), refuses
a row with too many or too few cells, and needs one block of the file in memory.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from mlcli.datasets.cells import MISSING, Coder, NotANumber, coded, number, numbers, refuse_text
from mlcli.datasets.dataset import Array
from mlcli.errors import DataError

# Arrow reads up to some thirty blocks ahead, whatever the number of threads.
BLOCK_BYTES = 2**20
SNIFFED_BYTES = 8192
# A spread-sheet cell may hold a long note; Python's csv refuses more than 128 KiB by default.
CELL_BYTES = 2**24


class NotAllFloats(Exception):
    """A needed column holds something that isn't written as a float; perhaps booleans."""


def column_names(path: Path) -> list[str]:
    """The heading; line breaks and runs of spaces in a name become one space.

    Raises:
        DataError: the file is not UTF-8 text, or has no rows under its heading.
    """
    names = heading(path)
    if not has_rows(path):
        raise _no_rows(path)
    return names


def heading(path: Path) -> list[str]:
    """The same of a file that may have no rows.

    Raises:
        DataError: the file is not UTF-8 text, or has no heading.
    """
    with path.open("rb") as file:
        if b"\0" in file.read(SNIFFED_BYTES):
            raise _not_text(path)
    first = next(_records(path), None)
    if first is None:
        raise _no_rows(path)
    if len(first[1]) == 1 and ";" in first[1][0]:
        raise DataError(
            f"the cells of {path}",
            must="separated by commas, or by tabs in a .tsv",
            got="semicolons",
            hint="pandas.read_csv(sep=';', decimal=',').to_csv()",
        )
    return [_name(cell) for cell in first[1]]


def has_rows(path: Path) -> bool:
    """Whether there is a row under the heading.

    Raises:
        DataError: the file is not UTF-8 text.
    """
    records = _records(path)
    return next(records, None) is not None and next(records, None) is not None


def batches(
    path: Path,
    columns: Sequence[str],
    *,
    requested: frozenset[str],
    as_text: bool,
    coders: Mapping[str, Coder],
) -> Iterator[dict[str, Array]]:
    """The rows of some columns, one block of the file at a time.

    Args:
        path: the file.
        columns: names as `column_names` gives them.
        requested: columns that the user named.
        as_text: take every cell through Python, which also reads booleans; slower.
        coders: of the columns of text or dates.

    Raises:
        NotAllFloats: a cell is not a float and `as_text` is off.
        DataError: a row has the wrong number of cells, or a column holds text.
    """
    import pyarrow as pa

    first = 0
    raw = {_name(cell): cell for cell in next(_records(path))[1]}
    numeric = [name for name in columns if name not in coders]
    texts = frozenset(raw[name] for name in columns if as_text or name in coders)
    try:
        for batch in _open(path, [raw[name] for name in columns], texts):
            found = {name: _floats(batch.column(raw[name]), as_text) for name in numeric}
            for name in coders.keys() & set(columns):
                found[name] = coded(path, name, batch.column(raw[name]), first, coders[name])
            yield found
            first += batch.num_rows
    except NotANumber as error:
        _refuse_first_text(path, numeric, requested, error)
    except pa.ArrowInvalid as error:
        if "conversion error" in str(error) and not as_text:
            raise NotAllFloats from None
        _refuse_shape(path, str(error))
    except (pa.ArrowException, UnicodeDecodeError):
        raise _not_text(path) from None


def cells(path: Path, block_bytes: int) -> Iterator[Any]:
    """Every column as text, as Arrow's batches; an empty cell is null.

    Args:
        path: the file.
        block_bytes: as much of the file as one batch holds, and at least one row.

    Raises:
        DataError: a row has the wrong number of cells, or is longer than a block.
    """
    import pyarrow as pa

    columns = next(_records(path))[1]
    try:
        yield from _open(path, columns, frozenset(columns), block_bytes)
    except pa.ArrowInvalid as error:
        if "straddling" in str(error):
            raise DataError(
                f"the rows of {path}", must=f"shorter than {block_bytes} bytes", got="a longer one"
            ) from None
        _refuse_shape(path, str(error))
    except (pa.ArrowException, UnicodeDecodeError):
        raise _not_text(path) from None


def rows(path: Path) -> Iterator[list[str]]:
    """The cells of each row as they are written, blank lines and heading left out.

    Raises:
        DataError: the file is not UTF-8 text.
    """
    records = _records(path)
    next(records, None)
    yield from (cells for _, cells in records)


def _open(
    path: Path, columns: list[str], texts: frozenset[str], block_bytes: int = BLOCK_BYTES
) -> Any:
    import pyarrow as pa
    from pyarrow import csv as arrow_csv

    return arrow_csv.open_csv(
        path,
        read_options=arrow_csv.ReadOptions(use_threads=False, block_size=block_bytes),
        parse_options=arrow_csv.ParseOptions(delimiter=_delimiter(path), newlines_in_values=True),
        convert_options=arrow_csv.ConvertOptions(
            column_types={name: pa.string() if name in texts else pa.float64() for name in columns},
            include_columns=columns,
            null_values=list(MISSING),
            strings_can_be_null=True,
        ),
    )


def _floats(column: Any, as_text: bool) -> Array:
    if as_text:
        return numbers(column.to_pylist(), len(column))
    floats: Array = column.to_numpy(zero_copy_only=False)
    return floats


def _name(cell: str) -> str:
    return " ".join(cell.split())


def _delimiter(path: Path) -> str:
    return "\t" if path.suffix.lower() == ".tsv" else ","


def _records(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Records that aren't blank, each with the number of its last line."""
    previous = csv.field_size_limit(CELL_BYTES)
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, delimiter=_delimiter(path))
            for record in reader:
                if record:
                    yield reader.line_num, record
    except (UnicodeDecodeError, csv.Error):
        raise _not_text(path) from None
    finally:
        csv.field_size_limit(previous)


def _refuse_first_text(
    path: Path, columns: Sequence[str], requested: frozenset[str], error: NotANumber
) -> NoReturn:
    """Arrow reports the row, not the line; the file is read again to find the line."""
    records = _records(path)
    names = [_name(cell) for cell in next(records)[1]]
    places = {name: names.index(name) for name in columns}
    for line, record in records:
        for name, place in places.items():
            try:
                number(record[place])
            except ValueError:
                refuse_text(path, name, f"line {line}", record[place], requested=name in requested)
    raise DataError(f"{path} changed while it was read, near {error.text!r}")


def _refuse_shape(path: Path, reason: str) -> NoReturn:
    records = _records(path)
    width = len(next(records)[1])
    for line, record in records:
        if len(record) != width:
            raise DataError(
                f"line {line} of {path}",
                must=f"{width} cells like the heading",
                got=str(len(record)),
            )
    raise DataError(f"{path} can't be read as a table: {reason.splitlines()[0][:120]}")


def _no_rows(path: Path) -> DataError:
    return DataError(f"{path} holds no rows", hint="a file with a heading and rows")


def _not_text(path: Path) -> DataError:
    return DataError(
        f"{path}",
        must=f"UTF-8 text, as its {path.suffix} says",
        got="something else",
        hint="saving it again as UTF-8",
    )
