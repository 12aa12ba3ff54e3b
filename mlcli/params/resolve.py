"""The one path of a parameter: flag > -S > environment > params.yaml > default.

In params.yaml a command's own section comes first, then the section it inherits from, then `data`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from pydantic import ValidationError

from mlcli.config import SECTIONS, config_class, inherited_keys, parent_of
from mlcli.config.data import SECTION as SHARED_SECTION
from mlcli.config.data import SHARED
from mlcli.config.fields import Section
from mlcli.errors import ConfigError
from mlcli.params.dvc_guard import refuse_overrides
from mlcli.params.faults import Fault, explain, unknown
from mlcli.params.gates import gates_of
from mlcli.params.sections import Given, find_params, section_values, unknown_sections
from mlcli.params.shared import lent_data
from mlcli.params.yaml_file import YamlFile, parse_value, read_yaml

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
    lenders |= {key: [*lenders.get(key, ()), SHARED_SECTION] for key in SHARED}
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
