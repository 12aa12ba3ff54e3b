"""`train-cnn`: convolutional networks on images (section 8), side by side and against an MLP."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from mlcli.datasets.source import Source
from mlcli.errors import InputError
from mlcli.experiments.experiment import Context, Prepared
from mlcli.experiments.networks.architectures import image_shape_of
from mlcli.experiments.networks.checks import check_training
from mlcli.experiments.networks.fitting import Fitted, fit_all
from mlcli.experiments.networks.members import programs_of
from mlcli.experiments.networks.metrics import (
    headline,
    paired_tests,
    shown_variant,
    variant_metrics,
)
from mlcli.experiments.networks.outcome import Outcome, outcomes_of
from mlcli.experiments.networks.problem import Problem, problem_of
from mlcli.experiments.networks.variants import Variant, variants_of
from mlcli.experiments.networks.weights import model_info, model_tensors
from mlcli.experiments.train_cnn.config import TrainCnnConfig
from mlcli.experiments.train_cnn.deploy import check_deploy
from mlcli.experiments.train_cnn.shifts import EQUAL, equal_perceptron
from mlcli.experiments.train_cnn.study import study_of
from mlcli.experiments.train_mlp import tables
from mlcli.experiments.train_mlp.run import DETERMINISM, metrics_of, warnings_of
from mlcli.neural.augmentation import Augmentation, Pixels, augmented_steps, average_over_views
from mlcli.neural.batched_module import BatchedModule
from mlcli.neural.batches import MemberRows
from mlcli.neural.data_parallel import ProcessGroup
from mlcli.neural.evaluation import Forward
from mlcli.result import Checkpoint, Progress, Result, in_silence


def check(config: TrainCnnConfig, source: Source) -> None:
    """Refuse what can't be trained, before any work.

    Raises:
        InputError: the device, the images, the labels or a layer won't do.
    """
    problem = check_training(config, source)
    check_augmentation(config, problem)
    check_deploy(config, problem, programs_of(config, problem, variants_of(config)))


def augmentation_of(config: TrainCnnConfig) -> Augmentation:
    """What may happen to an image in training."""
    prefix = "augment_"
    names = [name for name in TrainCnnConfig.model_fields if name.startswith(prefix)]
    return Augmentation(**{name.removeprefix(prefix): getattr(config, name) for name in names})


def check_augmentation(config: TrainCnnConfig, problem: Problem) -> None:
    """Refuse squares and margins that don't fit into the images.

    Raises:
        InputError: naming the flag.
    """
    side = min(image_shape_of(problem)[1:])
    for name, most in (("crop", side - 1), ("cutout", side)):
        value = getattr(config, f"augment_{name}")
        if value > most:
            raise InputError(
                f"--augment-{name}", must=f"at most {most} for these images", got=str(value)
            )


def plan(config: TrainCnnConfig, source: Source) -> Mapping[str, Any]:
    """The size of the work, for a dry run."""
    variants, problem = variants_of(config), problem_of(config, source)
    programs = programs_of(config, problem, variants)
    split = problem.splits[0]
    return {
        "task": problem.task,
        "images": " x ".join(map(str, problem.image_shape or ())),
        "rows to train, validate and test": ", ".join(
            str(part.size) for part in (split.train, split.validation, split.test)
        ),
        "variants": ", ".join(one.label for one in variants),
        "members": len(variants) * config.n_seeds,
        "parameters of a member": ", ".join(
            str(n) for n in sorted({one.architecture.n_parameters for one in programs})
        ),
        "epochs": config.n_epochs,
    }


def run(prepared: Prepared[TrainCnnConfig], context: Context) -> Result:
    """Train every seed of every variant, judge it, and shift the test images."""
    config, source = prepared.config, prepared.source
    problem, variants = problem_of(config, source), variants_of(config)
    equal, fitted = _fit(
        config, problem, variants, context.checkpoint, context.progress, context.group
    )
    outcomes = _outcomes(config, problem, fitted)
    convolutional = fitted[: len(fitted) - len(equal)]
    shown, tests = shown_variant(variants, outcomes), paired_tests(problem, variants, outcomes)
    study = study_of(config, problem, variants, equal, fitted, shown)
    own = [one for one in outcomes if one.member.variant.path != EQUAL]
    metrics = metrics_of(config, source, problem, variants, fitted, own, tests)
    return Result(
        metrics=metrics | study.metrics | _equal(problem, equal, fitted, outcomes),
        tables=study.tables
        | {
            "calibration": tables.calibration_table(variants, outcomes),
            "confusion": tables.confusion_table(problem, variants, outcomes),
            "curves": tables.curves_table([*variants, *equal], fitted, problem),
            "members": tables.members_table(outcomes, shown),
            "misclassified": tables.misclassified_table(config, problem, shown, outcomes),
            "predictions": tables.predictions_table(problem, shown, outcomes),
            "schedules": tables.schedules_table(config, problem, variants),
            "tests": tables.tests_table(tests),
        },
        model_tensors=model_tensors(config.keep_weights, convolutional),
        model_info=model_info(config, source, problem, convolutional, outcomes),
        determinism=DETERMINISM,
        warnings=warnings_of(config, fitted),
    )


def follow(prepared: Prepared[TrainCnnConfig], group: ProcessGroup) -> None:
    """Take part in the training of `run` as any but the first process of a group."""
    config, source = prepared.config, prepared.source
    problem, variants = problem_of(config, source), variants_of(config)
    _fit(config, problem, variants, None, in_silence, group)


def _fit(
    config: TrainCnnConfig,
    problem: Problem,
    variants: Sequence[Variant],
    checkpoint: Checkpoint | None,
    progress: Progress,
    group: ProcessGroup | None,
) -> tuple[list[Variant], list[Fitted]]:
    """Every program, and last the perceptron of equal size, if there is one."""
    programs = programs_of(config, problem, variants)
    equal: list[Variant] = []
    if config.equal_mlp:
        n_parameters = programs[0].architecture.n_parameters
        equal = [equal_perceptron(problem, variants[0], n_parameters)]
    every = [*programs, *programs_of(config, problem, equal)]
    steps = augmented_steps(augmentation_of(config), image_shape_of(problem), problem.ground)
    fitted = fit_all(
        config,
        problem,
        every,
        checkpoint=checkpoint,
        progress=progress,
        run_epoch=steps,
        group=group,
    )
    return equal, fitted


def _outcomes(config: TrainCnnConfig, problem: Problem, fitted: Sequence[Fitted]) -> list[Outcome]:
    """The outcome of every member, over views where they are asked for, beside that of one view."""
    plain = outcomes_of(config, problem, fitted)
    if not config.test_views:
        return plain
    name = headline(problem)

    def look(net: BatchedModule, part: MemberRows) -> Forward:
        pixels = Pixels(image_shape_of(problem), problem.ground, part.X_units)
        return partial(average_over_views, net, pixels=pixels, flips=config.augment_flip)

    found = outcomes_of(config, problem, fitted, look)
    for one, before in zip(found, plain, strict=True):
        one.scores[f"{name}_one_view"] = before.scores[name]
    return found


def _equal(
    problem: Problem,
    equal: Sequence[Variant],
    fitted: Sequence[Fitted],
    outcomes: Sequence[Outcome],
) -> dict[str, Any]:
    """Scores and size of the perceptron of equal size, if there is one."""
    if not equal:
        return {}
    count = fitted[-1].program.architecture.n_parameters
    return variant_metrics(problem, equal, outcomes, {EQUAL: {"n_parameters": count}})
