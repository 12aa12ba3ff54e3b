"""A target whose classes are words: numbered in the order of their names."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from mlcli.datasets import tabular
from mlcli.datasets.cells import Learner, TextColumn, is_word
from mlcli.datasets.columns import Choice
from mlcli.datasets.dataset import ROWS_A_CLASS, Array, few_enough
from mlcli.datasets.words_found import columns_of_words
from mlcli.errors import DataError


def read_with_words(
    path: Path, choice: Choice, may_lack: frozenset[str], *, drop_missing: bool
) -> tuple[Choice, dict[str, Array], tuple[str, ...] | None]:
    """`tabular.read`, with the target's classes numbered from 0 on where they are words.

    Args:
        path: the file.
        choice: the columns.
        may_lack: columns whose gaps are no fault.
        drop_missing: leave out rows with missing values.

    Returns:
        The columns as they were read, their cells, and the names of the classes; None where the
        target holds numbers.

    Raises:
        DataError: as `tabular.read`; or the target holds words and numbers, or too many words.
    """
    try:
        columns = tabular.read(path, choice, drop_missing=drop_missing, may_lack=may_lack)
        return choice, columns, None
    except TextColumn as error:
        if error.column != choice.target:
            raise columns_of_words(path, choice, error) from None
        refusal = error
    learner = Learner()
    choice = replace(choice, coders={**choice.coders, choice.target: learner})
    columns = tabular.read(path, choice, drop_missing=drop_missing, may_lack=may_lack)
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
