"""What the index of the notes says a command shows is read out of its run and computed again."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

import numpy as np
import pytest

from mlcli.__main__ import call
from mlcli.notes import Entry, entries
from mlcli.notes.entry import read_place
from tests.notes.recomputed import RECOMPUTED
from tests.notes.run_folder import PROJECT, RunFolder

SHOWN = [one for one in entries() if one.shown]
RunOf = Callable[[str, str], RunFolder]
# What makes a run small that is not committed. It changes no place where the run shows something.
SMALL = {
    "kfold": "--n-coverage 2 --n-nested 2 --n-seeds 2",
    "fit-poly": "--n-seeds 2",
    "logistic": "--n-seeds 2 --n-study 10",
    "backprop": "--n-seeds 2",
    "train-mlp": "--n-seeds 2 --n-epochs 2",
    "propagate": "--inits xavier,he --depths 3 --n-seeds 2 --n-batches 1 --train-steps 3 "
    "--train-depth 2 --train-seeds 1 --train-rows 64",
    "filters": "--n-images 20 --n-seeds 2",
}


@pytest.fixture(scope="module")
def run_of(tmp_path_factory: pytest.TempPathFactory) -> RunOf:
    """The run of a command: the committed one, or a small one where it has options."""
    found: dict[tuple[str, str], RunFolder] = {}

    def made(command: str, options: str) -> RunFolder:
        if (command, options) not in found:
            found[command, options] = RunFolder(_folder(command, options))
        return found[command, options]

    def _folder(command: str, options: str) -> Path:
        if not options:
            return PROJECT / "reports" / command.replace("-", "_")
        folder = tmp_path_factory.mktemp(command)
        line = [command, *options.split(), *SMALL[command].split()]
        here = Path.cwd()
        os.chdir(folder)
        try:
            assert call([*line, "--out", "run", "--no-plots", "--quiet"]) == 0
        finally:
            os.chdir(here)
        return folder / "run"

    return made


@pytest.mark.parametrize("one", SHOWN, ids=lambda one: one.label)
def test_a_run_has_every_place_where_an_entry_is_shown(one: Entry, run_of: RunOf) -> None:
    run = run_of(one.command, one.options)
    for place in one.places:
        run.read(place)


@pytest.mark.parametrize("one", SHOWN, ids=lambda one: one.label)
def test_what_is_shown_is_what_the_function_of_the_entry_gives(one: Entry, run_of: RunOf) -> None:
    run = run_of(one.command, one.options)
    seen = [run.read(place) for place in one.places]
    called: set[CodeType] = set()
    sys.setprofile(lambda frame, event, _: called.add(frame.f_code) if event == "call" else None)
    try:
        pairs = list(RECOMPUTED[one.label](run, *seen))
    finally:
        sys.setprofile(None)
    assert pairs
    assert called & {code for name in one.implements for code in codes_of(name)}
    for shown, computed, tolerance in pairs:
        if isinstance(computed, str) or np.asarray(computed).dtype.kind in "UO":
            assert np.array_equal(shown, computed)
        else:
            np.testing.assert_allclose(shown, computed, rtol=tolerance, atol=tolerance)


def codes_of(name: str) -> Iterator[CodeType]:
    """The code of a function, or of every method of a class, by module:name."""
    module, _, path = name.partition(":")
    found: Any = import_module(module)
    for part in path.split("."):
        found = vars(found)[part] if isinstance(found, type) else getattr(found, part)
    every = vars(found).values() if isinstance(found, type) else [found]
    for one in every:
        function = getattr(one, "fget", None) or getattr(one, "func", None) or one
        if isinstance(function, FunctionType):
            yield function.__code__


def test_only_what_is_shown_is_computed_again() -> None:
    assert set(RECOMPUTED) == {one.label for one in SHOWN}


@pytest.mark.parametrize(
    "text",
    [
        "details.json: degree_4.test_mse.mean",
        "details.json: degree_3.test_mse",
        "tables/nowhere.csv: x",
        "tables/fits.csv: y",
        "tables/fits.csv: x [degree=4]",
        "figures/fits.png: fit of the second seed",
        "figures/nowhere.png: fit of the first seed",
        "console: truth tables",
    ],
)
def test_a_place_that_no_run_has_is_an_error(text: str, run_of: RunOf) -> None:
    with pytest.raises(KeyError):
        run_of("fit-poly", "").read(read_place(text))


@pytest.mark.parametrize("text", ["", "fits", "fits.csv", "model.json: x", "tables/a.csv: x [b]"])
def test_what_is_no_place_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match="got"):
        read_place(text)
