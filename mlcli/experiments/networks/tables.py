"""CSV tables of trained networks, shared by `train-mlp`, `train-cnn` and `lr-find`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcli.experiments.networks.fitting import FittedGroup
from mlcli.experiments.networks.member_groups import schedule_of
from mlcli.experiments.networks.metrics import outcomes_of_variant, rows_of
from mlcli.experiments.networks.outcome import MemberOutcome
from mlcli.experiments.networks.problem import Problem
from mlcli.experiments.networks.variants import Variant
from mlcli.experiments.summary import summary
from mlcli.linear.statistics import SHARE_OF_ROWS, Range
from mlcli.neural.batches import batch_bounds
from mlcli.neural.layer_statistics import STATISTICS
from mlcli.result import Columns

Floats = NDArray[np.float64]
CURVES = (
    "minibatch_loss",
    "train_loss",
    "train_accuracy",
    "validation_loss",
    "validation_accuracy",
)
# Points of a schedule in its table.
N_POINTS = 401
BAND = ("mean", "ci_low", "ci_high")


def fitted_members(
    fitted: Sequence[FittedGroup], variant: Variant
) -> list[tuple[FittedGroup, int]]:
    """The group and the index in it of each member of a variant, in order of seeds."""
    return [
        (one, m)
        for one in fitted
        for m, member in enumerate(one.group.members)
        if member.variant.path == variant.path
    ]


def _append_band(
    columns: dict[str, list[Any]],
    name: str,
    values: Sequence[float],
    quantity: str | Range = "",
    rows: float | None = None,
) -> None:
    found = summary(values, quantity or name, rows)
    for key in BAND:
        columns.setdefault(name if key == "mean" else f"{name}_{key}", []).append(found[key])


def curves_table(
    variants: Sequence[Variant], fitted: Sequence[FittedGroup], problem: Problem
) -> Columns:
    """Each curve of each variant against the epoch: the mean over its seeds and its interval.

    Curves of a group that stopped earlier than another are extended by their last value.
    """
    columns: dict[str, list[Any]] = {"variant": [], "epoch": []}
    for variant in variants:
        members = fitted_members(fitted, variant)
        n_epochs = max(one.trained.n_epochs for one, _ in members)
        for epoch in range(n_epochs):
            columns["variant"].append(variant.label)
            columns["epoch"].append(epoch + 1)
            for name in CURVES:
                values = [_at(one.trained.history.get(name), epoch, m) for one, m in members]
                _append_band(columns, name, values, rows=rows_of(problem, name))
    return columns


def _at(curve: Floats | None, epoch: int, m: int) -> float:
    return np.nan if curve is None else float(curve[min(epoch, len(curve) - 1), m])


def layers_table(variants: Sequence[Variant], fitted: Sequence[FittedGroup]) -> Columns:
    """Statistics of each hidden layer at each recorded epoch: means over seeds and intervals."""
    columns: dict[str, list[Any]] = {"variant": [], "epoch": [], "layer": []}
    for variant in variants:
        members = fitted_members(fitted, variant)
        # With early stopping some members see fewer moments.
        n_moments = min(len(one.moments) for one, _ in members)
        n_layers = members[0][0].group.architecture.n_hidden
        for place in range(n_moments):
            for layer in range(n_layers):
                columns["variant"].append(variant.label)
                columns["epoch"].append(int(members[0][0].moments[place]))
                columns["layer"].append(layer + 1)
                for s, name in enumerate(STATISTICS):
                    values = [float(one.layers[place, layer, s, m]) for one, m in members]
                    _append_band(columns, name, values)
    return columns


def members_table(outcomes: Sequence[MemberOutcome], shown: Variant | None = None) -> Columns:
    """One row per member: its seed, its scores, and the step at which it diverged.

    Args:
        outcomes: of every member.
        shown: the variant whose single rows are drawn; it has 1 in the column `shown`.
    """
    names = list(outcomes[0].scores)
    marked: dict[str, list[int]] = {}
    if shown is not None:
        marked["shown"] = [int(one.member.variant.path == shown.path) for one in outcomes]
    return {
        "variant": [one.member.variant.label for one in outcomes],
        **marked,
        "seed": [one.member.seed_index for one in outcomes],
        "diverged_at": [one.diverged_at or None for one in outcomes],
        **{name: [one.scores[name] for one in outcomes] for name in names},
    }


def tests_table(tests: Mapping[str, Any]) -> Columns:
    """Differences between variants, one row per pair."""
    keys = ("mean", "std", "ci_low", "ci_high", "n", "p_value", "p_holm")
    return {
        "difference": list(tests),
        **{key: [entry[key] for entry in tests.values()] for key in keys},
    }


def confusion_table(
    problem: Problem, variants: Sequence[Variant], outcomes: Sequence[MemberOutcome]
) -> Columns:
    """Confusion matrix: predicted classes of the test rows, as shares of the true class."""
    columns: dict[str, list[Any]] = {"variant": [], "class": [], "called": []}
    if not problem.labelled:
        return columns | {"share": [], "share_ci_low": [], "share_ci_high": []}
    for variant in variants:
        counts = np.array(
            [one.counts for one in outcomes_of_variant(outcomes, variant)]
        )  # (S, K, K)
        shares = counts / np.maximum(counts.sum(axis=2, keepdims=True), 1)
        for i, true in enumerate(problem.class_names):
            for j, called in enumerate(problem.class_names):
                columns["variant"].append(variant.label)
                columns["class"].append(true)
                columns["called"].append(called)
                rows = float(counts[:, i].sum(axis=1).mean())
                _append_band(columns, "share", shares[:, i, j], SHARE_OF_ROWS, rows)
    return columns


def calibration_table(variants: Sequence[Variant], outcomes: Sequence[MemberOutcome]) -> Columns:
    """Accuracy against mean confidence, in bins of the confidence.

    A bin that is empty for a seed is left out of its mean.
    """
    columns: dict[str, list[Any]] = {"variant": [], "predicted": [], "rows": []}
    columns |= {"observed": [], "observed_ci_low": [], "observed_ci_high": []}
    for variant in variants:
        bins = [
            one.calibration for one in outcomes_of_variant(outcomes, variant) if one.calibration
        ]
        for place in range(len(bins[0].counts) if bins else 0):
            filled = [one for one in bins if one.counts[place] > 0]
            if not filled:
                continue
            columns["variant"].append(variant.label)
            columns["predicted"].append(float(np.mean([one.predicted[place] for one in filled])))
            columns["rows"].append(float(np.mean([one.counts[place] for one in bins])))
            observed = [float(one.observed[place]) for one in filled]
            rows = float(np.mean([one.counts[place] for one in filled]))
            _append_band(columns, "observed", observed, SHARE_OF_ROWS, rows)
    return columns


def misclassified_table(
    config: Any, problem: Problem, shown: Variant, outcomes: Sequence[MemberOutcome]
) -> Columns:
    """Misclassified test rows of a variant's first seed, in order of falling confidence.

    Pixels of images are in the last column, separated by spaces, and by a slash between rows.
    """
    columns: dict[str, list[Any]] = {
        name: [] for name in ("row", "class", "called", "confidence", "probability", "pixels")
    }
    first = outcomes_of_variant(outcomes, shown)[0]
    if not problem.labelled or first.diverged_at:
        return columns
    P, t = first.predicted, first.truth
    wrong = np.flatnonzero(P.argmax(axis=1) != t)
    wrong = wrong[np.argsort(-P[wrong].max(axis=1), kind="stable")][: config.n_misclassified]
    rows = problem.splits[0].test[wrong]
    for place, row in zip(wrong, rows, strict=True):
        columns["row"].append(int(row))
        columns["class"].append(problem.class_names[int(t[place])])
        columns["called"].append(problem.class_names[int(P[place].argmax())])
        columns["confidence"].append(float(P[place].max()))
        columns["probability"].append(float(P[place, t[place]]))
        columns["pixels"].append(_pixels(problem, int(row)))
    return columns


def _pixels(problem: Problem, row: int) -> str:
    if problem.image_shape is None:
        return ""
    image = problem.in_data(problem.X[row]).reshape(problem.image_shape)
    # The figure of them is grey, so that colours are shown by their mean.
    image = image.mean(axis=0) if image.ndim == 3 else image
    return "/".join(" ".join(f"{value:g}" for value in line) for line in image)


def predictions_table(
    problem: Problem, shown: Variant, outcomes: Sequence[MemberOutcome]
) -> Columns:
    """Targets of the first seed's test rows and what a variant predicts.

    Of classes also the probability of the true one; without rows where the seed diverged.
    """
    first, rows = outcomes_of_variant(outcomes, shown)[0], problem.splits[0].test
    if not problem.labelled:
        return {"row": rows, "target": first.truth, "predicted": first.predicted}
    there = slice(0, 0 if first.diverged_at else None)
    P, t, names = first.predicted[there], first.truth[there], np.array(problem.class_names)
    return {
        "row": rows[there],
        "target": names[t].tolist(),
        "predicted": names[P.argmax(axis=1)].tolist(),
        "probability": P[np.arange(t.size), t],
    }


def schedules_table(config: Any, problem: Problem, variants: Sequence[Variant]) -> Columns:
    """The learning rate of each variant against the epoch."""
    columns: dict[str, list[Any]] = {"variant": [], "epoch": [], "learning_rate": []}
    n_rows = problem.splits[0].train.size
    for variant in variants:
        schedule = schedule_of(config, variant.schedule, n_rows, variant.batch_size)
        a_epoch = len(batch_bounds(n_rows, variant.batch_size))
        n_steps = a_epoch * config.n_epochs
        steps = np.unique(np.linspace(0, n_steps - 1, min(N_POINTS, n_steps)).round().astype(int))
        for step in steps.tolist():
            columns["variant"].append(variant.label)
            columns["epoch"].append(step / a_epoch)
            columns["learning_rate"].append(variant.learning_rate * schedule(step, n_steps))
    return columns
