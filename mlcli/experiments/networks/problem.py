"""From data to a `Problem`: rows, labels or targets, and the split of each seed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcli.datasets.dataset import ROWS_A_CLASS, Dataset, few_enough, is_whole, task_by_values
from mlcli.datasets.source import Source
from mlcli.datasets.split import stratified_indices, train_test_indices
from mlcli.errors import DataError, InputError
from mlcli.experiments.source import refuse_words
from mlcli.rng import stream

Array = NDArray[Any]
Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
# Numbers more standard deviations from 0 than this lose significant digits in float32.
FAR = 1e3


@dataclass(frozen=True)
class NetworkSplit:
    """Rows of one seed: training, validation (may be empty) and test, and the units they give.

    Attributes:
        train, validation, test: row numbers.
        X_shift, X_scale: units of the inputs as the data have them, from the training rows, (D,).
        t_shift, t_scale: units of a target of regression; of classes 0 and 1.
    """

    train: Ints
    validation: Ints
    test: Ints
    X_shift: Array
    X_scale: Array
    t_shift: float
    t_scale: float

    def moved(self, origin: Floats) -> NetworkSplit:
        """The split with units of the rows before `origin` was subtracted."""
        return replace(self, X_shift=self.X_shift + origin)


@dataclass(frozen=True)
class Problem:
    """Rows and targets to learn from.

    Attributes:
        task: classification or regression.
        X: the rows of every data set, one below the other, less `origin`, (N, D).
        t: labels 0..K-1, (N,), or the target less `t_origin`, (N, 1).
        class_names: K names; empty for regression.
        splits: one per seed; row numbers of X.
        image_shape: of a row, where rows are images.
        independent: whether seeds share no rows, or only a test part that the data set sets aside.
        class_values: the target's value of each class; empty for regression.
        origin: subtracted from each column in float64, (D,), see `origin_of`; None: nothing.
        t_origin: subtracted from the target.
        sets: the data of each seed, prepared with its training rows; empty without a preparation.
    """

    task: str
    X: Array
    t: Array
    class_names: tuple[str, ...]
    splits: tuple[NetworkSplit, ...]
    image_shape: tuple[int, ...] | None
    independent: bool
    class_values: tuple[float, ...] = ()
    origin: Floats | None = None
    t_origin: float = 0.0
    sets: tuple[Dataset, ...] = ()

    @property
    def n_outputs(self) -> int:
        """K."""
        return len(self.class_names) or 1

    def in_data(self, rows: Array) -> Array:
        """Rows of X (n, D) as the data have them."""
        return rows if self.origin is None else rows + self.origin

    @property
    def background(self) -> float:
        """Value of an empty pixel in X, where rows are images: the least there is."""
        return float(self.X.min())

    @property
    def labelled(self) -> bool:
        """Whether t are labels."""
        return self.task == "classification"


def task_of(config: Any, source: Source, t: Array) -> str:
    """Classification or regression: from the config, the data set, or the values of the target.

    Raises:
        DataError: the labels of a classification are not whole numbers, or there are too many.
    """
    task: str | None = config.task if config.task != "auto" else source.task
    if task is None:
        task = task_by_values(t)
    if task == "regression":
        return task
    values = np.unique(t)
    what = f"target '{source.target_name}'"
    if not is_whole(values):
        odd = values[values != np.round(values)][0]
        raise DataError(
            f"{what} of a classification",
            must="whole numbers, one per class",
            got=f"{odd:g}",
            hint="--task regression",
        )
    if values.size < 2:
        raise DataError(what, must="of two classes or more", got=f"only {values[0]:g}")
    if not few_enough(values.size, t.size):
        raise DataError(
            what,
            must=f"classes, each with {ROWS_A_CLASS} rows or more on average",
            got=f"{values.size} values in {t.size} rows",
            hint="--task regression",
        )
    return task


def problem_of(config: Any, source: Source) -> Problem:
    """Rows, targets and the split of each seed.

    Raises:
        DataError: the rows, the labels or their number won't do.
    """
    n_sets = config.n_seeds if source.fresh_draws else 1
    sets = [source.replicate(index, config.seed) for index in range(n_sets)]
    sizes = {len(data.t) for data in sets}
    if len(sizes) > 1:
        raise DataError(
            f"the data sets of {source.name}",
            must="of one size, since networks train side by side",
            got=f"{min(sizes)} to {max(sizes)} rows",
        )
    t = np.concatenate([data.t for data in sets])
    task = task_of(config, source, t)
    names: tuple[str, ...] = ()
    values = np.empty(0)
    if task == "classification":
        values, labels = np.unique(t, return_inverse=True)
        declared = sets[0].class_names is None and source.class_names
        names = declared or sets[0].names_of(values)
        t = labels.astype(np.int64)
    else:
        refuse_words("a regression", sets[0])
    own = np.split(t, n_sets)
    parts = [_parts(config, source, own[i % n_sets], i, task) for i in range(config.n_seeds)]
    prepared: tuple[Dataset, ...] = ()
    if sets[0].preparation is not None:
        prepared = tuple(sets[i % n_sets].fitted_to(part[0]) for i, part in enumerate(parts))
        if n_sets > 1 or any((one.X != prepared[0].X).any() for one in prepared):
            # Each seed sees rows of its own, their gaps filled by its own training rows.
            sets, t = list(prepared), np.concatenate([own[i % n_sets] for i in range(len(parts))])
        else:
            sets = [prepared[0]]
    X, origin = _near_zero(config, source, [data.X for data in sets])  # (N, D), (D,)
    starts = [index * len(sets[0].t) if len(sets) > 1 else 0 for index in range(config.n_seeds)]
    splits = []
    for part, start in zip(parts, starts, strict=True):
        split = _split(config, source, [rows + start for rows in part], X, t, task)
        splits.append(split if origin is None else split.moved(origin))
    independent = source.fresh_draws or source.n_own_test > 0
    t_origin = 0.0
    if task == "regression":
        t = t[:, None]  # (N, 1)
        t_origin = float(origin_of(t)[0])
        t = t - t_origin
    return Problem(
        task,
        X,
        t,
        names,
        tuple(splits),
        source.image_shape,
        independent,
        tuple(values.tolist()),
        origin,
        t_origin,
        prepared,
    )


def origin_of(X: Array, *, images: bool = False) -> Floats:
    """Offset to subtract from rows X (N, D) so that float32 loses no significant digit, (D,).

    The mean of each column that is far from 0 compared with its spread; 0 for the others. For
    images one number for all pixels, so that they can still be shifted.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        if images:
            low, high = float(X.min()), float(X.max())
            middle, half = low / 2 + high / 2, high / 2 - low / 2
            return np.full(X.shape[1], middle if abs(middle) > FAR * half > 0 else 0.0)
        mean, std = X.mean(axis=0, dtype=np.float64), X.std(axis=0, dtype=np.float64)
        return np.where((np.abs(mean) > FAR * std) & (std > 0), mean, 0.0)


