"""The tables of `kfold`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mlcli.experiments.cross_validation.spec import CrossValidationSpec
from mlcli.experiments.kfold.bounds import KINDS, Covered
from mlcli.experiments.kfold.estimates import Estimates
from mlcli.result import Columns
from mlcli.selection.cross_validation import at_minimum
from mlcli.selection.intervals import Interval, coverage_interval

OF_FIT = ("train", "gcv", "loo", "expected")


def errors_table(
    spec: CrossValidationSpec, found: Estimates, degree_index: int | None = None
) -> Columns:
    """Every model: the cross-validated error with its interval, and the scores beside it.

    Args:
        spec: the models that were compared.
        found: its estimates.
        degree_index: only this degree, where given.
    """
    names = ["degree", "strength", "cv", "cv_std", "cv_ci_low", "cv_ci_high"]
    for name in OF_FIT:
        names += [name, f"{name}_ci_low", f"{name}_ci_high"]
    columns: dict[str, list[object]] = {name: [] for name in names}
    for i, degree in enumerate(spec.degrees):
        if degree_index not in (None, i):
            continue
        for j, strength in enumerate(spec.strengths):
            cv = found.cv((i, j))
            row: list[object] = [degree, strength]
            row += [cv[key] for key in ("mean", "std", "ci_low", "ci_high")]
            for name in OF_FIT:
                score = found.of_fit(name, (i, j)) or {}
                row += [score.get(key) for key in ("mean", "ci_low", "ci_high")]
            for key, value in zip(names, row, strict=True):
                columns[key].append(value)
    return columns


def splits_table(spec: CrossValidationSpec, found: Estimates) -> Columns:
    """The first repeat, split by split, each degree at its own best strength."""
    columns: dict[str, list[object]] = {
        key: [] for key in ("degree", "strength", "split", "n_train", "n_test", "test_error")
    }
    first = found.outcomes[0]
    for i, degree in enumerate(spec.degrees):
        j = at_minimum(found.error[i : i + 1])[1]
        losses = first.scores.test[i, j]
        columns["degree"] += [degree] * losses.size
        columns["strength"] += [spec.strengths[j]] * losses.size
        columns["split"] += list(range(losses.size))
        columns["n_train"] += first.n_train.tolist()
        columns["n_test"] += first.n_test.tolist()
        columns["test_error"] += losses.tolist()
    return columns


def choices_table(spec: CrossValidationSpec, found: Estimates) -> Columns:
    """What each repeat chooses by itself, by both rules."""
    degrees, strengths = spec.degrees, spec.strengths
    columns: dict[str, list[object]] = {"seed_index": list(range(len(found.outcomes)))}
    for rule in ("minimum", "one_se"):
        cells = [getattr(one, rule)() for one in found.outcomes]
        columns[f"{rule}_degree"] = [degrees[i] for i, _ in cells]
        columns[f"{rule}_strength"] = [strengths[j] for _, j in cells]
    return columns


def intervals_table(intervals: Mapping[str, Interval], expected: float | None) -> Columns:
    """The intervals of the best model on the first data set, and the truth where it is known."""
    every = list(intervals.values())
    return {
        "kind": list(intervals),
        "estimate": [one.estimate for one in every],
        "std_error": [one.std_error for one in every],
        "ci_low": [one.low for one in every],
        "ci_high": [one.high for one in every],
        "expected": [expected] * len(every),
    }


def coverage_rows(study: Sequence[Covered]) -> list[dict[str, Any]]:
    """How often each kind of interval holds the error of its own fit, and the mean such error."""
    if not study:
        return []
    own = np.array([one.own_error for one in study])  # (n,)
    rows = []
    for kind in (kind for kind in KINDS if kind in study[0].intervals):
        low = np.array([one.intervals[kind].low for one in study])
        high = np.array([one.intervals[kind].high for one in study])
        for target, truth in (
            ("own_error", own),
            ("expected_error", np.full_like(own, own.mean())),
        ):
            inside = int(((low <= truth) & (truth <= high)).sum())
            share = coverage_interval(inside, own.size)
            rows.append(
                {
                    "kind": kind,
                    "target": target,
                    "coverage": share.estimate,
                    "ci_low": share.low,
                    "ci_high": share.high,
                    "median_width": float(np.median(high - low)),
                    "n": own.size,
                }
            )
    return rows


def coverage_table(study: Sequence[Covered]) -> Columns:
    """`coverage_rows` as columns."""
    names = ("kind", "target", "coverage", "ci_low", "ci_high", "median_width", "n")
    rows = coverage_rows(study)
    return {name: [row[name] for row in rows] for name in names}
