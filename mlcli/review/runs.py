"""Run folders read back: the manifest, the metrics, and which of them there are."""

from __future__ import annotations

import csv
import subprocess
import tarfile
from contextlib import ExitStack
from dataclasses import dataclass
from difflib import get_close_matches
from io import BytesIO
from math import isfinite
from pathlib import Path
from typing import Any

from mlcli.errors import DataError
from mlcli.json_file import read_json
from mlcli.partials import temporary_folder
from mlcli.review.scores import BySeed, Scores, is_scores, read_scores
from mlcli.run.details import is_measured, quantities
from mlcli.run.files import DETAILS, SEEDS
from mlcli.run.manifest import read_manifest, why_no_manifest

HEADING = ["variant", "metric", "seed", "value"]
DEFAULT_PATH = "reports"
# Stands for the command where another program made the scores.
FOREIGN = "scores"
# Below this DVC keeps experiments as git references, the name last.
EXPERIMENTS = "refs/exps"
# References of DVC's own, beside those that people name.
INNER = frozenset({"exec", "stash", "celery", "apply", "running"})


@dataclass(frozen=True)
class Run:
    """A finished run.

    Attributes:
        name: what the user calls it.
        folder: where its files are.
        manifest, metrics: as they were written.
        scores: the values of each seed where they are not in a seeds.csv of the folder: of another
            program, or of one variant.
    """

    name: str
    folder: Path
    manifest: dict[str, Any]
    metrics: dict[str, Any]
    scores: Scores | None = None

    @property
    def command(self) -> str:
        """The command that made it."""
        return str(self.manifest["command"])

    @property
    def section(self) -> str:
        """The command's section of params.yaml."""
        return self.command.replace("-", "_")

    @property
    def is_foreign(self) -> bool:
        """Whether its scores are another program's."""
        return self.command == FOREIGN

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
        raise DataError(f"{place} is not a folder", hint="a run folder, or `mlcli runs`")
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


def foreign_run(place: Path, name: str | None = None) -> Run:
    """The scores of another program as a run without settings.

    Raises:
        DataError: as `read_scores`.
    """
    try:
        scores = read_scores(place)
    except OSError as error:
        raise DataError(f"{error.filename or place} can't be read ({error.strerror})") from None
    n_seeds = len({seed for values in scores.by_seed.values() for seed in values})
    manifest: dict[str, Any] = {"command": FOREIGN, "run": None, "seeds": {"n_seeds": n_seeds}}
    manifest |= {"config": {}, "data": {}, "versions": {}}
    return Run(name or str(place), place, manifest, scores.metrics(), scores)


def one_variant(run: Run, variant: str, name: str) -> Run:
    """The part of a run below one variant, whose metrics have no variant before them.

    Raises:
        DataError: there is none of that name.
    """
    every = quantities(run.metrics)
    prefix = f"{variant}."
    metrics = {path.removeprefix(prefix): every[path] for path in every if path.startswith(prefix)}
    if not metrics:
        known = sorted({path.rpartition(".")[0] for path in every} - {""})
        near = get_close_matches(variant, known, n=1, cutoff=0.3) or known
        hint = near[0] if near else None
        raise DataError(f"{run.name} has no variant {variant}", hint=hint)
    sizes = {key: run.metrics[key] for key in ("data", "n_train", "n_test") if key in run.metrics}
    by_seed = {
        path.removeprefix(prefix): values
        for path, values in per_seed(run).items()
        if path.startswith(prefix)
    }
    overlaps = {} if run.scores is None else run.scores.overlaps
    scores = Scores(
        by_seed, {path.removeprefix(prefix): overlap for path, overlap in overlaps.items()}
    )
    return Run(name, run.folder, run.manifest, sizes | metrics, scores)


def per_seed(run: Run) -> BySeed:
    """Path of a metric -> seed -> value, for each mean whose values are all there and finite.

    A run folder without that file has none.

    Raises:
        DataError: seeds.csv can't be read, or is not the table that a run writes.
    """
    if run.scores is not None:
        return run.scores.by_seed
    path = run.folder / SEEDS
    found: BySeed = {}
    try:
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.reader(file)
            if next(reader, []) != HEADING:
                raise _refusal(path, 1, f"the heading {','.join(HEADING)}", "another")
            for row in reader:
                if len(row) != len(HEADING):
                    raise _refusal(path, reader.line_num, f"{len(HEADING)} cells", f"{len(row)}")
                variant, metric, seed, value = row
                name = f"{variant}.{metric}" if variant else metric
                found.setdefault(name, {})[int(seed)] = float(value or "nan")
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path} is not a table in UTF-8 ({error})", hint="the run again") from None
    except ValueError as error:
        raise _refusal(path, reader.line_num, "a seed and a value", f"{error}") from None
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise DataError(f"{path} can't be read ({error.strerror})") from None
    means = {path: one for path, one in quantities(run.metrics).items() if is_measured(one)}
    return {
        path: values
        for path, values in found.items()
        if path in means and len(values) == means[path]["n"] and all(map(isfinite, values.values()))
    }


