"""`perceptron`: threshold units, alone and in one hidden layer (section 6.1 of the notes)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcli.certificate import Certificate
from mlcli.classification.approximation import staircase
from mlcli.classification.perceptron import (
    AND,
    INPUTS,
    NAND,
    XOR_OUTPUT,
    fit_perceptron,
    half_adder,
    single_unit,
    xor,
)
from mlcli.datasets.source import Source
from mlcli.errors import DataError
from mlcli.experiments.experiment import Context, Prepared
from mlcli.experiments.perceptron.config import PerceptronConfig
from mlcli.experiments.perceptron.formula import parse
from mlcli.experiments.perceptron.studies import (
    Approximation,
    LearningRun,
    approximate,
    learn_data,
    learn_random_rows,
    separable_rows,
    two_classes,
    values,
)
from mlcli.experiments.summary import interval_columns, summary
from mlcli.result import Columns, Metrics, Reading, Result
from mlcli.rng import stream

Array = NDArray[np.float64]
BITS = ("00", "01", "10", "11")
DETERMINISM = (
    "each seed's work is done with one BLAS thread and collected in order, so the bytes do not "
    "depend on --jobs; another machine, or another version of numpy, can differ in the last digits"
)


@dataclass(frozen=True)
class PreparedPerceptron(Prepared[PerceptronConfig]):
    """The rows of the learning rule.

    Attributes:
        X: rows of two classes, in z-scores, (n, D).
        sides: -1 or +1, (n,).
    """

    X: Array
    sides: Array


@dataclass(frozen=True)
class PerceptronOutcome:
    """Result of one seed.

    Attributes:
        random_rows: the learning rule on random rows, one run per margin.
        data: the learning rule on the data set.
        approximation: the staircase.
    """

    random_rows: list[LearningRun]
    data: LearningRun
    approximation: Approximation


def prepare(config: PerceptronConfig, source: Source) -> PreparedPerceptron:
    """Select the rows of two classes and evaluate the function once.

    Raises:
        InputError: the rows or the function won't do.
    """
    if source.streamed:
        raise DataError(
            f"{source.name} is read in batches, which perceptron can't use",
            hint="a file with fewer rows",
        )
    X, sides = two_classes(config, source)
    width = (config.function_max - config.function_min) / min(config.n_bins)
    # Shifted intervals reach one bin further.
    x = np.linspace(config.function_min, config.function_max + width, 2001)
    values(parse(config.function), x)
    return PreparedPerceptron(config, source, X, sides)


def plan(prepared: PreparedPerceptron) -> Mapping[str, Any]:
    """The size of the work, for a dry run."""
    config = prepared.config
    return {
        "rows of the learning rule": prepared.sides.size,
        "random rows a seed": config.n_points * len(config.margins),
        "seeds": config.n_seeds,
        "bins": ",".join(map(str, sorted(set(config.n_bins)))),
    }


def run(prepared: PreparedPerceptron, context: Context) -> Result:
    """Evaluate the gates, run the learning rule, and approximate the function."""
    config, source = prepared.config, prepared.source
    X, sides = prepared.X, prepared.sides
    found: list[PerceptronOutcome] = []

    def work(index: int) -> PerceptronOutcome:
        return PerceptronOutcome(
            learn_random_rows(config, index),
            learn_data(config, X, sides, index),
            approximate(config, index),
        )

    for one in context.workers.map_ordered(work, range(config.n_seeds)):
        found.append(one)
        context.progress(len(found), config.n_seeds, reading=Reading(seed=len(found) - 1))
    return Result(
        metrics=_metrics(config, source, found),
        tables={
            "approximation": _approximation(config),
            "deformation": _curve(
                "steepness",
                config.steepnesses,
                {
                    "rms_error": [one.approximation.smooth for one in found],
                    "live_units": [one.approximation.live for one in found],
                },
            ),
            "gates": _gates(),
            "learning": _learning(config, found),
            "rate": _curve(
                "n_bins",
                sorted(set(config.n_bins)),
                {
                    "largest_error": [one.approximation.largest for one in found],
                    "rms_error": [one.approximation.rms for one in found],
                },
            ),
            "rows": _rows(config),
        },
        determinism=DETERMINISM,
        certificates=_certificates(config, source, found),
        certificate_hint="more --max-passes, or rows that a line separates",
    )


def _certificates(
    config: PerceptronConfig, source: Source, found: Sequence[PerceptronOutcome]
) -> dict[str, list[Certificate]]:
    """One per run of the learning rule, by its rows."""
    certificates = {
        f"Rosenblatt's rule, margin {margin:g}": [
            one.random_rows[k].fit.certificate for one in found
        ]
        for k, margin in enumerate(config.margins)
    }
    return certificates | {
        f"Rosenblatt's rule on {source.name}": [one.data.fit.certificate for one in found]
    }


def _metrics(
    config: PerceptronConfig, source: Source, found: Sequence[PerceptronOutcome]
) -> Metrics:
    bits = tuple(int(bit) for bit in config.truth_table)
    unit = single_unit((bits[0], bits[1], bits[2], bits[3]))
    total, carry = half_adder(INPUTS)
    outputs = {
        "nand": NAND.fire(INPUTS),
        "xor": xor(INPUTS),
        "half_adder_sum": total,
        "half_adder_carry": carry,
        "asked": np.array(bits),
    }
    tables: Metrics = {
        name: dict(zip(BITS, output.tolist(), strict=True)) for name, output in outputs.items()
    }
    fired = [None] * 4 if unit is None else unit.fire(INPUTS).tolist()
    tables["one_unit"] = dict(zip(BITS, fired, strict=True))
    learning = {
        f"margin_{margin:g}": _learning_metrics([one.random_rows[k] for one in found])
        for k, margin in enumerate(config.margins)
    }
    metrics: Metrics = {
        "truth_tables": tables,
        "one_unit_exists": unit is not None,
        "learning": learning | {"data": _learning_metrics([one.data for one in found])},
        "data_name": source.name,
        "function": config.function,
        "n_seeds": len(found),
        **{
            name: summary([one.approximation.slopes[k] for one in found], name)
            for k, name in enumerate(("slope_of_largest_error", "slope_of_rms_error"))
        },
    }
    if unit is not None:
        metrics["unit"] = {"w_1": unit.w[0], "w_2": unit.w[1], "b": unit.b}
    return metrics


def _learning_metrics(runs: Sequence[LearningRun]) -> Metrics:
    bounds = [one.bound for one in runs]
    finite = [bound for bound in bounds if np.isfinite(bound)]
    return {
        "mistakes": summary([float(one.fit.mistakes) for one in runs], "mistakes"),
        "smallest_bound": min(finite) if finite else None,
        "share_below_bound": float(np.mean([o.fit.mistakes <= o.bound for o in runs])),
        "share_converged": float(np.mean([one.fit.converged for one in runs])),
    }


def _curve(
    name: str, places: Sequence[float] | Sequence[int], curves: Mapping[str, Sequence[Array]]
) -> Columns:
    columns: dict[str, list[Any]] = {name: list(places)}
    for label, rows in curves.items():
        columns |= interval_columns(label, np.stack(list(rows)))
    return columns


def _gates() -> Columns:
    """Each unit of Figures 7 and 8 as w_1 x_1 + w_2 x_2 + b, the hidden unit inserted.

    XOR's output has one line if the hidden unit is 0 and another one if it is 1.
    """
    hidden = XOR_OUTPUT.w[2]
    rows = [
        ("NAND", *NAND.w, NAND.b),
        ("XOR hidden", *AND.w, AND.b),
        ("XOR, hidden 0", *XOR_OUTPUT.w[:2], XOR_OUTPUT.b),
        ("XOR, hidden 1", *XOR_OUTPUT.w[:2], XOR_OUTPUT.b + hidden),
    ]
    names = ("unit", "w_1", "w_2", "b")
    return {name: [row[i] for row in rows] for i, name in enumerate(names)}


def _learning(config: PerceptronConfig, found: Sequence[PerceptronOutcome]) -> Columns:
    columns: dict[str, list[Any]] = {
        key: [] for key in ("margin", "seed_index", "mistakes", "bound", "converged")
    }
    for k, margin in enumerate(config.margins):
        for index, one in enumerate(found):
            learning = one.random_rows[k]
            row = (
                margin,
                index,
                learning.fit.mistakes,
                learning.bound,
                learning.fit.converged,
            )
            for key, value in zip(columns, row, strict=True):
                columns[key].append(value)
    return columns


def _rows(config: PerceptronConfig) -> Columns:
    """The rows of the first seed at the widest margin, and the line that was learnt."""
    k = int(np.argmax(config.margins))
    X, sides, _ = separable_rows(
        config.margins[k], config.n_points, stream(config.seed, "rows", 0, k)
    )
    w = fit_perceptron(X, sides, config.max_passes).w
    n = sides.size
    return {
        "x_1": X[:, 0],
        "x_2": X[:, 1],
        "side": sides.astype(int),
        "w_1": [float(w[0])] * n,
        "w_2": [float(w[1])] * n,
        "b": [float(w[2])] * n,
    }


def _approximation(config: PerceptronConfig) -> Columns:
    f = parse(config.function)
    x = np.linspace(config.function_min, config.function_max, 801)[1:-1]
    columns: dict[str, Any] = {"x": x, "function": values(f, x)}
    for n in sorted(set(config.n_bins))[:3]:
        steps = staircase(f, config.function_min, config.function_max, n)
        columns[f"{n} bins"] = steps.evaluate(x)
    width = (config.function_max - config.function_min) / config.shown_bins
    steps = staircase(f, config.function_min, config.function_max, config.shown_bins)
    columns["smooth"] = steps.evaluate(x, 2.0 / width)
    return columns
