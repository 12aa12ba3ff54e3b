"""`train-cnn`: convolutional networks on images (section 8), side by side and against an MLP."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from mlcli.datasets.source import Source
from mlcli.errors import InputError
from mlcli.experiments.experiment import Context
from mlcli.experiments.networks import tables
from mlcli.experiments.networks.architectures import image_shape_of
from mlcli.experiments.networks.fitting import FittedGroup, fit_all
from mlcli.experiments.networks.member_groups import MemberGroup, device_of, member_groups_of
from mlcli.experiments.networks.metrics import (
    DETERMINISM,
    headline,
    metrics_of,
    paired_tests,
    shown_variant,
    variant_metrics,
    warnings_of,
)
from mlcli.experiments.networks.outcome import MemberOutcome, outcomes_of
from mlcli.experiments.networks.prepared import PreparedTraining, prepare_training
from mlcli.experiments.networks.problem import Problem
from mlcli.experiments.networks.variants import Variant
from mlcli.experiments.networks.weights import model_info, model_tensors
from mlcli.experiments.train_cnn.config import TrainCnnConfig
from mlcli.experiments.train_cnn.dense_inference import check_deploy_size
from mlcli.experiments.train_cnn.matched import (
    MATCHED_PATH,
    RateChoice,
    choose_rate,
    only_rate,
    parameter_matched_mlps,
    rate_metrics,
    rates_table,
)
from mlcli.experiments.train_cnn.study import study_of
from mlcli.neural.augmentation import Augmentation, Pixels, augmented_steps, average_over_views
from mlcli.neural.batched_module import BatchedModule
from mlcli.neural.batches import MemberRows
from mlcli.neural.data_parallel import ProcessGroup
from mlcli.neural.device import provenance
from mlcli.neural.evaluation import Forward
from mlcli.result import Checkpoint, Progress, Result, in_silence


@dataclass(frozen=True)
class PreparedCnn(PreparedTraining[TrainCnnConfig]):
    """A training of convolutional networks, and of the perceptron beside them.

    Attributes:
        matched: the perceptron with about as many parameters, at each rate from which one is
            chosen; empty if it is not wanted.
        matched_groups: its members.
    """

    matched: tuple[Variant, ...] = ()
    matched_groups: tuple[MemberGroup, ...] = ()


def prepare(config: TrainCnnConfig, source: Source) -> PreparedCnn:
    """Rows, variants and groups of members that can be trained.

    Raises:
        InputError: the device, the images, the labels or a layer won't do.
    """
    training = prepare_training(config, source)
    problem, variants, groups = training.problem, training.variants, training.groups
    check_augmentation(config, problem)
    check_deploy_size(config, problem, groups)
    matched: tuple[Variant, ...] = ()
    if config.equal_mlp:
        n_parameters = groups[0].architecture.n_parameters
        matched = parameter_matched_mlps(problem, variants[0], n_parameters)
    matched_groups = tuple(member_groups_of(config, problem, matched))
    return PreparedCnn(config, source, problem, variants, groups, matched, matched_groups)


def augmentation_of(config: TrainCnnConfig) -> Augmentation:
    """The augmentation of images in training."""
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


def plan(prepared: PreparedCnn) -> Mapping[str, Any]:
    """The size of the work, for a dry run."""
    config, problem = prepared.config, prepared.problem
    return {
        "task": problem.task,
        "images": " x ".join(map(str, problem.image_shape or ())),
        "rows to train, validate and test": prepared.sizes,
        "variants": prepared.labels,
        "members": len(prepared.variants) * config.n_seeds,
        "parameters of a member": prepared.parameter_counts,
        "epochs": config.n_epochs,
    }


def run(prepared: PreparedCnn, context: Context) -> Result:
    """Train every seed of every variant, evaluate it, and shift the test images."""
    config, source, problem = prepared.config, prepared.source, prepared.problem
    variants = prepared.variants
    every = _fit(prepared, context.checkpoint, context.progress, context.group)
    fitted, choice = _at_the_best_rate(prepared, every)
    # The members of all rates have one path and one label.
    matched = prepared.matched[:1]
    outcomes = _outcomes(config, problem, fitted)
    convolutional = fitted[: len(prepared.groups)]
    shown, tests = shown_variant(variants, outcomes), paired_tests(problem, variants, outcomes)
    study = study_of(config, problem, variants, matched, fitted, shown)
    own = [one for one in outcomes if one.member.variant.path != MATCHED_PATH]
    metrics = metrics_of(config, source, problem, variants, fitted, own, tests)
    return Result(
        metrics=metrics | study.metrics | _matched_metrics(prepared, outcomes, choice),
        tables=study.tables
        | {
            "calibration": tables.calibration_table(variants, outcomes),
            "confusion": tables.confusion_table(problem, variants, outcomes),
            "curves": tables.curves_table([*variants, *matched], fitted, problem),
            "members": tables.members_table(outcomes, shown),
            "misclassified": tables.misclassified_table(config, problem, shown, outcomes),
            "predictions": tables.predictions_table(problem, shown, outcomes),
            "rates": rates_table(problem, choice),
            "schedules": tables.schedules_table(config, problem, variants),
            "tests": tables.tests_table(tests),
        },
        model_tensors=model_tensors(config.keep_weights, convolutional),
        model_info=model_info(config, source, problem, convolutional, outcomes),
        **provenance(
            DETERMINISM,
            [device_of(config, one) for one in [*prepared.groups, *prepared.matched_groups]],
        ),
        warnings=warnings_of(config, fitted),
    )


def follow(prepared: PreparedCnn, process_group: ProcessGroup) -> None:
    """Take part in the training of `run` as any but the first process of a group."""
    _fit(prepared, None, in_silence, process_group)


def _fit(
    prepared: PreparedCnn,
    checkpoint: Checkpoint | None,
    progress: Progress,
    process_group: ProcessGroup | None,
) -> list[FittedGroup]:
    """Every group, the perceptron's last."""
    config, problem = prepared.config, prepared.problem
    steps = augmented_steps(augmentation_of(config), image_shape_of(problem), problem.background)
    return fit_all(
        config,
        problem,
        [*prepared.groups, *prepared.matched_groups],
        checkpoint=checkpoint,
        progress=progress,
        run_epoch=steps,
        process_group=process_group,
    )


