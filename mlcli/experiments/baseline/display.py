"""The table that `baseline` shows on the console, made from details.json alone, and the times."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mlcli.experiments.wording import BRIER, interval, number
from mlcli.result import Display

WORDS = {
    "mse": "mean squared error, lower is better",
    "mae": "mean absolute error, lower is better",
    "r2": "R2 against the constant, higher is better",
    "accuracy": "accuracy, higher is better",
    "brier": f"{BRIER}, lower is better",
    "cross-entropy": "cross-entropy in nats, lower is better",
}
SECOND = {
    "mse": "r2",
    "mae": "r2",
    "r2": "mse",
    "accuracy": "brier",
    "brier": "accuracy",
    "cross-entropy": "accuracy",
}

# Methods that have a command of their own, by the task.
COMMANDS = {
    "regression": {
        "linear": "fit-poly --degrees 1",
        "ridge": "fit-poly --degrees 1",
        "polynomial": "fit-poly --degrees 1,2",
    },
    "classification": {
        "logistic": "logistic --penalty l2",
        "polynomial": "logistic --penalty l2",
    },
}
# A least-squares fit needs more rows than inputs, and a network a minibatch of rows.
ROWS_AN_INPUT, BATCH_SIZE = 4, 64


def display(metrics: Mapping[str, Any]) -> list[Display]:
    """Each method with its score and its difference from the constant, and the verdict."""
    score, second = metrics["score"], SECOND[metrics["score"]]
    rows = []
    for method, entry in _from_the_best(metrics):
        mean, ends = interval(entry[score])
        gap, gap_ends = interval(entry.get("difference"))
        p = entry["difference"]["p_holm"] if "difference" in entry else None
        rows.append(
            [
                method,
                mean,
                ends,
                number(entry[second]["mean"]),
                gap,
                gap_ends,
                "" if p is None else f"{p:.2g}",
                "yes" if entry.get("beats_constant") else "",
            ]
        )
    n_splits = metrics["n_folds"] * metrics["n_seeds"]
    title = (
        f"{metrics['target']} of {metrics['data']}, {metrics['task']}: {metrics['n_rows']} rows, "
        f"{metrics['n_features']} inputs, {n_splits} splits; {WORDS[score]}"
    )
    headings = [
        "method",
        score,
        "95 % interval",
        second,
        "minus the constant",
        "95 % interval",
        "p, Holm",
        "beats it",
    ]
    return [Display(title, headings, rows, verdict(metrics))]


def _from_the_best(metrics: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """The methods from the best mean to the worst."""
    score = metrics["score"]
    sign = -1.0 if score in ("accuracy", "r2") else 1.0

    def rank(item: tuple[str, Any]) -> float:
        mean = item[1][score]["mean"]
        return float("inf") if mean is None else sign * mean

    return sorted(metrics["models"].items(), key=rank)


def verdict(metrics: Mapping[str, Any]) -> str:
    """In one sentence or two: what is worth using."""
    models, best = metrics["models"], metrics["best"]
    winners = [name for name, entry in models.items() if entry.get("beats_constant")]
    if not winners:
        return (
            f"Nothing beats the constant: on these {metrics['n_rows']} rows no method predicts "
            f"'{metrics['target']}' measurably better than always saying the same."
        )
    listed, ties = ", ".join(winners), metrics["as_good_as_the_best"]
    alike = f"; on these rows {ties} can't be told from it" if ties else ""
    return f"Better than the constant: {listed}. The best mean is that of {best}{alike}."


def display_timings(timings: Mapping[str, Any]) -> list[Display]:
    """Seconds of a fit; networks of all splits train side by side, and share their time."""
    seconds = timings["seconds_a_fit"]
    rows = [[method, f"{value:.3g}"] for method, value in seconds.items()]
    slowest = max(seconds, key=seconds.__getitem__)
    remark = f"The slowest is {slowest} with {seconds[slowest]:.3g} seconds a fit"
    whole = sum(seconds.values())
    if len(seconds) > 1 and whole > 0:
        remark += f", {100 * seconds[slowest] / whole:.0f} % of the time of all methods"
    return [Display("time", ["method", "seconds a fit"], rows, f"{remark}.")]


def next_command(metrics: Mapping[str, Any]) -> str:
    """The command of the best method, or a network where it has none."""
    best, task, n_rows = metrics["best"], metrics["task"], metrics["n_rows"]
    if "cnn" in metrics["models"]:
        return "train-cnn"
    own = COMMANDS[task].get(best)
    if own is not None and n_rows >= ROWS_AN_INPUT * metrics["n_features"]:
        return own
    small = f" --batch-size {max(1, n_rows // 4)}" if n_rows < 2 * BATCH_SIZE else ""
    return f"train-mlp --task {task}{small}"
