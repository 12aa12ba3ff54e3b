"""Metrics of every variant over its seeds, and tests of the differences between variants."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np

from mlcli.experiments.networks.outcome import Outcome
from mlcli.experiments.networks.problem import Problem
from mlcli.experiments.networks.variants import Variant, nest
from mlcli.experiments.paired import holm, paired_test
from mlcli.experiments.summary import range_of, summary

# With more variants than this each is compared to the first only.
MOST_PAIRED = 8


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
            name: summary([one.scores[name] for one in found], name, rows_of(problem, name))
            for name in found[0].scores
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
        name = headline(problem)
        values = [
            np.array([one.scores[name] for one in of_variant(outcomes, variant)])
            for variant in (a, b)
        ]
        found[f"{a.name} - {b.name}"] = paired_test(
            values[0] - values[1], _overlap(problem), range_of(name).of_difference
        )
    holm(found)
    return found


def rows_of(problem: Problem, name: str) -> int | None:
    """The number of rows behind a score, by the part in its name; None: of no part."""
    part = getattr(problem.splits[0], name.partition("_")[0], None)
    return None if part is None else int(part.size)


def _overlap(problem: Problem) -> float:
    """n_test / n_train where the seeds are splits of the same rows, else 0."""
    split = problem.splits[0]
    return 0.0 if problem.independent else split.test.size / split.train.size
