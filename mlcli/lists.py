"""Lists of names in one text, as a flag takes them: commas between them, quotes as in CSV."""

from __future__ import annotations

import csv
import shlex
from collections.abc import Iterable


def split_names(text: str) -> list[str]:
    """``a,"b, c"`` becomes ``["a", "b, c"]``; spaces around a name and empty names are left out.

    Raises:
        ValueError: a quote before a name has none behind it.
    """
    try:
        (names,) = csv.reader([text], skipinitialspace=True, strict=True) if text else ([],)
    except (csv.Error, ValueError):
        raise ValueError(
            f'must be names, as a,b or, where a name has a comma, "a, b",c, got {text!r}'
        ) from None
    return [name.strip() for name in names if name.strip()]


def joined_names(names: Iterable[str]) -> str:
    """The text that `split_names` makes these names of."""
    return ",".join(map(_quoted, names))


def in_shell(*names: str) -> str:
    """Names as they stand behind a flag that takes a list, typed into a shell."""
    text = joined_names(names)
    return text if all(name.isidentifier() for name in names) else shlex.quote(text)


def _quoted(name: str) -> str:
    plain = "," not in name and not name.startswith('"')
    return name if plain else '"' + name.replace('"', '""') + '"'
