"""The shape of an experiment's part of the report."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Caption:
    """A figure's place in the notes, its caption, and what it shows to those who can't see it."""

    place: str
    alt: str
    text: str


@dataclass(frozen=True)
class Chapter:
    """One experiment: its title, its question in two sentences, and its figures in order."""

    title: str
    question: str
    figures: dict[str, Caption]
