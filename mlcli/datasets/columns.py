"""Which columns of a table are used, and how columns of text, dates and gaps become numbers."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcli.datasets.cells import (
    A_DATE,
    DATE_FORMATS,
    ORDERS,
    Coder,
    Learner,
    date_form,
    listed,
    two_readings,
    years_of,
)
from mlcli.datasets.checks import refuse_given
from mlcli.datasets.dataset import Array
from mlcli.errors import ConfigError, DataError
from mlcli.lists import in_shell
from mlcli.preparation.columns import MISSING, Column, Preparation

DEFAULT_TARGETS = ("t", "y", "target")
LISTED = 12
# Each category but the first becomes a column; a column with more than this is an identifier.
MOST_CATEGORIES = 1000
# The time of year is a feature of its own where dates span so many years or more.
YEARLY_SPAN = 2.0


@dataclass(frozen=True)
class ColumnChoice:
    """The columns that are used.

    Attributes:
        target: the column to predict.
        features: the D columns to predict from.
        draw_column: the column that numbers independent data sets, if there is one.
        group_column: the column whose values name groups of rows, if there is one.
        requested: the columns that the user named.
        coders: turn the cells of columns of text or dates into numbers.
    """

    target: str
    features: tuple[str, ...]
    draw_column: str | None
    requested: frozenset[str]
    group_column: str | None = None
    coders: Mapping[str, Coder] = field(default_factory=dict)

    @property
    def names(self) -> tuple[str, ...]:
        """Every column that must be read."""
        draws = () if self.draw_column is None else (self.draw_column,)
        return (*self.features, self.target, *draws)


def choose(
    path: object,
    names: Sequence[str],
    *,
    target: str | None,
    features: Sequence[str] | None,
    draw_column: str | None,
    group_column: str | None = None,
) -> ColumnChoice:
    """Settle the target and the features, and refuse what can't be meant.

    Raises:
        DataError: a column is missing, named twice, without a name, or in two roles.
    """
    _refuse_duplicates(f"{path} has", names)
    _refuse_control_characters(path, names)
    for wanted in (target, draw_column, group_column, *(features or ())):
        if wanted is not None and wanted not in names:
            raise missing_column(path, wanted, names, of_list=wanted in (features or ()))
    if target is None:
        target = _default_target(path, names)
    if features is None:
        features = [name for name in names if name not in (target, draw_column, group_column)]
        if "" in features:
            raise DataError(
                f"column {list(names).index('') + 1} of {path} has no name",
                hint="naming the columns to use with --features",
            )
        requested: frozenset[str] = frozenset()
    else:
        _refuse_duplicates("--features names", features)
        requested = frozenset(features)
    _refuse_roles(path, target, features, draw_column)
    if group_column is not None and group_column in (target, draw_column, *features):
        raise DataError(
            f"column '{group_column}' can't both name the groups and have another role",
            hint="another --group-column",
        )
    requested |= {target, draw_column or target}
    return ColumnChoice(target, tuple(features), draw_column, requested, group_column)


def target_named(path: object, names: Sequence[str], target: str | None) -> str | None:
    """The requested column, else one with the default name of a target, else None.

    Raises:
        DataError: there is no such column, or two columns have one name.
    """
    _refuse_duplicates(f"{path} has", names)
    _refuse_control_characters(path, names)
    if target is not None and target not in names:
        raise missing_column(path, target, names)
    return target or next((name for name in DEFAULT_TARGETS if name in names), None)


def _default_target(path: object, names: Sequence[str]) -> str:
    for name in DEFAULT_TARGETS:
        if name in names:
            return name
    raise DataError(
        f"{path} has no column named t, y or target",
        hint=f"--target with one of its columns: {listed(names, LISTED)}",
    )


def _refuse_roles(
    path: object, target: str, features: Sequence[str], draw_column: str | None
) -> None:
    if target in features:
        raise DataError(
            f"column '{target}' can't be both the target and a feature",
            hint="leaving it out of --features or another --target",
        )
    if draw_column is not None and draw_column in (target, *features):
        raise DataError(
            f"column '{draw_column}' can't both number the data sets and be predicted or predict",
            hint="another --draw-column",
        )
    if not features:
        raise DataError(
            f"{path} has no column left to predict '{target}' from",
            hint="a file with at least one more column",
        )


def _refuse_duplicates(where: str, names: Sequence[str]) -> None:
    seen = set()
    for name in names:
        if name in seen:
            raise DataError(f"{where} two columns named '{name}'", hint="giving each its own name")
        seen.add(name)


def _refuse_control_characters(path: object, names: Sequence[str]) -> None:
    for number, name in enumerate(names, start=1):
        if not name.isprintable():
            raise DataError(
                f"the name of column {number} of {path}",
                must="printable on one line",
                got=repr(name[:24]),
            )


def missing_column(
    path: object, wanted: str, names: Sequence[str], *, of_list: bool = False
) -> DataError:
    """The refusal of a table without a column, with the nearest name there is.

    Args:
        path: the file.
        wanted: the column.
        names: the columns there are.
        of_list: it was named in a list, where a name with a comma needs quotes.
    """
    near = difflib.get_close_matches(wanted, names, n=1, cutoff=0.5)
    # The part of a name up to its comma may be far from the whole.
    near = near or [name for name in names if of_list and name.split(",")[0].strip() == wanted]
    hint = f"one of its columns: {listed(names, LISTED)}"
    if near:
        hint = in_shell(near[0]) if of_list and "," in near[0] else f"'{near[0]}'"
    return DataError(f"{path} has no column '{wanted}'", hint=hint)


@dataclass(frozen=True)
class Declared:
    """How the features of a table become numbers.

    Attributes:
        categorical: columns of categories.
        dates: columns of dates; ``:dmy`` or ``:mdy`` behind a name says that the day or
            the month first.
        impute: what fills missing numbers and dates, mean, median or most-frequent.
        indicate_missing: a column of 0 and 1 beside each whose gaps are filled.
        unseen: refuse or average, for a category that training rows lack.
    """

    categorical: tuple[str, ...] = ()
    dates: tuple[str, ...] = ()
    impute: str | None = None
    indicate_missing: bool = False
    unseen: str = "refuse"

    def __bool__(self) -> bool:
        return bool(self.categorical or self.dates or self.impute)

    def refuse_for(self, name: str, why: str) -> None:
        """Refuse declared columns for data that are not a table file.

        Raises:
            DataError: something was declared.
        """
        given: dict[str, Any] = {"categorical": self.categorical or None}
        refuse_given(name, given | {"dates": self.dates or None, "impute": self.impute}, why)

    def date_forms(self, names: Sequence[str]) -> dict[str, str | None]:
        """The columns of dates, with the form of those whose order of day and month is given.

        Args:
            names: of the columns of the table; a name may itself contain a colon.

        Raises:
            ConfigError: a column is named twice.
        """
        found: dict[str, str | None] = {}
        for given in self.dates:
            column, _, order = given.rpartition(":")
            said = given not in names and order in ORDERS
            name = column if said else given
            if name in found:
                raise ConfigError("--dates", must="columns, each named once", got=f"'{name}' twice")
            found[name] = ORDERS[order] if said else None
        return found


NOTHING = Declared()


def with_learners(
    path: Path, names: Sequence[str], choice: ColumnChoice, declared: Declared
) -> ColumnChoice:
    """The columns to read; declared ones are read as numbers of their distinct texts.

    Raises:
        ConfigError: a declared column is not a feature, or is declared twice.
        DataError: there is no such column.
    """
    dates = tuple(declared.date_forms(names))
    for flag, columns in (("--categorical", declared.categorical), ("--dates", dates)):
        for column in columns:
            if column not in names:
                raise missing_column(path, column, names, of_list=True)
            if column == choice.target:
                raise ConfigError(
                    flag,
                    must="without the target, whose words are numbered anyhow",
                    got=f"'{column}'",
                )
            if column not in choice.features:
                raise ConfigError(flag, must="some of the features", got=f"'{column}'")
    twice = set(declared.categorical) & set(dates)
    if twice:
        raise ConfigError(
            "--dates", must="other columns than --categorical", got=f"'{min(twice)}' in both"
        )
    coders = {column: Learner() for column in (*declared.categorical, *dates)}
    return replace(choice, coders=coders)


def may_lack(choice: ColumnChoice, declared: Declared) -> frozenset[str]:
    """The features in which missing values are allowed: they are a category, or are filled."""
    return frozenset(declared.categorical if declared.impute is None else choice.features)


def prepared_features(
    path: Path, choice: ColumnChoice, declared: Declared, columns: Mapping[str, Array]
) -> tuple[Preparation, Array]:
    """The preparation of the features, and X (N, D) with NaN for missing values.

    Args:
        path: the file, for messages.
        choice: from `with_learners`.
        declared: how.
        columns: the cells as they were read; categories and dates as numbers of their texts.

    Raises:
        DataError: a column has one category or too many, or a cell is not a date.
    """
    found, cells = [], dict(columns)
    dates = declared.date_forms(choice.features)
    for name in choice.features:
        learner = choice.coders.get(name)
        if not isinstance(learner, Learner):
            column = Column(name, "number")
        elif name in dates:
            cells_of = (path, name, learner.texts, columns[name])
            column, cells[name] = _dates(*cells_of, dates[name])
        else:
            column, cells[name] = _categories(path, name, learner.texts, columns[name])
        gaps = column.kind != "category" and bool(np.isnan(cells[name]).any())
        found.append(replace(column, indicator=declared.indicate_missing and gaps))
    preparation = Preparation(tuple(found), declared.impute, declared.unseen)
    names = preparation.names
    for place, name in enumerate(names):
        if name in names[:place]:
            raise DataError(
                f"two features made of the columns of {path} would be called '{name}'",
                hint="another name for one of the columns",
            )
    return preparation, preparation.expand(cells)


def _categories(path: Path, name: str, texts: Sequence[str], codes: Array) -> tuple[Column, Array]:
    """Categories in the order of their names, gaps last."""
    gaps = np.isnan(codes)
    used = np.unique(codes[~gaps]).astype(np.int64)
    if used.size > MOST_CATEGORIES:
        raise DataError(
            f"column '{name}' of {path}",
            must=f"at most {MOST_CATEGORIES} categories",
            got=str(used.size),
            hint="leaving it out with --features",
        )
    values = sorted(texts[number] for number in used)
    if gaps.any() and MISSING not in values:
        values.append(MISSING)
    if len(values) < 2:
        only = values[0] if values else MISSING
        raise DataError(
            f"feature '{name}' of {path} is {only!r} in every row",
            hint="leaving it out with --features",
        )
    places = np.full(len(texts) + 1, float(values.index(MISSING)) if gaps.any() else np.nan)
    places[used] = [values.index(texts[number]) for number in used]
    return Column(name, "category", tuple(values)), places[_numbers(codes, len(texts))]


def _dates(
    path: Path, name: str, texts: Sequence[str], codes: Array, said: str | None
) -> tuple[Column, Array]:
    form, bad = date_form(texts, DATE_FORMATS if said is None else (said,))
    if bad is not None:
        row = int(np.flatnonzero(codes == bad)[0]) + 1 if (codes == bad).any() else None
        where = "" if row is None else f" in row {row}"
        must = A_DATE if said is None else f"a date in every row, written as {said}"
        raise DataError(f"column '{name}' of {path}", must=must, got=f"{texts[bad]!r}{where}")
    if said is None and (readings := two_readings(texts)) is not None:
        text, day_first, month_first = readings
        ways = " or ".join(f"--dates {in_shell(f'{name}:{order}')}" for order in ORDERS)
        raise DataError(
            f"column '{name}' of {path}",
            must="dates with one reading",
            got=f"{text!r}, which is {day_first} or {month_first}, and no other row says which",
            hint=f"{ways}, or writing them as {month_first}",
        )
    years = np.append(years_of(texts, form), np.nan)[_numbers(codes, len(texts))]
    if not np.isfinite(years).any():
        raise DataError(
            f"feature '{name}' of {path} has no values", hint="leaving it out with --features"
        )
    span = float(np.nanmax(years) - np.nanmin(years))
    if span == 0:
        raise DataError(
            f"feature '{name}' of {path} is the same date in every row",
            hint="leaving it out with --features",
        )
    return Column(name, "date", form=form, yearly=span >= YEARLY_SPAN), years


def _numbers(codes: Array, gap: int) -> NDArray[np.int64]:
    """Codes as whole numbers, `gap` where a cell was empty."""
    return np.where(np.isnan(codes), gap, codes).astype(np.int64)
