"""The sections of a params file, each value with its place."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mlcli.config import SECTIONS
from mlcli.config import gates as gate_grammar
from mlcli.params.faults import Fault, unknown
from mlcli.params.yaml_file import DEFAULT_FILE, YamlFile, read_yaml


@dataclass(frozen=True)
class Given:
    """A value that somebody gave.

    Attributes:
        value: what.
        source: as `resolve.Resolved` names it.
        place: for messages.
        lender: the section of the file that lends it, where it is not the command's own.
    """

    value: Any
    source: str
    place: str
    lender: str = ""

    def lent(self, lender: str) -> Given:
        """The same value in the hands of a command of another section."""
        return replace(self, source=f"file ({lender})", lender=lender)


def find_params(params: Path | None) -> YamlFile | None:
    """The params file that is asked for, else params.yaml if there is one."""
    if params is not None:
        return read_yaml(params)
    return read_yaml(DEFAULT_FILE) if DEFAULT_FILE.is_file() else None


def section_values(file: YamlFile, section: str, faults: list[Fault]) -> dict[str, Given]:
    """The keys of one section of a params file."""
    values = file.values.get(section)
    if values is None:
        return {}
    if not isinstance(values, dict):
        faults.append(Fault(file.place(section), f"{section} must be a section with keys below it"))
        return {}
    return {k: Given(v, "file", file.place(section, k)) for k, v in values.items()}


def unknown_sections(file: YamlFile) -> list[Fault]:
    """The sections of a params file that no command has."""
    known = (*SECTIONS, gate_grammar.SECTION)
    return [
        Fault(file.place(name), unknown("section", name, known))
        for name in file.values
        if name not in known
    ]
