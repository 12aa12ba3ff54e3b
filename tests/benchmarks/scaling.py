"""Cost against size over three decades, with the exponent of each law: `make scaling`.

    python -m tests.benchmarks.scaling [--out reports/scaling] [--largest SHARE] [--only NAME]

Seconds are fitted by a + b n^k, least squares of their logarithms; k has its 95 % interval.
"""

from __future__ import annotations

import argparse
import csv
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow import parquet
from threadpoolctl import threadpool_limits

from mlcli.scale.workers import Processes

Array = NDArray[np.float64]
REPEATS = 5
# Repeats of one size end when they have taken this long together.
SECONDS_A_SIZE = 3.0
PART = 500_000
# Exponents that can be meant.
LEAST, MOST = 0.3, 4.0


@dataclass(frozen=True)
class Series:
    """What is made larger.

    Attributes:
        name: as in the figure's legend.
        axis: what n is.
        sizes: n, rising.
        prepare: n -> the work, which is then timed.
        costs: words on what is timed.
    """

    name: str
    axis: str
    sizes: tuple[int, ...]
    prepare: Callable[[int], Callable[[], Any]]
    costs: str


@dataclass(frozen=True)
class Law:
    """seconds = fixed + rate n^exponent, with half the width of the exponent's interval."""

    fixed: float
    rate: float
    exponent: float
    half_width: float


def nothing(done: int, total: int, note: str = "", **_: object) -> None:
    """Progress that nobody looks at."""


def rows_of(command: str, folder: Path) -> Callable[[int], Callable[[], Any]]:
    """Runs of a command on a Parquet file of n rows and two features, in batches."""
    from mlcli.config import config_class
    from mlcli.datasets.source import open_source
    from mlcli.experiments import load
    from mlcli.experiments.experiment import Context

    given: dict[str, dict[str, Any]] = {
        "fit_poly": {"degrees": (3,), "n_seeds": 1},
        "kfold": {"degrees": (3,), "n_seeds": 1, "n_repeats": 1},
        "bayes": {"degree": 3, "degrees": (1, 2, 3)},
        "logistic": {"n_seeds": 1, "n_study": 10},
    }
    experiment = load(command)

    def prepare(n: int) -> Callable[[], Any]:
        path = _table(folder / f"{n}.parquet", n)
        target = "c" if command == "logistic" else "t"
        config: Any = config_class(command)(data=str(path), target=target, **given[command])

        def work() -> Any:
            source = open_source(str(path), target=target, features=["a", "b"], stream_rows=1)
            return experiment.run(experiment.prepare(config, source), Context(Processes(1)))

        return work

    return prepare


def _table(path: Path, n: int) -> Path:
    """Columns a, b, a number t and a class c."""
    if path.exists():
        return path
    schema = pa.schema([(name, pa.float64()) for name in "abtc"])
    rng = np.random.default_rng(0)
    with parquet.ParquetWriter(path, schema) as writer:
        for start in range(0, n, PART):
            a, b = rng.normal(size=(2, min(PART, n - start)))
            t = a - a * b**2 + rng.normal(size=a.size)
            columns = {"a": a, "b": b, "t": t, "c": (t > 0) * 1.0}
            writer.write_table(pa.table(columns, schema=schema))
    return path


def features(n_features: int) -> Callable[[], Any]:
    """Least squares of 20,000 rows and n features."""
    from mlcli.linear.polynomial import fit_polynomial

    rng = np.random.default_rng(0)
    X, t = rng.normal(size=(20_000, n_features)), rng.normal(size=20_000)
    return lambda: fit_polynomial(X, t, (1,))


def degree(n_degree: int) -> Callable[[], Any]:
    """Least squares of 20,000 rows, degree n of one feature."""
    from mlcli.linear.polynomial import fit_polynomial

    rng = np.random.default_rng(0)
    X, t = rng.uniform(-1, 1, size=(20_000, 1)), rng.normal(size=20_000)
    return lambda: fit_polynomial(X, t, (n_degree,))


def members(n_members: int) -> Callable[[], Any]:
    """Training of n small networks at once by `train-mlp`."""
    from mlcli.datasets.source import open_source
    from mlcli.experiments import train_mlp
    from mlcli.experiments.experiment import Context
    from mlcli.experiments.train_mlp.config import TrainMlpConfig

    config = TrainMlpConfig(
        data="two-planes", hidden=("16",), n_epochs=10, n_seeds=n_members, device="cpu"
    )
    source = open_source(config.data)
    prepared = train_mlp.EXPERIMENT.prepare(config, source)
    return lambda: train_mlp.EXPERIMENT.run(prepared, Context(Processes(1)))


def series(folder: Path) -> list[Series]:
    """Everything that is measured."""
    rows = (10_000, 31_623, 100_000, 316_228, 1_000_000, 3_162_278, 10_000_000)
    three = (1, 3, 10, 32, 100, 316, 1000)
    said = {
        "fit_poly": "degree 3, 1 seed",
        "kfold": "degree 3, 10 folds",
        "bayes": "degrees 1 to 3",
        "logistic": "2 classes, 1 seed",
    }
    return [
        *(
            Series(
                name.replace("_", "-"),
                "rows",
                rows,
                rows_of(name, folder),
                f"Parquet in batches, 2 features, {said[name]}",
            )
            for name in ("fit_poly", "kfold", "bayes", "logistic")
        ),
        Series("features", "features", three, features, "least squares of 20,000 rows"),
        Series("degree", "degree", three, degree, "least squares of 20,000 rows, one feature"),
        Series("members", "members", three, members, "train-mlp, 2-16-2, 10 epochs"),
    ]


