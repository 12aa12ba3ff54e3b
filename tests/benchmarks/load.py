"""Commands beside other work: `make load`, on a machine that does nothing else.

    python -m tests.benchmarks.load [--busy N] [--rounds N] [--only "NAME;..."] [--spinning]

Each command runs alone and beside busy processes, one more than there are cores unless --busy says
otherwise, in turns. Printed is a Markdown table: medians and largest times of whole processes.
--spinning also runs it with the libraries' own way of waiting: alone for what a bounded spin costs,
and beside the busy processes, up to a limit, for what it saves.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

import numpy as np

from mlcli.scale.threads import cores

PROJECT = Path(__file__).parents[2]
BUSY = [sys.executable, "-c", "while True: pass"]
# What libgomp and OpenBLAS do unless they are told otherwise.
SPINNING = {"GOMP_SPINCOUNT": "300000", "OPENBLAS_NUM_THREADS": f"{cores()}"}
# A run beside busy processes ends after so many times the time alone.
LIMIT = 20
# The bar: at most so many times the time alone.
MOST = 3.0
COMMANDS = {
    "train-cnn, 7,291 images of 16 x 16": "train-cnn --data images.npz --n-epochs 10 --n-seeds 1",
    "train-cnn": "train-cnn --n-seeds 1 --n-epochs 3",
    "train-mlp": "train-mlp --n-seeds 3 --n-epochs 20",
    "lr-find": "lr-find --n-seeds 3",
    "propagate": "propagate --activations relu --inits he --n-seeds 2 --train-steps 50",
    "fit-poly": "fit-poly --n-seeds 20",
    "kfold": "kfold --n-seeds 5",
    "bias-variance": "bias-variance --n-seeds 3",
    "bayes": "bayes --n-seeds 3",
    "descent": "descent --n-seeds 3",
    "logistic": "logistic --n-seeds 3",
    "perceptron": "perceptron --n-seeds 3",
    "filters": "filters --n-seeds 2",
    "baseline": "baseline iris --n-folds 3 --n-epochs 5",
    "fit-poly, 200 columns": "fit-poly --data wide.csv --target t --degrees 1 --n-seeds 5",
    "logistic, 200 columns": "logistic --data wide.csv --target c --n-seeds 3",
    "predict": "predict run wide.csv --out predicted.csv",
}


def write_inputs(folder: Path) -> None:
    """The data of the commands, and the run whose model predicts."""
    rng = np.random.default_rng(0)
    t, means = rng.integers(0, 10, 7291), rng.normal(size=(10, 16, 16))
    X = np.tanh(0.7 * means[t] + 0.8 * rng.normal(size=(len(t), 16, 16)))
    np.savez(folder / "images.npz", X=X.astype(np.float32), t=t)
    wide = rng.normal(size=(5000, 200))
    y = wide @ rng.normal(size=200) + rng.normal(size=len(wide))
    names = [f"x{i}" for i in range(200)]
    with (folder / "wide.csv").open("w") as file:
        file.write(",".join([*names, "t", "c"]) + "\n")
        np.savetxt(file, np.column_stack([wide, y, y > 0]), fmt="%.5g", delimiter=",")
    fit = "fit-poly --data wide.csv --target t --degrees 1 --n-seeds 1 --no-plots --quiet --out run"
    seconds(folder, fit.split(), {})


@contextmanager
def busy_processes(n: int) -> Iterator[None]:
    """So many processes that compute without end, until the block ends."""
    started = [subprocess.Popen(BUSY) for _ in range(n)]
    try:
        yield
    finally:
        for process in started:
            process.kill()
            process.wait()


def seconds(
    folder: Path, command: list[str], more: dict[str, str], limit: float | None = None
) -> float:
    """Wall time of a whole process; infinite if it passes the limit.

    Raises:
        SystemExit: the command failed.
    """
    environment = os.environ | {"PYTHONPATH": str(PROJECT)} | more
    t_start = time.perf_counter()
    try:
        done = subprocess.run(
            [sys.executable, "-m", "mlcli", *command],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=limit,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return float("inf")
    if done.returncode != 0:
        sys.exit(f"mlcli {' '.join(command)}: {done.stderr}")
    return time.perf_counter() - t_start


def shown(times: list[float]) -> str:
    """Median and largest of some times."""
    middle, most = median(times), max(times)
    return f"{middle:.3g} s ({most:.3g})" if np.isfinite(middle) else "over the limit"


def row(folder: Path, name: str, n_busy: int, n_rounds: int, *, spinning: bool) -> str:
    """Run one command in all conditions, in turns; one line of the table."""
    command = COMMANDS[name].split()
    if command[0] != "predict":
        command += ["--no-plots", "--force", "--out", f"out-{command[0]}"]
    command.append("--quiet")
    ways: list[dict[str, str]] = [{}, SPINNING] if spinning else [{}]
    alone: list[list[float]] = [[] for _ in ways]
    beside: list[list[float]] = [[] for _ in ways]
    seconds(folder, command, {})
    for _ in range(n_rounds):
        for way, found in zip(ways, alone, strict=True):
            found.append(seconds(folder, command, way))
        with busy_processes(n_busy):
            for way, found in zip(ways, beside, strict=True):
                found.append(seconds(folder, command, way, LIMIT * median(alone[0])))
    ratio = median(beside[0]) / median(alone[0])
    cells = [
        f"`{name}`",
        shown(alone[0]),
        shown(beside[0]),
        f"{ratio:.2f}",
        "yes" if ratio <= MOST else "**no**",
    ]
    if spinning:
        lost = median(alone[0]) / median(alone[1]) - 1
        cells += [shown(alone[1]), f"{lost:+.0%}", shown(beside[1])]
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """The table, line by line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--busy", type=int, default=cores() + 1)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", type=lambda text: text.split(";"), default=list(COMMANDS))
    parser.add_argument("--spinning", action="store_true")
    given = parser.parse_args()
    head = ["command", "alone", f"beside {given.busy} busy processes", "ratio", f"at most {MOST:g}"]
    head += ["spinning, alone", "lost", "spinning, beside"] if given.spinning else []
    print(f"{cores()} cores; median (largest) of {given.rounds} whole processes\n")
    print(f"| {' | '.join(head)} |\n|{' --- |' * len(head)}")
    with tempfile.TemporaryDirectory() as name:
        write_inputs(Path(name))
        for one in given.only:
            print(row(Path(name), one, given.busy, given.rounds, spinning=given.spinning))
            sys.stdout.flush()


if __name__ == "__main__":
    main()
