"""The study of two inputs: the boundary between classes, and the hidden units, while they learn.

A network with one hidden layer of few units learns classes in the plane, from every start that is
compared. Its rows are the run's own where these have two inputs and classes, else two moons, whose
law is known, so that the boundary has the best possible one beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import floor, log10
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcli.backpropagation.units import distinct_units, in_units_of_data
from mlcli.classification.softmax import softmax
from mlcli.datasets.source import Source, open_source
from mlcli.errors import NoAnswerError
from mlcli.experiments.networks.fitting import fit_all
from mlcli.experiments.networks.member_groups import (
    MemberGroup,
    group_kernels,
    loss_of,
    member_groups_of,
    view_of,
)
from mlcli.experiments.networks.problem import Problem, problem_of
from mlcli.experiments.networks.variants import Variant, variants_of
from mlcli.experiments.summary import summary
from mlcli.experiments.train_mlp.config import TrainMlpConfig
from mlcli.neural.batched_module import BatchedModule
from mlcli.neural.batches import Scaling, View, member_rows
from mlcli.neural.evaluation import first_hidden_outputs, outputs
from mlcli.neural.mlp import MLP
from mlcli.result import Columns
from mlcli.rng import stream
from mlcli.scores import accuracy

Floats = NDArray[np.float64]
# Where the run's own rows have not two inputs and classes.
DATA = "two-moons"
N_TRAIN, N_TEST = 400, 2000
# The study is seen, not used: more seeds, epochs or rows than these would show no more.
MOST_SEEDS, MOST_EPOCHS = 16, 128
EPOCHS_PER_EPOCH = 8
BATCH_SIZE = 64
# Points of the grid along each input, and decimals of what is written of each.
N_GRID, DECIMALS = 41, 3
# Of the grid of every start, one point in so many along each input is written.
THINNED = 2
# How far the grid reaches beyond the rows, as a share of their range.
MARGIN = 0.08


@dataclass(frozen=True)
class Plane:
    """The trained networks of the study.

    Attributes:
        source: where the rows come from.
        problem: rows and splits.
        group: its members, which train together.
        net: the members.
        epochs: that were kept, 0 for the start, (T,).
        states: of the members at each of them.
        diverged: whether a member did, (M,).
        losses: of each member in the last epoch's minibatches, (M,).
    """

    source: Source
    problem: Problem
    group: MemberGroup
    net: MLP
    epochs: tuple[int, ...]
    states: tuple[dict[str, NDArray[Any]], ...]
    diverged: NDArray[np.bool_]
    losses: Floats

    @property
    def variants(self) -> list[Variant]:
        """One per start."""
        return list({one.variant.path: one.variant for one in self.group.members}.values())

    def members_of(self, variant: Variant) -> list[int]:
        """Places of a variant's members in the group, in order of seeds."""
        members = enumerate(self.group.members)
        return [m for m, one in members if one.variant.path == variant.path]

    @property
    def shown(self) -> int:
        """Place of the member that is drawn: the first seed of the start that learns best."""
        finite = np.where(self.diverged, np.inf, self.losses)
        best = min(self.variants, key=lambda one: float(finite[self.members_of(one)].mean()))
        return self.members_of(best)[0]

    @property
    def first_members(self) -> dict[str, int]:
        """Place of the first seed's member of each start, by the start's name."""
        return {one.init: self.members_of(one)[0] for one in self.variants}


def kept_epochs(n_epochs: int) -> tuple[int, ...]:
    """The epochs that are kept of a run of n: 0, 1, 2, 4, ..., at most `MOST_EPOCHS`."""
    last = min(MOST_EPOCHS, EPOCHS_PER_EPOCH * n_epochs)
    return (0, *(2**k for k in range(floor(log10(last) / log10(2) + 1e-9) + 1)))


