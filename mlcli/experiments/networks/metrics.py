"""Metrics of every variant over its seeds, and tests of the differences between variants."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from math import sqrt
from typing import Any

import numpy as np

from mlcli.experiments.networks.outcome import Outcome
from mlcli.experiments.networks.problem import Problem
from mlcli.experiments.networks.variants import Variant, nest
from mlcli.experiments.summary import summary
from mlcli.linear.statistics import student_t_quantile
from mlcli.selection.significance import holm, p_value

# With more variants than this each is compared to the first only.
MOST_PAIRED = 8
ROUNDING = 1e-12


def of_variant(outcomes: Sequence[Outcome], variant: Variant) -> list[Outcome]:
    """The members of a variant, in order of seeds."""
    return [one for one in outcomes if one.member.variant.path == variant.path]


def headline(problem: Problem) -> str:
    """The metric on which variants are compared."""
    return "test_accuracy" if problem.labelled else "test_mse"


def shown_variant(variants: Sequence[Variant], outcomes: Sequence[Outcome]) -> Variant:
    """The variant that is looked at row by row: the least mean loss on validation rows.

    Not on test rows, whose errors it is to show. Without validation rows, on those of training.
    """

    def loss(variant: Variant) -> float:
        scores = [one.scores for one in of_variant(outcomes, variant)]
        mean = float(np.mean([s.get("validation_loss", s["train_loss"]) for s in scores]))
        return mean if np.isfinite(mean) else np.inf

    return min(variants, key=loss)


def variant_metrics(
    problem: Problem,
    variants: Sequence[Variant],
    outcomes: Sequence[Outcome],
    extra: Mapping[tuple[str, ...], Mapping[str, Any]],
) -> dict[str, Any]:
    """``{mean, std, ci_low, ci_high, n}`` of every score of every variant, nested by its path.

    Args:
        problem: what was learnt.
        variants: all of them.
        outcomes: of every member.
        extra: more metrics of a variant, by its path.
    """
    entries = []
    for variant in variants:
        found = of_variant(outcomes, variant)
        entry: dict[str, Any] = {
            name: summary([one.scores[name] for one in found]) for name in found[0].scores
        }
        entry["n_diverged"] = sum(one.diverged_at > 0 for one in found)
        entries.append((variant, entry | dict(extra[variant.path])))
    return nest(entries)


def paired_tests(
    problem: Problem, variants: Sequence[Variant], outcomes: Sequence[Outcome]
) -> dict[str, Any]:
    """Student's test of the mean difference of each pair of variants, seed by seed.

    Both variants of a seed have the same rows, initial draws and order, so the difference has less
    noise than either. Where the seeds are splits of the same rows their differences are not
    independent: the variance of the mean is then Nadeau and Bengio's, std^2 (1/n + n_test/n_train).

    Returns:
        ``{"a - b": {mean, std, ci_low, ci_high, n, p_value, p_holm}}``; p_holm allows for the
        number of pairs.
    """
    first = variants[0]
    pairs = list(combinations(variants, 2))
    if len(variants) > MOST_PAIRED:
        pairs = [(first, variant) for variant in variants[1:]]
    found: dict[str, Any] = {}
    for a, b in pairs:
        values = [
            np.array([one.scores[headline(problem)] for one in of_variant(outcomes, variant)])
            for variant in (a, b)
        ]
        found[f"{a.name} - {b.name}"] = _test(problem, values[0] - values[1])
    _holm(found)
    return found


def _test(problem: Problem, differences: np.ndarray) -> dict[str, Any]:
    n = differences.size
    # Differences of equal scores, and their sum, are rounding at most.
    size = np.abs(differences).max(initial=0.0)
    differences = np.where(np.abs(differences) <= ROUNDING * size, 0.0, differences)
    entry = summary(differences)
    if entry["mean"] is not None and abs(entry["mean"]) <= ROUNDING * size:
        entry["mean"] = 0.0
    entry["p_value"] = None
    if n < 2 or not np.isfinite(differences).all():
        return entry
    split = problem.splits[0]
    share = 1 / n + (0.0 if problem.independent else split.test.size / split.train.size)
    std = float(differences.std(ddof=1))
    half = student_t_quantile(0.975, n - 1) * std * sqrt(share)
    mean = float(entry["mean"] or 0.0)
    entry |= {"ci_low": mean - half, "ci_high": mean + half}
    entry["p_value"] = p_value(mean, std, n, share)
    return entry


def _holm(tests: dict[str, Any]) -> None:
    """Allow for the number of pairs."""
    adjusted = holm([entry["p_value"] for entry in tests.values()])
    for entry, p in zip(tests.values(), adjusted, strict=True):
        entry["p_holm"] = p
