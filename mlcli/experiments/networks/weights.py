"""What is written of trained members, and whether they fit into memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcli.datasets.source import Source
from mlcli.errors import InputError
from mlcli.experiments.networks.fitting import Fitted
from mlcli.experiments.networks.members import COPIES, Program
from mlcli.experiments.networks.problem import Problem
from mlcli.neural.device import device_bytes, find_device

# Memory that the interpreter, torch and everything else need beside the members.
RESERVED = 1 << 30


def check_memory(config: Any, programs: Sequence[Program]) -> None:
    """Refuse members that can't fit into memory, before hours of swapping.

    Raises:
        InputError: with what they need and what there is.
    """
    present = device_bytes(find_device(config.device))
    # One program trains at a time, but what was trained stays: its weights, the last and the best.
    kept = sum(3 * 4 * len(one.members) * one.architecture.n_parameters for one in programs)
    training = max(
        4 * len(one.members)
        * (COPIES * one.architecture.n_parameters
           + one.common.batch_size * one.architecture.n_values)
        for one in programs
    )  # fmt: skip
    needed = training + kept + RESERVED
    if present is not None and needed > present:
        raise InputError(
            "the memory that the networks need",
            must=f"at most the {present / 2**30:.0f} GiB of the device",
            got=f"about {needed / 2**30:.0f} GiB",
            hint="smaller networks, --batch-size or --n-seeds",
        )


def model_tensors(keep: str, fitted: Sequence[Fitted]) -> dict[str, dict[str, NDArray[Any]]]:
    """The files ``best`` and ``last``: arrays by program, parameter and member.

    ``program0.W1`` is (M, n_in, n_out) for the members that model.json lists.
    """
    files: dict[str, dict[str, NDArray[Any]]] = {"best": {}, "last": {}}
    for number, one in enumerate(fitted):
        rows = kept_members(keep, one)
        for name, state in (("best", one.trained.best), ("last", one.trained.last)):
            for key, array in one.net.named(state).items():
                files[name][f"program{number}.{key}"] = array[rows]
    return files


def kept_members(keep: str, fitted: Fitted) -> list[int]:
    """Places in a program of the members whose weights are written."""
    members = fitted.program.members
    return [m for m, one in enumerate(members) if keep == "all" or one.seed_index == 0]


def model_info(
    config: Any, source: Source, problem: Problem, fitted: Sequence[Fitted]
) -> dict[str, Any]:
    """All that is needed to use the weights again."""
    programs = []
    for one in fitted:
        members = [one.program.members[m] for m in kept_members(config.keep_weights, one)]
        programs.append({
            **one.program.architecture.info(),
            "members": [
                {
                    "variant": "/".join(member.variant.path),
                    "activation": member.variant.values.get("activation"),
                    "seed_index": member.seed_index,
                    **_units(problem, member.seed_index),
                }
                for member in members
            ],
        })  # fmt: skip
    return {
        "schema": 1,
        "kind": fitted[0].program.architecture.kind,
        "task": problem.task,
        "classes": list(problem.class_names),
        "features": list(source.feature_names),
        "target": source.target_name,
        "image_shape": list(problem.image_shape) if problem.image_shape else None,
        "judged": "best" if config.patience is not None else "last",
        "programs": programs,
    }


def _units(problem: Problem, seed_index: int) -> Mapping[str, Any]:
    """x becomes (x - shift) / scale before the first layer, the output y scale + shift after it.

    A scale that is one for all columns stands once.
    """
    split = problem.splits[seed_index]
    same = bool((split.X_scale == split.X_scale[0]).all())
    return {
        "input_shift": np.asarray(split.X_shift).tolist(),
        "input_scale": float(split.X_scale[0]) if same else np.asarray(split.X_scale).tolist(),
        "output_shift": split.t_shift,
        "output_scale": split.t_scale,
    }