def train_plane(config: TrainMlpConfig, source: Source, problem: Problem) -> Plane | None:
    """Train the networks of the study; None where it is off, or where all of them diverge."""
    if not config.plane_units:
        return None
    epochs = kept_epochs(config.n_epochs)
    settings = TrainMlpConfig(
        hidden=(str(config.plane_units),),
        activation=config.activation[:1],
        init=config.init,
        n_epochs=epochs[-1],
        n_statistics=0,
        n_seeds=min(MOST_SEEDS, config.n_seeds),
        seed=config.seed,
        device=config.device,
        test_fraction=N_TEST / (N_TRAIN + N_TEST),
        validation_fraction=0.0,
        batch_size=(BATCH_SIZE,),
    )
    if problem.labelled and problem.X.shape[1] == 2:
        problem = _fewer_rows(settings, problem)
    else:
        source = open_source(DATA, n_samples=N_TRAIN + N_TEST)
        problem = problem_of(settings, source)
    n_train = problem.splits[0].train.size
    settings = settings.model_copy(update={"batch_size": (min(BATCH_SIZE, n_train),)})
    (group,) = member_groups_of(settings, problem, variants_of(settings))
    states = []

    def watch(net: BatchedModule, epoch: int) -> None:
        if epoch in epochs:
            states.append(net.state_arrays())

    try:
        (fitted,) = fit_all(
            settings,
            problem,
            [group],
            checkpoint=None,
            progress=lambda *_, **__: None,
            watch=watch,
        )
    except NoAnswerError:
        return None
    assert isinstance(fitted.net, MLP)
    trained = fitted.trained
    return Plane(
        source,
        problem,
        group,
        fitted.net,
        epochs,
        tuple(states),
        trained.diverged_at > 0,
        trained.history["minibatch_loss"][-1],
    )


def _fewer_rows(settings: TrainMlpConfig, problem: Problem) -> Problem:
    """The problem with at most N_TRAIN training and N_TEST test rows of each seed."""
    splits = []
    for index, split in enumerate(problem.splits[: settings.n_seeds]):
        rng = stream(settings.seed, "plane", index)
        train, test = (rng.permutation(rows) for rows in (split.train, split.test))
        splits.append(replace(split, train=train[:N_TRAIN], test=test[:N_TEST]))
    return replace(problem, splits=tuple(splits))


@dataclass(frozen=True)
class PlaneScores:
    """Scores of each kept epoch and member, (T, M); NaN of a member that diverged.

    Attributes:
        accuracy: share of its test rows whose class it predicts.
        disagreement: share of them whose class it does not predict as the best rule does; None
            where the law is unknown.
        best: accuracy that the best rule is expected to have on them, (M,), or None.
    """

    accuracy: Floats
    disagreement: Floats | None
    best: Floats | None


def scores_of(plane: Plane) -> PlaneScores:
    """How right each member is at each kept epoch, and how often it departs from Bayes's rule."""
    problem, net = plane.problem, plane.net
    view = view_of(problem, plane.group, "test")
    assert view.index is not None
    # The variants of a seed have the same rows.
    own = view.index[plane.members_of(plane.variants[0])]  # (S, n)
    law = law_at(plane, problem.in_data(problem.X[own].astype(np.float64)))
    if law is not None:
        law = law[[one.seed_index for one in plane.group.members]]  # (M, n, K)
    right, apart = [], []
    for state in plane.states:
        net.load_state_arrays(state)
        part = member_rows(net, loss_of(problem), problem.X, problem.t, view)
        A, t = outputs(net, part)  # (M, n, K), (M, n)
        predicted = A.argmax(axis=2)
        right.append([accuracy(*pair) for pair in zip(t, predicted, strict=True)])
        if law is not None:
            best = law.argmax(axis=2)  # (M, n)
            apart.append([1.0 - accuracy(*pair) for pair in zip(best, predicted, strict=True)])
    lost = np.where(plane.diverged, np.nan, 0.0)
    return PlaneScores(
        np.array(right) + lost,
        None if law is None else np.array(apart) + lost,
        None if law is None else law.max(axis=2).mean(axis=1),
    )


