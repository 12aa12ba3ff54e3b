"""Tables and metrics of `propagate`: measurement and theory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcli.experiments.propagate.config import PropagateConfig
from mlcli.experiments.propagate.draws import DRAWN, N_DRAWS, SIZES, DrawnLayers, expected
from mlcli.experiments.propagate.measurements import (
    ALPHA_SCHEME,
    ALPHAS,
    NORMALISATIONS,
    SIGN_SCHEME,
    Signs,
)
from mlcli.experiments.propagate.training import PairTraining, TrainingRows
from mlcli.experiments.summary import interval_columns, summary
from mlcli.neural.activations import find_activation
from mlcli.neural.initialisation import weight_variance
from mlcli.neural.layer_statistics import Signals
from mlcli.neural.mean_field import LayerVariances, activation_curve, same_sign_share, variances
from mlcli.result import Columns, Metrics

Array = NDArray[np.float64]
Measured = Mapping[tuple[str, ...], Mapping[tuple[str, int], Signals]]
SIDES = ("forward", "backward")
# A signal is alive that changes by at most this factor a layer, a thousandfold through 50.
KEPT = 1.15
REACH = 4.0


def _log10(values: Array) -> Array:
    """log10; NaN where the value has left the range of a float."""
    with np.errstate(divide="ignore", invalid="ignore"):
        found = np.log10(values)
    return np.where(np.isfinite(found), found, np.nan)


def factors(side: str, values: Array) -> Array:
    """The mean over the layers of the factor of a variance per layer, (L, ...) to (...).

    Forward Var a^(l+1) / Var a^(l), backward Var delta^(l) / Var delta^(l+1). Of each ratio the
    mean over the weights is exact for ReLU forward; where a variance fluctuates about a fixed
    point, the mean of such ratios is above 1 by the square of the fluctuation, some 2 / width.
    """
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        ratios = values[1:] / values[:-1] if side == "forward" else values[:-1] / values[1:]
    return np.asarray(ratios.mean(axis=0))


# Several tables need the same theory.
@cache
def _theory(h: str, init: str, width: int, depth: int, batch_norm: bool) -> LayerVariances:
    return variances(h, init, [width] * (depth + 2), batch_norm=batch_norm)


def _each(
    config: PropagateConfig, measured: Measured
) -> Iterator[tuple[str, str, str, int, Signals, LayerVariances]]:
    """normalisation, activation, init, depth, what was measured, and theory."""
    for normalisation in NORMALISATIONS:
        for activation in config.activations:
            for init in config.inits:
                for depth in config.depths:
                    h, batch_norm = config.h(activation), normalisation == "batch"
                    theory = _theory(h, init, config.width, depth, batch_norm)
                    found = measured[normalisation, init][activation, depth]
                    yield normalisation, activation, init, depth, found, theory


def _rounded(columns: Mapping[str, list[Any]], digits: int) -> dict[str, list[Any]]:
    return {
        name: [
            None if value is None or np.isnan(value) else round(value, digits) for value in values
        ]
        for name, values in columns.items()
    }


def signals(config: PropagateConfig, measured: Measured) -> Columns:
    """log10 of the variances of each layer: mean over the seeds, its interval, theory."""
    columns: dict[str, list[Any]] = {}
    for normalisation, activation, init, depth, found, theory in _each(config, measured):
        part: dict[str, list[Any]] = {
            "normalisation": [normalisation] * depth,
            "activation": [activation] * depth,
            "init": [init] * depth,
            "depth": [depth] * depth,
            "layer": list(range(1, depth + 1)),
        }
        for side in SIDES:
            logs = interval_columns(f"log10_{side}", _log10(getattr(found, side)).T)
            logs[f"log10_{side}_theory"] = list(_log10(getattr(theory, side)))
            # Five decimals are finer than any interval, and keep the file small.
            part |= _rounded(logs, 5)
        for name, values in part.items():
            columns.setdefault(name, []).extend(values)
    return columns


def activations(config: PropagateConfig) -> Columns:
    """h and h' on a grid (Figures 12 and 13), with the alpha of those that have one."""
    # Two points close to 0 draw a jump of h' upright.
    a = np.sort(np.append(np.linspace(-REACH, REACH, 161), [-1e-6, 1e-6]))
    columns: dict[str, list[Any]] = {
        name: [] for name in ("activation", "a", "value", "derivative", "alpha")
    }
    for name in config.activations:
        h, slope = activation_curve(config.h(name), a)
        columns["alpha"] += [find_activation(config.h(name)).alpha] * a.size
        columns["activation"] += [name] * a.size
        for key, values in (("a", a), ("value", h), ("derivative", slope)):
            columns[key] += np.round(values, 9).tolist()
    return columns


