"""`train-mlp`: multilayer perceptrons and what decides whether they learn (section 7)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from mlcli.backpropagation.units import distinct_units, units_std
from mlcli.datasets.source import Source
from mlcli.experiments.experiment import Context
from mlcli.experiments.networks import tables
from mlcli.experiments.networks.fitting import FittedGroup, fit_all
from mlcli.experiments.networks.member_groups import device_of
from mlcli.experiments.networks.metrics import (
    DETERMINISM,
    metrics_of,
    paired_tests,
    shown_variant,
    warnings_of,
)
from mlcli.experiments.networks.outcome import MemberOutcome, outcomes_of
from mlcli.experiments.networks.prepared import PreparedTraining, prepare_training
from mlcli.experiments.networks.variants import variants_of
from mlcli.experiments.networks.weights import model_info, model_tensors
from mlcli.experiments.train_mlp.config import TrainMlpConfig
from mlcli.experiments.train_mlp.numpy_engine import check_engine, run_epoch_of
from mlcli.experiments.train_mlp.plane import study
from mlcli.neural.data_parallel import ProcessGroup
from mlcli.neural.device import provenance
from mlcli.result import Checkpoint, Progress, Result, in_silence

PreparedMlp = PreparedTraining[TrainMlpConfig]


def prepare(config: TrainMlpConfig, source: Source) -> PreparedMlp:
    """Rows, variants and groups of members that can be trained.

    Raises:
        InputError: the device, the rows, the labels, the sizes or the engine won't do.
    """
    check_engine(config, variants_of(config))
    isolate = config.isolate or config.engine == "numpy"
    return prepare_training(config, source, isolate=isolate)


def plan(prepared: PreparedMlp) -> Mapping[str, Any]:
    """The size of the work, for a dry run."""
    config, problem = prepared.config, prepared.problem
    return {
        "task": problem.task,
        "classes": len(problem.class_names),
        "rows to train, validate and test": prepared.sizes,
        "variants": prepared.labels,
        "members": len(prepared.variants) * config.n_seeds,
        "programs": len(prepared.groups),
        "parameters of a member": prepared.parameter_counts,
        "epochs": config.n_epochs,
    }


def run(prepared: PreparedMlp, context: Context) -> Result:
    """Train every seed of every variant and evaluate it on rows it has not seen."""
    config, source, problem = prepared.config, prepared.source, prepared.problem
    variants = prepared.variants
    # First, since an interrupted training is continued and this is made again.
    of_plane, plane_tables = study(config, source, problem)
    fitted = _fit(prepared, context.checkpoint, context.progress, context.group)
    outcomes = with_units(fitted, outcomes_of(config, problem, fitted))
    tests = paired_tests(problem, variants, outcomes)
    shown = shown_variant(variants, outcomes)
    return Result(
        metrics=metrics_of(config, source, problem, variants, fitted, outcomes, tests) | of_plane,
        tables={
            **plane_tables,
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
        **provenance(DETERMINISM, [device_of(config, one) for one in prepared.groups]),
        warnings=warnings_of(config, fitted),
    )


def with_units(
    fitted: Sequence[FittedGroup], outcomes: Sequence[MemberOutcome]
) -> list[MemberOutcome]:
    """The outcomes, with two scores of a member's hidden units.

    distinct_units is the share that no other of their layer equals, the mean over the layers;
    units_std how much those of the first layer differ. A member that diverged has neither.
    """
    found = []
    every = iter(outcomes)
    for one in fitted:
        p = one.net.named_arrays(one.net.state_dict())
        for m in range(len(one.group.members)):
            layers = [
                (p[f"W{i}"][m].T, p[f"b{i}"][m, 0] if f"b{i}" in p else p[f"beta{i}"][m, 0])
                for i in range(1, one.group.architecture.n_hidden + 1)
            ]
            outcome = next(every)
            units = dict.fromkeys(("distinct_units", "units_std"), np.nan)
            if not outcome.diverged_at:
                units["distinct_units"] = float(np.mean([distinct_units(*one) for one in layers]))
                units["units_std"] = units_std(*layers[0])
            found.append(replace(outcome, scores=outcome.scores | units))
    return found


def follow(prepared: PreparedMlp, process_group: ProcessGroup) -> None:
    """Take part in the training of `run` as any but the first process of a group."""
    _fit(prepared, None, in_silence, process_group)


def _fit(
    prepared: PreparedMlp,
    checkpoint: Checkpoint | None,
    progress: Progress,
    process_group: ProcessGroup | None,
) -> list[FittedGroup]:
    return fit_all(
        prepared.config,
        prepared.problem,
        prepared.groups,
        checkpoint=checkpoint,
        progress=progress,
        run_epoch=run_epoch_of(prepared.config),
        process_group=process_group,
    )
