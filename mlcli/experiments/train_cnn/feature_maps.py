"""Feature maps of a trained network, and the invariance of its layers under shifts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcli.convolution.shifts import shifted
from mlcli.experiments.networks.architectures import image_shape_of
from mlcli.experiments.networks.fitting import FittedGroup
from mlcli.experiments.networks.member_groups import group_kernels, view_of
from mlcli.experiments.networks.outcome import PARTS
from mlcli.experiments.networks.problem import Problem
from mlcli.experiments.networks.tables import fitted_members
from mlcli.experiments.networks.variants import Variant
from mlcli.experiments.summary import summary
from mlcli.experiments.train_cnn.shifts import DIRECTIONS
from mlcli.neural.batches import View, member_rows
from mlcli.neural.cnn import CNN, each_layer, relative_changes
from mlcli.neural.device import to_numpy
from mlcli.neural.losses import LOSSES
from mlcli.result import Columns

Floats = NDArray[np.float64]
# Test images that are shifted, and the pixels by which.
N_IMAGES = 128
MOST_PIXELS = 3
# Stages of the network and channels of each that are drawn.
MOST_STAGES = 5
MOST_CHANNELS = 8
DRAWN = ("conv", "pool", "batch-norm", "activation", "residual")
NEW_STAGE = ("conv", "residual", "scan", "flatten", "global", "dense")


def standardised(fitted: FittedGroup, problem: Problem, images: NDArray[Any]) -> Any:
    """Images (n, c, h, w) in the units of every member, a tensor (M, n, c h w)."""
    units = view_of(problem, fitted.group, PARTS[-1], 1).X
    rows = images.reshape(len(images), -1)  # (n, c h w)
    part = member_rows(fitted.net, LOSSES["square"], rows, np.zeros((len(rows), 1)), View(X=units))
    return part.rows(0, len(rows), fitted.net.n_members)[0]


def features_table(problem: Problem, fitted: Sequence[FittedGroup], shown: Variant) -> Columns:
    """Output of each stage of a variant's first seed for its first test image.

    A stage ends before the next convolution; only channels with the largest mean are listed. The
    entries are in the last column, separated by spaces, and by a slash between rows.
    """
    columns: dict[str, list[Any]] = {name: [] for name in ("stage", "layer", "channel", "values")}
    one, m = fitted_members(fitted, shown)[0]
    assert isinstance(one.net, CNN)
    row = problem.splits[one.group.members[m].seed_index].test[0]
    image = problem.X[row].reshape(1, *image_shape_of(problem))
    with group_kernels(one.group, one.net.theta.device):
        X = standardised(one, problem, image)
        every = list(each_layer(one.net, X))
    seen = problem.in_data(problem.X[row]).reshape(image.shape[1:])
    _append(columns, 0, "image", seen)
    stage = 0
    for place, (layer, Z) in enumerate(every):
        following = every[place + 1][0].spec.kind if place + 1 < len(every) else NEW_STAGE[0]
        if Z.dim() != 5 or following not in NEW_STAGE or layer.spec.kind not in DRAWN:
            continue
        stage += 1
        _append(columns, stage, f"after {layer.number}: {layer.name}", to_numpy(Z[m, 0]))
        if stage == MOST_STAGES:
            break
    return columns


def _append(columns: dict[str, list[Any]], stage: int, name: str, maps: NDArray[Any]) -> None:
    strongest = np.argsort(-np.abs(maps).mean(axis=(1, 2)), kind="stable")[:MOST_CHANNELS]
    for channel in sorted(strongest.tolist()):
        columns["stage"].append(stage)
        columns["layer"].append(name)
        columns["channel"].append(channel)
        columns["values"].append(grid_text(maps[channel]))


def grid_text(values: NDArray[Any]) -> str:
    """A matrix in one cell: spaces between entries, a slash between rows."""
    return "/".join(" ".join(f"{v:.4g}" for v in line) for line in values)


def invariance_table(
    config: Any, problem: Problem, fitted: Sequence[FittedGroup], shown: Variant
) -> Columns:
    """Relative change of each layer's output under a shift: means over seeds and intervals."""
    columns: dict[str, list[Any]] = {
        name: []
        for name in (
            "number",
            "layer",
            "kind",
            "shift",
            "change",
            "change_std",
            "change_ci_low",
            "change_ci_high",
            "seeds",
        )
    }
    if not config.max_shift:
        return columns
    members = fitted_members(fitted, shown)
    # Members of one group are measured together.
    groups = {id(one): one for one, _ in members}
    changes = {key: _changes(config, problem, one) for key, one in groups.items()}
    layers = members[0][0].net.layers
    assert isinstance(layers, tuple)
    for s in range(min(config.max_shift, MOST_PIXELS)):
        for place, layer in enumerate(layers):
            found = summary([changes[id(one)][s, place, m] for one, m in members], "change")
            columns["number"].append(layer.number)
            columns["layer"].append(layer.name)
            columns["kind"].append(layer.spec.kind)
            columns["shift"].append(s + 1)
            columns["change"].append(found["mean"])
            for name in ("std", "ci_low", "ci_high"):
                columns[f"change_{name}"].append(found[name])
            columns["seeds"].append(found["n"])
    return columns


def _changes(config: Any, problem: Problem, fitted: FittedGroup) -> Floats:
    """(shifts, layers, M): the mean of four directions, on the first member's test images."""
    net, fill = fitted.net, problem.background
    assert isinstance(net, CNN)
    rows = problem.splits[fitted.group.members[0].seed_index].test[:N_IMAGES]
    images = problem.X[rows].reshape(-1, *image_shape_of(problem))
    found = []
    with group_kernels(fitted.group, net.theta.device):
        X = standardised(fitted, problem, images)
        for pixels in range(1, min(config.max_shift, MOST_PIXELS) + 1):
            every = [
                relative_changes(
                    net,
                    X,
                    standardised(fitted, problem, shifted(images, d * pixels, r * pixels, fill)),
                )
                for d, r in DIRECTIONS
            ]
            found.append(np.mean(every, axis=0))
    return np.stack(found)


def moved_by_a_pixel(table: Columns) -> dict[str, Any]:
    """The rows of `invariance_table` for one pixel, as metrics."""
    keys = {
        "mean": "change",
        "std": "change_std",
        "ci_low": "change_ci_low",
        "ci_high": "change_ci_high",
        "n": "seeds",
    }
    return {
        f"{table['number'][i]:02d}": {
            "layer": table["layer"][i],
            "change": {key: table[column][i] for key, column in keys.items()},
        }
        for i, shift in enumerate(table["shift"])
        if shift == 1
    }
