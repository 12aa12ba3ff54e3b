"""The one path of a parameter: flag > -S > environment > params.yaml > default.

In params.yaml a command's own section comes first, then the section it inherits from, then `data`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Generic, TypeVar

from pydantic import ValidationError

from mlcli.config import SECTIONS, config_class, inherited_keys, parent_of
from mlcli.config.data import SECTION as DATA_SECTION
from mlcli.config.data import SHARED, SYNTHETIC, DataConfig
from mlcli.config.fields import Section
from mlcli.config.gates import EXAMPLE, Gate, GateSyntaxError, parse_gate
from mlcli.config.gates import SECTION as GATES_SECTION
from mlcli.datasets.names import canonical, is_named
from mlcli.errors import ConfigError
from mlcli.lists import joined_names
from mlcli.params.dvc_guard import refuse_overrides
from mlcli.params.faults import Fault, explain, shown, unknown
from mlcli.params.yaml_file import DEFAULT_FILE, YamlFile, parse_value, read_yaml

C = TypeVar("C", bound=Section)
ENVIRONMENT_PREFIX = "MLCLI_"
DATA_KEY = "data"
MOST_LISTED = 3
# The sources of values that the next command line has to repeat.
GIVEN = ("flag", "set", "environment")


@dataclass(frozen=True)
class Resolved(Generic[C]):
    """A validated config and, for each key, where its value came from.

    A source is ``flag``, ``set``, ``environment``, ``file``, ``file (<section>)`` for a value that
    another section of the file lends, or ``default``.
    """

    config: C
    sources: Mapping[str, str]


def resolve(
    model: type[C],
    section: str,
    *,
    flags: Mapping[str, Any] | None = None,
    sets: Sequence[str] = (),
    params: Path | None = None,
    environ: Mapping[str, str] | None = None,
) -> Resolved[C]:
    """The config of one command.

    Args:
        model: the config model of the section.
        section: its name in params.yaml.
        flags: values given by flags; None means not given.
        sets: ``section.key=value`` texts, values in YAML as in DVC's own ``-S``.
        params: the params file; by default params.yaml if it is there.
        environ: the environment (for MLCLI_SECTION__KEY and DVC_STAGE).

    Raises:
        ConfigError: every fault found, one per line.
    """
    environ = os.environ if environ is None else environ
    faults: list[Fault] = []
    file = find_params(params)
    given = {} if file is None else _from_file(section, file, faults)
    given |= _from_environment(section, environ, faults)
    given |= _from_sets(section, sets, faults)
    for key, value in (flags or {}).items():
        if value is not None:
            flag = "--" + key.replace("_", "-")
            given[key] = Given(value, "flag", flag if value is not False else f"--no-{flag[2:]}")
    parent = _parent(model, given)
    own = {key: (one.source, one.place) for key, one in given.items()}
    lenders = {key: [parent] for key in inherited_keys(model, parent) if parent}
    lenders |= {key: [*lenders.get(key, ()), DATA_SECTION] for key in SHARED}
    refuse_overrides(section, own, environ, lenders)
    if file is not None:
        given = _from_parent(model, parent, file, faults) | given
        given = lent_data(model, section, given, file, faults) | given
    config: C | None = None
    try:
        config = model(**{key: one.value for key, one in given.items()})
    except ValidationError as error:
        faults += _explained(error, model, section, given)
    if faults or config is None:
        raise ConfigError("\n".join(str(fault) for fault in faults))
    sources = {k: given[k].source if k in given else "default" for k in model.model_fields}
    return Resolved(config, sources)


def as_flag(key: str, value: Any) -> list[str]:
    """The words of a command line that give a key its value; none where there is no value."""
    flag = "--" + key.replace("_", "-")
    if value is None:
        return []
    if isinstance(value, bool):
        return [flag if value else f"--no-{flag[2:]}"]
    several = isinstance(value, list | tuple)
    return [flag, joined_names(map(str, value)) if several else str(value)]


def _from_file(section: str, file: YamlFile, faults: list[Fault]) -> dict[str, Given]:
    faults += unknown_sections(file)
    return section_values(file, section, faults)


def _parent(model: type[Section], given: Mapping[str, Given]) -> str | None:
    return parent_of(model, {key: one.value for key, one in given.items()})


def _from_parent(
    model: type[Section], parent: str | None, file: YamlFile, faults: list[Fault]
) -> dict[str, Given]:
    if parent is None:
        return {}
    values = section_values(file, parent, faults)
    keys = [key for key in inherited_keys(model, parent) if key in values]
    return {key: values[key].lent(parent) for key in keys}


def _explained(
    error: ValidationError,
    model: type[Section],
    section: str,
    given: Mapping[str, Given],
    whole: str | None = None,
) -> list[Fault]:
    """The faults in an error, each under the section that its place belongs to.

    Args:
        error: of the model.
        model: of the section.
        section: its name.
        given: the values.
        whole: the place of a fault of several keys together.
    """
    places = {key: one.place for key, one in given.items()}
    places |= {} if whole is None else {"": whole}
    owners = {one.place: one.lender for one in given.values() if one.lender}
    found = [one for one in explain(error, model, section, places) if one.place not in owners]
    for owner in sorted(set(owners.values())):
        theirs = explain(error, model, owner, places)
        found += [one for one in theirs if owners.get(one.place) == owner]
    return found


def _from_environment(
    section: str, environ: Mapping[str, str], faults: list[Fault]
) -> dict[str, Given]:
    found = {}
    for name in sorted(environ):
        if not name.startswith(ENVIRONMENT_PREFIX) or "__" not in name:
            continue
        owner, _, key = name.removeprefix(ENVIRONMENT_PREFIX).lower().partition("__")
        if owner not in SECTIONS:
            faults.append(Fault(name, unknown("section", owner, SECTIONS)))
        elif owner == section:
            found[key] = Given(_value(environ[name], name, faults), "environment", name)
    return found


def _from_sets(section: str, sets: Sequence[str], faults: list[Fault]) -> dict[str, Given]:
    found = {}
    for text in sets:
        place = f"-S {text}"
        path, equals, value = text.partition("=")
        owner, dot, key = path.strip().partition(".")
        if not (equals and dot and key):
            faults.append(Fault(place, f"must be section.key=value; try -S {section}.seed=1"))
        elif owner not in SECTIONS:
            faults.append(Fault(place, unknown("section", owner, SECTIONS)))
        elif owner != section:
            faults.append(Fault(place, f"section {owner} does nothing here; use {section}"))
        else:
            found[key] = Given(_value(value, place, faults), "set", place)
    return found


def _value(text: str, place: str, faults: list[Fault]) -> Any:
    try:
        return parse_value(text)
    except ConfigError as error:
        faults.append(Fault(place, str(error)))
        return None


def validate_file(path: Path) -> list[Fault]:
    """Every fault in a whole params file, in the order of the file.

    Raises:
        ConfigError: the file can't be read as sections at all.
    """
    file = read_yaml(path)
    faults = unknown_sections(file)
    gates_of(file, faults)
    for section in SECTIONS:
        model = config_class(section)
        given = section_values(file, section, faults)
        if given:
            # What a run of it would read, with what other sections lend.
            given = _from_parent(model, _parent(model, given), file, faults) | given
            given = lent_data(model, section, given, file, faults) | given
        try:
            model(**{key: one.value for key, one in given.items()})
        except ValidationError as error:
            faults += _explained(error, model, section, given, file.place(section))
    return sorted(dict.fromkeys(faults), key=lambda fault: _order(fault.place))


def _order(place: str) -> tuple[int, ...]:
    return tuple(int(part) for part in place.rsplit(":", 2)[1:] if part.isdigit())


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
    known = (*SECTIONS, GATES_SECTION)
    return [
        Fault(file.place(name), unknown("section", name, known))
        for name in file.values
        if name not in known
    ]


def lent_data(
    model: type[Section],
    section: str,
    given: Mapping[str, Given],
    file: YamlFile,
    faults: list[Fault],
) -> dict[str, Given]:
    """What a params file says of the data, for a command whose section does not.

    Args:
        model: of the command's section.
        section: its name.
        given: the values that it has already, by flags, its own section and so on.
        file: the params file.
        faults: joined by those that are found.
    """
    if section == DATA_SECTION:
        return {}
    shared = section_values(file, DATA_SECTION, faults)
    faults += [
        Fault(
            one.place, unknown("key", key, DataConfig.model_fields) + f" (section {DATA_SECTION})"
        )
        for key, one in shared.items()
        if key not in DataConfig.model_fields
    ]
    if DATA_KEY not in shared or shared[DATA_KEY].value is None:
        return {} if DATA_KEY in given else _agreed(model, section, file, faults)
    data, theirs = given.get(DATA_KEY, shared[DATA_KEY]).value, shared[DATA_KEY].value
    # A named set has a target and features of its own, and no other data are synthetic.
    if _is_named(data) and not (_is_named(theirs) and canonical(data) == canonical(theirs)):
        return {}
    keys = SHARED if _is_named(data) else SHARED - SYNTHETIC
    lent = {key: one.lent(DATA_SECTION) for key, one in shared.items() if key in keys}
    if data == theirs:
        faults += _out_of_place(model, section, lent)
    return {key: one for key, one in lent.items() if key in model.model_fields}


def _is_named(value: Any) -> bool:
    return isinstance(value, str) and is_named(value)


def _out_of_place(model: type[Section], section: str, lent: Mapping[str, Given]) -> list[Fault]:
    """What a command can't do with the shared data, so that it would read others in silence."""
    command = section.replace("_", "-")
    return [
        Fault(
            one.place,
            f"{DATA_SECTION}.{key} has no place in {command}, which takes the data as they are; "
            f"try --data with data for {command}",
        )
        for key, one in lent.items()
        if key not in model.model_fields and one.value not in (None, False)
    ]


