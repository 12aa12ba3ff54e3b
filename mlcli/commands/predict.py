"""`mlcli predict`: what the model of a run says of new rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mlcli import console
from mlcli.commands import trained
from mlcli.errors import ConfigError
from mlcli.partials import replacing_file
from mlcli.run.files import csv_text
from mlcli.run.folder import check_file

if TYPE_CHECKING:
    import numpy as np

    from mlcli.datasets.rows import Batch, ModelInputs
    from mlcli.models.prediction import Model


Write = Callable[[Mapping[str, Any]], None]
SUFFIXES = (".csv", ".parquet")


app = typer.Typer(add_completion=False)


@app.command()
def predict(
    run: trained.Run,
    file: trained.Rows,
    out: Annotated[
        str, typer.Option("--out", help="A .csv or .parquet file, or - for stdout.", metavar="FILE")
    ] = trained.STDIN,
    level: trained.Level = 0.95,
    degree: trained.Degree = None,
    variant: trained.Variant = None,
    seed_index: trained.SeedIndex = None,
    skip_bad: trained.SkipBad = False,
    device: trained.Device = "auto",
    quiet: Annotated[bool, typer.Option("--quiet", help="No messages.")] = False,
) -> None:
    """Predict new rows or images with the model of a run.

    Columns are matched by name; a row with an empty cell that nothing fills gets an empty line.
    Numbers come with intervals in which new values lie, classes with their probabilities.

    Example: mlcli predict runs/logistic/3f2a9c81d0 new.csv --out classes.csv
    """
    trained.check_level(level)
    writer: AbstractContextManager[Write]
    if out == trained.STDIN:
        writer = text_rows(console.print_text)
    else:
        check_out(Path(out))
        writer = file_rows(Path(out))
    model, _ = trained.load_model(run, degree, variant, seed_index, device)
    wanted = trained.wanted_of(model, skip_bad=skip_bad)
    n_rows, n_empty = _write(model, file, wanted, level, writer)
    if not quiet:
        _describe(model, level)
        empty = f", {n_empty} of them empty for want of an input" if n_empty else ""
        where = "" if out == trained.STDIN else f" in {out}"
        console.message(f"{n_rows} prediction{'' if n_rows == 1 else 's'}{where}{empty}")


def _describe(model: Model, level: float) -> None:
    one = model.described
    words = f"{one.target} by {one.command}"
    console.message(words + (f": {one.chosen}" if one.chosen else ""))
    if one.interval:
        console.message(f"{100 * level:g} % interval: {one.interval}")
    for warning in one.warnings:
        console.message(f"note: {warning}")


def _write(
    model: Model,
    file: str,
    wanted: ModelInputs,
    level: float,
    writer: AbstractContextManager[Write],
) -> tuple[int, int]:
    """How many rows, and how many of them have no prediction."""
    from mlcli.datasets.rows import batches

    n_rows = n_empty = 0
    with trained.readable(file) as name, writer as write:
        for batch in batches(name, wanted, trained.rows_at_a_time(model)):
            console.left_out(batch.skipped)
            if not len(batch.X):
                continue
            columns, empty = columns_of(model, batch, level)
            write(columns)
            n_rows += len(batch.X)
            n_empty += int(empty.sum())
    return n_rows, n_empty


def columns_of(model: Model, batch: Batch, level: float) -> tuple[dict[str, Any], np.ndarray]:
    """The table of a batch, and which of its rows lack an input, (n,)."""
    import numpy as np

    empty = np.logical_not(model.described.complete(batch.X))
    # A number in its place keeps the other rows where they are in the batch.
    X = np.where(empty[:, None], 0.0, batch.X) if empty.any() else batch.X
    with np.errstate(all="ignore"):
        # Far outside the data a polynomial may exceed a float; then inf is the answer.
        columns = model.predict(X, level).columns()
    if empty.any():
        columns = {
            name: np.where(empty, None if values.dtype == object else np.nan, values)
            for name, values in columns.items()
        }
    files = {} if batch.files is None else {"file": list(batch.files)}
    return files | columns, empty


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
