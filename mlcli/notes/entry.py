"""What is known of one figure, table or equation."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Kind = Literal["figure", "table", "equation"]
KINDS: tuple[Kind, ...] = ("figure", "table", "equation")
Status = Literal["shown by a command", "function and test only", "not covered"]
STATUSES: tuple[Status, ...] = ("shown by a command", "function and test only", "not covered")


def label_of(kind: Kind, number: str) -> str:
    """(7.19), Figure 16 or Table 1."""
    return f"({number})" if kind == "equation" else f"{kind.capitalize()} {number}"


@dataclass(frozen=True)
class Place:
    """Where a run shows something, read from ``file: names [column=value]``.

    Attributes:
        file: ``details.json``, a CSV file or a figure of the run folder, or ``console``.
        names: a path of keys in details.json; columns of a CSV file; a text in a figure, which is
            a label, a title or what is written in it; or how a printed table's title begins.
        where: of a CSV file the rows that are meant, as pairs of a column and its value.
    """

    file: str
    names: tuple[str, ...]
    where: tuple[tuple[str, str], ...] = ()

    @property
    def figure(self) -> str:
        """The name of the figure; empty if it is no figure."""
        found = re.fullmatch(r"figures/(\w+)\.png", self.file)
        return found[1] if found else ""


def read_place(text: str) -> Place:
    """The place that a text names, e.g. ``tables/fits.csv: x, fit [degree=3]``.

    Raises:
        ValueError: it is no such text.
    """
    found = re.fullmatch(r"(details\.json|console|[\w/]+\.(?:csv|png)): (.+)", text)
    if found is None:
        raise ValueError(f"a place must be `file: what is read there`, got {text!r}")
    file, what = found.groups()
    if not file.endswith(".csv"):
        return Place(file, (what,))
    columns, _, rows = what.partition(" [")
    pairs = [tuple(one.split("=")) for one in rows.rstrip("]").split(", ")] if rows else []
    if any(len(pair) != 2 for pair in pairs):
        raise ValueError(f"rows must be chosen as [column=value], got {text!r}")
    return Place(file, tuple(columns.split(", ")), tuple((k, v) for k, v in pairs))


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A figure, table or equation that something can be computed of.

    Attributes:
        kind: figure, table or equation.
        number: as printed, e.g. 7.19 or A.7, and 16 of a figure.
        section: where it stands, e.g. 7.1.1.
        title: what it is.
        formula: as it is implemented, with the print's mistakes put right, in plain text.
        latex: the same of an equation, for the page.
        printed: what the notes have in its place, where that is another formula.
        command: the command that shows it; empty if only a function computes it.
        options: what the command needs beside its defaults to show it.
        shown: where its run shows it, each as `read_place` reads it; empty without a command.
        implements: functions and classes, as module:name.
        tests: as file::test.
        correction: what is printed and what is right; empty where the print is right.
        errata: tests in which the printed form fails and the corrected one holds.
    """

    kind: Kind = "equation"
    number: str
    section: str
    title: str
    formula: str
    latex: str = ""
    printed: str = ""
    command: str = ""
    options: str = ""
    shown: tuple[str, ...] = ()
    implements: tuple[str, ...] = ()
    tests: tuple[str, ...] = ()
    correction: str = ""
    errata: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """How the notes refer to it."""
        return label_of(self.kind, self.number)

    @property
    def chapter(self) -> str:
        """The chapter or appendix, e.g. 7 or A."""
        return self.section.split(".")[0]

    @property
    def command_line(self) -> str:
        """What to type to see it; empty if no command shows it."""
        return f"mlcli {self.command} {self.options}".strip() if self.command else ""

    @property
    def places(self) -> tuple[Place, ...]:
        """Where its run shows it."""
        return tuple(read_place(text) for text in self.shown)

    @property
    def figure(self) -> str:
        """The first figure that shows it; empty if none does."""
        return next((place.figure for place in self.places if place.figure), "")

    @property
    def status(self) -> Status:
        """Whether a command shows it; if not, whether a function and a test cover it."""
        if self.missing:
            return "not covered"
        return "shown by a command" if self.shown else "function and test only"

    @property
    def missing(self) -> tuple[str, ...]:
        """What it still lacks: a function, a test, and of figures and tables a place to see it."""
        found = []
        if not self.implements:
            found.append("a function")
        if not (self.tests or self.errata):
            found.append("a test")
        if self.kind != "equation" and not self.shown:
            found.append("a command that shows it")
        return tuple(found)


def count_of(shown: Iterable[Entry]) -> str:
    """How many of some entries a command shows, and how many not, as a sentence."""
    found = Counter(one.status for one in shown)
    parts = [f"{found[status]} {status}" for status in STATUSES if found[status]]
    return f"Of {found.total()} places in the notes: {', '.join(parts)}."


@dataclass(frozen=True, kw_only=True)
class Derivation:
    """A numbered equation that defines nothing to compute.

    Attributes:
        number: as printed.
        section: where it stands.
        reason: why it is left out.
    """

    number: str
    section: str
    reason: str

    @property
    def label(self) -> str:
        """How the notes refer to it."""
        return label_of("equation", self.number)
