"""Inside a DVC stage, a value that DVC tracks comes from params.yaml and from nowhere else.

DVC sets DVC_STAGE for every stage it runs. An override there would be invisible to `dvc status`,
and `dvc.lock` would record parameters that the result was not made with.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from mlcli.errors import ConfigError
from mlcli.params.faults import Fault, nearest
from mlcli.params.yaml_file import YamlFile, read_yaml

PARAMS_NAME = "params.yaml"


def tracked_params(entries: Any) -> Iterator[tuple[str, str]]:
    """``(file, dotted key)`` of each entry in a stage's ``params:``; key "" is the whole file."""
    for entry in entries if isinstance(entries, list) else []:
        if isinstance(entry, dict):
            for file, keys in entry.items():
                for key in keys if isinstance(keys, list) and keys else [""]:
                    yield str(file), str(key)
        else:
            yield PARAMS_NAME, str(entry)


def refuse_overrides(
    section: str,
    given: Mapping[str, tuple[str, str]],
    environ: Mapping[str, str],
    lenders: Mapping[str, Sequence[str]] = MappingProxyType({}),
) -> None:
    """Refuse flags, -S and variables that change a tracked key, when DVC runs this command.

    Args:
        section: the command's section.
        given: key -> (source, place) of each value that was given.
        environ: the environment.
        lenders: key -> other sections whose value it has where its own section has none.

    Raises:
        ConfigError: naming every override.
    """
    stage = environ.get("DVC_STAGE", "").partition("@")[0]
    dvc_file = Path(environ.get("DVC_ROOT", ".")) / "dvc.yaml"
    if not stage or not dvc_file.is_file():
        return
    keys = {
        key
        for name, _, entries in _tracked(read_yaml(dvc_file))
        if name == stage
        for _, key in tracked_params(entries)
    }
    faults = [
        Fault(place, f"{owner}.{key} is tracked by the DVC stage {stage}; set it in params.yaml")
        for key, (source, place) in given.items()
        for owner in _tracked_in((section, *lenders.get(key, ())), key, keys)[:1]
        if source != "file"
    ]
    if faults:
        raise ConfigError("\n".join(str(fault) for fault in faults))


def _tracked_in(sections: Sequence[str], key: str, keys: Collection[str]) -> list[str]:
    """Those of the sections whose value of a key is among the tracked keys."""
    return [one for one in sections if not {"", one, f"{one}.{key}"}.isdisjoint(keys)]


def missing_params(dvc_file: Path, params: YamlFile) -> list[Fault]:
    """The ``params:`` entries of dvc.yaml that name a key which the params file does not have."""
    file = read_yaml(dvc_file)
    faults = []
    for stage, below, entries in _tracked(file):
        for name, key in tracked_params(entries):
            if Path(name).name != Path(params.name).name or _has(params.values, key):
                continue
            hint = nearest(key, _dotted(params.values))
            sentence = f"stage {stage} tracks {key!r}, which is not in {params.name}"
            where = file.place(*below, "params")
            faults.append(Fault(where, sentence + (f"; try {hint}" if hint else "")))
    return faults


def _tracked(file: YamlFile) -> Iterator[tuple[str, tuple[str, ...], Any]]:
    """``(stage, place, params)`` of each stage; other entries are for DVC to refuse."""
    stages = file.values.get("stages")
    for stage, definition in stages.items() if isinstance(stages, dict) else ():
        place: tuple[str, ...] = ("stages", stage)
        if isinstance(definition, dict) and "do" in definition:
            definition, place = definition["do"], (*place, "do")
        if isinstance(definition, dict):
            yield stage, place, definition.get("params")


def _has(values: Any, key: str) -> bool:
    for part in key.split(".") if key else []:
        if not isinstance(values, dict) or part not in values:
            return False
        values = values[part]
    return True


def _dotted(values: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    for key, value in values.items():
        yield prefix + key
        if isinstance(value, dict):
            yield from _dotted(value, f"{prefix}{key}.")
