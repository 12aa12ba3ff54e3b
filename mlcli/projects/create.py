"""A new project on disk: looks at the data, copies it, writes the files, whole or not at all."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mlcli.config import config_class
from mlcli.datasets.dataset import Task
from mlcli.datasets.describe import describe_images, describe_table, holds_images
from mlcli.datasets.labelled_images import image_sizes
from mlcli.datasets.make import read_note
from mlcli.datasets.source import open_source
from mlcli.errors import ConfigError, DataError, InputError, MlcliError, NoAnswerError
from mlcli.experiments import load
from mlcli.experiments.experiment import check_device
from mlcli.experiments.source import source_of
from mlcli.partials import dead_partials, partial_of, sweep
from mlcli.projects import proposal as proposals
from mlcli.projects import texts
from mlcli.projects.proposal import Proposal
from mlcli.run.files import write_text
from mlcli.run.folder import replacing

# What a project is made of, one move each into a folder that was there.
PARTS = (".dvc", ".dvcignore", ".gitignore", "README.md", "data", "dvc.yaml", "params.yaml")
FILLED, WHOLE = "filled", "whole"
# Larger data are not copied; params.yaml has their path.
COPIED_BYTES = 100 * 2**20
# Images of several sizes, or larger than this, are brought to one size.
LARGEST_SIDE = 64
SMALL_SIDE = 32


@dataclass(frozen=True)
class Project:
    """What was made.

    Attributes:
        proposal: its stages and parameters.
        copied: whether the data were copied into the project.
    """

    proposal: Proposal
    copied: bool


def create(
    target: Path, data: Path | None, column: str | None, task: Task | None = None
) -> Project:
    """Make a new project.

    The folder appears whole; one that is there already, and empty, is filled with `params.yaml`
    last.

    Args:
        target: the folder.
        data: a table, an NPZ file of images or a folder of images by class; none for a synthetic
            set.
        column: the column to predict.
        task: of a table; left out, judged by the target's values.

    Raises:
        ConfigError: the folder holds something.
        DataError: the data won't do.
    """
    target = target.expanduser().resolve()
    if target.is_dir():
        _restore_project(target)
        sweep(target)
    refuse_occupied(target)
    copied = data is not None and n_bytes(data) <= COPIED_BYTES
    place = None
    if data is not None:
        place = f"data/{plain_name(data)}" if copied else data.resolve().as_posix()
        if "${" in place:
            raise DataError(f"{data}", must="a name without ${, which DVC replaces", got=place)
    proposal = _propose(data, place, column, task)
    with _filling(target) as folder:
        if copied and data is not None and place is not None:
            _put_data(data, folder / place)
        proposal = _checked(proposal, folder)
        _write(proposal, folder, target, [] if place is None else [place])
    return Project(proposal, copied)


def refuse_occupied(target: Path) -> None:
    """Refuse a folder that holds anything but a new git repository.

    Raises:
        ConfigError: it does, or it is a file.
    """
    if target.exists() and not target.is_dir():
        raise ConfigError(f"{target}", must="a new or an empty folder", got="a file")
    held = sorted(set(os.listdir(target)) - {".git"}) if target.is_dir() else []
    if held:
        raise ConfigError(f"{target}", must="a new or an empty folder", got=f"one with {held[0]}")


def n_bytes(path: Path) -> int:
    """The size of a file, or of all files in a folder; 0 if there is none."""
    files = [p for p in path.rglob("*") if p.is_file()] if path.is_dir() else [path]
    return sum(p.stat().st_size for p in files if p.exists())


def plain_name(path: Path) -> str:
    """A file's name in letters that no shell and no YAML takes for anything else."""
    return re.sub(r"[^A-Za-z0-9._-]+", "_", path.resolve().name).lstrip(".-") or "data"


