"""A table of any types -> typed columns of a sample of its rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from mlcli.datasets import read_npz, read_parquet, read_table, read_text
from mlcli.datasets.cells import DATE_FORMATS, MISSING, NotANumber, number, numbers
from mlcli.datasets.dataset import Array
from mlcli.datasets.read_table import parts_of
from mlcli.errors import DataError
from mlcli.rng import stream

Kind = Literal["number", "whole number", "text", "date", "empty"]
# A sample of so many rows, and of no more cells in a wide table.
SAMPLE_ROWS = 100_000
SAMPLE_CELLS = 5_000_000
BLOCK_BYTES = 2**23
DATE = r"^\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}([ T]\S.*)?$"


@dataclass(frozen=True)
class SampledColumn:
    """The sampled cells of one column.

    Attributes:
        name: its heading.
        kind: what its cells are.
        numbers: (n,) floats with NaN for missing cells; of dates the seconds since 1970; None of
            text.
        codes: (n,) the number of each cell's value among the distinct ones, -1 for missing.
        values: the distinct values as text, in order.
        strange: of a column of text that is mostly numbers, a cell that is none.
    """

    name: str
    kind: Kind
    numbers: Array | None
    codes: NDArray[np.int64]
    values: Sequence[str]
    strange: str | None = None

    @property
    def missing(self) -> NDArray[np.bool_]:
        """Which cells are empty."""
        return self.codes < 0

    @property
    def numeric(self) -> bool:
        """Whether the cells are numbers, dates not counted."""
        return self.kind in ("number", "whole number")


def read_sample(path: Path, seed: int = 0) -> tuple[list[SampledColumn], int]:
    """The columns of a file, and how many rows it has.

    The whole file is read, block by block, and at most `SAMPLE_ROWS` of its rows are kept (fewer
    of a table so wide that they would be more than `SAMPLE_CELLS` cells): those to which a seeded
    generator gives the smallest of random keys, so that each row is as likely as any other. An NPZ
    file is in memory as a whole.

    Raises:
        DataError: the file is not a table, or is damaged.
    """
    suffix = path.suffix.lower()
    if suffix == ".npz":
        return _from_npz(path, seed)
    names = read_table.column_names(path)
    most = max(2, min(SAMPLE_ROWS, SAMPLE_CELLS // max(1, len(names))))
    table, n_rows = _sampled(_cells(path, names, min(most, read_table.BATCH_ROWS)), most, seed)
    if table is None or n_rows == 0:
        raise DataError(f"{path} holds no rows", hint="a file with a heading and rows")
    return [_typed(name, table.column(place)) for place, name in enumerate(names)], n_rows


def _cells(path: Path, names: Sequence[str], rows: int) -> Iterator[Any]:
    """The cells of all columns, part by part of a table in parts."""
    parts = parts_of(path)
    for part in parts:
        if part.suffix.lower() == ".parquet":
            batches = read_parquet.cells(part, rows)
        else:
            batches = read_text.cells(part, BLOCK_BYTES)
        # A part may have its columns in another order than the first.
        yield from batches if len(parts) == 1 else (_ordered(batch, names) for batch in batches)


def _ordered(batch: Any, names: Sequence[str]) -> Any:
    found = [" ".join(name.split()) for name in batch.schema.names]
    return batch.select([found.index(name) for name in names]).rename_columns(list(names))


def _sampled(batches: Iterator[Any], most: int, seed: int) -> tuple[Any, int]:
    """The rows with the smallest keys, in their order in the file, and the number of all rows."""
    import pyarrow as pa

    rng, kept, keys, n_rows = stream(seed, "describe"), None, np.empty(0), 0
    for batch in batches:
        new = pa.Table.from_batches([batch])
        kept = new if kept is None else pa.concat_tables([kept, new], promote_options="permissive")
        keys = np.concatenate([keys, rng.random(batch.num_rows)])
        n_rows += batch.num_rows
        if keys.size > 2 * most:
            kept, keys = _smallest(kept, keys, most)
    if keys.size > most:
        kept, keys = _smallest(kept, keys, most)
    return kept, n_rows


def _smallest(table: Any, keys: Array, most: int) -> tuple[Any, Array]:
    rows = np.sort(np.argpartition(keys, most)[:most])
    return table.take(rows), keys[rows]


def _from_npz(path: Path, seed: int) -> tuple[list[SampledColumn], int]:
    found = read_npz.columns(path)
    n_rows = len(found[0][1])
    rows = np.arange(n_rows)
    most = max(2, min(SAMPLE_ROWS, SAMPLE_CELLS // len(found)))
    if n_rows > most:
        rows = np.sort(stream(seed, "describe").choice(n_rows, most, replace=False))
    columns = []
    for name, array in found:
        if array.dtype.kind in "biuf":
            columns.append(_of_numbers(name, array[rows].astype(np.float64)))
        else:
            columns.append(_of_text(name, [str(cell) for cell in array[rows].tolist()]))
    return columns, n_rows


def _typed(name: str, cells: Any) -> SampledColumn:
    """A typed column from an Arrow column, by its cells rather than by how they are stored."""
    import pyarrow as pa

    if pa.types.is_dictionary(cells.type):
        cells = cells.cast(cells.type.value_type)
    kind = cells.type
    if pa.types.is_boolean(kind):
        cells = cells.cast(pa.uint8())
    plain = (pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal, pa.types.is_boolean)
    if pa.types.is_null(kind) or any(is_kind(kind) for is_kind in plain):
        floats = cells.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
        return _of_numbers(name, np.array(floats, dtype=np.float64))
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        try:
            floats = cells.cast(pa.float64()).to_numpy(zero_copy_only=False)
            return _of_numbers(name, np.array(floats, dtype=np.float64))
        except pa.ArrowInvalid:
            return _of_text(name, cells.to_pylist())
    try:
        every = cells.to_pylist()
    except (OverflowError, ValueError):
        raise DataError(
            f"the times in column '{name}'", must="within the years 1 to 9999", got="others"
        ) from None
    return _of_text(name, [None if cell is None else str(cell) for cell in every])


def _of_numbers(name: str, floats: Array) -> SampledColumn:
    known = ~np.isnan(floats)
    values, codes = np.unique(floats[known], return_inverse=True)
    every = np.full(floats.size, -1, dtype=np.int64)
    every[known] = codes
    whole = bool(values.size) and bool((np.isfinite(values) & (values == np.round(values))).all())
    kind: Kind = "empty" if not values.size else "whole number" if whole else "number"
    return SampledColumn(name, kind, floats, every, [f"{value:g}" for value in values])


def _of_text(name: str, cells: list[str | None]) -> SampledColumn:
    import pandas as pd

    try:
        return _of_numbers(name, numbers(cells, len(cells)))
    except NotANumber:
        pass
    stripped = [None if cell is None or cell.strip() in MISSING else cell.strip() for cell in cells]
    codes, values = pd.factorize(np.array(stripped, dtype=object), sort=True)
    texts = [str(value) for value in values]
    seconds = _dates(texts)
    every = codes.astype(np.int64)
    if seconds is not None:
        floats = np.where(every < 0, np.nan, seconds[every])
        return SampledColumn(name, "date", floats, every, texts)
    return SampledColumn(name, "text", None, every, texts, _strange(texts, every))


def _dates(texts: list[str]) -> Array | None:
    """Seconds since 1970 of each text, if every one of them is a date in one format."""
    import pandas as pd

    series = pd.Series(texts, dtype=object)
    if not series.size or not series.str.match(DATE).all():
        return None
    for form in DATE_FORMATS:
        found = pd.to_datetime(series, format=form, errors="coerce", utc=True)
        if not found.isna().any():
            epoch = pd.Timestamp(0, tz="UTC")
            return np.asarray((found - epoch).dt.total_seconds(), dtype=np.float64)
    return None


def _strange(texts: list[str], codes: NDArray[np.int64]) -> str | None:
    """A text among cells of which more than half are numbers."""
    is_text = np.ones(len(texts), dtype=bool)
    for place, text in enumerate(texts):
        try:
            number(text)
            is_text[place] = False
        except ValueError:
            continue
    known = codes[codes >= 0]
    return texts[int(np.argmax(is_text))] if is_text[known].mean() < 0.5 else None
