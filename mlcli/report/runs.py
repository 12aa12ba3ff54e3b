"""Run folders -> what the page and the README say about each, in the order of the notes."""

from __future__ import annotations

import base64
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlcli.errors import DataError
from mlcli.experiments import EXPERIMENTS, about, load
from mlcli.experiments.experiment import About, Caption
from mlcli.experiments.wording import Printed
from mlcli.json_file import read_json
from mlcli.params import GIVEN, as_flag
from mlcli.report.seeds import explore_seeds
from mlcli.report.svg import part_of_page, size
from mlcli.result import Display
from mlcli.review.runs import read_run
from mlcli.run.files import DETAILS, json_text
from mlcli.run.manifest import read_manifest, why_no_manifest

if TYPE_CHECKING:
    from mlcli.experiments.explore import Explorable
    from mlcli.report.svg_figures import Drawing

# Where the settings of a run come from that a command line has to repeat.
PROVENANCE = ("data", "seeds", "versions", "determinism")
# A drawing beyond this is a picture rather than a drawing, and its PNG is the smaller one.
MOST_SVG_BYTES = 300_000


@dataclass(frozen=True)
class ReportFigure:
    """A figure on the page.

    Attributes:
        name: the figure's name, as its files have it.
        anchor: its id on the page.
        caption: its place in the notes, what it shows, and its caption.
        svg: the drawing; empty where the PNG is shown.
        png: the PNG as a data URI; empty where the drawing is shown.
        width: its width in the drawing's units, a seventy-second of an inch.
        height: its height in the same.
        themed: whether it can stand on a dark ground.
        values: names of the series, and their points by panel.
    """

    name: str
    anchor: str
    caption: Caption
    svg: str
    png: str
    width: float
    height: float
    themed: bool
    values: Mapping[str, Any]


@dataclass(frozen=True)
class ReportRun:
    """A run on the page.

    Attributes:
        tables: its numbers, each with a remark that says what to see.
        missing: figures that have nothing to draw in this run, and why.
        compared: the notes' numbers beside ours.
        story: the name of the figure that is shown first and large; empty if none is drawn.
        explorables: what a reader can move.
        config: each parameter with its value and the source of it.
        provenance: data, seeds and versions, as JSON.
    """

    folder: Path
    section: str
    command: str
    anchor: str
    title: str
    question: str
    command_line: str
    tables: Sequence[Display]
    figures: Sequence[ReportFigure]
    missing: Mapping[str, str]
    compared: Sequence[Printed]
    story: str
    explorables: Sequence[Explorable]
    config: Sequence[tuple[str, Mapping[str, Any]]]
    provenance: str


def find_folders(places: Iterable[Path]) -> list[Path]:
    """Every run folder among or below the given ones, in order of their names.

    Raises:
        DataError: a place does not exist.
    """
    found: set[Path] = set()
    for one in places:
        if not one.is_dir():
            raise DataError(f"{one} is not a folder", hint="`mlcli fit-poly` first")
        # Hidden is what is so below the place, whatever lies above it, `..` for one.
        found |= {
            path.parent
            for path in one.rglob("manifest.json")
            if not any(part.startswith(".") for part in path.relative_to(one).parts)
        }
    return sorted(found)


def read_runs(places: Sequence[Path]) -> list[ReportRun]:
    """Every finished run, in the order of the notes.

    Raises:
        DataError: no finished run is there, or one can't be read.
    """
    manifests = [(folder, manifest_of(folder)) for folder in find_folders(places)]
    if not manifests:
        raise DataError(f"no finished run under {', '.join(map(str, places))}", hint="`dvc repro`")
    manifests.sort(key=lambda pair: (*_place(pair[1]), str(pair[0])))
    runs: list[ReportRun] = []
    for folder, manifest in manifests:
        earlier = sum(run.command == manifest["command"] for run in runs)
        anchor = manifest["command"] + (f"-{earlier + 1}" if earlier else "")
        runs.append(_run(folder, manifest, anchor))
    return runs


