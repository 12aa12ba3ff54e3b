"""`train-cnn`: convolutional networks on images (section 8), side by side and against an MLP."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcli.config.train_cnn import TrainCnnConfig
from mlcli.datasets.source import Source
from mlcli.errors import InputError
from mlcli.experiments.networks.architectures import image_shape_of
from mlcli.experiments.networks.checks import check_training
from mlcli.experiments.networks.fitting import Fitted, fit_all
from mlcli.experiments.networks.members import programs_of
from mlcli.experiments.networks.metrics import paired_tests, shown_variant, variant_metrics
from mlcli.experiments.networks.outcome import Outcome, outcomes_of
from mlcli.experiments.networks.problem import Problem, problem_of
from mlcli.experiments.networks.variants import Variant, variants_of
from mlcli.experiments.networks.weights import model_info, model_tensors
from mlcli.experiments.summary import summary
from mlcli.experiments.train_cnn import tables as own_tables
from mlcli.experiments.train_cnn.display import display
from mlcli.experiments.train_cnn.shifts import accuracies, equal_perceptron
from mlcli.experiments.train_mlp import DETERMINISM, metrics_of, tables, warnings_of
from mlcli.neural.augmented import augmenting
from mlcli.neural.images import Augmentation
from mlcli.result import Checkpoint, Progress, Result

__all__ = ["FILES", "RESUMES", "check", "display", "plan", "run"]

# An interrupted run goes on where it was.
RESUMES = True
TABLES = ("calibration", "confusion", "curves", "filters", "members", "misclassified",
          "predictions", "schedules", "shifts", "summary", "tests")  # fmt: skip
FILES = ("metrics.json", *(f"{name}.csv" for name in TABLES), "model/best.safetensors",
         "model/last.safetensors", "model/model.json")  # fmt: skip
Floats = NDArray[np.float64]
Shifts = Mapping[tuple[tuple[str, ...], int], Floats]


def check(config: TrainCnnConfig, source: Source) -> None:
    """Refuse what can't be trained, before any work.

    Raises:
        InputError: the device, the images, the labels or a layer won't do.
    """
    check_augmentation(config, check_training(config, source))


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
        "rows to train, validate and test":
            f"{split.train.size}, {split.validation.size}, {split.test.size}",
        "variants": ", ".join(one.label for one in variants),
        "members": len(variants) * config.n_seeds,
        "parameters of a member": ", ".join(
            str(n) for n in sorted({one.architecture.n_parameters for one in programs})
        ),
        "epochs": config.n_epochs,
    }  # fmt: skip


def run(
    config: TrainCnnConfig,
    source: Source,
    *,
    jobs: int | None,
    progress: Progress,
    checkpoint: Checkpoint | None = None,
) -> Result:
    """Train every seed of every variant, judge it, and shift the test images.

    Args:
        config: validated parameters.
        source: where the images come from.
        jobs: not used: a network takes every processor for itself.
        progress: told how many epochs are done.
        checkpoint: where an interrupted run is kept.
    """
    problem, variants = problem_of(config, source), variants_of(config)
    programs = programs_of(config, problem, variants)
    equal = []
    if config.max_shift:
        n_parameters = programs[0].architecture.n_parameters
        equal = [equal_perceptron(problem, variants[0], n_parameters)]
    every = [*programs, *programs_of(config, problem, equal)]
    steps = augmenting(augmentation_of(config), image_shape_of(problem))
    fitted = fit_all(
        config, problem, every, checkpoint=checkpoint, progress=progress, run_epoch=steps
    )
    outcomes = outcomes_of(config, problem, fitted)
    shifts: Shifts = {}
    if config.max_shift:
        shifts = accuracies(config, problem, fitted, config.max_shift)
    shown, tests = shown_variant(variants, outcomes), paired_tests(problem, variants, outcomes)
    own = [one for one in outcomes if one.member.variant.path != ("equal_mlp",)]
    metrics = metrics_of(config, source, problem, variants, fitted, own, tests)
    return Result(
        metrics=metrics | _study(config, problem, variants, equal, fitted, outcomes, shifts),
        tables={
            "calibration": tables.calibration_table(variants, outcomes),
            "confusion": tables.confusion_table(problem, variants, outcomes),
            "curves": tables.curves_table([*variants, *equal], fitted),
            "filters": own_tables.filters_table(fitted, shown),
            "members": tables.members_table(outcomes, shown),
            "misclassified": tables.misclassified_table(config, problem, shown, outcomes),
            "predictions": tables.predictions_table(problem, shown, outcomes),
            "schedules": tables.schedules_table(config, problem, variants),
            "shifts": own_tables.shifts_table(
                [*variants, *equal] if shifts else [], config.n_seeds, shifts
            ),
            "summary": own_tables.summary_table(variants, fitted),
            "tests": tables.tests_table(tests),
        },
        model_tensors=model_tensors(config.keep_weights, fitted[: len(programs)]),
        model_info=model_info(config, source, problem, fitted[: len(programs)]),
        determinism=DETERMINISM,
        warnings=warnings_of(config, fitted),
    )


def _study(
    config: TrainCnnConfig,
    problem: Problem,
    variants: Sequence[Variant],
    equal: Sequence[Variant],
    fitted: Sequence[Fitted],
    outcomes: Sequence[Outcome],
    shifts: Shifts,
) -> dict[str, Any]:
    """The perceptron of equal size, the layers, and what shifts do."""
    layers = own_tables.summary_table(variants[:1], fitted)
    found: dict[str, Any] = {
        "layers": {
            f"{i:02d}": {key: layers[key][i] for key in ("layer", "output", "parameters",
                                                         "bytes_a_row")}
            for i in range(len(layers["layer"]))
        }
    }  # fmt: skip
    if not equal:
        return found
    count = fitted[-1].program.architecture.n_parameters
    found |= variant_metrics(problem, equal, outcomes, {equal[0].path: {"n_parameters": count}})
    found["shifts"] = {
        (variant.name or "cnn"): {
            f"{pixels:02d}": summary([shifts[variant.path, i][pixels]
                                      for i in range(config.n_seeds)])
            for pixels in range(config.max_shift + 1)
        }
        for variant in (*variants, *equal)
    }  # fmt: skip
    return found
