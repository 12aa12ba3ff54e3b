"""The data of a command whose own section names none.

They are those of section `data` of the params file. Where that names none, they are the data that
all other sections agree on; where these differ, the command has to be told, since its default is
none of the data that the file is about.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mlcli.config import SECTIONS
from mlcli.config.data import SECTION, SHARED, SYNTHETIC, DataConfig
from mlcli.config.fields import Section
from mlcli.datasets.names import canonical, is_named
from mlcli.params.faults import Fault, unknown
from mlcli.params.sections import Given, section_values
from mlcli.params.yaml_file import YamlFile

KEY = "data"
MOST_LISTED = 3


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
    if section == SECTION:
        return {}
    shared = section_values(file, SECTION, faults)
    faults += [
        Fault(one.place, unknown("key", key, DataConfig.model_fields) + f" (section {SECTION})")
        for key, one in shared.items()
        if key not in DataConfig.model_fields
    ]
    if KEY not in shared or shared[KEY].value is None:
        return {} if KEY in given else _agreed(model, section, file, faults)
    data, theirs = given.get(KEY, shared[KEY]).value, shared[KEY].value
    # A named set has a target and features of its own, and no other data are synthetic.
    if _is_named(data) and not (_is_named(theirs) and canonical(data) == canonical(theirs)):
        return {}
    keys = SHARED if _is_named(data) else SHARED - SYNTHETIC
    lent = {key: one.lent(SECTION) for key, one in shared.items() if key in keys}
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
            f"{SECTION}.{key} has no place in {command}, which takes the data as they are; "
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
        values = {} if name in (SECTION, section) else section_values(file, name, [])
        if KEY in values and values[KEY].value is not None:
            found[name] = {key: one for key, one in values.items() if key in SHARED}
    described = [{key: one.value for key, one in values.items()} for values in found.values()]
    if not found:
        return {}
    if all(one == described[0] for one in described):
        first, values = next(iter(found.items()))
        return {key: one.lent(first) for key, one in values.items() if key in model.model_fields}
    listed = [f"{name} has {one[KEY]}" for name, one in zip(found, described, strict=True)]
    shown = ", ".join(listed[:MOST_LISTED]) + (", ..." if len(listed) > MOST_LISTED else "")
    faults.append(
        Fault(
            file.name,
            f"section {section} names no data, and other sections differ in theirs ({shown}); "
            f"try --data, or data in section {section} or {SECTION}",
        )
    )
    return {}