def changes(side: str, values: Array) -> Array:
    """log10 of the change of a variance through all hidden layers, (L, ...) to (...).

    Forward Var a^(L) / Var a^(1), backward Var delta^(1) / Var delta^(L); NaN beyond a float.
    """
    logs = _log10(values)
    return np.asarray(logs[-1] - logs[0] if side == "forward" else logs[0] - logs[-1])


def most_change(config: PropagateConfig) -> float:
    """The powers of 10 that what is alive may change by through the deepest networks."""
    return float((max(config.depths) - 1) * np.log10(KEPT))


def life(config: PropagateConfig, measured: Measured) -> dict[tuple[str, str], dict[str, Any]]:
    """Of each activation and initialisation: both changes at the largest depth, and if it is alive.

    alive: both intervals lie within a factor of `KEPT` a layer. lost: one lies outside, or the
    variance has left the range of a float. Neither: open. Of a single seed the value decides.
    """
    most = most_change(config)
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for normalisation, activation, init, depth, signal, theory in _each(config, measured):
        if normalisation == "batch" or depth != max(config.depths):
            continue
        entry: dict[str, Any] = {}
        inside, outside = [], []
        for side in SIDES:
            one = summary(changes(side, getattr(signal, side)), f"log10_{side}")
            entry[f"log10_{side}"] = one
            expected_ = float(changes(side, getattr(theory, side)))
            entry[f"log10_{side}_theory"] = expected_ if np.isfinite(expected_) else None
            ends = [one["mean"] if one[end] is None else one[end] for end in ("ci_low", "ci_high")]
            low, high = (np.nan if end is None else float(end) for end in ends)
            inside.append(-most <= low and high <= most)
            # NaN lies nowhere.
            outside.append(not (low <= most and high >= -most))
        found[activation, init] = entry | {"alive": all(inside), "lost": any(outside)}
    return found


def alive(config: PropagateConfig, measured: Measured) -> Columns:
    """`life` as a table."""
    columns: dict[str, list[Any]] = {}
    for (activation, init), one in life(config, measured).items():
        row: dict[str, Any] = {"activation": activation, "init": init}
        for side in SIDES:
            name = f"log10_{side}"
            row |= {name: one[name]["mean"]}
            row |= {f"{name}_{end}": one[name][end] for end in ("ci_low", "ci_high")}
            row[f"{name}_theory"] = one[f"{name}_theory"]
        row |= {key: one[key] for key in ("alive", "lost")}
        row["most"] = most_change(config)
        for name, value in row.items():
            columns.setdefault(name, []).append(value)
    return columns


def draws(drawn: Mapping[tuple[str, ...], DrawnLayers]) -> Columns:
    """Mean and variance over draws of W of each layer's z and delta, with the theory."""
    columns: dict[str, list[Any]] = {}
    for init, equation in DRAWN.items():
        for side, layers, theory in _sides(drawn[init,], init):
            for layer, one in enumerate(layers, start=1):
                mean, variance = summary(one.means, "error_mean"), summary(one.squares, "variance")
                row = {
                    "init": init,
                    "equation": equation,
                    "side": side,
                    "layer": layer,
                    "terms": SIZES[layer - 1] if side == "signal" else SIZES[layer + 1],
                    "mean": mean["mean"],
                    "mean_ci_low": mean["ci_low"],
                    "mean_ci_high": mean["ci_high"],
                    "variance": variance["mean"],
                    "variance_ci_low": variance["ci_low"],
                    "variance_ci_high": variance["ci_high"],
                    "variance_theory": float(theory[layer - 1]),
                }
                for name, value in row.items():
                    columns.setdefault(name, []).append(value)
    return columns