def law_at(plane: Plane, X: Floats) -> Floats | None:
    """p(t = k|x) at X (..., 2) by Bayes's theorem (5.16) and the law of the rows, (..., K).

    None where the law is unknown; NaN where no class has rows.
    """
    law = plane.source.class_law
    if law is None or law.priors.size != plane.problem.n_outputs:
        return None
    # Of a point without rows the difference of two infinities.
    with np.errstate(invalid="ignore"):
        P = softmax(law.log_densities(X.reshape(-1, 2)) + np.log(law.priors))
    return P.reshape(*X.shape[:-1], -1)


def grid_of(plane: Plane) -> Floats:
    """Points of the plane around the rows of the seed that is drawn, (N_GRID^2, 2).

    The first input changes with every point. Coordinates are rounded, so that a table has the
    points at which the networks were evaluated.
    """
    X = plane.problem.in_data(plane.problem.X[_drawn_split(plane).train].astype(np.float64))
    axes = []
    for low, high in zip(X.min(axis=0), X.max(axis=0), strict=True):
        width = float(high - low) or 1.0
        ends = low - MARGIN * width, high + MARGIN * width
        axes.append(np.round(np.linspace(*ends, N_GRID), 3 - floor(log10(width))))
    first, second = np.meshgrid(*axes)
    return np.column_stack([first.ravel(), second.ravel()])


def _drawn_split(plane: Plane) -> Any:
    return plane.problem.splits[plane.group.members[plane.shown].seed_index]


def plane_tables(plane: Plane | None, scores: PlaneScores | None) -> dict[str, Columns]:
    """The tables of the study, without rows where there is none."""
    if plane is None or scores is None:
        return {
            "plane_epochs": {"init": [], "epoch": [], "accuracy": []},
            "plane_final": {"x1": [], "x2": []},
            "plane_grid": {"epoch": [], "x1": [], "x2": [], "called": [], "probability": []},
            "plane_inits": {"epoch": [], "x1": [], "x2": []},
            "plane_inits_units": {"init": [], "epoch": [], "unit": []},
            "plane_rows": {"x1": [], "x2": [], "class": []},
            "plane_units": {"epoch": [], "unit": [], "weight_1": [], "weight_2": [], "bias": []},
        }
    points = grid_of(plane)
    every, Z = _on_grid(plane, points)
    A = every[:, plane.shown]
    split, names = _drawn_split(plane), np.array(plane.problem.class_names)
    X = plane.problem.in_data(plane.problem.X[split.train].astype(np.float64))
    return {
        "plane_epochs": _epochs_table(plane, scores),
        "plane_final": _final_table(plane, points, Z),
        "plane_grid": _grid_table(plane, points, A),
        "plane_inits": _inits_table(plane, points, every),
        "plane_inits_units": _inits_units_table(plane),
        "plane_rows": {
            "x1": X[:, 0].tolist(),
            "x2": X[:, 1].tolist(),
            "class": names[plane.problem.t[split.train]].tolist(),
        },
        "plane_units": _units_table(plane, plane.shown),
    }


def _on_grid(plane: Plane, points: Floats) -> tuple[Floats, Floats]:
    """Outputs of every member at each kept epoch, (T, M, n, K), and the drawn one's last z."""
    problem, net, m = plane.problem, plane.net, plane.shown
    own = view_of(problem, plane.group, "train").X
    units = None if own is None else Scaling(own.shift, own.scale)
    moved = points if problem.origin is None else points - problem.origin
    part = member_rows(net, loss_of(problem), moved, np.zeros(len(points)), View(None, units))
    found = []
    for state in plane.states:
        net.load_state_arrays(state)
        found.append(outputs(net, part)[0])
    return np.array(found, dtype=np.float64), first_hidden_outputs(net, part, m)