def _agreed(
    model: type[Section], section: str, file: YamlFile, faults: list[Fault]
) -> dict[str, Given]:
    """The data of the other sections, if all that name some describe them alike."""
    found: dict[str, dict[str, Given]] = {}
    for name in SECTIONS:
        values = {} if name in (DATA_SECTION, section) else section_values(file, name, [])
        if DATA_KEY in values and values[DATA_KEY].value is not None:
            found[name] = {key: one for key, one in values.items() if key in SHARED}
    described = [{key: one.value for key, one in values.items()} for values in found.values()]
    if not found:
        return {}
    if all(one == described[0] for one in described):
        first, values = next(iter(found.items()))
        return {key: one.lent(first) for key, one in values.items() if key in model.model_fields}
    listed = [f"{name} has {one[DATA_KEY]}" for name, one in zip(found, described, strict=True)]
    shown = ", ".join(listed[:MOST_LISTED]) + (", ..." if len(listed) > MOST_LISTED else "")
    faults.append(
        Fault(
            file.name,
            f"section {section} names no data, and other sections differ in theirs ({shown}); "
            f"try --data, or data in section {section} or {DATA_SECTION}",
        )
    )
    return {}


@dataclass(frozen=True)
class PlacedGate:
    """A gate, and where it was written."""

    gate: Gate
    place: str


def gates_of(file: YamlFile, faults: list[Fault]) -> list[PlacedGate]:
    """The gates of a file; those that are none become faults."""
    listed = file.values.get(GATES_SECTION)
    if listed is None:
        return []
    if not isinstance(listed, list):
        faults.append(
            Fault(
                file.place(GATES_SECTION),
                f"{GATES_SECTION} must be a list of texts; try [{EXAMPLE}]",
            )
        )
        return []
    found = []
    for index, text in enumerate(listed):
        place = file.place(GATES_SECTION, index)
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
