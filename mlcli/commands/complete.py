"""What a shell is told when the user presses Tab; light, since they wait for it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

RUNS = Path("runs")

Complete = Callable[[str], list[str]]


def words(known: Iterable[str], *, several: bool) -> Complete:
    """Completes one of the known words, or the last of several with commas."""
    listed = tuple(known)

    def complete(incomplete: str) -> list[str]:
        before, comma, last = incomplete.rpartition(",") if several else ("", "", incomplete)
        given = before.split(",")
        return [
            f"{before}{comma}{word}"
            for word in listed
            if word.startswith(last) and word not in given
        ]

    return complete


def paths(incomplete: str) -> list[str]:
    """Files and folders, a folder with a slash behind it; hidden ones if a dot is typed."""
    folder, _, start = incomplete.rpartition("/")
    place = Path(f"{folder}/" if "/" in incomplete else ".").expanduser()
    try:
        found = sorted(place.iterdir())
    except OSError:
        return []
    prefix = incomplete[: len(incomplete) - len(start)]
    return [
        f"{prefix}{path.name}{'/' if path.is_dir() else ''}"
        for path in found
        if path.name.startswith(start) and (start.startswith(".") or path.name[0] != ".")
    ]


def data_sets(incomplete: str) -> list[str]:
    """Named data sets, and files."""
    return set_names(incomplete) + paths(incomplete)


def set_names(incomplete: str) -> list[str]:
    """Named data sets."""
    from mlcli.datasets.names import NAMES

    return [name for name in NAMES if name.startswith(incomplete)]


def run_folders(incomplete: str) -> list[str]:
    """Folders of runs below runs/, and folders."""
    manifests = RUNS.glob("[!.]*/[!.]*/manifest.json")
    known = sorted(path.parent.as_posix() for path in manifests)
    folders = [path for path in paths(incomplete) if path.endswith("/")]
    return [name for name in known if name.startswith(incomplete)] + folders


def run_names(incomplete: str) -> list[str]:
    """Hashes of runs below runs/, and folders."""
    manifests = RUNS.glob("[!.]*/[!.]*/manifest.json")
    hashes = sorted(path.parent.name for path in manifests)
    folders = [path for path in paths(incomplete) if path.endswith("/")]
    return [name for name in hashes if name.startswith(incomplete)] + folders


def command_names(ctx: Any, incomplete: str) -> list[str]:
    """Commands of the program, and ``all``."""
    root = ctx.find_root()
    return [
        name for name in (*root.command.list_commands(root), "all") if name.startswith(incomplete)
    ]


def experiments(incomplete: str) -> list[str]:
    """Commands that are experiments."""
    from mlcli.experiments import EXPERIMENTS

    names = [section.replace("_", "-") for section in EXPERIMENTS]
    return [name for name in names if name.startswith(incomplete)]