def _sides(drawn: DrawnLayers, init: str) -> Iterator[tuple[str, Any, Array]]:
    theory = expected(init)
    yield "signal", drawn.signal, theory.forward
    yield "errors", drawn.errors, theory.backward


def alphas(config: PropagateConfig, by_alpha: Mapping[tuple[str, float], Signals]) -> Columns:
    """Change of signal and errors through the deepest networks against alpha.

    Measured at the alphas of `ALPHAS`; the theory has others between them.
    """
    columns: dict[str, list[Any]] = {}
    sizes = [config.width] * (max(config.depths) + 2)
    for name, measured in ALPHAS.items():
        between = np.linspace(measured[0], measured[-1], 15)[1:-1]
        for alpha in sorted({*measured, *np.round(between, 4).tolist()}):
            h = find_activation(name).with_alpha(alpha).name
            theory = variances(h, ALPHA_SCHEME, sizes)
            row: dict[str, Any] = {"activation": name, "alpha": alpha}
            for side in SIDES:
                key = f"log10_{side}"
                one: Mapping[str, Any] = {}
                if (name, alpha) in by_alpha:
                    found = getattr(by_alpha[name, alpha], side)
                    one = summary(changes(side, found), key)
                row[key] = one.get("mean")
                row |= {f"{key}_{end}": one.get(end) for end in ("ci_low", "ci_high")}
                row[f"{key}_theory"] = float(changes(side, getattr(theory, side)))
            for key, value in row.items():
                columns.setdefault(key, []).append(value)
    return columns


def study_metrics(
    config: PropagateConfig,
    measured: Measured,
    drawn: Mapping[tuple[str, ...], DrawnLayers],
    by_alpha: Mapping[tuple[str, float], Signals],
) -> Metrics:
    """What stays alive, draws of W and alphas, for details.json."""
    found: Metrics = {} if config.alpha is None else {"alpha": config.alpha}
    found |= {"kept": KEPT, "n_draws": N_DRAWS, "alpha_init": ALPHA_SCHEME}
    for (activation, init), one in life(config, measured).items():
        found.setdefault("alive", {}).setdefault(activation, {})[init] = one
    for init in DRAWN:
        place = found.setdefault("draws", {}).setdefault(init, {})
        for side, layers, theory in _sides(drawn[init,], init):
            for layer, each in enumerate(layers, start=1):
                name = "activation_mean" if side == "signal" else "error_mean"
                # The values of each draw would be most of seeds.csv.
                place.setdefault(f"layer_{layer}", {})[side] = {
                    name: dict(summary(each.means, name)),
                    "variance": dict(summary(each.squares, "variance")),
                    "theory": float(theory[layer - 1]),
                }
    for (name, alpha), signal in by_alpha.items():
        found.setdefault("alphas", {}).setdefault(name, {})[f"alpha_{alpha:g}"] = {
            f"log10_{side}": summary(changes(side, getattr(signal, side)), f"log10_{side}")
            for side in SIDES
        }
    return found


def _sign_limit(config: PropagateConfig, activation: str, normalisation: str, n: int) -> float:
    """The share of one-signed gradients in a large minibatch; 2^(1-n) with batch normalisation."""
    if normalisation == "batch":
        return float(2.0 ** (1 - n))
    q = config.width * weight_variance(SIGN_SCHEME, config.width, config.width)
    return same_sign_share(config.h(activation), q, n)


def signs(config: PropagateConfig, found: Mapping[tuple[str, ...], Signs]) -> Columns:
    """The share of gradients of n weights that have one sign."""
    columns: dict[str, list[Any]] = {}
    for activation in config.activations:
        for (normalisation, size, n), shares in found[activation,].shares.items():
            one = summary(shares, "share")
            row = {
                "activation": activation,
                "normalisation": normalisation,
                "batch_size": size,
                "n": n,
                "share": one["mean"],
                "share_ci_low": one["ci_low"],
                "share_ci_high": one["ci_high"],
                "large_batch": _sign_limit(config, activation, normalisation, n),
                "centred": 2.0 ** (1 - n),
            }
            for name, value in row.items():
                columns.setdefault(name, []).append(value)
    return columns


