"""What is known of one figure, table or equation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["figure", "table", "equation"]
KINDS: tuple[Kind, ...] = ("figure", "table", "equation")


def label_of(kind: Kind, number: str) -> str:
    """(7.19), Figure 16 or Table 1."""
    return f"({number})" if kind == "equation" else f"{kind.capitalize()} {number}"


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A figure, table or equation that something can be computed of.

    Attributes:
        kind: figure, table or equation.
        number: as printed, e.g. 7.19 or A.7, and 16 of a figure.
        section: where it stands, e.g. 7.1.1.
        title: what it is.
        formula: as it is implemented, with the print's mistakes put right.
        command: the command that shows it; empty if only a function computes it.
        options: what the command needs beside its defaults to show it.
        figure: the file of that command that shows it, without its ending, or empty.
        table: the title that a printed table of that command begins with, or empty.
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
    command: str = ""
    options: str = ""
    figure: str = ""
    table: str = ""
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
    def missing(self) -> tuple[str, ...]:
        """What it still lacks: a function, a test, and of figures and tables a place to see it."""
        found = []
        if not self.implements:
            found.append("a function")
        if not (self.tests or self.errata):
            found.append("a test")
        if self.kind != "equation" and not (self.command and (self.figure or self.table)):
            found.append("a command that shows it")
        return tuple(found)


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
