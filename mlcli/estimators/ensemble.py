"""Networks that differ only in their seeds, trained and evaluated together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from mlcli.errors import Interrupted
from mlcli.estimators.base import Array, Floats, Ints
from mlcli.estimators.parameters import ParameterError
from mlcli.experiments.networks.fitting import FittedGroup, fit_all
from mlcli.experiments.networks.member_groups import (
    MemberGroup,
    device_of,
    group_kernels,
    loss_of,
    member_groups_of,
)
from mlcli.experiments.networks.problem import NetworkSplit, Problem, origin_of, parts_of, units_of
from mlcli.experiments.networks.variants import Variant, variants_of
from mlcli.neural.batched_module import BatchedModule
from mlcli.neural.batches import Scaling, View, member_rows
from mlcli.neural.device import find_dtype
from mlcli.neural.evaluation import outputs
from mlcli.neural.training import RunEpoch
from mlcli.result import in_silence
from mlcli.rng import stream

SINGLE, DOUBLE = np.dtype(np.float32), np.dtype(np.float64)


@dataclass(frozen=True)
class TrainedMembers:
    """Trained members as arrays, independent of network and device.

    Attributes:
        program: the members.
        state: their parameters and statistics by name, each (m, ...).
        history: curves by name, (epochs, m).
        best_epoch: of each member, (m,).
    """

    program: MemberGroup
    state: dict[str, Array]
    history: dict[str, Floats]
    best_epoch: Ints


@dataclass
class NetworkEnsemble:
    """M trained networks.

    Attributes:
        config: of their training.
        problem: without its rows.
        trained: programs, which have the M members in order.
        nets: networks built from them for predictions, by program and type of numbers.
    """

    config: Any
    problem: Problem
    trained: tuple[TrainedMembers, ...]
    nets: dict[tuple[int, str], BatchedModule] = field(default_factory=dict)

    def __getstate__(self) -> dict[str, Any]:
        # Networks hold views of their own buffer and can be rebuilt from the arrays.
        return self.__dict__ | {"nets": {}}

    def outputs(self, X: Array) -> Floats:
        """Outputs of each member before the output activation, in the target's units: (M, n, K).

        Computed in the precision of X, so that in float64 single rows and many agree to the last
        digits, whatever precision the members were trained in.
        """
        found = []
        if self.problem.origin is not None:
            X = (X - self.problem.origin).astype(X.dtype)
        for number, one in enumerate(self.trained):
            splits = [self.problem.splits[member.seed_index] for member in one.program.members]
            A = self._program_outputs(number, splits, X)  # (m, n, K)
            for a, split in zip(A, splits, strict=True):
                found.append(a * split.t_scale + split.t_shift)
        return np.stack(found)

    def _program_outputs(self, number: int, splits: Sequence[NetworkSplit], X: Array) -> Floats:
        program, autocast = self.trained[number].program, self.config.precision == "bf16"
        net = self._net(number, SINGLE if autocast else X.dtype)
        shift, scale = (
            np.stack([getattr(s, f"X_{n}") for s in splits]) for n in ("shift", "scale")
        )
        if self.problem.origin is not None:
            shift = shift - self.problem.origin
        view = View(None, Scaling(shift, scale))
        loss, t = loss_of(self.problem), np.zeros((len(X), 1))
        part = member_rows(net, loss, X, t[:, 0] if loss.labelled else t, view)
        with group_kernels(program, net.theta.device):
            return outputs(net, part, autocast)[0].astype(np.float64)

    def _net(self, number: int, dtype: np.dtype[Any]) -> BatchedModule:
        """The network of a program that computes in float32 or float64."""
        key = number, str(dtype)
        if key not in self.nets:
            one = self.trained[number]
            # These weights are overwritten, so they need not be drawn.
            blank = [
                Variant({**member.variant.values, "init": "zeros"}, ())
                for member in one.program.members
            ]
            generators = [np.random.default_rng(0) for _ in blank]
            device = device_of(self.config, one.program).device
            single = dtype == SINGLE or device.type == "mps"
            torch_type = find_dtype("float32" if single else "float64", device)
            net = one.program.architecture.build(blank, generators, device, torch_type)
            net.load_state_arrays(one.state)
            self.nets[key] = net
        return self.nets[key]

    def history(self, name: str) -> Floats:
        """A curve of each member, (epochs, M); NaN after the last epoch of a program."""
        curves = [one.history[name] for one in self.trained]
        longest = max(len(curve) for curve in curves)
        padded = [
            np.pad(curve, ((0, longest - len(curve)), (0, 0)), constant_values=np.nan)
            for curve in curves
        ]
        return np.concatenate(padded, axis=1)


def train_ensemble(
    config: Any,
    X: Array,
    t: Array,
    n_classes: int,
    image_shape: tuple[int, ...] | None = None,
    run_epoch: RunEpoch | None = None,
) -> NetworkEnsemble:
    """Train `config.n_seeds` members on rows X (N, D), each with the streams of its seed.

    With patience each sets its own validation rows aside and takes its units from the others;
    without, all train on every row.

    Args:
        config: of one variant.
        X: rows, (N, D).
        t: labels 0..K-1 or the target, (N,).
        n_classes: K; 0 for regression.
        image_shape: (c, h, w) where rows are images.
        run_epoch: see `neural.training.train`.

    Raises:
        NoAnswerError: a member diverged.
        ParameterError: there are too few rows, or a layer does not fit them.
    """
    origin = np.zeros(X.shape[1])
    if config.scaling != "none":
        origin = origin_of(X, images=image_shape is not None)
    rows = (X - origin).astype(DOUBLE if config.precision == "float64" else SINGLE)
    labels = t if n_classes else None
    splits = tuple(
        _split(config, rows, t, labels, index, image_shape).moved(origin)
        for index in range(config.n_seeds)
    )
    targets, t_origin = t, 0.0
    if not n_classes:
        t_origin = float(origin_of(t[:, None])[0])
        targets = t[:, None].astype(np.float64) - t_origin  # (N, 1)
    task = "classification" if n_classes else "regression"
    names = tuple(map(str, range(n_classes)))
    problem = Problem(task, rows, targets, names, splits, image_shape, False, (), origin, t_origin)
    programs = member_groups_of(config, problem, variants_of(config))
    try:
        fitted = fit_all(
            config, problem, programs, checkpoint=None, progress=in_silence, run_epoch=run_epoch
        )
    except Interrupted:
        # In a parameter search an error is one bad candidate, but Ctrl-C must stop the search.
        raise KeyboardInterrupt from None
    # Predictions need the units and which rows were not trained on, but no training rows.
    kept = tuple(replace(split, train=split.train[:0]) for split in splits)
    empty = replace(problem, X=rows[:0], t=targets[:0], splits=kept)
    return NetworkEnsemble(config, empty, tuple(_trained(one) for one in fitted))


def _trained(one: FittedGroup) -> TrainedMembers:
    history = {name: np.asarray(curve) for name, curve in one.trained.history.items()}
    return TrainedMembers(one.group, one.net.state_arrays(), history, one.trained.best_epoch)


def _split(
    config: Any,
    X: Array,
    t: Array,
    labels: Ints | None,
    index: int,
    image_shape: tuple[int, ...] | None,
) -> NetworkSplit:
    train, validation = np.arange(len(t)), np.arange(0)
    if config.patience is not None and config.validation_fraction > 0:
        rng = stream(config.seed, "validation", index)
        train, validation = parts_of(len(t), labels, config.validation_fraction, rng)
    if train.size < 2:
        raise ParameterError("the rows to train on", must="at least 2", got=str(train.size))
    shift, scale = units_of(config.scaling, X[train], image_shape is not None)
    t_shift, t_scale = 0.0, 1.0
    if labels is None:
        t_shift, t_scale = float(t[train].mean()), float(t[train].std()) or 1.0
    return NetworkSplit(train, validation, np.arange(0), shift, scale, t_shift, t_scale)
