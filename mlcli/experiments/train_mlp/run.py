"""`train-mlp`: multilayer perceptrons and what decides whether they learn (section 7)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mlcli.datasets.source import Source
from mlcli.experiments.experiment import Context, Prepared
from mlcli.experiments.networks.checks import check_training
from mlcli.experiments.networks.fitting import Fitted, fit_all
from mlcli.experiments.networks.members import programs_of
from mlcli.experiments.networks.metrics import (
    headline,
    paired_tests,
    shown_variant,
    variant_metrics,
)
from mlcli.experiments.networks.numpy_engine import check_engine, run_epoch_of
from mlcli.experiments.networks.outcome import outcomes_of
from mlcli.experiments.networks.problem import Problem, problem_of
from mlcli.experiments.networks.variants import Variant, variants_of
from mlcli.experiments.networks.weights import model_info, model_tensors
from mlcli.experiments.train_mlp import tables
from mlcli.experiments.train_mlp.config import TrainMlpConfig
from mlcli.neural.data_parallel import ProcessGroup
from mlcli.result import Checkpoint, Progress, Result, in_silence

DETERMINISM = (
    "every member draws from streams of its own seed, and the number of threads is fixed by the "
    "machine, so the same command gives the same bytes, interrupted or not; another machine, or "
    "another version of torch, can differ in the last digits and then in all that follows from them"
)


def check(config: TrainMlpConfig, source: Source) -> None:
    """Refuse what can't be trained, before any work.

    Raises:
        InputError: the device, the rows, the labels, the sizes or the engine won't do.
    """
    check_engine(config, variants_of(config))
    check_training(config, source, isolate=_alone(config))


def plan(config: TrainMlpConfig, source: Source) -> Mapping[str, Any]:
    """The size of the work, for a dry run."""
    variants, problem = variants_of(config), problem_of(config, source)
    programs = programs_of(config, problem, variants, isolate=_alone(config))
    split = problem.splits[0]
    return {
        "task": problem.task,
        "classes": len(problem.class_names),
        "rows to train, validate and test": ", ".join(
            str(part.size) for part in (split.train, split.validation, split.test)
        ),
        "variants": ", ".join(one.label for one in variants),
        "members": len(variants) * config.n_seeds,
        "programs": len(programs),
        "parameters of a member": ", ".join(
            str(n) for n in sorted({one.architecture.n_parameters for one in programs})
        ),
        "epochs": config.n_epochs,
    }


def _alone(config: TrainMlpConfig) -> bool:
    return config.isolate or config.engine == "numpy"


def run(prepared: Prepared[TrainMlpConfig], context: Context) -> Result:
    """Train every seed of every variant and judge it on rows it has not seen."""
    config, source = prepared.config, prepared.source
    problem, variants = problem_of(config, source), variants_of(config)
    fitted = _fit(config, problem, variants, context.checkpoint, context.progress, context.group)
    outcomes = outcomes_of(config, problem, fitted)
    tests = paired_tests(problem, variants, outcomes)
    shown = shown_variant(variants, outcomes)
    return Result(
        metrics=metrics_of(config, source, problem, variants, fitted, outcomes, tests),
        tables={
            "calibration": tables.calibration_table(variants, outcomes),
            "confusion": tables.confusion_table(problem, variants, outcomes),
            "curves": tables.curves_table(variants, fitted, problem),
            "layers": tables.layers_table(variants, fitted),
            "members": tables.members_table(outcomes, shown),
            "misclassified": tables.misclassified_table(config, problem, shown, outcomes),
            "predictions": tables.predictions_table(problem, shown, outcomes),
            "schedules": tables.schedules_table(config, problem, variants),
            "tests": tables.tests_table(tests),
        },
        model_tensors=model_tensors(config.keep_weights, fitted),
        model_info=model_info(config, source, problem, fitted, outcomes),
        determinism=DETERMINISM,
        warnings=warnings_of(config, fitted),
    )


def follow(prepared: Prepared[TrainMlpConfig], group: ProcessGroup) -> None:
    """Take part in the training of `run` as any but the first process of a group."""
    config, source = prepared.config, prepared.source
    problem, variants = problem_of(config, source), variants_of(config)
    _fit(config, problem, variants, None, in_silence, group)


def _fit(
    config: TrainMlpConfig,
    problem: Problem,
    variants: Sequence[Variant],
    checkpoint: Checkpoint | None,
    progress: Progress,
    group: ProcessGroup | None,
) -> list[Fitted]:
    programs = programs_of(config, problem, variants, isolate=_alone(config))
    return fit_all(
        config,
        problem,
        programs,
        checkpoint=checkpoint,
        progress=progress,
        run_epoch=run_epoch_of(config),
        group=group,
    )


def metrics_of(
    config: Any,
    source: Source,
    problem: Problem,
    variants: Sequence[Variant],
    fitted: Sequence[Fitted],
    outcomes: Sequence[Any],
    tests: Mapping[str, Any],
) -> dict[str, Any]:
    """metrics.json of a training: scores of each variant, differences, data and size."""
    extra = {
        member.variant.path: {"n_parameters": one.program.architecture.n_parameters}
        for one in fitted
        for member in one.program.members
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


def warnings_of(config: Any, fitted: Sequence[Fitted]) -> list[str]:
    """What a reader of the scores should know."""
    said = []
    steps: dict[str, list[int]] = {}
    for one in fitted:
        for m in np.flatnonzero(one.trained.diverged_at):
            name = one.program.members[m].variant.name
            steps.setdefault(name, []).append(int(one.trained.diverged_at[m]))
    for name, found in steps.items():
        said.append(
            f"{len(found)} of {config.n_seeds} members of {name} diverged, the first at step "
            f"{min(found)}: its scores are null"
        )
    if config.n_seeds == 1:
        said.append("one seed has no interval; std and the bounds are null")
    return said