def _epochs_table(plane: Plane, scores: PlaneScores) -> Columns:
    columns: dict[str, list[Any]] = {"init": [], "epoch": []}
    for variant in plane.variants:
        members = plane.members_of(variant)
        for place, epoch in enumerate(plane.epochs):
            columns["init"].append(variant.init)
            columns["epoch"].append(epoch)
            for name, one in _scores_at(plane, scores, place, members).items():
                for key in ("mean", "ci_low", "ci_high"):
                    column = name if key == "mean" else f"{name}_{key}"
                    columns.setdefault(column, []).append(one[key])
    return columns


def _scores_at(
    plane: Plane, scores: PlaneScores, place: int, members: Sequence[int]
) -> dict[str, dict[str, Any]]:
    """Summaries over the seeds of one start at one kept epoch."""
    rows = plane.problem.splits[0].test.size
    found = {"accuracy": summary(scores.accuracy[place, members], "accuracy", rows)}
    if scores.disagreement is not None:
        apart = scores.disagreement[place, members]
        found["disagreement"] = summary(apart, "disagreement", rows)
    return found


def _grid_table(plane: Plane, points: Floats, A: Floats) -> Columns:
    names = np.array(plane.problem.class_names)
    P = softmax(A.reshape(-1, len(names))).reshape(A.shape)  # (T, n, K)
    n_epochs = len(plane.epochs)
    return {
        "epoch": np.repeat(plane.epochs, len(points)).tolist(),
        "x1": np.tile(points[:, 0], n_epochs).tolist(),
        "x2": np.tile(points[:, 1], n_epochs).tolist(),
        "called": names[A.argmax(axis=2)].ravel().tolist(),
        "probability": P.max(axis=2).round(DECIMALS).ravel().tolist(),
    }


def _inits_table(plane: Plane, points: Floats, A: Floats) -> Columns:
    """What the first seed of each start predicts at each kept epoch, on a thinner grid.

    Two columns per start: the class, and its probability. Empty cells where it diverged.
    """
    there = np.zeros((N_GRID, N_GRID), dtype=bool)
    there[::THINNED, ::THINNED] = True
    thin, names = there.ravel(), np.array(plane.problem.class_names)
    n_epochs, n_points = len(plane.epochs), int(thin.sum())
    columns: dict[str, list[Any]] = {
        "epoch": np.repeat(plane.epochs, n_points).tolist(),
        "x1": np.tile(points[thin, 0], n_epochs).tolist(),
        "x2": np.tile(points[thin, 1], n_epochs).tolist(),
    }
    for init, m in plane.first_members.items():
        own = A[:, m, thin].reshape(n_epochs * n_points, -1)
        finite = np.asarray(np.isfinite(own).all(axis=1))
        # Of what is not finite a softmax would warn.
        p = np.where(finite, softmax(np.where(finite[:, None], own, 0.0)).max(axis=1), np.nan)
        predicted = names[own.argmax(axis=1)].tolist()
        columns[f"predicted_{init}"] = [
            name if here else None for name, here in zip(predicted, finite, strict=True)
        ]
        columns[f"probability_{init}"] = p.round(DECIMALS).tolist()
    return columns


def _final_table(plane: Plane, points: Floats, Z: Floats) -> Columns:
    """What the law says of each point of the grid, and the output of each unit at the end."""
    columns: dict[str, list[Any]] = {"x1": points[:, 0].tolist(), "x2": points[:, 1].tolist()}
    law = law_at(plane, points)
    if law is not None:
        names = np.array(plane.problem.class_names)[law.argmax(axis=1)].tolist()
        there = np.isfinite(law[:, 0])
        columns["law_class"] = [
            one if here else None for one, here in zip(names, there, strict=True)
        ]
        columns["law_probability"] = law.max(axis=1).round(DECIMALS).tolist()
    for j, z in enumerate(Z.T, start=1):
        columns[f"unit_{j}"] = z.round(DECIMALS).tolist()
    return columns