def _propose(
    data: Path | None, place: str | None, column: str | None, task: Task | None
) -> Proposal:
    if data is None or place is None:
        return proposals.for_nothing(open_source(proposals.SYNTHETIC).n_rows)
    if not holds_images(data):
        note = read_note(data)
        draw_column = None if note is None else str(note["draw_column"])
        found = describe_table(data, column, task=task)
        return proposals.for_table(found, place, data, draw_column)
    if task is not None:
        raise ConfigError("--task goes with a table", hint="leaving it out for images")
    resize = _resize(data) if data.is_dir() else None
    size = None if resize is None else (resize, resize)
    found = describe_images(str(data), column, size)
    text = None if resize is None else f"{resize}x{resize}"
    return proposals.for_images(found, place, text, column)


def _resize(folder: Path) -> int | None:
    """The side to bring images to, where they are of several sizes or large."""
    sizes = image_sizes(folder)
    if len(sizes) == 1 and max(max(size) for size in sizes) <= LARGEST_SIDE:
        return None
    return LARGEST_SIDE if min(min(size) for size in sizes) >= LARGEST_SIDE else SMALL_SIDE


def _put_data(data: Path, out: Path) -> None:
    out.parent.mkdir()
    (shutil.copytree if data.is_dir() else shutil.copyfile)(data, out)


def _checked(proposal: Proposal, folder: Path) -> Proposal:
    """The proposal without the experiments that refuse these data.

    Raises:
        DataError: the data can't be read.
        InputError: no command takes them.
    """
    source, kept = None, {}
    refused: dict[str, MlcliError] = {}
    for section, values in proposal.sections.items():
        given = {**proposal.source, **values}
        place = folder / given["data"]
        config: Any = config_class(section)(
            **given | {"data": str(place) if place.exists() else given["data"]}
        )
        source = source or source_of(config)
        try:
            experiment = load(section)
            check_device(experiment.about, config.device)
            experiment.check_answer(experiment.prepare(config, source))
            kept[section] = values
        except (InputError, NoAnswerError) as error:
            refused[section] = error
    if not kept:
        raise next(iter(refused.values()))
    why = {f"without {name}": str(error) for name, error in refused.items()}
    return replace(proposal, sections=kept, reasons={**proposal.reasons, **why})


def _write(proposal: Proposal, folder: Path, target: Path, inputs: list[str]) -> None:
    in_git = any((parent / ".git").exists() for parent in (target, *target.parents))
    write_text(folder / ".dvc" / "config", texts.config_text(in_git=in_git))
    write_text(folder / ".dvc" / ".gitignore", texts.DVC_GITIGNORE)
    write_text(folder / ".dvcignore", texts.DVCIGNORE)
    write_text(folder / ".gitignore", texts.GITIGNORE)
    readme = texts.readme_text(target.name, proposal, texts.commands_of(proposal))
    write_text(folder / "README.md", readme)
    write_text(folder / "dvc.yaml", texts.dvc_text(proposal, inputs))
    write_text(folder / "params.yaml", texts.params_text(proposal))


@contextmanager
def _filling(target: Path) -> Iterator[Path]:
    """A folder to fill, which becomes the target, or its contents, if the block ends well."""
    if not target.exists():
        with replacing(target) as folder:
            yield folder
        return
    # The folder itself stays, since it may be the working directory of a shell.
    folder, whole = partial_of(target / FILLED), partial_of(target / WHOLE)
    folder.mkdir()
    try:
        yield folder
        folder.rename(whole)
        for path in sorted(whole.iterdir(), key=lambda path: path.name == "params.yaml"):
            path.rename(target / path.name)
        whole.rmdir()
    except BaseException:
        if whole.exists():
            # If this is interrupted too, the next attempt finds the folder, and what is missing.
            _take_back(whole)
            shutil.rmtree(whole, ignore_errors=True)
        raise
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _restore_project(target: Path) -> None:
    """Undo the moves of a killed process from its complete folder into the target."""
    for whole in dead_partials(target / WHOLE):
        _take_back(whole)


def _take_back(whole: Path) -> None:
    for name in PARTS:
        if (whole.parent / name).exists() and not (whole / name).exists():
            (whole.parent / name).rename(whole / name)
