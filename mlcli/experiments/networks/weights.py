"""What is written of trained members, and whether they fit into memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcli.datasets.source import Source
from mlcli.errors import InputError
from mlcli.experiments.networks.fitting import Fitted
from mlcli.experiments.networks.members import COPIES, PROGRAM_BYTES, n_parameters
from mlcli.experiments.networks.problem import Problem
from mlcli.experiments.networks.variants import Variant
from mlcli.neural.device import device_bytes

# Memory that the interpreter, torch and everything else need beside the members.
RESERVED = 1 << 30


def check_memory(problem: Problem, variants: Sequence[Variant], n_seeds: int, device: Any) -> None:
    """Refuse members that can't fit into memory, before hours of swapping.

    Raises:
        InputError: with what they need and what there is.
    """
    present = device_bytes(device)
    a_member = max(n_parameters(problem, one) for one in variants) * 4 * COPIES
    a_batch = max(one.batch_size * max(one.hidden_sizes) * len(one.hidden_sizes) * 16
                  for one in variants)  # fmt: skip
    together = max(1, min(len(variants) * n_seeds, PROGRAM_BYTES // a_member))
    # Every trained program stays: its weights, the last and the best.
    kept = 3 * 4 * sum(n_parameters(problem, one) for one in variants) * n_seeds
    needed = together * (a_member + a_batch) + kept + RESERVED
    if present is not None and needed > present:
        raise InputError(
            f"the networks need about {needed / 2**30:.0f} GiB",
            must=f"at most the {present / 2**30:.0f} GiB of the device",
            hint="smaller --hidden, --batch-size or --n-seeds",
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
        common = one.program.common
        members = [one.program.members[m] for m in kept_members(config.keep_weights, one)]
        programs.append({
            "sizes": list(one.program.sizes),
            "normalisation": common.normalisation,
            "members": [
                {
                    "variant": "/".join(member.variant.path),
                    "activation": member.variant.activation,
                    "seed_index": member.seed_index,
                    **_units(problem, member.seed_index),
                }
                for member in members
            ],
        })  # fmt: skip
    return {
        "schema": 1,
        "kind": "mlp",
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
