"""From what a reader types to the entry that is meant."""

from __future__ import annotations

import re
from difflib import get_close_matches

from mlcli.errors import DataError
from mlcli.notes.entry import Derivation, Entry, Kind, label_of
from mlcli.notes.tables import derivations, entries

N_NEAREST = 3
_WORDS: dict[str, Kind] = {"fig": "figure", "tab": "table", "eq": "equation"}


def find(number: str) -> Entry:
    """The entry of an equation (7.19, (7.19), eq 7.19), a figure (Figure 5, fig. 5) or a table.

    A plain whole number is that of a figure.

    Raises:
        DataError: there is none, or the equation defines nothing to compute; the sentence names
            the nearest ones.
    """
    label = read_label(number)
    for entry in entries():
        if entry.label.lower() == label.lower():
            return entry
    left_out = find_derivation(number)
    if left_out is not None:
        raise DataError(f"{left_out.label} defines nothing to compute: {left_out.reason}")
    raise DataError(
        "a place in the notes",
        must="an equation, figure or table that they have",
        got=repr(number),
        hint=_nearest(label),
    )


def find_derivation(number: str) -> Derivation | None:
    """The equation without anything to compute that has this number, or None."""
    label = read_label(number).lower()
    return next((one for one in derivations() if one.label.lower() == label), None)


def read_label(text: str) -> str:
    """(7.19), Figure 5 or Table 1 from any usual way of writing them; other text as it stands."""
    found = re.fullmatch(
        r"\s*(?:(fig|tab|eq)[a-z]*\.?\s*)?\(?((?:\w\.)?[0-9]+)[a-d]?\)?\s*", text, re.I
    )
    if found is None:
        return text.strip()
    word, number = found.groups()
    kind = _WORDS[word.lower()] if word else "equation" if "." in number else "figure"
    return label_of(kind, number.upper())


def _nearest(label: str) -> str:
    """The entries of the same chapter with the nearest numbers, else those spelled alike."""
    asked = re.fullmatch(r"\((\w)\.(\d+)\)", label)
    known = [entry.label for entry in entries()]
    if asked:
        same = [e.number for e in entries() if e.number.startswith(f"{asked[1].upper()}.")]
        same.sort(key=lambda number: abs(int(number.split(".")[1]) - int(asked[2])))
        near = same[:N_NEAREST]
    else:
        near = get_close_matches(label, known, n=N_NEAREST, cutoff=0.5)
    if not near:
        return "`mlcli notes` for all of them"
    return near[0] if len(near) == 1 else f"{', '.join(near[:-1])} or {near[-1]}"
