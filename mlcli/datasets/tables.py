"""A table in a file -> a source: named classes, groups of rows, independent draws."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mlcli.datasets import labelled_images, read_npz, read_table
from mlcli.datasets.cells import Learner, TextColumn, is_date, is_word
from mlcli.datasets.checks import refuse_given
from mlcli.datasets.columns import (
    ColumnChoice,
    Declared,
    may_lack,
    prepared_features,
    with_learners,
)
from mlcli.datasets.dataset import ROWS_A_CLASS, Array, Dataset, few_enough
from mlcli.datasets.files import check_file
from mlcli.datasets.in_memory import DrawsSource, TableSource
from mlcli.datasets.make import read_note
from mlcli.datasets.read_table import parts_of
from mlcli.datasets.streaming import StreamSource, has_more_rows
from mlcli.datasets.synthetic import SYNTHETIC
from mlcli.errors import DataError
from mlcli.lists import in_shell

LISTED = 5


def open_file(
    path: Path,
    target: str | None,
    features: Sequence[str] | None,
    draw_column: str | None,
    group_column: str | None,
    *,
    drop_missing: bool,
    stream_rows: int,
    declared: Declared,
) -> TableSource | StreamSource:
    """A table in a file or in parts, in memory or streamed, or images in an NPZ file.

    See `source.open_source`.
    """
    if path.is_dir():
        path = path if path.name else path.resolve()
    else:
        check_file(path)
    if path.suffix.lower() == ".npz" and labelled_images.holds_images(
        heads := read_npz.read_headers(path)
    ):
        columns = {"features": features, "draw_column": draw_column, "group_column": group_column}
        refuse_given(path.name, columns, "apply to tables only")
        declared.refuse_for(path.name, "apply to tables only")
        return labelled_images.open_npz_images(path, heads, target, drop_missing=drop_missing)
    note = read_note(path)
    if note is not None and draw_column is None and features is None and target is None:
        draw_column = str(note["draw_column"])
    choice = read_table.choose_columns(path, target, features, draw_column, group_column)
    if declared:
        choice = with_learners(path, read_table.column_names(path), choice, declared)
    source = _open_table(path, choice, declared, drop_missing, stream_rows)
    spec = None if note is None else SYNTHETIC.get(str(note["drawn_from"].get("name")))
    if note is not None and spec is not None and choice.target == spec.t_name:
        source.task = spec.task
        # f and p(C_1|x) are functions of all the set's features, in the set's order.
        known = choice.features == spec.feature_names and not declared
        if isinstance(source, DrawsSource) and known:
            source.is_drawn_from(spec, note["drawn_from"])
    return source


def _open_table(
    path: Path, choice: ColumnChoice, declared: Declared, drop_missing: bool, stream_rows: int
) -> TableSource | StreamSource:
    draw_column, group_column = choice.draw_column, choice.group_column
    if draw_column is None and group_column is None and has_more_rows(path, stream_rows):
        if declared:
            raise DataError(
                f"{path} is read in batches, where --categorical, --dates and --impute can't be "
                "used",
                hint="a file with fewer rows",
            )
        try:
            return StreamSource(path, choice, drop_missing=drop_missing)
        except TextColumn as error:
            if error.column != choice.target:
                raise
            raise DataError(
                f"target '{choice.target}' of {path}, which is read in batches",
                must="numbers, one for each class",
                got="text",
                hint="a column with a number for each word",
            ) from None
    gaps = may_lack(choice, declared)
    choice, columns, words = read_with_class_names(path, choice, gaps, drop_missing=drop_missing)
    if declared:
        preparation, X = prepared_features(path, choice, declared, columns)
        data = Dataset(
            path.name,
            X,
            columns[choice.target],
            preparation.names,
            choice.target,
            preparation=preparation,
        )
    else:
        data = table_dataset(path.name, choice, columns)
    data = replace(data, class_names=words)
    if group_column is not None:
        data = replace(data, groups=group_numbers(path, group_column, data.t.size))
    identity = read_table.file_identity(path, choice, drop_missing=drop_missing)
    if draw_column is None:
        return TableSource(data, identity)
    rows = draw_rows(path, draw_column, columns[draw_column])
    return DrawsSource(data, identity, rows, draw_column)


def table_dataset(name: str, choice: ColumnChoice, columns: dict[str, Array]) -> Dataset:
    """The chosen columns of a table as X (N, D) and t (N,)."""
    X = np.column_stack([columns[name] for name in choice.features])  # (N, D)
    return Dataset(name, X, columns[choice.target], choice.features, choice.target)


def read_with_class_names(
    path: Path, choice: ColumnChoice, may_lack: frozenset[str], *, drop_missing: bool
) -> tuple[ColumnChoice, dict[str, Array], tuple[str, ...] | None]:
    """`read_table.read`, with the classes of a target of text numbered from 0.

    Args:
        path: the file.
        choice: the columns.
        may_lack: columns in which missing values are allowed.
        drop_missing: leave out rows with missing values.

    Returns:
        The columns as they were read, their cells, and the names of the classes; None where the
        target holds numbers.

    Raises:
        DataError: as `read_table.read`; or the target mixes text and numbers, or has too
            many distinct texts.
    """
    try:
        columns = read_table.read(path, choice, drop_missing=drop_missing, may_lack=may_lack)
        return choice, columns, None
    except TextColumn as error:
        if error.column != choice.target:
            raise columns_of_words(path, choice, error) from None
        refusal = error
    learner = Learner()
    choice = replace(choice, coders={**choice.coders, choice.target: learner})
    columns = read_table.read(path, choice, drop_missing=drop_missing, may_lack=may_lack)
    codes = columns[choice.target].astype(np.int64)
    used = np.unique(codes)
    names = sorted(learner.texts[place] for place in used)
    if not all(map(is_word, names)):
        # One odd cell among numbers makes no classes of them.
        raise refusal
    if len(names) < 2:
        raise DataError(
            f"target '{choice.target}' of {path}",
            must="of two classes or more",
            got=f"only {names[0]!r}",
            hint="another --target",
        )
    if not few_enough(len(names), codes.size):
        raise DataError(
            f"the words of target '{choice.target}' of {path}",
            must=f"classes, each with {ROWS_A_CLASS} rows or more on average",
            got=f"{len(names)} words in {codes.size} rows",
            hint="another --target",
        )
    places = np.full(len(learner.texts), -1)
    places[used] = [names.index(learner.texts[place]) for place in used]
    columns[choice.target] = places[codes].astype(np.float64)
    return choice, columns, tuple(names)


class TextFeatures(DataError):
    """The error for features of text or dates that are not declared.

    Attributes:
        listed: the features, at most `LISTED` by name.
        flags: that declare them; empty where they are too many to be listed.
        target: its name.
        target_texts: distinct texts of the target, sorted; empty if it holds numbers.
    """

    def __init__(
        self, sentence: str, features: Sequence[str], flags: str, target: str, words: Sequence[str]
    ) -> None:
        super().__init__(sentence)
        self.listed, self.flags = _listed(features), flags
        self.target, self.target_texts = target, tuple(words)


def columns_of_words(path: Path, choice: ColumnChoice, first: TextColumn) -> DataError:
    """The error for a table in which a feature that is not declared holds text.

    Reads the first batch of rows. A column in which only some cells are text is a column of
    numbers with a fault, and is refused by that cell.

    Args:
        path: the table.
        choice: the columns that are read.
        first: the error for the first such feature.
    """
    read = (*choice.features, choice.target)
    learners = {name: Learner() for name in read if name not in choice.coders}
    next(
        iter(read_table.column_batches(path, replace(choice, coders={**choice.coders, **learners})))
    )
    words = {name: one.texts for name, one in learners.items() if _mostly_words(one.texts)}
    target = sorted(words.pop(choice.target, ()))
    if first.column not in words:
        return first
    dates = [name for name, texts in words.items() if is_date(texts[0])]
    others = [name for name in words if name not in dates]
    flags = " ".join(
        f"{flag} {in_shell(*names)}"
        for flag, names in (("--categorical", others), ("--dates", dates))
        if names and len(words) <= LISTED
    )
    sentence = str(first)
    if len(words) > 1:
        ways = (
            []
            if choice.requested >= words.keys()
            else ["naming the numeric columns with --features"]
        )
        ways.append(flags or "--categorical and --dates with the names of these")
        sentence = (
            f"{_listed(list(words))} of {path} must be numbers in every row, got words; "
            f"try {', or '.join(ways)}"
        )
    return TextFeatures(sentence, list(words), flags, choice.target, target)


def _mostly_words(texts: Sequence[str]) -> bool:
    return sum(map(is_word, texts)) > len(texts) / 2


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
    kind = "column" if len(names) == 1 else "columns"
    quoted = ", ".join(f"'{name}'" for name in names[:LISTED])
    return f"{kind} {quoted}{more}"


def group_numbers(path: Path, column: str, n_rows: int) -> NDArray[np.int64]:
    """The group of each row as a number, (N,); the groups may be named by numbers or by text.

    Args:
        path: CSV, TSV, Parquet or NPZ, or a folder of parts.
        column: its name.
        n_rows: rows of the data; all of the file's.

    Raises:
        DataError: a row has no group, or rows of the file were left out.
    """
    values = [value for part in parts_of(path) for value in _column(part, column)]
    if len(values) != n_rows:
        raise DataError(
            f"{len(values) - n_rows} rows of {path} were left out, which the groups can't follow",
            hint="a file without missing values",
        )
    if any(value is None or value == "" or value != value for value in values):
        raise DataError(
            f"column '{column}' of {path}", must="a group for every row", got="empty cells"
        )
    _, numbers = np.unique(np.array([str(value) for value in values]), return_inverse=True)
    return numbers.astype(np.int64)


def _column(path: Path, name: str) -> list[object]:
    suffix = path.suffix.lower()
    if suffix == ".npz":
        found = read_npz.read_columns(
            path, read_npz.columns(path), (name,), requested=frozenset({name}), coders={}
        )
        return list(found[name].tolist())
    if suffix == ".parquet":
        from pyarrow import parquet

        return list(parquet.read_table(path, columns=[name]).column(name).to_pylist())
    import pandas as pd

    table = pd.read_csv(
        path,
        usecols=[name],
        dtype=str,
        keep_default_na=False,
        sep="\t" if suffix == ".tsv" else ",",
    )
    return list(table[name])


def draw_rows(path: Path, column: str, values: Array) -> list[NDArray[np.int64]]:
    """The row numbers of each data set, in the table's order.

    Args:
        path: the file, for the message.
        column: the draw column's name, for the message.
        values: its values, (N,); 0, 1, 2, ... without a gap, in any order.

    Raises:
        DataError: a value is not such a number, or one is left out.
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
