"""Evaluation of trained members: scores, predictions and probabilities on every part."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcli.classification.softmax import softmax
from mlcli.experiments.networks.fitting import FittedGroup
from mlcli.experiments.networks.member_groups import Member, group_kernels, loss_of, view_of
from mlcli.experiments.networks.problem import Problem
from mlcli.neural.batched_module import BatchedModule
from mlcli.neural.batches import MemberRows, member_rows
from mlcli.neural.evaluation import Forward, outputs
from mlcli.scores import (
    Calibration,
    accuracy,
    calibration,
    confusion_matrix,
    mean_cross_entropy_of_activations,
    mean_squared_error,
    r2_score,
)

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
# Makes the function that takes the place of a network in evaluation, such as a mean over views.
ForwardFactory = Callable[[BatchedModule, MemberRows], Forward]
PARTS = ("train", "validation", "test")


@dataclass(frozen=True)
class MemberOutcome:
    """One member after training.

    Attributes:
        member: variant and seed.
        scores: by name: test_loss, test_accuracy or test_mse, the same of the other parts, ...
        predicted: on its test rows: probabilities (n, K), or the target in its own units (n,).
        truth: labels or targets of these rows, (n,).
        counts: test rows of class i predicted to be of class j, (K, K); None for regression.
        calibration: of the predicted class; None for regression.
        diverged_at: step of the first loss that was not finite, or 0.
    """

    member: Member
    scores: dict[str, float]
    predicted: Floats
    truth: NDArray[Any]
    counts: Ints | None
    calibration: Calibration | None
    diverged_at: int


def outcomes_of(
    config: Any,
    problem: Problem,
    fitted: Sequence[FittedGroup],
    forward: ForwardFactory | None = None,
) -> list[MemberOutcome]:
    """Evaluate every member, in order of groups.

    Args:
        config: has the fields of a training.
        problem: rows and splits.
        fitted: trained groups.
        forward: replaces the network on test rows; None: the network.
    """
    found = []
    for one in fitted:
        with group_kernels(one.group, one.net.theta.device):
            found += _of_group(config, problem, one, forward)
    return found


def _of_group(
    config: Any, problem: Problem, fitted: FittedGroup, forward: ForwardFactory | None
) -> list[MemberOutcome]:
    autocast = config.precision == "bf16"
    results: dict[str, tuple[NDArray[Any], NDArray[Any]]] = {}
    for name in PARTS:
        view = view_of(problem, fitted.group, name)
        if view.index is not None and view.index.size:
            part = member_rows(fitted.net, loss_of(problem), problem.X, problem.t, view)
            seen = forward(fitted.net, part) if forward is not None and name == "test" else None
            results[name] = outputs(fitted.net, part, autocast, seen)
    found = []
    for m, member in enumerate(fitted.group.members):
        own = {name: (A[m].astype(np.float64), t[m]) for name, (A, t) in results.items()}
        found.append(_of_member(config, problem, fitted, m, member, own))
    return found


def _of_member(
    config: Any,
    problem: Problem,
    fitted: FittedGroup,
    m: int,
    member: Member,
    own: dict[str, tuple[Floats, NDArray[Any]]],
) -> MemberOutcome:
    split = problem.splits[member.seed_index]
    scores: dict[str, float] = {}
    for name, (A, t) in own.items():
        score = _classes if problem.labelled else _regression
        scores |= {f"{name}_{key}": value for key, value in score(A, t, split.t_scale).items()}
    trained = fitted.trained
    scores["best_epoch"] = float(trained.best_epoch[m])
    A, t = own["test"]
    diverged_at = int(trained.diverged_at[m])
    if not problem.labelled:
        units = split.t_scale, split.t_shift
        predicted, truth = (array[:, 0] * units[0] + units[1] for array in (A, t))
        if config.round_metric:
            share = accuracy(np.round(truth), np.round(predicted))
            scores["test_rounded_accuracy"] = np.nan if diverged_at else share
        return MemberOutcome(member, scores, predicted, truth, None, None, diverged_at)
    P = softmax(A)
    predicted_class = P.argmax(axis=1)
    right = predicted_class == t
    bins = calibration(right, np.nan_to_num(P.max(axis=1)), config.n_calibration_bins)
    scores["test_calibration_error"] = np.nan if diverged_at else bins.expected_error
    counts = confusion_matrix(t, predicted_class, problem.n_outputs)
    return MemberOutcome(member, scores, P, t, counts, bins, diverged_at)


def _classes(A: Floats, t: NDArray[Any], t_scale: float) -> dict[str, float]:
    """Mean cross-entropy (5.22) in nats, and the share of rows whose class is predicted right."""
    share = accuracy(t, A.argmax(axis=1)) if np.isfinite(A).all() else np.nan
    return {"loss": mean_cross_entropy_of_activations(t, A), "accuracy": share}


def _regression(A: Floats, t: NDArray[Any], t_scale: float) -> dict[str, float]:
    """The loss of the training, in its units, and the mean squared error in those of the data."""
    mse = mean_squared_error(t[:, 0], A[:, 0])
    variance = float(t[:, 0].astype(np.float64).var())
    return {
        "loss": 0.5 * mse,
        "mse": mse * t_scale**2,
        "r2": r2_score(mse, variance),
    }
