"""Every figure, table and equation of the lecture notes, and what of this package covers it.

The tables `chapter_*.toml` and `appendix_*.toml` beside this file are the one source; the command
`mlcli notes` and the tests read them through `entries`, `derivations` and `find`.
"""

from __future__ import annotations

from mlcli.notes.entry import Derivation, Entry, count_of
from mlcli.notes.lookup import find, find_derivation
from mlcli.notes.tables import chapter_titles, derivations, entries

__all__ = [
    "Derivation",
    "Entry",
    "chapter_titles",
    "count_of",
    "derivations",
    "entries",
    "find",
    "find_derivation",
]
