"""Run folders -> one HTML page that needs nothing but itself."""

from __future__ import annotations

import base64
import json
import shlex
import struct
from collections.abc import Iterable, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from mlcli.errors import DataError
from mlcli.report.captions import chapter as chapter_of
from mlcli.report.captions.chapter import Chapter
from mlcli.report.files import json_text, replace_text
from mlcli.report.manifest import read_manifest

# Where the settings of a run come from that a command line has to repeat.
REPEATED = ("flag", "set", "environment")


def find_folders(places: Iterable[Path]) -> list[Path]:
    """Every run folder among or below the given ones, in order of their names.

    Raises:
        DataError: a place does not exist.
    """
    found: set[Path] = set()
    for place in places:
        if not place.is_dir():
            raise DataError(f"{place} is no folder", hint="`mlcli fit-poly` first")
        found |= {path.parent for path in place.rglob("manifest.json")}
    hidden = {path for path in found if any(part.startswith(".") for part in path.parts)}
    return sorted(found - hidden)


def write_gallery(places: Sequence[Path], page: Path) -> int:
    """Write the page and return the number of runs on it.

    Raises:
        DataError: no finished run is there.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    runs = [_describe(path) for path in find_folders(places)]
    if not runs:
        raise DataError(f"no finished run under {', '.join(map(str, places))}", hint="`dvc repro`")
    # Everything that comes from data is escaped: a column may be named like a script tag.
    environment = Environment(
        loader=PackageLoader("mlcli.report"), autoescape=True, undefined=StrictUndefined
    )
    for index, run in enumerate(runs):
        run["anchor"] = f"run-{index + 1}"
    text = environment.get_template("gallery.html").render(runs=runs)
    replace_text(page, text)
    return len(runs)


def _describe(folder: Path) -> dict[str, Any]:
    manifest = read_manifest(folder)
    if manifest is None:
        raise DataError(f"{folder}/manifest.json is not a manifest of this version")
    command = manifest["command"]
    section = command.replace("-", "_")
    chapter = chapter_of(section)
    metrics = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    experiment = import_module(f"mlcli.experiments.{section}.display")
    provenance = {key: manifest[key] for key in ("data", "seeds", "versions", "determinism")}
    return {
        "title": f"{command}: {chapter.title}",
        "question": chapter.question,
        "command_line": _command_line(manifest),
        "tables": experiment.display(metrics),
        "figures": _figures(folder, chapter),
        "config": sorted(manifest["config"].items()),
        "provenance": json_text(provenance),
    }


def _command_line(manifest: Mapping[str, Any]) -> str:
    words = ["mlcli", manifest["command"]]
    for key, entry in sorted(manifest["config"].items()):
        if entry["source"] not in REPEATED:
            continue
        flag, value = "--" + key.replace("_", "-"), entry["value"]
        if isinstance(value, bool):
            words.append(flag if value else f"--no-{flag[2:]}")
        elif value is not None:
            words += [flag, ",".join(map(str, value)) if isinstance(value, list) else str(value)]
    return shlex.join(words)


def _figures(folder: Path, chapter: Chapter) -> list[dict[str, Any]]:
    found = []
    for name, caption in chapter.figures.items():
        path = folder / f"{name}.png"
        if not path.is_file():
            continue
        content = path.read_bytes()
        # Width and height are the first two numbers of a PNG's header.
        width, height = struct.unpack(">II", content[16:24])
        found.append(
            {
                "base64": base64.b64encode(content).decode(),
                "alt": caption.alt,
                "caption": f"{caption.place}. {caption.text}",
                "width": width,
                "height": height,
            }
        )
    return found
