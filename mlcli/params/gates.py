"""The list ``gates`` of a params file, each with its place."""

from __future__ import annotations

from dataclasses import dataclass

from mlcli.config import SECTIONS
from mlcli.config.gates import EXAMPLE, SECTION, Gate, GateSyntaxError, parse_gate
from mlcli.params.faults import Fault, shown, unknown
from mlcli.params.yaml_file import YamlFile


@dataclass(frozen=True)
class PlacedGate:
    """A gate, and where it was written."""

    gate: Gate
    place: str


def gates_of(file: YamlFile, faults: list[Fault]) -> list[PlacedGate]:
    """The gates of a file; those that are none become faults."""
    listed = file.values.get(SECTION)
    if listed is None:
        return []
    if not isinstance(listed, list):
        faults.append(
            Fault(file.place(SECTION), f"{SECTION} must be a list of texts; try [{EXAMPLE}]")
        )
        return []
    found = []
    for index, text in enumerate(listed):
        place = file.place(SECTION, index)
        if not isinstance(text, str):
            sentence = f"a gate must be a text, got {shown(text)}; try {EXAMPLE}"
            faults.append(Fault(place, sentence))
            continue
        try:
            gate = parse_gate(text)
        except GateSyntaxError as error:
            faults.append(Fault(place, f"{shown(text)}, {error}"))
            continue
        if gate.section in SECTIONS:
            found.append(PlacedGate(gate, place))
        else:
            faults.append(Fault(place, unknown("section", gate.section, SECTIONS)))
    return found
