"""dvc.yaml: what a stage runs is what it depends on, and what it writes is what it says."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from mlcli.experiments import EXPERIMENTS
from mlcli.params.yaml_file import read_yaml

PROJECT = Path(__file__).parents[2]
STAGES: dict[str, Any] = read_yaml(PROJECT / "dvc.yaml").values["stages"]
IN_PIPELINE = [section for section in EXPERIMENTS if section in STAGES]
# What a stage runs beside its experiment: from the resolved parameters to the run folder.
RUN = ("mlcli/run/execute.py",)
# These read flags and print: a stage has no flags of values, and keeps nothing that is printed.
FLAGS_AND_CONSOLE = ("mlcli/__main__.py", "mlcli/cli.py", "mlcli/commands", "mlcli/console.py")
# These run under torchrun and --track only.
NOT_FOLLOWED = ("mlcli/tracking", *FLAGS_AND_CONSOLE[:2])


def file_of(name: str) -> Path | None:
    """The file of a module of ours, or None."""
    path = PROJECT.joinpath(*name.split("."))
    if (path / "__init__.py").is_file():
        return path / "__init__.py"
    return path.with_suffix(".py") if path.with_suffix(".py").is_file() else None


@cache
def imported(path: Path) -> frozenset[Path]:
    """The files that a file imports, also inside functions, but not those for type checkers."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    typing = {
        id(inside)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for inside in ast.walk(node)
    }
    names: list[str] = []
    for node in ast.walk(tree):
        if id(node) in typing:
            continue
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    found = set()
    for name in names:
        parts = name.split(".")
        if parts[0] == "mlcli":
            # Importing a module runs the packages above it.
            above = (file_of(".".join(parts[:n])) for n in range(1, len(parts) + 1))
            found |= {one for one in above if one is not None}
    return frozenset(found)


def closure(starts: Iterable[Path]) -> set[str]:
    """Every file that runs when these are imported and called, relative to the project."""
    found: set[Path] = set()
    waiting = list(starts)
    while waiting:
        path = waiting.pop()
        if path not in found and not is_below(path, NOT_FOLLOWED):
            found.add(path)
            waiting += imported(path)
    # An empty file runs nothing, and DVC warns of one.
    return {path.relative_to(PROJECT).as_posix() for path in found if path.stat().st_size}


def is_below(path: Path, places: Iterable[str]) -> bool:
    """Whether a file is one of the places, or in one that is a folder."""
    name = path.relative_to(PROJECT).as_posix()
    return any(name == place or name.startswith(f"{place}/") for place in places)


def modules_of(section: str) -> set[str]:
    """What the stage of an experiment runs, and what decides its result."""
    package = PROJECT / "mlcli" / "experiments" / section
    every = closure([*package.rglob("*.py"), *(PROJECT / name for name in RUN)])
    return {name for name in every if not is_below(PROJECT / name, FLAGS_AND_CONSOLE)}


@pytest.mark.parametrize("section", IN_PIPELINE)
def test_a_stage_depends_on_every_module_that_it_runs(section: str) -> None:
    deps = [one for one in STAGES[section]["deps"] if one.startswith("mlcli/")]
    modules = modules_of(section) - {"mlcli/__init__.py"}
    missing = sorted(name for name in modules if not is_below(PROJECT / name, deps))
    assert missing == [], f"stage {section} of dvc.yaml does not depend on them"
    unused = [one for one in deps if not any(is_below(PROJECT / name, [one]) for name in modules)]
    assert unused == [], f"stage {section} of dvc.yaml runs nothing of them"


def test_a_stage_writes_one_folder_that_the_report_the_metrics_and_the_plots_name() -> None:
    everything = read_yaml(PROJECT / "dvc.yaml").values
    for section in IN_PIPELINE:
        folder = f"reports/{section}"
        assert STAGES[section]["outs"] == [{folder: {"cache": False}}]
        assert folder in STAGES["report"]["deps"]
        assert f"{folder}/metrics.json" in everything["metrics"]
        assert f"{folder}/figures" in everything["plots"]


def test_the_closure_follows_imports_inside_functions() -> None:
    found = modules_of("fit_poly")
    assert "mlcli/experiments/fit_poly/run.py" in found
    assert "mlcli/linear/least_squares.py" in found
    assert "mlcli/run/manifest.py" in found
    assert not any(name.startswith("mlcli/neural/") for name in found)
