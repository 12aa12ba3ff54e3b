"""Scores of trained networks on shifted test images (section 8.2)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcli.convolution.shifts import shifted
from mlcli.experiments.networks.architectures import image_shape_of
from mlcli.experiments.networks.fitting import FittedGroup
from mlcli.experiments.networks.member_groups import group_kernels, loss_of, view_of
from mlcli.experiments.networks.outcome import PARTS
from mlcli.experiments.networks.problem import Problem
from mlcli.neural.batches import View, member_rows
from mlcli.neural.evaluation import evaluate

Floats = NDArray[np.float64]
DIRECTIONS = ((0, 1), (0, -1), (1, 0), (-1, 0))
# At most so many test rows of a member are shifted.
MOST_ROWS = 1000


def accuracies(
    config: Any, problem: Problem, fitted: Sequence[FittedGroup], max_shift: int
) -> dict[tuple[tuple[str, ...], int], Floats]:
    """Accuracy on test rows shifted by 0, 1, ... pixels, the mean of four directions.

    Returns:
        By the path of the variant and the seed: (max_shift + 1,). Regressions have the mean
        squared error in the units of the training instead.
    """
    found: dict[tuple[tuple[str, ...], int], Floats] = {}
    for one in fitted:
        with group_kernels(one.group, one.net.theta.device):
            curves = np.stack([_scores(config, problem, one, s) for s in range(max_shift + 1)])
        for m, member in enumerate(one.group.members):
            found[member.variant.path, member.seed_index] = curves[:, m]
    return found


def _scores(config: Any, problem: Problem, fitted: FittedGroup, pixels: int) -> Floats:
    """(M,) for one size of shift."""
    view = view_of(problem, fitted.group, PARTS[-1], MOST_ROWS)
    assert view.index is not None
    rows, place = np.unique(view.index, return_inverse=True)
    own = replace(view, index=place.reshape(view.index.shape))
    images = problem.X[rows].reshape(-1, *image_shape_of(problem))
    fill = problem.background
    every = []
    for down, right in DIRECTIONS if pixels else DIRECTIONS[:1]:
        moved = shifted(images, down * pixels, right * pixels, fill).reshape(len(rows), -1)
        every.append(_score(config, problem, fitted, moved, problem.t[rows], own))
    return np.asarray(np.mean(every, axis=0))


def _score(
    config: Any, problem: Problem, fitted: FittedGroup, X: NDArray[Any], t: NDArray[Any], view: View
) -> Floats:
    loss = loss_of(problem)
    part = member_rows(fitted.net, loss, X, t, view)
    scores = evaluate(fitted.net, loss, part, config.precision == "bf16")
    return 2.0 * scores.loss if scores.accuracy is None else scores.accuracy
