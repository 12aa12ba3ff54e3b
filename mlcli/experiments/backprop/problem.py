"""What is written out: the rows, their targets, the loss, and the weights of each seed."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from math import isfinite
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcli.backpropagation.activations import ACTIVATIONS
from mlcli.backpropagation.layers import Network, new_network
from mlcli.backpropagation.losses import LOSSES, OUTPUTS
from mlcli.datasets.dataset import Dataset, task_by_values
from mlcli.datasets.source import Source
from mlcli.errors import ConfigError, DataError
from mlcli.experiments.backprop.config import MOST_NEURONS, BackpropConfig, sizes_of
from mlcli.experiments.experiment import Prepared
from mlcli.linear.statistics import spread
from mlcli.rng import stream

Array = NDArray[np.floating[Any]]
DEFAULT_HIDDEN = 3
SQUARE, SOFTMAX, SIGMOID = "squared-error", "softmax-cross-entropy", "sigmoid-cross-entropy"
# What `backpropagation.losses` calls them.
LOSS_NAMES: Mapping[str, str] = MappingProxyType(
    {SQUARE: "square", SOFTMAX: "softmax_cross_entropy", SIGMOID: "sigmoid_cross_entropy"}
)
WEIGHT_COLUMNS = ("layer", "unit", "source", "value")
BIAS_STD = 0.5
# So that inputs and weights can be typed into a pocket calculator.
DECIMALS = 2


@dataclass(frozen=True)
class PreparedBackprop(Prepared[BackpropConfig]):
    """A minibatch and the shape of the network.

    Attributes:
        X: inputs, (m_B, D).
        T: targets of each output, (m_B, K): of classes 1 for the row's own and 0 for the others.
        sizes: D, n^(1), ..., n^(L), K.
        loss: as the flag names it.
        names: of the inputs.
        given: the network of the weights file, or None.
        notes: what was left out, in sentences.
    """

    X: Array
    T: Array
    sizes: tuple[int, ...]
    loss: str
    names: tuple[str, ...]
    given: Network | None
    notes: tuple[str, ...]

    @property
    def n_weights(self) -> int:
        """W, the biases included."""
        return sum(n_out * (n_in + 1) for n_in, n_out in pairwise(self.sizes))

    def loss_of(self, A: Array, T: Array) -> tuple[float, Array]:
        """E and delta^(L+1) of output preactivations A (m, K) and targets T (m, K)."""
        targets: Any = T.argmax(axis=1) if self.loss == SOFTMAX else T
        return LOSSES[LOSS_NAMES[self.loss]](A, targets)

    def output(self, A: Array) -> Array:
        """y = h^(out)(a), (m, K) to (m, K)."""
        return np.asarray(OUTPUTS[LOSS_NAMES[self.loss]](A))

    def network(self, index: int) -> Network:
        """The network of a seed; the first is the one that is drawn.

        W is Xavier's and b is N(0, 0.5^2), both rounded to two decimals.
        """
        if index == 0 and self.given is not None:
            return self.given
        rng = stream(self.config.seed, "weights", index)
        h = ACTIVATIONS[function_name(self.config.activation)]
        return tuple(
            replace(
                layer,
                W=np.round(layer.W, DECIMALS) + 0.0,
                b=np.round(BIAS_STD * rng.standard_normal(layer.b.size), DECIMALS) + 0.0,
            )
            for layer in new_network(rng, self.sizes, h)
        )


def function_name(activation: str) -> str:
    """What `backpropagation.activations` calls an activation."""
    return {"linear": "identity"}.get(activation, activation.replace("-", "_"))


def prepare(config: BackpropConfig, source: Source) -> PreparedBackprop:
    """Take the rows and check that they, the sizes, the loss and the weights fit together.

    Raises:
        InputError: they don't.
    """
    sizes = None if config.sizes is None else sizes_of(config.sizes)
    notes: tuple[str, ...] = ()
    if config.at is not None:
        X, T, loss = _given_row(config, sizes)
        names = tuple(f"x_{i + 1}" for i in range(X.shape[1]))
    else:
        X, T, loss, names, notes = _first_rows(config, source, sizes)
    sizes = sizes or (X.shape[1], DEFAULT_HIDDEN, T.shape[1])
    if loss == SOFTMAX and sizes[-1] < 2:
        raise ConfigError(
            "--loss softmax-cross-entropy",
            must="of two outputs or more",
            got="one",
            hint=SIGMOID if config.at is not None else f"--sizes {_joined((*sizes[:-1], 2))}",
        )
    found = PreparedBackprop(config, source, X, T, sizes, loss, names, None, notes)
    if config.weights is None:
        return found
    return replace(found, given=read_weights(Path(config.weights), found.network(1)))


def _joined(sizes: Sequence[int]) -> str:
    return "-".join(map(str, sizes))


def _given_row(config: BackpropConfig, sizes: tuple[int, ...] | None) -> tuple[Array, Array, str]:
    """The row of --at with its targets: (1, D), (1, K), and the loss."""
    assert config.at is not None
    X = np.array([config.at])
    if sizes is not None and sizes[0] != X.shape[1]:
        raise ConfigError(
            "--sizes",
            must=f"of as many inputs as --at has numbers, {X.shape[1]}",
            got=_joined(sizes),
            hint=f"--sizes {_joined((X.shape[1], *sizes[1:]))}",
        )
    n_outputs = sizes[-1] if sizes is not None else len(config.targets or (1.0,))
    loss = config.loss or SQUARE
    targets = config.targets or (1.0, *[0.0] * (n_outputs - 1))
    if len(targets) != n_outputs:
        raise ConfigError(
            "--targets",
            must=f"one number for each output of --sizes, {n_outputs}",
            got=f"{len(targets)} numbers",
        )
    if loss == SOFTMAX and sorted(targets) != [0.0] * (n_outputs - 1) + [1.0]:
        raise ConfigError(
            "--targets",
            must="1 for one class and 0 for the others with softmax-cross-entropy",
            got=",".join(f"{t:g}" for t in targets),
        )
    if loss == SIGMOID and not all(0 <= t <= 1 for t in targets):
        raise ConfigError(
            "--targets",
            must="from 0 to 1 with sigmoid-cross-entropy",
            got=",".join(f"{t:g}" for t in targets),
        )
    return X, np.array([targets]), loss


def _first_rows(
    config: BackpropConfig, source: Source, sizes: tuple[int, ...] | None
) -> tuple[Array, Array, str, tuple[str, ...], tuple[str, ...]]:
    """X, T, the loss, the names of the inputs, and what was left out."""
    if source.streamed:
        raise DataError(
            f"{source.name} is read in batches, which backprop can't use",
            hint="a file with fewer rows",
        )
    data = source.replicate(0, config.seed).fitted_to()
    n_columns = data.X.shape[1]
    n_inputs = min(n_columns, MOST_NEURONS) if sizes is None else sizes[0]
    if n_inputs > n_columns:
        assert sizes is not None
        raise ConfigError(
            "--sizes",
            must=f"of at most as many inputs as {data.name} has columns, {n_columns}",
            got=_joined(sizes),
            hint=f"--sizes {_joined((n_columns, *sizes[1:]))}",
        )
    T, loss = _targets(config, source, data, None if sizes is None else sizes[-1])
    m = min(config.n_rows, len(data.t))
    X = _scores(data.X[:, :n_inputs])[:m]
    names = data.feature_names[:n_inputs]
    notes = []
    if n_inputs < n_columns:
        notes.append(
            f"the network has {n_inputs} inputs: the first {n_inputs} of {n_columns} columns are "
            "used; --features chooses others"
        )
    if m < config.n_rows:
        notes.append(f"the minibatch is all of the {m} rows")
    return X, T[:m], loss, names, tuple(notes)


def _targets(
    config: BackpropConfig, source: Source, data: Dataset, n_outputs: int | None
) -> tuple[Array, str]:
    """Targets of every row (N, K), and the loss."""
    task = source.task or ("classification" if data.class_names else task_by_values(data.t))
    flag = "--sizes"
    if task == "regression":
        if config.loss not in (None, SQUARE):
            raise ConfigError(
                f"--loss {config.loss}",
                must="of classes",
                got=f"numbers, as '{data.target_name}' is",
                hint="--loss squared-error",
            )
        if n_outputs not in (None, 1):
            raise ConfigError(
                flag, must=f"of one output for '{data.target_name}'", got=f"{n_outputs} outputs"
            )
        return _scores(data.t[:, None]), SQUARE
    values = np.unique(data.t)
    if values.size == 2 and n_outputs == 1:
        return (data.t[:, None] == values[1]).astype(float), config.loss or SIGMOID
    if not 2 <= values.size <= MOST_NEURONS:
        raise DataError(
            f"target '{data.target_name}' of backprop",
            must=f"of 2 to {MOST_NEURONS} classes, each of which is an output",
            got=f"{values.size}",
            hint="another --target, or rows of fewer classes",
        )
    if n_outputs not in (None, values.size):
        raise ConfigError(
            flag,
            must=f"of one output for each class of '{data.target_name}', {values.size}",
            got=f"{n_outputs} outputs",
        )
    return (data.t[:, None] == values).astype(float), config.loss or SOFTMAX


def _scores(X: NDArray[np.float64]) -> Array:
    """z-scores of each column, rounded to two decimals."""
    with np.errstate(over="ignore", invalid="ignore"):
        scores = (X - X.mean(axis=0)) / spread(X)
    return np.asarray(np.round(scores, DECIMALS) + 0.0)


def read_weights(path: Path, like: Network) -> Network:
    """The weights of a CSV file with the columns layer, unit, source and value.

    Args:
        path: of the file.
        like: a network of the same shape.

    Raises:
        ConfigError: the file lacks a weight, has one twice or one that the network has not, or is
            no such table.
    """
    wanted = {
        (layer, k, j)
        for layer, one in enumerate(like, start=1)
        for k in range(1, one.b.size + 1)
        for j in range(one.W.shape[1] + 1)
    }
    found: dict[tuple[int, int, int], float] = {}
    for number, cells in _weight_rows(path):
        try:
            place = (int(cells["layer"]), int(cells["unit"]), int(cells["source"]))
            value = float(cells["value"])
        except ValueError:
            raise _bad_file(path, f"line {number} has a cell that is not a number") from None
        if place not in wanted or place in found or not isfinite(value):
            what = "a weight twice" if place in found else "a weight that the network has not"
            what = what if isfinite(value) else "a value that is not finite"
            raise _bad_file(path, f"line {number} has {what}")
        found[place] = value
    if missing := sorted(wanted - set(found)):
        layer, k, j = missing[0]
        raise _bad_file(path, f"{len(missing)} missing, as layer {layer}, unit {k}, source {j}")
    layers = []
    for number, one in enumerate(like, start=1):
        W = [
            [found[number, k + 1, j + 1] for j in range(one.W.shape[1])] for k in range(one.b.size)
        ]
        b = [found[number, k + 1, 0] for k in range(one.b.size)]
        layers.append(replace(one, W=np.array(W), b=np.array(b)))
    return tuple(layers)


def _weight_rows(path: Path) -> list[tuple[int, dict[str, str]]]:
    """The lines of the file below its heading, with their numbers."""
    try:
        with path.expanduser().open(encoding="utf-8", newline="") as file:
            rows = list(csv.reader(file))
    except (OSError, UnicodeError, csv.Error) as error:
        reason = getattr(error, "strerror", None) or "it is not a CSV file in UTF-8"
        raise _bad_file(path, reason) from None
    heading = [name.strip() for name in rows[0]] if rows else []
    if not set(WEIGHT_COLUMNS) <= set(heading):
        raise _bad_file(path, f"the columns {', '.join(heading) or 'of nothing'}")
    numbered = [(number, cells) for number, cells in enumerate(rows[1:], start=2) if cells]
    for number, cells in numbered:
        if len(cells) != len(heading):
            raise _bad_file(path, f"line {number} has {len(cells)} cells, not {len(heading)}")
    return [(number, dict(zip(heading, cells, strict=True))) for number, cells in numbered]


def _bad_file(path: Path, got: str) -> ConfigError:
    return ConfigError(
        f"--weights {path}",
        must=f"a CSV file with every weight once, in columns {', '.join(WEIGHT_COLUMNS)}",
        got=got,
        hint="tables/weights.csv of a run with the same --sizes",
    )
