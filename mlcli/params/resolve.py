"""The one path of a parameter: flag > -S > environment > params.yaml > default."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from pydantic import ValidationError

from mlcli.config import SECTIONS, config_class, inherited_keys, parent_of
from mlcli.config import gates as gate_grammar
from mlcli.config.fields import Section
from mlcli.errors import ConfigError
from mlcli.params.dvc_guard import refuse_overrides
from mlcli.params.faults import Fault, explain, unknown
from mlcli.params.gates import gates_of
from mlcli.params.yaml_file import DEFAULT_FILE, YamlFile, parse_value, read_yaml

C = TypeVar("C", bound=Section)
ENVIRONMENT_PREFIX = "MLCLI_"


@dataclass(frozen=True)
class Resolved(Generic[C]):
    """A validated config and, for each key, where its value came from.

    A source is ``flag``, ``set``, ``environment``, ``file``, ``file (<section>)`` for a value that
    another section of the file lends, or ``default``.
    """

    config: C
    sources: Mapping[str, str]


@dataclass(frozen=True)
class Given:
    """A value that somebody gave: what, from which source, and its place for messages."""

    value: Any
    source: str
    place: str


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
        ConfigError: every fault found, one a line.
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
    parent = parent_of(model, {key: one.value for key, one in given.items()})
    lent = {} if file is None else _from_parent(model, parent, file, faults)
    lent = {key: one for key, one in lent.items() if key not in given}
    given = lent | given
    own = {k: (g.source, g.place) for k, g in given.items() if k not in lent}
    refuse_overrides(section, own, environ)
    config: C | None = None
    try:
        config = model(**{key: one.value for key, one in given.items()})
    except ValidationError as error:
        places = {key: one.place for key, one in given.items()}
        owners = {one.place: str(parent) for one in lent.values()}
        faults += _explained(error, model, section, places, owners)
    if faults or config is None:
        raise ConfigError("\n".join(str(fault) for fault in faults))
    sources = {k: given[k].source if k in given else "default" for k in model.model_fields}
    return Resolved(config, sources)


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


def _from_file(section: str, file: YamlFile, faults: list[Fault]) -> dict[str, Given]:
    faults += unknown_sections(file)
    return section_values(file, section, faults)


def _from_parent(
    model: type[Section], parent: str | None, file: YamlFile, faults: list[Fault]
) -> dict[str, Given]:
    if parent is None:
        return {}
    values = section_values(file, parent, faults)
    keys = [key for key in inherited_keys(model, parent) if key in values]
    return {k: Given(values[k].value, f"file ({parent})", values[k].place) for k in keys}


def _explained(
    error: ValidationError,
    model: type[Section],
    section: str,
    places: Mapping[str, str],
    owners: Mapping[str, str],
) -> list[Fault]:
    """The faults in an error, each under the section that its place belongs to."""
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
        try:
            model(**{key: one.value for key, one in given.items()})
        except ValidationError as error:
            places = {key: one.place for key, one in given.items()}
            whole = file.place(section)
            faults += explain(error, model, section, {"": whole} | places)
    return sorted(faults, key=lambda fault: _order(fault.place))


def _order(place: str) -> tuple[int, ...]:
    return tuple(int(part) for part in place.rsplit(":", 2)[1:] if part.isdigit())
