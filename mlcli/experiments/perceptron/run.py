"""`perceptron`: threshold units, alone and in one hidden layer (section 6.1 of the notes)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcli.certificate import Certificate
from mlcli.classification.approximation import area_from_step, bump, staircase, step_unit
from mlcli.classification.perceptron import (
    INPUTS,
    NAND,
    facing_the_boundary,
    fit_perceptron,
    gate_of,
    half_adder,
    single_unit,
    xor,
)
from mlcli.classification.softmax import sigmoid
from mlcli.datasets.source import Source
from mlcli.errors import DataError
from mlcli.experiments.experiment import Context, Prepared
from mlcli.experiments.perceptron.config import PerceptronConfig
from mlcli.experiments.perceptron.formula import parse
from mlcli.experiments.perceptron.studies import (
    Approximation,
    LearningRun,
    Polynomials,
    TwoClasses,
    approximate,
    fit_polynomials,
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
GATES = {"NAND": "1110", "XOR": "0110"}
# At most as many bins are drawn as bumps.
MAX_BUMPS = 8
# The sigmoids of (5.15) over |z| < REACH, and how near to the step they are beyond |z| = NEAR.
REACH, NEAR = 5.0, 0.1
N_SIGMOID = 20_001
MAX_ROWS = 1000
DETERMINISM = (
    "each seed's work is done with one BLAS thread and collected in order, so the bytes do not "
    "depend on --jobs; another machine, or another version of numpy, can differ in the last digits"
)


@dataclass(frozen=True)
class PreparedPerceptron(Prepared[PerceptronConfig]):
    """The rows of the learning rule.

    Attributes:
        rows: those of two classes.
    """

    rows: TwoClasses


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
    rows = two_classes(config, source)
    width = (config.function_max - config.function_min) / min(config.n_bins)
    # Shifted intervals reach one bin further.
    x = np.linspace(config.function_min, config.function_max + width, 2001)
    values(parse(config.function), x)
    return PreparedPerceptron(config, source, rows)


def plan(prepared: PreparedPerceptron) -> Mapping[str, Any]:
    """The size of the work, for a dry run."""
    config = prepared.config
    return {
        "rows of the learning rule": prepared.rows.sides.size,
        "random rows a seed": config.n_points * len(config.margins),
        "seeds": config.n_seeds,
        "bins": ",".join(map(str, sorted(set(config.n_bins)))),
    }


def run(prepared: PreparedPerceptron, context: Context) -> Result:
    """Evaluate the gates, run the learning rule, and approximate the function."""
    config, source = prepared.config, prepared.source
    found: list[PerceptronOutcome] = []

    def work(index: int) -> PerceptronOutcome:
        return PerceptronOutcome(
            learn_random_rows(config, index),
            learn_data(config, prepared.rows, index),
            approximate(config, index),
        )

    for one in context.workers.map_ordered(work, range(config.n_seeds)):
        found.append(one)
        context.progress(len(found), config.n_seeds, reading=Reading(seed=len(found) - 1))
    polynomials = fit_polynomials(config)
    sigmoids = _sigmoids(config)
    steps = _steps(config)
    return Result(
        metrics=_metrics(config, source, found)
        | {"classes": list(prepared.rows.names), "bump": steps.numbers}
        | {"largest_value": polynomials.size}
        | {"sigmoids": _sigmoid_metrics(sigmoids)}
        | {"polynomials": _polynomial_metrics(config, polynomials, found[0].approximation)},
        tables={
            "approximation": _approximation(config),
            "boundary": _boundary(prepared.rows, found[0].data),
            "deformation": _curve(
                "steepness",
                config.steepnesses,
                {
                    "rms_error": [one.approximation.smooth for one in found],
                    "live_units": [one.approximation.live for one in found],
                },
            ),
            "gates": _gates(config.truth_table),
            "learning": _learning(config, found),
            "polynomials": _polynomials(config, polynomials, found[0].approximation),
            "rate": _curve(
                "n_bins",
                sorted(set(config.n_bins)),
                {
                    "largest_error": [one.approximation.largest for one in found],
                    "rms_error": [one.approximation.rms for one in found],
                },
            ),
            "rows": _rows(config),
            "sigmoid_curves": _sigmoid_curves(config),
            "sigmoids": sigmoids,
            "steps": steps.columns,
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


def _gates(asked: str) -> Columns:
    """Each unit of Figures 7 and 8 as w_1 x_1 + w_2 x_2 + b, the hidden unit inserted.

    An output behind a hidden unit has one line if that unit is 0 and another one if it is 1. After
    NAND and XOR stands the network with the table that was asked for, if it is another one.
    """
    rows: list[tuple[str, float, float, float]] = []
    for name, table in (GATES | ({} if asked in GATES.values() else {asked: asked})).items():
        bits = [int(bit) for bit in table]
        gate = gate_of((bits[0], bits[1], bits[2], bits[3]))
        w_1, w_2, *behind = gate.output.w
        if gate.hidden is None:
            rows.append((name, w_1, w_2, gate.output.b))
            continue
        rows += [
            (f"{name} hidden", gate.hidden.w[0], gate.hidden.w[1], gate.hidden.b),
            (f"{name}, hidden 0", w_1, w_2, gate.output.b),
            (f"{name}, hidden 1", w_1, w_2, gate.output.b + behind[0]),
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


@dataclass(frozen=True)
class Steps:
    """Figure 9a: a bump of two steps, and the bumps of all bins.

    Attributes:
        columns: x, the two steps and the bump of one bin, the bump of each bin, and their sum.
        numbers: the bin, its edges and height, and the biases of its units.
    """

    columns: Columns
    numbers: Metrics


def _steps(config: PerceptronConfig) -> Steps:
    """The bump of the highest of a few bins, (6.7) to (6.9), and the sum over them, (6.11)."""
    low, high = config.function_min, config.function_max
    n = min(min(config.n_bins), MAX_BUMPS)
    f = parse(config.function)
    steps = staircase(f, low, high, n)
    x = np.linspace(low, high, 801)[1:-1]
    # Both steps of an inner bin are inside of the interval.
    inner = slice(1, -1) if n > 2 else slice(None)
    j = int(np.abs(steps.heights[inner]).argmax()) + (n > 2)
    s_1, s_2, h = float(steps.edges[j]), float(steps.edges[j + 1]), float(steps.heights[j])
    first, second = step_unit(s_1), step_unit(s_2)
    bumps = {
        f"bump {k + 1}": bump(x, float(left), float(right), float(height))
        for k, (left, right, height) in enumerate(
            zip(steps.edges[:-1], steps.edges[1:], steps.heights, strict=True)
        )
    }
    columns: dict[str, Any] = {
        "x": x,
        "function": values(f, x),
        "step_1": first.fire(x[:, None]),
        "step_2": second.fire(x[:, None]),
        "bump": bump(x, s_1, s_2, h),
        **bumps,
        "sum": np.sum(list(bumps.values()), axis=0),
    }
    at = np.array([(s_1 + s_2) / 2, low - 1.0, high + 1.0])
    inside, before, after = bump(at, s_1, s_2, h).tolist()
    numbers = {"bin": j + 1, "n_bins": n, "w": first.w[0], "s_1": s_1, "s_2": s_2, "height": h}
    outputs = {"b_1": first.b, "b_2": second.b, "inside": inside}
    return Steps(columns, numbers | outputs | {"before": before, "after": after})


def _sigmoid_curves(config: PerceptronConfig) -> Columns:
    """sigma(lambda z) of (5.15) against z, one column for each steepness."""
    z = np.linspace(-REACH, REACH, 401)
    curves = {f"lambda {one:g}": _sigma(one * z) for one in sorted(config.steepnesses)}
    return {"z": z, "step": (z > 0).astype(int), **curves}


def _sigma(z: Array) -> Array:
    with np.errstate(over="ignore"):
        return np.asarray(sigmoid(z))


def _sigmoids(config: PerceptronConfig) -> Columns:
    """How far sigma(lambda z) is from the step, against lambda: area, at z = 0, and away from it.

    The area is summed by the trapezium rule over half of z, in places that are dense where
    the sigmoid is steep, and stands beside its closed form.
    """
    names = ("steepness", "area", "area_theory", "at_zero", "beyond", "beyond_theory")
    columns: dict[str, list[float]] = {name: [] for name in names}
    for one in sorted(config.steepnesses):
        z = np.concatenate([[0.0, NEAR], np.geomspace(1e-6 / one, REACH, N_SIGMOID)])
        z.sort()
        gap = _sigma(-one * z)
        area = 2 * float(((gap[1:] + gap[:-1]) / 2 * np.diff(z)).sum())
        away = float(gap[z >= NEAR].max())
        theory = area_from_step(one, REACH), 1 / (1 + float(np.exp(min(one * NEAR, 700.0))))
        row = (one, area, theory[0], float(_sigma(np.zeros(1))[0]), away, theory[1])
        for name, value in zip(names, row, strict=True):
            columns[name].append(value)
    return columns


def _sigmoid_metrics(table: Columns) -> Metrics:
    return {
        f"lambda_{one:g}": {name: table[name][k] for name in list(table)[1:]}
        for k, one in enumerate(table["steepness"])
    }


def _polynomials(config: PerceptronConfig, found: Polynomials, steps: Approximation) -> Columns:
    """Largest errors against how many numbers may be chosen: coefficients, or heights of bins."""
    counts = sorted(set(config.n_bins))
    return {
        "n_numbers": counts,
        "degree": [n - 1 for n in counts],
        "chebyshev": found.chebyshev,
        "best_at_least": found.least,
        "bernstein": found.bernstein,
        "staircase": steps.largest,
    }


def _polynomial_metrics(
    config: PerceptronConfig, found: Polynomials, steps: Approximation
) -> Metrics:
    table = _polynomials(config, found, steps)
    return {
        f"n_{n}": {name: float(table[name][k]) for name in list(table)[2:]}
        for k, n in enumerate(table["n_numbers"])
    }


def _boundary(rows: TwoClasses, run: LearningRun) -> Columns:
    """Rows of the data and what was learnt of them, where its boundary is a line (6.2)."""
    w, b = run.fit.w[:-1], float(run.fit.w[-1])
    plane = facing_the_boundary(rows.X, w)
    shown = np.unique(np.linspace(0, rows.sides.size - 1, MAX_ROWS).astype(int))
    x, y = (rows.X[shown] @ plane).T
    along = w @ plane
    names = [f"{name}, standardised" for name in rows.features]
    labels = (*names, "") if len(names) <= 2 else ("along the weights w", "at a right angle to w")
    n = shown.size
    return {
        "x": x,
        "y": y,
        "class": [rows.names[int(side > 0)] for side in rows.sides[shown]],
        "side": rows.sides[shown].astype(int),
        "w_x": [float(along[0])] * n,
        "w_y": [float(along[1])] * n,
        "b": [b] * n,
        "x_axis": [labels[0]] * n,
        "y_axis": [labels[1]] * n,
    }
