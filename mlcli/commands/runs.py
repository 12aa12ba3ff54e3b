"""`mlcli runs`: what has been run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from mlcli import console
from mlcli.commands.experiment import RUNS
from mlcli.json_file import read_json
from mlcli.report.manifest import read_manifest
from mlcli.result import Display

app = typer.Typer(add_completion=False)


def find_runs(folder: Path) -> list[dict[str, Any]]:
    """Every finished run below a folder, oldest first."""
    found = []
    for path in folder.rglob("manifest.json"):
        if any(part.startswith(".") for part in path.relative_to(folder).parts):
            continue
        manifest = read_manifest(path.parent)
        if manifest is not None:
            found.append(_describe(path.parent, manifest))
    return sorted(found, key=lambda run: (run["started"], run["folder"]))


def _describe(folder: Path, manifest: dict[str, Any]) -> dict[str, Any]:
    changed = {
        key: entry["value"]
        for key, entry in manifest["config"].items()
        if entry["source"] != "default"
    }
    try:
        where = read_json(folder / "environment.json")
    except (OSError, ValueError):
        where = {}
    started = where.get("started", "") if isinstance(where, dict) else ""
    return {
        "command": manifest["command"],
        "run": manifest["run"],
        "folder": str(folder),
        "data": manifest["data"].get("name", ""),
        "settings": changed,
        "started": str(started),
    }


@app.command()
def runs(
    folder: Annotated[Path, typer.Argument(help="Where to look.")] = RUNS,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List what has been run.

    Example: mlcli runs
    """
    found = find_runs(folder)
    if as_json:
        console.print_json(found)
        return
    if not found:
        console.print_text(f"no runs under {folder}")
        return
    rows = []
    for run in found:
        settings = " ".join(f"{k}={_short(v)}" for k, v in run["settings"].items() if k != "data")
        rows.append([run["command"], run["run"], run["started"], run["data"], settings])
    headings = ["command", "run", "started", "data", "settings"]
    console.print_displays([Display(f"runs under {folder}", headings, rows)])


def _short(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)
