"""`lr-find`: the range test of section 7.4 over seeds, and trainings with its result."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mlcli.datasets.source import Source
from mlcli.experiments import load
from mlcli.experiments.experiment import Context, Prepared
from mlcli.experiments.lr_find import tables
from mlcli.experiments.lr_find.answer import (
    certificates_of,
    eta_max_of,
    one_cycle_section,
    rates_in,
    refuse_no_answer,
    warnings_of,
)
from mlcli.experiments.lr_find.comparison import RecipeComparison, compare_recipes
from mlcli.experiments.lr_find.config import LrFindConfig, section_of, training_of
from mlcli.experiments.lr_find.range_tests import VariantRangeTest, range_tests_of
from mlcli.experiments.lr_find.recipes import RECIPES
from mlcli.experiments.networks.member_groups import device_of
from mlcli.experiments.networks.metrics import DETERMINISM
from mlcli.experiments.networks.prepared import PreparedTraining
from mlcli.experiments.networks.problem import Problem
from mlcli.experiments.networks.variants import nest
from mlcli.neural.device import provenance
from mlcli.result import NOTHING_READ, Progress, Reading, Result


@dataclass(frozen=True)
class PreparedLrFind(Prepared[LrFindConfig]):
    """Range tests that can start.

    Attributes:
        training: the training whose rate is looked for, with its problem, variants and members.
    """

    training: PreparedTraining[Any]


def prepare(config: LrFindConfig, source: Source) -> PreparedLrFind:
    """The training whose rate is looked for, prepared as `train-mlp` or `train-cnn` does.

    Raises:
        InputError: the device, the rows, the labels or the sizes won't do.
    """
    training = load(section_of(config)).prepare(training_of(config), source)
    return PreparedLrFind(config, source, training)


def plan(prepared: PreparedLrFind) -> Mapping[str, Any]:
    """The size of the work, for a dry run."""
    config, training = prepared.config, prepared.training
    members = len(training.variants) * config.n_seeds
    return {
        "task": training.problem.task,
        "variants": training.labels,
        "members": members,
        "parameters of a member": training.parameter_counts,
        "steps of the sweep": config.n_steps,
        "trainings to compare": members * len(RECIPES) if config.compare_epochs else 0,
        "epochs of each": config.compare_epochs,
    }


def run(prepared: PreparedLrFind, context: Context) -> Result:
    """Test the rates of every seed of every variant, and train with what is found.

    Raises:
        NoAnswerError: no member has an eta_crit, or every training of the comparison diverged.
    """
    config, source, training = prepared.config, prepared.source, prepared.training
    problem, variants, groups = training.problem, training.variants, training.groups
    parts = StepProgress(
        len(groups) + (len(variants) if config.compare_epochs else 0), context.progress
    )
    range_tests = range_tests_of(config, problem, variants, groups, parts.finish)
    refuse_no_answer(config, range_tests)
    compared = _compare_all(config, problem, range_tests, parts)
    first = next(one for one in range_tests if eta_max_of(one) is not None)
    eta_max = eta_max_of(first)
    assert eta_max is not None
    return Result(
        metrics=_metrics(config, source, problem, range_tests, compared),
        tables={
            "compare": tables.compare_table(compared),
            "compare_members": tables.compare_members_table(compared),
            "schedule": tables.schedule_table(config, range_tests),
            "suggestions": tables.suggestions_table(range_tests),
            "sweep": tables.sweep_table(range_tests),
        },
        sections={"one_cycle": {section_of(config): one_cycle_section(config, first, eta_max)}},
        **provenance(DETERMINISM, [device_of(config, one) for one in groups]),
        warnings=warnings_of(config, range_tests),
        certificates=certificates_of(range_tests),
        certificate_hint="more --n-steps",
    )


class StepProgress:
    """Progress of work that consists of parts of about equal size."""

    def __init__(self, n_parts: int, progress: Progress) -> None:
        """Start with no part done."""
        self._n_parts, self._n_done, self._progress = n_parts, 0, progress

    def finish(self, note: str = "") -> None:
        """Report that a part is done."""
        self._n_done += 1
        self._progress(self._n_done, self._n_parts, note)

    def inside(
        self, done: float, total: float, note: str = "", reading: Reading = NOTHING_READ
    ) -> None:
        """Report how far the next part is."""
        self._progress(self._n_done + done / total, self._n_parts, note, reading)


def _compare_all(
    config: LrFindConfig,
    problem: Problem,
    range_tests: Sequence[VariantRangeTest],
    parts: StepProgress,
) -> list[RecipeComparison]:
    """The trainings of every variant that has a suggestion; none if `compare_epochs` is 0."""
    found = []
    for one in range_tests if config.compare_epochs else ():
        eta_max = eta_max_of(one)
        if eta_max is not None:
            found.append(compare_recipes(config, problem, one.variant, eta_max, parts.inside))
        parts.finish()
    return found


def _metrics(
    config: LrFindConfig,
    source: Source,
    problem: Problem,
    range_tests: Sequence[VariantRangeTest],
    compared: Sequence[RecipeComparison],
) -> dict[str, Any]:
    trained = {one.variant.path: {"comparison": one.metrics} for one in compared}
    split = problem.splits[0]
    return nest(
        [(one.variant, rates_in(one) | trained.get(one.variant.path, {})) for one in range_tests]
    ) | {
        "data": {
            "name": source.name,
            "task": problem.task,
            "n_classes": len(problem.class_names),
            "n_train": split.train.size,
            "n_validation": split.validation.size,
            "n_test": split.test.size,
        },
        "sweep": {
            "network": config.network,
            "rate_min": config.rate_min,
            "rate_max": config.rate_max,
            "n_steps": config.n_steps,
            "n_seeds": config.n_seeds,
            "compare_epochs": config.compare_epochs,
            "variants": {str(i): " / ".join(one.variant.path) for i, one in enumerate(range_tests)},
        },
    }