def _refusal(path: Path, line: int, must: str, got: str) -> DataError:
    return DataError(f"{path}, line {line}", must=must, got=got, hint="the run again")


def open_place(place: str, stack: ExitStack) -> dict[str, Run]:
    """The runs that a word of the user's names, one per command.

    Args:
        place: a folder; a table of scores; either with ``:variant`` behind it; or ``REV`` or
            ``REV:path``, where REV is a git revision or the name of a DVC experiment and the path,
            from the current folder, is ``reports`` if left out.
        stack: keeps files that are read out of git until it is closed.

    Raises:
        DataError: it is none of these, or there are no runs in it.
    """
    found = runs_at(Path(place))
    if found is not None:
        return found
    before, _, variant = place.rpartition(":")
    found = runs_at(Path(before)) if before else None
    if found is not None and (len(found) == 1 or _commit(before) is None):
        if len(found) > 1:
            raise DataError(f"{before} holds runs of several commands", hint="a run folder")
        return {section: one_variant(run, variant, place) for section, run in found.items()}
    revision, _, path = place.partition(":")
    commit = _commit(revision)
    if commit is None:
        raise DataError(
            f"{place} is not a folder, git revision or DVC experiment", hint=_hint(revision)
        )
    folder = stack.enter_context(temporary_folder("compare"))
    path = path.rstrip("/") or DEFAULT_PATH
    _extract(commit, path, folder, place)
    name = revision if path == DEFAULT_PATH else f"{revision}:{path}"
    return runs_by_section(folder / path, name)


def runs_at(place: Path) -> dict[str, Run] | None:
    """The runs of a folder, or the scores of another program there; None if neither is there.

    Raises:
        DataError: what is there can't be read as either.
    """
    if place.name == SEEDS and is_run(place.parent):
        place = place.parent
    if is_scores(place):
        return {FOREIGN: foreign_run(place)}
    return runs_by_section(place) if place.is_dir() else None


def _git(*arguments: str) -> bytes | None:
    """What git prints; None where it fails or is not there."""
    try:
        done = subprocess.run(["git", *arguments], capture_output=True, check=False)
    except FileNotFoundError:
        return None
    return done.stdout if done.returncode == 0 else None


def _commit(name: str) -> str | None:
    """The commit that a revision or an experiment's name stands for.

    Raises:
        DataError: several experiments have that name.
    """
    if not name:
        return None
    asked = ("rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")
    found = _git(*asked)
    if found is not None:
        return found.decode().strip()
    experiments = _experiments()
    commits = {commit for reference, commit in experiments if reference.endswith(f"/{name}")}
    if len(commits) > 1:
        references = [ref for ref, _ in experiments if ref.endswith(f"/{name}")]
        raise DataError(f"several DVC experiments are named {name}", hint=" or ".join(references))
    return next(iter(commits), None)


def _experiments() -> list[tuple[str, str]]:
    """``(reference, commit)`` of every DVC experiment, the newest first."""
    listed = _git(
        "for-each-ref", "--sort=-committerdate", "--format=%(refname) %(objectname)", EXPERIMENTS
    )
    pairs = [line.split(" ") for line in (listed or b"").decode().splitlines()]
    return [
        (reference, commit)
        for reference, commit in pairs
        if reference.removeprefix(f"{EXPERIMENTS}/").partition("/")[0] not in INNER
    ]


def _hint(name: str) -> str:
    names = ["HEAD", *(reference.rpartition("/")[2] for reference, _ in _experiments())]
    listed = _git("for-each-ref", "--format=%(refname:short)", "refs/heads", "refs/tags")
    names += (listed or b"").decode().splitlines()
    near = get_close_matches(name, names, n=1, cutoff=0.5)
    return near[0] if near else "a run folder, HEAD, or a name from `dvc exp list`"


def _extract(commit: str, path: str, folder: Path, place: str) -> None:
    archive = _git("archive", "--format=tar", commit, "--", path)
    if archive is None:
        raise DataError(f"{place}: there is no {path} in that revision", hint="REV:path/to/reports")
    with tarfile.open(fileobj=BytesIO(archive)) as files:
        for member in files:
            content = files.extractfile(member) if member.isfile() else None
            target = folder / member.name
            # Plain files below the folder only: extractall's filter is missing in Python 3.11.0-3.
            if content is not None and target.resolve().is_relative_to(folder.resolve()):
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(content.read())
