"""Tables that come in batches, to a CSV or Parquet file or anywhere text can go."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mlcli.errors import ConfigError
from mlcli.partials import replacing_file
from mlcli.report.files import csv_text
from mlcli.report.folder import check_file

Write = Callable[[Mapping[str, Any]], None]
SUFFIXES = (".csv", ".parquet")


def check_out(path: Path) -> None:
    """Refuse a file that can't be written, before any work.

    Raises:
        ConfigError: another ending, a folder, or a folder that isn't there or can't be written to.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise ConfigError("--out", must="a .csv or .parquet file, or -", got=f"{path}")
    if not path.parent.is_dir():
        raise ConfigError(f"--out {path}", must="a file", got="one in a folder that does not exist")
    check_file(path, "--out")


@contextmanager
def text_rows(print_text: Callable[[str], object]) -> Iterator[Write]:
    """CSV, the heading once."""
    first = True

    def write(columns: Mapping[str, Any]) -> None:
        nonlocal first
        text = csv_text(columns)
        print_text(text if first else text.partition("\n")[2])
        first = False

    yield write


@contextmanager
def file_rows(path: Path) -> Iterator[Write]:
    """A file that appears whole, or not at all if the block fails."""
    rows = _parquet if path.suffix.lower() == ".parquet" else _csv
    with replacing_file(path) as partial, rows(partial) as write:
        yield write


@contextmanager
def _csv(path: Path) -> Iterator[Write]:
    with path.open("w", encoding="utf-8", newline="") as file, text_rows(file.write) as write:
        yield write


@contextmanager
def _parquet(path: Path) -> Iterator[Write]:
    import pyarrow as pa
    from pyarrow import parquet

    writer: Any = None

    def write(columns: Mapping[str, Any]) -> None:
        nonlocal writer
        table = pa.table({name: pa.array(values) for name, values in columns.items()})
        writer = writer or parquet.ParquetWriter(path, table.schema)
        writer.write_table(table)

    try:
        yield write
    finally:
        if writer is not None:
            writer.close()
