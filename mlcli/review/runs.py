"""Run folders read back: the manifest, the metrics, and which of them there are."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlcli.errors import DataError
from mlcli.json_file import read_json
from mlcli.report.files import DETAILS
from mlcli.report.manifest import read_manifest, why_no_manifest


@dataclass(frozen=True)
class Run:
    """A finished run.

    Attributes:
        name: what the user calls it.
        folder: where its files are.
        manifest, metrics: as they were written.
    """

    name: str
    folder: Path
    manifest: dict[str, Any]
    metrics: dict[str, Any]

    @property
    def command(self) -> str:
        """The command that made it."""
        return str(self.manifest["command"])

    @property
    def section(self) -> str:
        """The command's section of params.yaml."""
        return self.command.replace("-", "_")

    @property
    def config(self) -> dict[str, Any]:
        """Its parameters, without where they came from."""
        return {key: entry["value"] for key, entry in self.manifest["config"].items()}


def is_run(folder: Path) -> bool:
    """Whether a folder is the folder of one run."""
    return (folder / "manifest.json").is_file()


def read_run(folder: Path, name: str | None = None) -> Run:
    """The run in a folder.

    Raises:
        DataError: it has no manifest or details that can be read.
    """
    manifest = read_manifest(folder)
    if manifest is None:
        sentence, hint = why_no_manifest(folder)
        raise DataError(sentence, hint=hint)
    path = folder / DETAILS
    try:
        metrics = read_json(path)
    except OSError as error:
        raise DataError(f"{path} can't be read ({error.strerror})") from None
    except ValueError:
        raise DataError(f"{path} is not JSON", hint="the run again") from None
    if not isinstance(metrics, dict):
        raise DataError(f"{path}", must="a JSON object", got=type(metrics).__name__)
    return Run(name or str(folder), folder, manifest, metrics)


def folders_below(place: Path) -> list[Path]:
    """Every run folder at or below a place, in order of their names; hidden ones are not looked at.

    Raises:
        DataError: there is no such folder, or no run in it.
    """
    if not place.is_dir():
        raise DataError(f"{place} is no folder", hint="a run folder, or `mlcli runs`")
    found = sorted(path.parent for path in place.rglob("manifest.json"))
    shown = [
        path
        for path in found
        if not any(part.startswith(".") for part in path.relative_to(place).parts)
    ]
    if not shown:
        raise DataError(f"there is no finished run in {place}", hint="`mlcli runs`")
    return shown


def runs_by_section(place: Path, name: str | None = None) -> dict[str, Run]:
    """The runs at or below a place, one per command.

    Raises:
        DataError: there is none, or there are several of one command.
    """
    found: dict[str, Run] = {}
    for folder in folders_below(place):
        below = "" if folder == place else folder.relative_to(place).as_posix()
        run = read_run(folder, "/".join(part for part in (name or str(place), below) if part))
        if run.section in found:
            raise DataError(
                f"{name or place} holds several runs of {run.command}, "
                f"{found[run.section].folder.name} and {folder.name} among them",
                hint="one of their folders",
            )
        found[run.section] = run
    return found