def _at_the_best_rate(
    prepared: PreparedCnn, fitted: list[FittedGroup]
) -> tuple[list[FittedGroup], RateChoice | None]:
    """The groups with the perceptron at one rate only, and how that was chosen."""
    config, n = prepared.config, len(prepared.groups)
    if not prepared.matched:
        return fitted, None
    choice = choose_rate(config, prepared.problem, fitted[n:])
    if len(choice.rates) == 1:
        return fitted, choice
    kept = [only_rate(config, one, choice.rates[choice.chosen]) for one in fitted[n:]]
    return [*fitted[:n], *(one for one in kept if one is not None)], choice


def _outcomes(
    config: TrainCnnConfig, problem: Problem, fitted: Sequence[FittedGroup]
) -> list[MemberOutcome]:
    """Evaluate every member; with `test_views` as a mean over views, next to that of one view."""
    plain = outcomes_of(config, problem, fitted)
    if not config.test_views:
        return plain
    name = headline(problem)

    def forward(net: BatchedModule, part: MemberRows) -> Forward:
        pixels = Pixels(image_shape_of(problem), problem.background, part.X_units)
        return partial(average_over_views, net, pixels=pixels, flips=config.augment_flip)

    found = outcomes_of(config, problem, fitted, forward)
    for one, before in zip(found, plain, strict=True):
        one.scores[f"{name}_one_view"] = before.scores[name]
    return found


def _matched_metrics(
    prepared: PreparedCnn, outcomes: Sequence[MemberOutcome], choice: RateChoice | None
) -> dict[str, Any]:
    """Scores, size and rate of the perceptron, if there is one."""
    if choice is None:
        return {}
    problem = prepared.problem
    extra = {"n_parameters": prepared.matched_groups[-1].architecture.n_parameters}
    extra |= rate_metrics(problem, choice)
    return variant_metrics(problem, prepared.matched[:1], outcomes, {MATCHED_PATH: extra})
