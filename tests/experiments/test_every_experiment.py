"""What every experiment promises, checked alike for all of them."""

from __future__ import annotations

import json
import shlex
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from figure_reading import REPORTS

from mlcli import experiments
from mlcli.config import SECTIONS, config_class
from mlcli.experiments import EXPERIMENTS, about, load
from mlcli.experiments.experiment import MOST_METRICS
from mlcli.plotting import why_empty
from mlcli.review.runs import per_seed, read_run
from mlcli.run.details import is_number, quantities
from mlcli.run.files import DETAILS, METRICS
from mlcli.run.folder import UNTRACKED
from tests.experiments.contract import cases_of, command_of
from tests.experiments.intervals import check_intervals

Run = Callable[..., Any]
HERE = Path(experiments.__file__).parent
# It compares methods on folds of one split.
WITHOUT_SEEDS = ("baseline",)
LOGISTIC = "--data iris --model logistic --penalty l2 --loss zero-one --degrees 1 --n-strengths 2"


@pytest.fixture(params=EXPERIMENTS)
def section(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def cases(kind: str) -> list[Any]:
    """Every experiment with each of its cases of one kind: flags, and what is said of them."""
    found = []
    for section in EXPERIMENTS:
        given = getattr(cases_of(section), kind)
        for flags in given:
            said = (given[flags],) if isinstance(given, Mapping) else ()
            found.append(pytest.param(section, flags, *said, id=f"{section} {flags}"))
    return found


def files_below(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.usefixtures("small_figures")
def test_a_run_writes_the_files_that_a_dry_run_announces(
    mlcli: Run, empty_folder: Path, section: str
) -> None:
    plan = mlcli(*command_of(section, "--out", "o", "--dry-run", "--json"))
    assert plan.code == 0, plan.err
    assert not Path("o").exists()
    done = mlcli(*command_of(section, "--out", "o", "--json", "--quiet"))
    assert done.code == 0, done.err
    assert done.out == Path("o", DETAILS).read_text()
    empty = {name for name, one in load(section).draw(Path("o")).items() if why_empty(one)}
    without = {f"figures/{name}.png" for name in empty}
    assert files_below(Path("o")) == set(plan.json["files"]) - without
    figures = {f"figures/{name}.png" for name in about(section).figures}
    assert {*about(section).files, *figures} <= set(plan.json["files"])
    assert plan.json["work"]
    check_metrics(section, Path("o"))
    check_intervals(Path("o"), classes=has_classes(section, done.json))


def has_classes(section: str, details: Mapping[str, Any]) -> bool:
    """Whether a run of an experiment predicted classes."""
    return about(section).takes in ("classes", "images") or details.get("task") == "classification"


def check_metrics(section: str, folder: Path) -> None:
    """Headline numbers are few, flat and those of the details; means are those of the seeds."""
    headline = json.loads((folder / METRICS).read_text())
    details = quantities(json.loads((folder / DETAILS).read_text()))
    assert 0 < len(headline) <= MOST_METRICS
    for path, value in headline.items():
        assert is_number(value)
        one = details[path]
        assert value == (one["mean"] if isinstance(one, dict) else one)
    seeds = per_seed(read_run(folder))
    for path, values in seeds.items():
        mean = sum(values.values()) / len(values)
        assert mean == pytest.approx(details[path]["mean"], rel=1e-6, abs=1e-9)
    assert seeds or section in WITHOUT_SEEDS


def changed(value: Any, rng: np.random.Generator) -> Any:
    """Details with other numbers: each float times a factor, the rest as it was."""
    if isinstance(value, Mapping):
        return {key: changed(one, rng) for key, one in value.items()}
    if isinstance(value, list):
        return [changed(one, rng) for one in value]
    return value * float(rng.uniform(0.3, 3.0)) if isinstance(value, float) else value


def with_leaf(value: Any, path: tuple[Any, ...]) -> Any:
    """Details with one other whole number, truth value or word."""
    if not path:
        if isinstance(value, bool):
            return not value
        return value + 1 if isinstance(value, int) else f"{value}x"
    copied = dict(value) if isinstance(value, Mapping) else list(value)
    copied[path[0]] = with_leaf(value[path[0]], path[1:])
    return copied


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Paths of whole numbers, truth values and texts."""
    if isinstance(value, Mapping):
        for key, one in value.items():
            yield from leaves(one, (*path, key))
    elif isinstance(value, list):
        for place, one in enumerate(value):
            yield from leaves(one, (*path, place))
    elif isinstance(value, int | str) and not isinstance(value, float):
        yield path


def test_each_table_says_what_to_see_and_says_it_of_its_numbers(
    mlcli: Run, empty_folder: Path, section: str
) -> None:
    """A remark is a sentence, and another one where the numbers are others."""
    run = REPORTS / section
    if not run.exists():
        run = Path("o")
        done = mlcli(*command_of(section, "--out", "o", "--no-plots", "--quiet"))
        assert done.code == 0, done.err
    details = json.loads((run / DETAILS).read_text(encoding="utf-8"))
    show = load(section).display
    told = [display.remark for display in show(details)]
    for display in show(details):
        assert display.remark.endswith("."), f"the remark of {display.title!r} is no sentence"
    constant = set(range(len(told)))

    def look(other: Any) -> None:
        # Details that no run has may be more than a table can show.
        with suppress(KeyError, ValueError, ZeroDivisionError, IndexError):
            for place, display in enumerate(show(other)):
                if place in constant and display.remark != told[place]:
                    constant.discard(place)

    for seed in range(4):
        look(changed(details, np.random.default_rng(seed)))
    for path in leaves(details):
        if not constant:
            break
        look(with_leaf(details, path))
    titles = [show(details)[place].title for place in sorted(constant)]
    assert not titles, f"whatever the numbers are, the same is said of {titles}"


def test_the_next_command_can_be_run(mlcli: Run, empty_folder: Path, section: str) -> None:
    for flags in ("", *cases_of(section).anywhere):
        cases_of(section).write()
        done = mlcli(*command_of(section, *shlex.split(flags), "--out", "o", "--no-plots"))
        if flags and about(section).takes == "both" and "classes" in done.err:
            # The small run is on numbers.
            continue
        assert done.code == 0, done.err
        (line,) = [line for line in done.err.splitlines() if line.startswith("try next: mlcli ")]
        words = shlex.split(line.removeprefix("try next: mlcli "))
        then = mlcli(*words, "--dry-run", "--quiet")
        assert then.code == 0, f"{line}: {then.err}"
        shutil.rmtree("o")


def test_a_run_on_ones_own_data_ends_with_a_command_on_them(
    mlcli: Run, empty_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "mlcli.experiments.kfold.EXPERIMENT.next_command",
        lambda metrics: "fit-poly --degrees 1 --target y",
        raising=False,
    )
    Path("my data.csv").write_text("x,y,z\n" + "".join(f"{i},{i % 3},{i}\n" for i in range(20)))
    own = ("--data", "my data.csv", "--target", "y", "--features", "x,z", "--n-seeds", "2")
    more = ("--degrees", "1", "--n-nested", "2", "--n-coverage", "2", "--out", "o")
    done = mlcli("kfold", *own, *more)
    assert done.code == 0, done.err
    written, figures, line = done.err.splitlines()[-3:]
    assert written == "written to o"
    assert figures == "figures in o/figures: choices, errors, intervals, strengths"
    # The coverage of its intervals needs data of known law, so there is no such figure.
    assert not Path("o/figures/coverage.png").exists()
    asked = "mlcli fit-poly --degrees 1 --target y --data 'my data.csv' --features x,z"
    assert line == f"try next: {asked}"


@pytest.mark.parametrize(
    ("section", "more"),
    [*((section, "") for section in EXPERIMENTS), ("kfold", LOGISTIC)],
    indirect=["section"],
)
def test_a_run_is_made_again_by_more_workers_to_the_byte(
    mlcli: Run, empty_folder: Path, section: str, more: str
) -> None:
    asked = command_of(section, *more.split(), "--out", "o", "--no-plots", "--quiet", "--jobs", "1")
    done = mlcli(*asked)
    assert done.code == 0, done.err
    again = mlcli("verify", "o", "--jobs", "2", "--match", "bytes", "--quiet", "--json")
    assert again.code == 0, again.err
    (found,) = again.json["runs"]
    n_files = len(files_below(Path("o")) - {"manifest.json", *UNTRACKED})
    assert (found["verdict"], found["repeat"]["n_same"]) == ("same", n_files)


@pytest.mark.parametrize(("section", "flags"), cases("branches"))
def test_a_branch_runs_and_is_drawn(mlcli: Run, section: str, flags: str) -> None:
    cases_of(section).write()
    done = mlcli(*command_of(section, *shlex.split(flags), "--quiet"))
    assert done.code == 0, done.err


@pytest.mark.parametrize(("section", "flags", "said"), cases("refused"))
def test_what_will_not_do_is_refused_in_one_sentence(
    mlcli: Run, empty_folder: Path, section: str, flags: str, said: str
) -> None:
    check_sentence(mlcli, section, flags, said, code=2)


@pytest.mark.parametrize(("section", "flags", "said"), cases("no_answer"))
def test_no_valid_answer_is_exit_4_and_one_sentence(
    mlcli: Run, empty_folder: Path, section: str, flags: str, said: str
) -> None:
    check_sentence(mlcli, section, flags, said, code=4)


def check_sentence(mlcli: Run, section: str, flags: str, said: str, code: int) -> None:
    """One line on stderr, nothing on stdout, and no file that was not there before."""
    cases_of(section).write()
    before = files_below(Path())
    done = mlcli(*command_of(section, *shlex.split(flags)))
    assert (done.code, done.out) == (code, ""), done.err
    assert len(done.err.splitlines()) == 1
    assert said in done.err
    assert files_below(Path()) == before
    assert not Path("runs").exists()


def test_a_device_that_is_not_used_or_not_there_is_refused(mlcli: Run, section: str) -> None:
    import torch

    said = "--device must be auto or cpu"
    if "cuda" in about(section).devices:
        if torch.cuda.is_available():
            pytest.skip("there is a cuda device here")
        said = "there is no cuda device"
    done = mlcli(*command_of(section, "--device", "cuda"))
    assert (done.code, done.out) == (2, "")
    assert said in done.err
    assert len(done.err.splitlines()) == 1


def test_what_is_said_of_an_experiment_is_there(section: str) -> None:
    one = about(section)
    assert one.section == section
    assert set(one.flags) <= set(config_class(section).model_fields)
    assert one.title
    assert one.question
    assert one.figures
    assert one.metrics
    assert {curve.file for curve in one.curves} <= set(one.tables)
    assert all(caption.alt and caption.text and caption.place for caption in one.figures.values())


def test_every_package_of_an_experiment_has_a_section() -> None:
    """One line of `SECTIONS` is all that a new experiment needs outside of its own files."""
    packages = {path.parent.name for path in HERE.glob("*/about.py")}
    assert packages == set(EXPERIMENTS), "SECTIONS of mlcli/config/__init__.py must name them"
    assert len(set(SECTIONS)) == len(SECTIONS)
