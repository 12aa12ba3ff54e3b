"""All columns of a table that hold words, said at once where the first of them is refused."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from mlcli.datasets import tabular
from mlcli.datasets.cells import Learner, TextColumn, is_date, is_word
from mlcli.datasets.columns import Choice
from mlcli.errors import DataError
from mlcli.lists import in_shell

LISTED = 5


class ColumnsOfWords(DataError):
    """Features that hold words or dates, and perhaps the target does.

    Attributes:
        listed: the features, at most `LISTED` by name.
        flags: that declare them; empty where they are too many to be listed.
        target: its name.
        target_words: the first distinct words of the target, in their order; none of numbers.
    """

    def __init__(
        self, sentence: str, features: Sequence[str], flags: str, target: str, words: Sequence[str]
    ) -> None:
        super().__init__(sentence)
        self.listed, self.flags = _listed(features), flags
        self.target, self.target_words = target, tuple(words)


def columns_of_words(path: Path, choice: Choice, first: TextColumn) -> DataError:
    """What to say of a table in which a feature that is not declared holds text.

    Looks at the first batch of rows. A column in which only some cells are words is a column of
    numbers with a fault, and is refused by that cell.

    Args:
        path: the table.
        choice: the columns that are read.
        first: the refusal of the first such feature.
    """
    read = (*choice.features, choice.target)
    learners = {name: Learner() for name in read if name not in choice.coders}
    next(iter(tabular.column_batches(path, replace(choice, coders={**choice.coders, **learners}))))
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
            [] if choice.asked >= words.keys() else ["naming the numeric columns with --features"]
        )
        ways.append(flags or "--categorical and --dates with the names of these")
        sentence = (
            f"{_listed(list(words))} of {path} must be numbers in every row, got words; "
            f"try {', or '.join(ways)}"
        )
    return ColumnsOfWords(sentence, list(words), flags, choice.target, target)


def _mostly_words(texts: Sequence[str]) -> bool:
    return sum(map(is_word, texts)) > len(texts) / 2


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
    kind = "column" if len(names) == 1 else "columns"
    quoted = ", ".join(f"'{name}'" for name in names[:LISTED])
    return f"{kind} {quoted}{more}"
