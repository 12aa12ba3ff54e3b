"""`lr-find`: the range test of section 7.4 over seeds, and trainings with its result."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
from mlcli.experiments.lr_find.compare import WAYS, Compared, compare
from mlcli.experiments.lr_find.config import LrFindConfig
from mlcli.experiments.lr_find.sweep import Swept, section_of, sweep_all, training_of
from mlcli.experiments.networks.members import programs_of
from mlcli.experiments.networks.problem import Problem, problem_of
from mlcli.experiments.networks.variants import nest, variants_of
from mlcli.experiments.train_mlp.run import DETERMINISM
from mlcli.result import Progress, Result


def check(config: LrFindConfig, source: Source) -> None:
    """Refuse what can't be trained, before any work.

    Raises:
        InputError: the device, the rows, the labels or the sizes won't do.
    """
    load(section_of(config)).prepare(training_of(config), source)


def plan(config: LrFindConfig, source: Source) -> Mapping[str, Any]:
    """The size of the work, for a dry run."""
    variants, problem = variants_of(training_of(config)), problem_of(config, source)
    programs, members = programs_of(config, problem, variants), len(variants) * config.n_seeds
    return {
        "task": problem.task,
        "variants": ", ".join(one.label for one in variants),
        "members": members,
        "parameters of a member": ", ".join(
            str(n) for n in sorted({one.architecture.n_parameters for one in programs})
        ),
        "steps of the sweep": config.n_steps,
        "trainings to compare": members * len(WAYS) if config.compare_epochs else 0,
        "epochs of each": config.compare_epochs,
    }


def run(prepared: Prepared[LrFindConfig], context: Context) -> Result:
    """Sweep the rate of every seed of every variant, and train with what is found.

    Raises:
        NoAnswerError: no member has an eta_crit, or every training of the comparison diverged.
    """
    config, source = prepared.config, prepared.source
    problem, variants = problem_of(config, source), variants_of(training_of(config))
    programs = programs_of(config, problem, variants)
    parts = Parts(len(programs) + (len(variants) if config.compare_epochs else 0), context.progress)
    swept = sweep_all(config, problem, variants, programs, parts.finish)
    refuse_no_answer(config, swept)
    compared = _compare_all(config, problem, swept, parts)
    first = next(one for one in swept if eta_max_of(one) is not None)
    eta_max = eta_max_of(first)
    assert eta_max is not None
    return Result(
        metrics=_metrics(config, source, problem, swept, compared),
        tables={
            "compare": tables.compare_table(compared),
            "compare_members": tables.compare_members_table(compared),
            "schedule": tables.schedule_table(config, swept),
            "suggestions": tables.suggestions_table(swept),
            "sweep": tables.sweep_table(swept),
        },
        sections={"one_cycle": {section_of(config): one_cycle_section(config, first, eta_max)}},
        determinism=DETERMINISM,
        warnings=warnings_of(config, swept),
        certificates=certificates_of(swept),
        certificate_hint="more --n-steps",
    )


class Parts:
    """The progress of work in parts of about equal size."""

    def __init__(self, n_parts: int, progress: Progress) -> None:
        """Nothing done yet."""
        self._n_parts, self._n_done, self._progress = n_parts, 0, progress

    def finish(self, note: str = "") -> None:
        """A part is done."""
        self._n_done += 1
        self._progress(self._n_done, self._n_parts, note)

    def inside(self, done: float, total: float, note: str = "") -> None:
        """How far the next part is."""
        self._progress(self._n_done + done / total, self._n_parts, note)


def _compare_all(
    config: LrFindConfig, problem: Problem, swept: Sequence[Swept], parts: Parts
) -> list[Compared]:
    """The trainings of every variant that has an answer; none without epochs."""
    found = []
    for one in swept if config.compare_epochs else ():
        eta_max = eta_max_of(one)
        if eta_max is not None:
            found.append(compare(config, problem, one.variant, eta_max, parts.inside))
        parts.finish()
    return found


def _metrics(
    config: LrFindConfig,
    source: Source,
    problem: Problem,
    swept: Sequence[Swept],
    compared: Sequence[Compared],
) -> dict[str, Any]:
    trained = {one.variant.path: {"comparison": one.metrics} for one in compared}
    split = problem.splits[0]
    return nest(
        [(one.variant, rates_in(one) | trained.get(one.variant.path, {})) for one in swept]
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
            "rate_min": config.rate_min,
            "rate_max": config.rate_max,
            "n_steps": config.n_steps,
            "n_seeds": config.n_seeds,
            "compare_epochs": config.compare_epochs,
            "variants": {str(i): " / ".join(one.variant.path) for i, one in enumerate(swept)},
        },
    }