def manifest_of(folder: Path) -> dict[str, Any]:
    """The manifest of a run folder.

    Raises:
        DataError: it is not there or damaged.
    """
    found = read_manifest(folder)
    if found is None:
        sentence, hint = why_no_manifest(folder)
        raise DataError(sentence, hint=hint)
    return found


def _place(manifest: Mapping[str, Any]) -> tuple[int, str]:
    """Sorts runs as the notes have their experiments; what is none comes last."""
    section = section_of(manifest)
    known = section in EXPERIMENTS
    return EXPERIMENTS.index(section) if known else len(EXPERIMENTS), section


def section_of(manifest: Mapping[str, Any]) -> str:
    """The experiment of a run, or what else made it."""
    return str(manifest["command"]).replace("-", "_")


def _run(folder: Path, manifest: Mapping[str, Any], anchor: str) -> ReportRun:
    section, command = section_of(manifest), manifest["command"]
    try:
        one = about(section)
        metrics = read_json(folder / DETAILS)
        experiment = load(section)
        tables, beside = experiment.display(metrics), experiment.compare(metrics)
        drawn = _draw(section, folder)
        movable = [*experiment.explore(folder), *explore_seeds(read_run(folder), one)]
    except Exception as error:
        # Drawing meets whatever a damaged file holds, and raises almost anything.
        raise DataError(
            f"{folder} can't be shown: its files are not those of `{command}` of this version "
            f"({type(error).__name__}: {error})",
            hint=f"`mlcli {command} --out {folder} --force`",
        ) from error
    return ReportRun(
        folder,
        section,
        command,
        anchor,
        one.title,
        one.question,
        command_line(manifest),
        tables,
        figures=[
            _shown(name, caption, drawn[name], anchor, folder)
            for name, caption in one.figures.items()
            if name in drawn and not drawn[name].nothing
        ],
        missing={name: one.nothing for name, one in drawn.items() if one.nothing},
        compared=beside,
        story=_story(one, drawn),
        explorables=movable,
        config=sorted(manifest["config"].items()),
        provenance=json_text({key: manifest[key] for key in PROVENANCE}),
    )


def _story(one: About, drawn: Mapping[str, Drawing]) -> str:
    names = [one.story, *one.figures]
    return next((name for name in names if name in drawn and not drawn[name].nothing), "")


def _draw(section: str, folder: Path) -> dict[str, Drawing]:
    from mlcli.report.svg_figures import drawings

    return drawings(section, folder)


def command_line(manifest: Mapping[str, Any]) -> str:
    """The command that makes a run, with every setting that came from outside params.yaml."""
    words = ["mlcli", manifest["command"]]
    for key, entry in sorted(manifest["config"].items()):
        if entry["source"] in GIVEN:
            words += as_flag(key, entry["value"])
    return shlex.join(words)


def _fewer_colours(picture: Path) -> bytes:
    """A PNG of 256 colours: a third of the bytes, and no difference that one can see."""
    from io import BytesIO

    from PIL import Image

    content = BytesIO()
    with Image.open(picture) as image:
        palette = image.convert("RGB").quantize(
            256, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE
        )
        palette.save(content, "PNG", optimize=True)
    return content.getvalue()


def _shown(
    name: str, caption: Caption, drawing: Drawing, anchor: str, folder: Path
) -> ReportFigure:
    from mlcli.report.svg_figures import THEME

    own = f"{anchor}-{name.replace('_', '-')}"
    svg = part_of_page(drawing.svg, own, caption.alt, THEME if drawing.themed else {})
    width, height = size(svg)
    png, picture = "", folder / "figures" / f"{name}.png"
    if len(svg) > MOST_SVG_BYTES and picture.is_file():
        png = "data:image/png;base64," + base64.b64encode(_fewer_colours(picture)).decode()
        svg = ""
    values = {"labels": drawing.labels, "panels": drawing.panels}
    return ReportFigure(
        name,
        own,
        caption,
        svg,
        png,
        width,
        height,
        drawing.themed and not png,
        values if drawing.panels and not png else {},
    )
