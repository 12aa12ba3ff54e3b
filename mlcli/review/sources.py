"""What a user calls a result, opened: a folder, a git revision, or a DVC experiment."""

from __future__ import annotations

import subprocess
import tarfile
from contextlib import ExitStack
from difflib import get_close_matches
from io import BytesIO
from pathlib import Path

from mlcli.errors import DataError
from mlcli.partials import temporary_folder
from mlcli.review.runs import Run, runs_by_section

DEFAULT_PATH = "reports"
# Below this DVC keeps experiments as git references, the name last.
EXPERIMENTS = "refs/exps"
# References of DVC's own, beside those that people name.
INNER = frozenset({"exec", "stash", "celery", "apply", "running"})


def open_place(place: str, stack: ExitStack) -> dict[str, Run]:
    """The runs that a word of the user's names, one per command.

    Args:
        place: a folder; or ``REV`` or ``REV:path``, where REV is a git revision or the name of a
            DVC experiment and the path, from the current folder, is ``reports`` if left out.
        stack: keeps files that are read out of git until it is closed.

    Raises:
        DataError: it is none of these, or there are no runs in it.
    """
    if Path(place).is_dir():
        return runs_by_section(Path(place))
    revision, _, path = place.partition(":")
    commit = _commit(revision)
    if commit is None:
        raise DataError(
            f"{place} is no folder, git revision or DVC experiment", hint=_hint(revision)
        )
    folder = stack.enter_context(temporary_folder("compare"))
    path = path.rstrip("/") or DEFAULT_PATH
    _extract(commit, path, folder, place)
    name = revision if path == DEFAULT_PATH else f"{revision}:{path}"
    return runs_by_section(folder / path, name)


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
