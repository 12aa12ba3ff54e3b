"""What every experiment promises, checked alike for all of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mlcli.config import config_class
from mlcli.experiments import EXPERIMENTS, about
from mlcli.experiments.experiment import MOST_METRICS
from mlcli.review.runs import per_seed, read_run
from mlcli.run.details import is_number, quantities
from mlcli.run.files import DETAILS, METRICS
from mlcli.run.folder import UNTRACKED

Run = Callable[..., Any]
# The smallest run of each that has every table and figure.
SMALL = {
    "fit_poly": "--degrees 1,3 --n-seeds 2",
    "kfold": "--degrees 0-4 --n-seeds 3 --n-coverage 10 --n-nested 2",
    "bias_variance": "--degrees 0-4 --n-seeds 3 --n-datasets 12 --n-strengths 4"
    " --descent-columns 3,12,40",
    "bayes": "--degrees 0-4 --n-seeds 3 --n-calibration 8 --n-surface 9",
    "descent": "--n-seeds 4 --n-noise 400 --n-steps 50",
    "logistic": "--n-seeds 3 --n-study 200",
    "perceptron": "--n-seeds 3 --n-bins 4,16,64 --n-points 60",
    "propagate": "--activations sigmoid,relu --inits he,xavier --depths 3,6 --width 24 --n-rows 8"
    " --n-seeds 3 --sign-counts 2,3 --batch-sizes 1,16 --n-batches 2 --train-depth 3"
    " --train-width 16 --train-steps 60 --train-rows 100",
    "train_mlp": "--n-epochs 2 --hidden 12 --n-seeds 2",
    "lr_find": "--hidden 16 --n-seeds 2 --n-steps 120 --compare-epochs 2",
    "filters": "--n-seeds 2 --n-images 30 --longest-side 32",
    "train_cnn": "--data digits --n-epochs 2 --n-seeds 2 --batch-size 128",
    "baseline": "--data iris --n-folds 3 --n-epochs 3",
}
# It compares methods on folds of one split.
WITHOUT_SEEDS = ("baseline",)
LOGISTIC = "--data iris --model logistic --penalty l2 --loss zero-one --degrees 1 --n-strengths 2"


@pytest.fixture(params=EXPERIMENTS)
def section(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def command_of(section: str, *more: str) -> tuple[str, ...]:
    return about(section).command, *SMALL[section].split(), *more


def contents(folder: Path) -> dict[str, bytes]:
    """The files of a run, without those outside of the hashes."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name not in UNTRACKED
    }


def test_a_run_writes_the_files_that_a_dry_run_announces(
    mlcli: Run, empty_folder: Path, section: str
) -> None:
    plan = mlcli(*command_of(section, "--out", "o", "--dry-run", "--json"))
    assert plan.code == 0, plan.err
    assert not Path("o").exists()
    done = mlcli(*command_of(section, "--out", "o", "--json", "--quiet"))
    assert done.code == 0, done.err
    assert done.out == Path("o", DETAILS).read_text()
    assert {*contents(Path("o")), *UNTRACKED} == set(plan.json["files"])
    figures = {f"figures/{name}.png" for name in about(section).figures}
    assert {*about(section).files, *figures} <= set(plan.json["files"])
    assert plan.json["work"]
    check_metrics(section, Path("o"))


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
def test_the_bytes_do_not_depend_on_the_number_of_workers(
    mlcli: Run, empty_folder: Path, section: str, more: str
) -> None:
    found = []
    for jobs in ("1", "2"):
        asked = command_of(section, *more.split(), "--jobs", jobs, "--out", jobs)
        done = mlcli(*asked, "--no-plots", "--quiet")
        assert done.code == 0, done.err
        found.append(contents(Path(jobs)))
    assert found[0] == found[1]


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


def test_every_experiment_has_a_small_run() -> None:
    assert set(SMALL) == set(EXPERIMENTS)