def sign_points(found: Mapping[tuple[str, ...], Signs]) -> Columns:
    """(dE/dw_1, dE/dw_2) of neurons on single rows (Figure 14)."""
    names, points = [], []
    for (activation,), one in found.items():
        names += [activation] * len(one.points)
        points.append(one.points)
    w = np.concatenate(points)
    return {"activation": names, "dE_dw_1": w[:, 0], "dE_dw_2": w[:, 1]}


def verdict(config: PropagateConfig, one: PairTraining, n_rows: int) -> dict[str, bool]:
    """Whether the interval of the accuracy lies above the threshold, and whether below.

    If neither, it is open: some seeds train. Of a single seed the value itself decides.
    """
    accuracy = summary(one.accuracy, "accuracy", n_rows)
    low, high = (
        accuracy["mean"] if accuracy[end] is None else accuracy[end]
        for end in ("ci_low", "ci_high")
    )
    assert low is not None
    assert high is not None
    return {"trains": bool(low > config.threshold), "fails": bool(high <= config.threshold)}


def trains(
    config: PropagateConfig,
    trained: Mapping[tuple[str, ...], Mapping[str, PairTraining]],
    n_rows: int,
) -> Columns:
    """Training result of every pair."""
    columns: dict[str, list[Any]] = {}
    for normalisation in NORMALISATIONS:
        for activation in config.activations:
            for init in config.inits:
                one = trained[normalisation, activation][init]
                accuracy = summary(one.accuracy, "accuracy", n_rows)
                loss = summary(one.loss, "loss")
                row = {
                    "normalisation": normalisation,
                    "activation": activation,
                    "init": init,
                    "accuracy": accuracy["mean"],
                    "accuracy_ci_low": accuracy["ci_low"],
                    "accuracy_ci_high": accuracy["ci_high"],
                    "loss": loss["mean"],
                    "learning_rate": one.learning_rate,
                    **verdict(config, one, n_rows),
                }
                for name, value in row.items():
                    columns.setdefault(name, []).append(value)
    return columns


def metrics(
    config: PropagateConfig,
    rows: TrainingRows,
    measured: Measured,
    signs: Mapping[tuple[str, ...], Signs],
    trained: Mapping[tuple[str, ...], Mapping[str, PairTraining]],
) -> Metrics:
    """Everything of details.json but the name of the data."""
    found: Metrics = {
        "depths": ",".join(map(str, config.depths)),
        "width": config.width,
        "n_seeds": config.n_seeds,
        "train_depth": config.train_depth,
        "train_steps": config.train_steps,
        "n_rates": len(config.train_rates),
        "threshold": config.threshold,
        "commonest_class": rows.commonest,
    }
    for normalisation, activation, init, depth, signal, theory in _each(config, measured):
        for side in SIDES:
            # With normalisation a has variance 1 in every layer.
            if normalisation == "batch" and side == "forward":
                continue
            place = f"batch_norm_{side}" if normalisation == "batch" else side
            expected = float(factors(side, getattr(theory, side)))
            measured_ = summary(factors(side, getattr(signal, side)), "factor")
            entry = {"factor": measured_, "theory": expected}
            by_init = found.setdefault(place, {}).setdefault(activation, {}).setdefault(init, {})
            by_init[f"depth_{depth}"] = entry
    found["signs"] = _sign_metrics(config, signs)
    found["trains"] = {
        normalisation: {
            activation: {
                init: {
                    "accuracy": summary(one.accuracy, "accuracy", rows.labels.size),
                    "loss": summary(one.loss, "loss"),
                    "learning_rate": one.learning_rate,
                    **verdict(config, one, rows.labels.size),
                }
                for init, one in trained[normalisation, activation].items()
            }
            for activation in config.activations
        }
        for normalisation in NORMALISATIONS
    }
    return found


def _sign_metrics(
    config: PropagateConfig, signs: Mapping[tuple[str, ...], Signs]
) -> Mapping[str, Any]:
    found: dict[str, Any] = {}
    for activation in config.activations:
        for (normalisation, size, n), shares in signs[activation,].shares.items():
            by_n = found.setdefault(normalisation, {}).setdefault(activation, {})
            entry = by_n.setdefault(f"n_{n}", {})
            entry[f"batch_{size}"] = summary(shares, "share")
            entry["large_batch"] = _sign_limit(config, activation, normalisation, n)
    return found