def _near_zero(config: Any, source: Source, sets: Sequence[Array]) -> tuple[Array, Floats | None]:
    """Rows (N, D) in the networks' type, and what was subtracted, (D,)."""
    # So that nothing is converted again and again.
    dtype = np.float64 if config.precision == "float64" else np.float32
    origin = None
    if config.scaling != "none":
        whole = sets[0] if len(sets) == 1 else np.concatenate(sets)
        found = origin_of(whole, images=source.image_shape is not None)
        origin = found if found.any() else None
    moved = sets if origin is None else [X - origin for X in sets]
    return np.concatenate([X.astype(dtype) for X in moved]), origin


def _parts(
    config: Any, source: Source, own: Array, index: int, task: str
) -> tuple[Ints, Ints, Ints]:
    """Row numbers of one seed's data set to train, validate and test on."""
    n_rows = len(own)
    strata = own if task == "classification" and not source.fresh_draws else None
    rng = stream(config.seed, "split", index)
    n_test = source.n_own_test
    if n_test:
        rest, test = np.arange(n_rows - n_test), np.arange(n_rows - n_test, n_rows)
    else:
        rest, test = parts_of(n_rows, strata, config.test_fraction, rng)
    train, validation = rest, rest[:0]
    if config.validation_fraction > 0:
        rng = stream(config.seed, "validation", index)
        within = None if strata is None else strata[rest]
        saved, watched = parts_of(rest.size, within, config.validation_fraction, rng)
        train, validation = rest[saved], rest[watched]
    if train.size < 2:
        raise DataError(
            f"the training rows of {source.name}",
            must="at least 2",
            got=str(train.size),
            hint="a smaller --test-fraction or --validation-fraction",
        )
    return train, validation, test


def _split(
    config: Any, source: Source, parts: Sequence[Ints], X: Array, t: Array, task: str
) -> NetworkSplit:
    """Parts of the rows of X, with the units that the first of them, the training rows, give."""
    train, validation, test = parts
    shift, scale = units_of(config.scaling, X[train], source.image_shape is not None)
    t_shift, t_scale = 0.0, 1.0
    if task == "regression":
        t_train = t[train]
        t_shift, t_scale = float(t_train.mean()), float(t_train.std()) or 1.0
    return NetworkSplit(train, validation, test, shift, scale, t_shift, t_scale)


def parts_of(
    n_rows: int, labels: Ints | None, fraction: float, rng: np.random.Generator
) -> tuple[Ints, Ints]:
    """Row numbers of two parts, the second with a fraction of the rows; of each class of labels."""
    if labels is None:
        return train_test_indices(n_rows, fraction, rng)
    _, within = np.unique(labels, return_inverse=True)
    return stratified_indices(within.astype(np.int64), fraction, rng)


def units_of(scaling: str, X: Array, images: bool) -> tuple[Array, Array]:
    """Shift and scale of each column, from the training rows, (D,) each.

    Args:
        scaling: auto, column, whole or none.
        X: training rows, (N, D).
        images: whether rows are images, for which auto is whole.
    """
    n_features = X.shape[1]
    if scaling == "none":
        return np.zeros(n_features), np.ones(n_features)
    whole = scaling == "whole" or (scaling == "auto" and images)
    shift = X.mean(axis=0, dtype=np.float64)
    scale = X.std(axis=0, dtype=np.float64)
    if whole:
        return shift, np.full(n_features, float(np.sqrt((scale**2).mean())) or 1.0)
    # A column that is constant in the training rows stays at 0.
    return shift, np.where(scale > 0, scale, 1.0)


def check_batches(sizes: Sequence[int], problem: Problem) -> None:
    """Refuse a minibatch of more rows than there are to train on.

    Raises:
        InputError: naming both numbers.
    """
    n_train = problem.splits[0].train.size
    if max(sizes) > n_train:
        raise InputError(
            "--batch-size", must=f"at most {n_train}, the training rows", got=str(max(sizes))
        )
