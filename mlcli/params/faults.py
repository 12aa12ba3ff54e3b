"""What is wrong with a value, in one sentence with its place and the nearest right name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from mlcli.config.fields import Section, choices, extra, is_flag, requirement
from mlcli.params.synonyms import meant

if TYPE_CHECKING:
    from pydantic import ValidationError


@dataclass(frozen=True)
class Fault:
    """One fault: its place (``params.yaml:3:5``, a flag, a variable) and its sentence."""

    place: str
    sentence: str

    def __str__(self) -> str:
        return f"{self.place}: {self.sentence}"


def nearest(word: str, words: Iterable[str]) -> str | None:
    """The known word closest to `word`, if one is close."""
    close = get_close_matches(word.lower(), list(words), n=1, cutoff=0.5)
    return close[0] if close else None


def unknown(kind: str, word: str, words: Iterable[str]) -> str:
    """The sentence about an unknown name."""
    known = list(words)
    hint = (
        " or ".join(meant(word, known))
        or nearest(word.replace("-", "_"), known)
        or nearest(word, known)
    )
    tail = f"; try {hint}" if hint else f"; known are {', '.join(sorted(known))}"
    return f"unknown {kind} {word!r}{tail}"


def shown(value: Any) -> str:
    """A value as the user wrote it, shortened."""
    text = repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= 60 else text[:57] + "..."


def explain(
    error: ValidationError, model: type[Section], section: str, places: Mapping[str, str]
) -> list[Fault]:
    """The faults in a pydantic error, each with the place its value came from."""
    faults: dict[tuple[str, str], Fault] = {}
    for detail in error.errors(include_url=False, include_context=False):
        where = detail["loc"]
        key = str(where[0]) if where else ""
        place = places.get(key) or places.get("", section)
        faults[place, key] = Fault(place, _sentence(detail, model, section, key))
    return list(faults.values())


def _sentence(detail: Mapping[str, Any], model: type[Section], section: str, key: str) -> str:
    if detail["type"] == "extra_forbidden":
        return unknown("key", key, model.model_fields) + f" (section {section})"
    if detail["type"] == "value_error":
        # A fault of several keys together has none of its own; its place names the section.
        named = f"{section}.{key}: " if key else ""
        return named + str(detail["msg"]).removeprefix("Value error, ")
    field = model.model_fields[key]
    sentence = f"{section}.{key} must be {requirement(field)}, got {shown(detail['input'])}"
    words = choices(field) or (("true", "false") if is_flag(field) else ())
    word = str(detail["input"])
    known_as = (extra(field, "also_called") or {}).get(word.lower())
    hint = known_as or nearest(word, words) or extra(field, "example")
    return sentence + (f"; try {hint}" if hint else "")