def _inits_units_table(plane: Plane) -> Columns:
    """The weights of the first seed of each start at each kept epoch, as `_units_table` has."""
    columns: dict[str, list[Any]] = {"init": []}
    for init, m in plane.first_members.items():
        own = _units_table(plane, m)
        columns["init"] += [init] * len(own["unit"])
        for name, values in own.items():
            columns.setdefault(name, []).extend(values)
    return columns


def _units_table(plane: Plane, m: int) -> Columns:
    """Weights of each unit of member m at each kept epoch; unit 0 is the output's bias.

    (6.16) with them is the network: z_j = h(weight_1 x1 + weight_2 x2 + bias), and class k has the
    activation sum_j to_k z_j plus the bias.
    """
    split = plane.problem.splits[plane.group.members[m].seed_index]
    columns: dict[str, list[Any]] = {
        key: [] for key in ("epoch", "unit", "weight_1", "weight_2", "bias")
    }
    for epoch, state in zip(plane.epochs, plane.states, strict=True):
        plane.net.load_state_arrays(state)
        p = plane.net.named_arrays(plane.net.state_dict())
        weights, bias = in_units_of_data(p["W1"][m].T, p["b1"][m, 0], split.X_shift, split.X_scale)
        outgoing = np.vstack([p["b2"][m], p["W2"][m]]).astype(np.float64)  # (1 + n, K)
        columns["epoch"] += [epoch] * len(outgoing)
        columns["unit"] += range(len(outgoing))
        columns["weight_1"] += [None, *weights[:, 0].tolist()]
        columns["weight_2"] += [None, *weights[:, 1].tolist()]
        columns["bias"] += [None, *bias.tolist()]
        for k in range(outgoing.shape[1]):
            columns.setdefault(f"to_{k + 1}", []).extend(outgoing[:, k].tolist())
    return columns


def plane_metrics(plane: Plane | None, scores: PlaneScores | None) -> dict[str, Any]:
    """What details.json has of the study; empty where there is none."""
    if plane is None or scores is None:
        return {}
    plane.net.load_state_arrays(plane.states[-1])
    p = plane.net.named_arrays(plane.net.state_dict())
    entries = []
    for variant in plane.variants:
        members = plane.members_of(variant)
        entry: dict[str, Any] = _scores_at(plane, scores, len(plane.epochs) - 1, members)
        first = _scores_at(plane, scores, 0, members)
        entry |= {"start_accuracy": first["accuracy"]}
        distinct = [
            np.nan if plane.diverged[m] else distinct_units(p["W1"][m].T, p["b1"][m, 0])
            for m in members
        ]
        entries.append((variant, entry | {"distinct_units": summary(distinct, "distinct_units")}))
    split, drawn = plane.problem.splits[0], plane.group.members[plane.shown].variant
    found: dict[str, Any] = {
        "data": plane.source.name,
        "features": list(plane.source.feature_names),
        "classes": list(plane.problem.class_names),
        "activation": drawn.activation,
        "n_units": plane.net.sizes[1],
        "n_epochs": plane.epochs[-1],
        "n_seeds": len(plane.members_of(drawn)),
        "n_train": split.train.size,
        "n_test": split.test.size,
        "drawn": drawn.init,
        "inits": [one.init for one in plane.variants],
        "starts": {f"init_{one.init}": entry for one, entry in entries},
    }
    if scores.best is not None:
        by_seed = scores.best[plane.members_of(drawn)]
        found["best_accuracy"] = summary(by_seed, "accuracy", split.test.size)
    return {"plane": found}


def study(config: TrainMlpConfig, source: Source, problem: Problem) -> tuple[dict[str, Any], ...]:
    """Metrics and tables of the study."""
    plane = train_plane(config, source, problem)
    if plane is None:
        return plane_metrics(None, None), plane_tables(None, None)
    with group_kernels(plane.group, plane.net.theta.device):
        scores = scores_of(plane)
        return plane_metrics(plane, scores), plane_tables(plane, scores)
