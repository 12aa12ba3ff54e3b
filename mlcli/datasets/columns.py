"""Which columns of a table are the target and the features."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from mlcli.datasets.cells import Coder
from mlcli.errors import DataError
from mlcli.lists import in_shell

DEFAULT_TARGETS = ("t", "y", "target")
LISTED = 12


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
        hint=f"--target with one of its columns: {_listed(names)}",
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
    hint = f"one of its columns: {_listed(names)}"
    if near:
        hint = in_shell(near[0]) if of_list and "," in near[0] else f"'{near[0]}'"
    return DataError(f"{path} has no column '{wanted}'", hint=hint)


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
    return ", ".join(names[:LISTED]) + more
