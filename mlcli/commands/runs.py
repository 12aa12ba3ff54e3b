"""`mlcli runs`: what has been run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from mlcli import console
from mlcli.errors import DataError
from mlcli.json_file import read_json
from mlcli.result import Display
from mlcli.run.execute import RUNS
from mlcli.run.files import DETAILS
from mlcli.run.manifest import read_manifest
from mlcli.sweeps.headlines import ShownScore, shown_score

app = typer.Typer(add_completion=False)
HEADINGS = ["command", "run", "started", "data", "score"]
# A table that is wider than most terminals is hard to read; names of files give way.
WIDTH, GAP, NAME_WIDTH, SHORTEST = 80, 3, 16, 8


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
    score = _score(folder, str(manifest["command"]))
    return {
        "command": manifest["command"],
        "run": manifest["run"],
        "folder": str(folder),
        "data": _data_name(manifest),
        "score": score
        and {
            "metric": score.path,
            "value": score.value,
            "n_compared": score.n_compared,
        },
        "settings": changed,
        "started": str(started),
    }


def _data_name(manifest: dict[str, Any]) -> str:
    """The name of a data set, or of the file or folder that was read."""
    given = manifest["config"].get("data", {}).get("value")
    return str(manifest["data"].get("name") or Path(str(given or "")).name)


def _score(folder: Path, command: str) -> ShownScore | None:
    try:
        metrics = read_json(folder / DETAILS)
    except (OSError, ValueError):
        return None
    return shown_score(command.replace("-", "_"), metrics) if isinstance(metrics, dict) else None


@app.command()
def runs(
    folder: Annotated[Path, typer.Argument(help="Where to look.")] = RUNS,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List what has been run, with its data and its score.

    The score is that of test rows where there is one, else the one that a sweep is ranked by, and
    of several variants the best. Every setting, and where a score comes from: --json.

    Example: mlcli runs
    """
    # The default folder appears with the first run.
    if folder != RUNS and not folder.is_dir():
        raise DataError(f"{folder} is not a folder", hint="`mlcli runs` without a folder")
    found = find_runs(folder)
    if as_json:
        console.print_json(found)
        return
    if not found:
        console.print_text(f"no runs under {folder}")
        return
    rows = [
        [
            run["command"],
            run["run"],
            run["started"][5:16].replace("T", " "),
            run["data"],
            _number(run["score"]),
        ]
        for run in found
    ]
    if _available(rows) < NAME_WIDTH:
        rows = [[*row[:2], row[2][:5], *row[3:]] for row in rows]
    available = max(_available(rows), SHORTEST)
    rows = [[*row[:3], _cut(row[3], available), row[4]] for row in rows]
    console.print_displays([Display(f"runs under {folder}", HEADINGS, rows)])


def _available(rows: list[list[str]]) -> int:
    """The width that is left for the names of data."""
    widths = [max(map(len, cells)) for cells in zip(HEADINGS, *rows, strict=True)]
    return WIDTH - sum(widths) + widths[3] - GAP * (len(widths) - 1) - 2


def _number(score: dict[str, Any] | None) -> str:
    if score is None:
        return ""
    name = score["metric"].removesuffix(".mean").rpartition(".")[2]
    return f"{name} {score['value']:.4g}"


def _cut(name: str, width: int) -> str:
    """A long name without its middle, since files often differ at both ends."""
    if len(name) <= width:
        return name
    end = (width - 3) // 2
    return f"{name[: width - 3 - end]}...{name[-end:]}"
