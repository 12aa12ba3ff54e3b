"""Metrics of every variant over its seeds, tests of differences between variants, and warnings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np

from mlcli.datasets.source import Source
from mlcli.experiments.networks.fitting import FittedGroup
from mlcli.experiments.networks.outcome import MemberOutcome
from mlcli.experiments.networks.problem import Problem
from mlcli.experiments.networks.variants import Variant, nest
from mlcli.experiments.paired import holm, paired_test
from mlcli.experiments.summary import range_of, summary

DETERMINISM = (
    "every member draws from streams of its own seed, and the number of threads is fixed by the "
    "machine, so the same command gives the same bytes, interrupted or not; another machine, or "
    "another version of torch, can differ in the last digits and then in all that follows from them"
)
# With more variants than this each is compared to the first only.
MOST_PAIRED = 8


def outcomes_of_variant(outcomes: Sequence[MemberOutcome], variant: Variant) -> list[MemberOutcome]:
    """The members of a variant, in order of seeds."""
    return [one for one in outcomes if one.member.variant.path == variant.path]


def headline(problem: Problem) -> str:
    """The metric on which variants are compared."""
    return "test_accuracy" if problem.labelled else "test_mse"


def shown_variant(variants: Sequence[Variant], outcomes: Sequence[MemberOutcome]) -> Variant:
    """The variant whose single rows are shown: the least mean loss on validation rows.

    Not on test rows, whose errors it shows. Without validation rows, on training rows.
    """

    def loss(variant: Variant) -> float:
        scores = [one.scores for one in outcomes_of_variant(outcomes, variant)]
        mean = float(np.mean([s.get("validation_loss", s["train_loss"]) for s in scores]))
        return mean if np.isfinite(mean) else np.inf

    return min(variants, key=loss)


def variant_metrics(
    problem: Problem,
    variants: Sequence[Variant],
    outcomes: Sequence[MemberOutcome],
    extra: Mapping[tuple[str, ...], Mapping[str, Any]],
) -> dict[str, Any]:
    """``{mean, std, ci_low, ci_high, n}`` of every score of every variant, nested by its path.

    Args:
        problem: rows and splits.
        variants: all of them.
        outcomes: of every member.
        extra: more metrics of a variant, by its path.
    """
    entries = []
    for variant in variants:
        found = outcomes_of_variant(outcomes, variant)
        entry: dict[str, Any] = {
            name: summary([one.scores[name] for one in found], name, rows_of(problem, name))
            for name in found[0].scores
        }
        entry["n_diverged"] = sum(one.diverged_at > 0 for one in found)
        entries.append((variant, entry | dict(extra[variant.path])))
    return nest(entries)


def paired_tests(
    problem: Problem,
    variants: Sequence[Variant],
    outcomes: Sequence[MemberOutcome],
    *,
    with_first: bool = False,
) -> dict[str, Any]:
    """Student's test of the mean difference of each pair of variants, seed by seed.

    Both variants of a seed have the same rows, initial draws and order, so the difference has less
    noise than either. Where the seeds are splits of the same rows their differences are not
    independent: the variance of the mean is then Nadeau and Bengio's, std^2 (1/n + n_test/n_train).

    Args:
        problem: rows and splits.
        variants: all of them.
        outcomes: of every member.
        with_first: only the first variant with each other; else every pair, where there are at most
            `MOST_PAIRED` variants.

    Returns:
        ``{"a - b": {mean, std, ci_low, ci_high, n, p_value, p_holm}}``; p_holm allows for the
        number of pairs.
    """
    first = variants[0]
    pairs = list(combinations(variants, 2))
    if with_first or len(variants) > MOST_PAIRED:
        pairs = [(first, variant) for variant in variants[1:]]
    found: dict[str, Any] = {}
    for a, b in pairs:
        name = headline(problem)
        values = [
            np.array([one.scores[name] for one in outcomes_of_variant(outcomes, variant)])
            for variant in (a, b)
        ]
        found[f"{a.name} - {b.name}"] = paired_test(
            values[0] - values[1], _overlap(problem), range_of(name).of_difference
        )
    holm(found)
    return found


def rows_of(problem: Problem, name: str) -> int | None:
    """The number of rows behind a score, from the part in its name; None if it names no part."""
    part = getattr(problem.splits[0], name.partition("_")[0], None)
    return None if part is None else int(part.size)


def _overlap(problem: Problem) -> float:
    """n_test / n_train where the seeds are splits of the same rows, else 0."""
    split = problem.splits[0]
    return 0.0 if problem.independent else split.test.size / split.train.size


def metrics_of(
    config: Any,
    source: Source,
    problem: Problem,
    variants: Sequence[Variant],
    fitted: Sequence[FittedGroup],
    outcomes: Sequence[Any],
    tests: Mapping[str, Any],
) -> dict[str, Any]:
    """details.json of a training: scores of each variant, differences, data and size."""
    extra = {
        member.variant.path: {"n_parameters": one.group.architecture.n_parameters}
        for one in fitted
        for member in one.group.members
    }
    metrics = variant_metrics(problem, variants, outcomes, extra)
    split = problem.splits[0]
    return metrics | {
        "comparison": {
            "metric": headline(problem),
            "n_variants": len(variants),
            "variants": {str(i): " / ".join(one.path) for i, one in enumerate(variants)},
            "tests": dict(tests),
        },
        "data": {
            "name": source.name,
            "task": problem.task,
            "n_classes": len(problem.class_names),
            "n_train": split.train.size,
            "n_validation": split.validation.size,
            "n_test": split.test.size,
        },
        "training": {
            "engine": getattr(config, "engine", "torch"),
            "n_epochs": config.n_epochs,
            "n_seeds": config.n_seeds,
            "n_members": len(outcomes),
        },
    }


def warnings_of(config: Any, fitted: Sequence[FittedGroup]) -> list[str]:
    """Warnings: members that diverged, and single seeds without an interval."""
    said = []
    steps: dict[str, list[int]] = {}
    for one in fitted:
        for m in np.flatnonzero(one.trained.diverged_at):
            name = one.group.members[m].variant.name
            steps.setdefault(name, []).append(int(one.trained.diverged_at[m]))
    for name, found in steps.items():
        said.append(
            f"{len(found)} of {config.n_seeds} members of {name} diverged, the first at step "
            f"{min(found)}: its scores are null"
        )
    if config.n_seeds == 1:
        said.append("one seed has no interval; std and the bounds are null")
    return said
