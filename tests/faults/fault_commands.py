"""The commands that are hurt, with parameters that make them quick.

A new experiment is here by its small run; another new command is a new case.
"""

from __future__ import annotations

import os
import shlex
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from mlcli.experiments import EXPERIMENTS
from tests.experiments.contract import command_of


@dataclass(frozen=True)
class Case:
    """A command that writes.

    Attributes:
        name: of the case.
        words: the command line.
        old_words: the same command with another answer, which may stand there before.
        setup: commands that make what it reads.
        whole: folders that appear whole or not at all, beside the run folders.
        growing: files that are replaced as they grow, or that say so if a worker is killed.
        constants: of modules, set to other values.
        mirror: whether a small image set is served to it.
        once: whether it refuses to do again what is done.
        plain: whether nothing but the arguments makes it what it is, so that a process of its own
            can run it.
    """

    name: str
    words: str
    old_words: str = ""
    setup: tuple[str, ...] = ()
    whole: tuple[str, ...] = ()
    growing: tuple[str, ...] = ()
    constants: dict[str, Any] = field(default_factory=dict)
    mirror: bool = False
    once: bool = False

    @property
    def arguments(self) -> list[str]:
        return shlex.split(self.words)

    @property
    def plain(self) -> bool:
        return not (self.constants or self.mirror)


# Too long for each run of the tests; `make soak` has them all.
long = pytest.mark.skipif("MLCLI_SOAK" not in os.environ, reason="part of `make soak`")
EVERY_EPOCH = {
    "mlcli.experiments.networks.fitting.COPY_SECONDS": -1.0,
    "mlcli.experiments.networks.fitting.FILE_SECONDS": -1.0,
}
FIT = "fit-poly --degrees 1,2 --path-penalty none --n-samples 20"
ONE_FIT = f"{FIT} --n-seeds 2 --jobs 1 --no-plots --out one"
TWO_FIT = f"{FIT} --n-seeds 2 --jobs 1 --no-plots --out two --seed 7"
MLP = "train-mlp --data iris --hidden 4 --n-epochs 3 --init he"
CNN = (
    "train-cnn --data images.npz --layers 'conv 2 3x3,relu,global avg' --no-equal-mlp "
    "--n-epochs 2 --batch-size 16"
)
MAKE = "data make --names noisy-cubic,sine"
SWEEP = "sweep fit-poly -S path_penalty=none -S n_seeds=2 -S n_samples=20 --out sweep -S"


def experiment(words: str, name: str = "", **more: Any) -> Case:
    """An experiment in a folder of its own, where another seed may have been."""
    plots = "" if "--figures" in words else "--no-plots"
    common = f"{words} --n-seeds 2 --quiet --out out {plots} --seed"
    return Case(name or words.split()[0], f"{common} 1", f"{common} 2", **more)


CASES = (
    # The most used one is quicker than its small run.
    experiment(f"{FIT} --jobs 1"),
    experiment(f"{FIT} --jobs 2 --figures png,svg,pdf", "fit-poly with figures"),
    *(
        experiment(shlex.join(command_of(section, "--jobs", "1")))
        for section in EXPERIMENTS
        if section != "fit_poly"
    ),
    experiment(MLP, "train-mlp with checkpoints", constants=EVERY_EPOCH),
    experiment(CNN, "train-cnn with checkpoints", constants=EVERY_EPOCH),
    Case(
        "by hand", f"{FIT} --n-seeds 2 --no-plots --quiet", f"{FIT} --n-seeds 3 --no-plots --quiet"
    ),
    Case(
        "data make",
        f"{MAKE} --n-draws 3 --n-samples 20",
        f"{MAKE} --n-draws 2 --n-samples 10",
        growing=("data/noisy_cubic.json", "data/sine.json"),
    ),
    Case("data fetch", "data fetch mnist --out sets", mirror=True),
    Case(
        "predict to CSV",
        "predict one one/tables/data.csv --out p.csv",
        "predict one one/tables/data.csv --out p.csv --level 0.5",
        (ONE_FIT,),
    ),
    Case(
        "predict to Parquet",
        "predict one one/tables/data.csv --out p.parquet",
        "predict one one/tables/data.csv --out p.parquet --level 0.5",
        (ONE_FIT,),
    ),
    Case("evaluate", "evaluate one one/tables/data.csv", setup=(ONE_FIT,)),
    Case(
        "export",
        "export one --to safetensors --out m.safetensors",
        "export one --to safetensors --out m.safetensors --degree 1",
        (ONE_FIT,),
    ),
    Case(
        "report",
        "report one two --out page/index.html --readme",
        "report one --out page/index.html --readme",
        (ONE_FIT, TWO_FIT),
    ),
    Case(
        "compare",
        "compare one two --out comparison.html",
        "compare two one --out comparison.html",
        (ONE_FIT, TWO_FIT),
    ),
    Case(
        "power",
        "power one --metric degree_1.test_mse --out curve",
        "power two --metric degree_1.test_mse --out curve",
        (ONE_FIT, TWO_FIT),
        whole=("curve",),
    ),
    Case("check", "check one --assert degree_1.test_mse.mean<=100 --junit j.xml", setup=(ONE_FIT,)),
    Case("verify", "verify one", setup=(ONE_FIT,)),
    Case("init", "init new --data rows.csv", whole=("new",), once=True),
    Case("init in an empty folder", "init empty --data rows.csv", once=True),
    Case(
        "sweep",
        f"{SWEEP} degrees=1,2",
        f"{SWEEP} degrees=1,3",
        growing=("sweep/sweep.csv", "sweep/sweep.json", "sweep/metrics.json"),
    ),
)


def with_long(quick: list[Any], *slow: Any) -> list[Any]:
    """Parameters of a test, some of them for `make soak` only."""
    return [*quick, *(pytest.param(one, marks=long) for one in slow)]


def case(name: str) -> Case:
    """The case of that name."""
    return next(one for one in CASES if one.name == name)


def make_inputs(folder: Path) -> None:
    """What the cases read beside what their setup makes."""
    import numpy as np

    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 2))
    rows = [f"{a:.6f},{b:.6f},{a - 2 * b:.6f}" for a, b in x]
    (folder / "rows.csv").write_text("\n".join(["a,b,t", *rows]) + "\n")
    labels = np.arange(60) % 2
    images = rng.integers(0, 200, size=(60, 8, 8)) + 50 * labels[:, None, None]
    np.savez(folder / "images.npz", X=images.astype(np.uint8), y=labels)
    (folder / "empty").mkdir()
