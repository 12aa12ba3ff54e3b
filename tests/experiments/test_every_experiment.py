"""What every experiment promises, checked alike for all of them."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from mlcli import experiments
from mlcli.config import SECTIONS, config_class
from mlcli.experiments import EXPERIMENTS, about
from mlcli.experiments.experiment import MOST_METRICS
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


def test_a_run_writes_the_files_that_a_dry_run_announces(
    mlcli: Run, empty_folder: Path, section: str
) -> None:
    plan = mlcli(*command_of(section, "--out", "o", "--dry-run", "--json"))
    assert plan.code == 0, plan.err
    assert not Path("o").exists()
    done = mlcli(*command_of(section, "--out", "o", "--json", "--quiet"))
    assert done.code == 0, done.err
    assert done.out == Path("o", DETAILS).read_text()
    assert files_below(Path("o")) == set(plan.json["files"])
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


def test_an_experiment_refuses_a_device_that_it_does_not_use(mlcli: Run, section: str) -> None:
    if "cuda" in about(section).devices:
        pytest.skip("it uses every device")
    done = mlcli(about(section).command, "--device", "cuda")
    assert (done.code, done.out) == (2, "")
    assert "--device must be auto or cpu" in done.err


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
