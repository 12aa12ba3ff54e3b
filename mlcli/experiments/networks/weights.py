"""model.json and the weights of trained members."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcli.datasets.source import Source
from mlcli.experiments.networks.fitting import FittedGroup
from mlcli.experiments.networks.outcome import MemberOutcome
from mlcli.experiments.networks.problem import Problem
from mlcli.experiments.networks.variants import Variant
from mlcli.experiments.source import prepared_info
from mlcli.models.parts import SCHEMA


def model_tensors(keep: str, fitted: Sequence[FittedGroup]) -> dict[str, dict[str, NDArray[Any]]]:
    """The files ``best`` and ``last``: arrays by group, parameter and member.

    ``program0.W1`` is (M, n_in, n_out) for the members that model.json lists.
    """
    files: dict[str, dict[str, NDArray[Any]]] = {"best": {}, "last": {}}
    for number, one in enumerate(fitted):
        rows = kept_members(keep, one)
        for name, state in (("best", one.trained.best), ("last", one.trained.last)):
            for key, array in one.net.named_arrays(state).items():
                files[name][f"program{number}.{key}"] = array[rows]
    return files


def kept_members(keep: str, fitted: FittedGroup) -> list[int]:
    """Indices in a group of the members whose weights are written."""
    members = fitted.group.members
    return [m for m, one in enumerate(members) if keep == "all" or one.seed_index == 0]


def model_info(
    config: Any,
    source: Source,
    problem: Problem,
    fitted: Sequence[FittedGroup],
    outcomes: Sequence[MemberOutcome],
) -> dict[str, Any]:
    """Everything that is needed to use the weights: model.json."""
    groups = []
    for one in fitted:
        members = [one.group.members[m] for m in kept_members(config.keep_weights, one)]
        groups.append(
            {
                **one.group.architecture.info(),
                # They determine the rows per batch and the threads, and with them the last bits.
                "n_trained": len(one.group.members),
                "batch_size": one.group.common.batch_size,
                "multiplications": one.group.architecture.multiplications,
                "members": [
                    {
                        "variant": "/".join(member.variant.path),
                        "activation": member.variant.h,
                        "seed_index": member.seed_index,
                        **_units(problem, member.seed_index),
                    }
                    for member in members
                ],
            }
        )
    variants = [member.variant for one in fitted for member in one.group.members]
    entries = _variants(problem, variants, outcomes)
    losses = [np.inf if one["loss"] is None else one["loss"] for one in entries]
    resize = getattr(config, "resize", None)
    views = None
    if getattr(config, "test_views", False):
        views = {"flips": config.augment_flip, "ground": problem.background}
    return {
        "schema": SCHEMA,
        "kind": fitted[0].group.architecture.kind,
        "task": problem.task,
        "classes": list(problem.class_names),
        "class_values": list(problem.class_values),
        "variants": entries,
        "best_variant": int(np.argmin(losses)),
        "precision": config.precision,
        "resize": [int(n) for n in resize.split("x")] if resize else None,
        "views": views,
        "features": list(source.feature_names),
        "target": source.target_name,
        "image_shape": list(problem.image_shape) if problem.image_shape else None,
        "judged": "best" if config.patience is not None else "last",
        "programs": groups,
        **_prepared(problem),
    }


def _prepared(problem: Problem) -> dict[str, Any]:
    """The preparation of inputs; values that fill gaps are stored with each member."""
    found = prepared_info(problem.sets[0]) if problem.sets else {}
    return {key: value for key, value in found.items() if key != "filling"}


def _variants(
    problem: Problem, variants: Sequence[Variant], outcomes: Sequence[MemberOutcome]
) -> list[dict[str, Any]]:
    """Each variant with its mean validation loss (or test loss), and its error on test rows."""
    found = []
    for path in dict.fromkeys(one.path for one in variants):
        every = [one for one in outcomes if one.member.variant.path == path]
        good = [one.scores for one in every if not one.diverged_at]
        losses = [one.get("validation_loss", one["test_loss"]) for one in good]
        loss = float(np.mean(losses)) if good else np.nan
        mse = (
            float(np.mean([one["test_mse"] for one in good]))
            if good and not problem.labelled
            else np.nan
        )
        found.append(
            {
                "variant": "/".join(path),
                "label": every[0].member.variant.label,
                "loss": loss if np.isfinite(loss) else None,
                "held_out_mse": mse if np.isfinite(mse) else None,
                "n_held_out": int(problem.splits[0].test.size),
            }
        )
    return found


def _units(problem: Problem, seed_index: int) -> Mapping[str, Any]:
    """Units of a seed: (x - shift) / scale before the first layer, y scale + shift after the last.

    A scale that is the same for all columns is written once.
    """
    split = problem.splits[seed_index]
    same = bool((split.X_scale == split.X_scale[0]).all())
    # Subtracted in float64 before the rest of the shift, which includes it.
    moved = {} if problem.origin is None else {"input_origin": problem.origin.tolist()}
    filling = {}
    if problem.sets:
        filling = {"filling": problem.sets[seed_index].preparation_metadata()["filling"]}
    return {
        **moved,
        "input_shift": np.asarray(split.X_shift).tolist(),
        "input_scale": float(split.X_scale[0]) if same else np.asarray(split.X_scale).tolist(),
        "output_shift": split.t_shift,
        "output_scale": split.t_scale,
        **filling,
    }