def measured(work: Callable[[], Any]) -> float:
    """The fewest seconds of a few repeats: what the work takes when nothing else gets between."""
    started = time.perf_counter()
    work()
    first = time.perf_counter() - started
    spent = [first]
    while len(spent) < REPEATS and sum(spent) < SECONDS_A_SIZE:
        started = time.perf_counter()
        work()
        spent.append(time.perf_counter() - started)
    return min(spent)


def law(sizes: Sequence[int], seconds: Sequence[float]) -> Law:
    """The law of n -> seconds, and the 95 % interval of its exponent."""
    from scipy.optimize import least_squares
    from scipy.stats import t as student

    n, y = np.array(sizes, dtype=float), np.array(seconds)

    def gap(p: Array) -> Array:
        # Logarithms keep both parts positive.
        return np.logaddexp(p[0], p[1] + p[2] * np.log(n)) - np.log(y)

    top = np.log(y[-1]) - np.log(n[-1])
    starts = [[np.log(y[0] * share), top, k] for share in (0.9, 0.1) for k in (1.0, 2.0)]
    bounds = ([-np.inf, -np.inf, LEAST], [np.inf, np.inf, MOST])
    tried = [least_squares(gap, start, bounds=bounds) for start in starts]
    found = min(tried, key=lambda one: one.cost)
    # Even with the fixed part lost among the rest, its column of the Jacobian is not quite zero.
    covariance = np.linalg.pinv(found.jac.T @ found.jac) * 2 * found.cost / max(1, n.size - 3)
    half = float(student.ppf(0.975, max(1, n.size - 3)) * np.sqrt(covariance[2, 2]))
    fixed, rate, exponent = found.x
    return Law(float(np.exp(fixed)), float(np.exp(rate)), float(exponent), half)


def draw(found: list[tuple[Series, list[int], list[float], Law]], path: Path) -> None:
    """Seconds against n, a panel for rows and one for each other axis."""
    from mlcli.plotting import COLOURS, new_figure, styled

    panels = [
        [one for one in found if one[0].axis == axis]
        for axis in dict.fromkeys(one[0].axis for one in found)
    ]
    with styled():
        figure = new_figure(9.0, 7.0 if len(panels) > 2 else 4.0)
        axes = figure.subplots(-(-len(panels) // 2), min(2, len(panels)), squeeze=False).ravel()
        for one in axes[len(panels) :]:
            one.set_visible(False)
        for panel, lines in zip(axes, panels, strict=False):
            for (series, sizes, seconds, fitted), colour in zip(lines, COLOURS, strict=False):
                n = np.geomspace(sizes[0], sizes[-1], 200)
                words = f"{series.name}: $n^{{{fitted.exponent:.2f} \\pm {fitted.half_width:.2f}}}$"
                panel.plot(n, fitted.fixed + fitted.rate * n**fitted.exponent, color=colour, lw=1.3)
                panel.plot(sizes, seconds, "o", color=colour, ms=4.5, label=words)
            panel.set(xscale="log", yscale="log", xlabel=f"{lines[0][0].axis} n", ylabel="seconds")
            panel.legend(fontsize=9)
        figure.suptitle(
            "Seconds against size; lines are a + b n^k with k's 95 % interval", fontsize=11
        )
        figure.savefig(path, metadata={"Software": None})


def write(found: list[tuple[Series, list[int], list[float], Law]], out: Path) -> None:
    """scaling.csv, scaling.md and scaling.png."""
    out.mkdir(parents=True, exist_ok=True)
    with (out / "scaling.csv").open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["series", "axis", "n", "seconds"])
        for series, sizes, seconds, _ in found:
            for n, spent in zip(sizes, seconds, strict=True):
                writer.writerow([series.name, series.axis, n, f"{spent:.6g}"])
    lines = [
        "| series | what is timed | n | seconds at the ends | fixed seconds | exponent k |",
        "|---|---|---|---|---|---|",
    ]
    for series, sizes, seconds, fitted in found:
        lines.append(
            f"| {series.name} | {series.costs} | {sizes[0]:,} to {sizes[-1]:,} | "
            f"{seconds[0]:.3g}, {seconds[-1]:.3g} | {fitted.fixed:.2g} | "
            f"{fitted.exponent:.2f} ± {fitted.half_width:.2f} |"
        )
    (out / "scaling.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
    draw(found, out / "scaling.png")


def main() -> None:
    """Measure, fit, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("reports/scaling"))
    parser.add_argument("--largest", type=float, default=1.0, help="share of the largest sizes")
    parser.add_argument("--only", help="one series")
    given = parser.parse_args()
    found = []
    with tempfile.TemporaryDirectory() as folder, threadpool_limits(1):
        for one in series(Path(folder)):
            if given.only not in (None, one.name):
                continue
            sizes = [n for n in one.sizes if n <= given.largest * one.sizes[-1]]
            # What is loaded once, such as torch, is no cost of the smallest size.
            one.prepare(sizes[0])()
            seconds = [measured(one.prepare(n)) for n in sizes]
            fitted = law(sizes, seconds)
            found.append((one, sizes, seconds, fitted))
            print(
                f"{one.name}: k = {fitted.exponent:.2f} +- {fitted.half_width:.2f}, fixed "
                f"{fitted.fixed:.2g} s, {', '.join(f'{s:.3g}' for s in seconds)} s",
                flush=True,
            )
    write(found, given.out)


if __name__ == "__main__":
    main()
