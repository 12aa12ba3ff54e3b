"""The task of `baseline`: rows, a target, and the folds that all methods share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcli.datasets.dataset import Dataset
from mlcli.datasets.source import Source
from mlcli.errors import ConfigError, DataError
from mlcli.experiments.baseline.config import SCORES, BaselineConfig
from mlcli.experiments.networks.problem import task_of
from mlcli.experiments.source import refuse_words
from mlcli.rng import stream
from mlcli.selection.folds import k_fold, stratified

Array = NDArray[np.float64]
Ints = NDArray[np.int64]
OF_NUMBERS = ("constant", "linear", "ridge", "polynomial", "neighbours", "trees", "mlp", "cnn")
OF_CLASSES = ("constant", "logistic", "polynomial", "neighbours", "trees", "mlp", "cnn")


@dataclass(frozen=True)
class BaselineTask:
    """What every method is fitted to and scored on.

    Attributes:
        data: the rows; each split fills gaps from its own training rows.
        t: numbers (N,), or labels 0..K-1.
        class_names: K names; empty for numbers.
        splits: training and test rows of each split.
        image_shape: of a row that is an image.
        score: the name of the score that decides.
        methods: names of those that suit the task, the constant first.
    """

    data: Dataset
    t: NDArray[Any]
    class_names: tuple[str, ...]
    splits: Sequence[tuple[Ints, Ints]]
    image_shape: tuple[int, ...] | None
    score: str
    methods: tuple[str, ...]

    @property
    def n_classes(self) -> int:
        """K; 0 for numbers."""
        return len(self.class_names)

    @property
    def n_features(self) -> int:
        """D."""
        return len(self.data.feature_names)

    def X(self, split: int) -> Array:
        """The inputs of a split, (N, D)."""
        return self.data.fitted_to(self.splits[split][0]).X


def task_from(config: BaselineConfig, source: Source) -> BaselineTask:
    """The rows of the first data set and their folds.

    Raises:
        InputError: the rows, the classes, the folds or the score won't do.
    """
    if source.streamed:
        raise DataError(
            f"{source.name} has {source.n_rows} rows and is read in batches, which baseline can't "
            "use",
            hint="a file with fewer rows",
        )
    data = source.replicate(0, config.seed)
    kind = task_of(config, source, data.t)
    score = config.score or SCORES[kind][0]
    if score not in SCORES[kind]:
        raise ConfigError(
            "--score", must=f"one of {', '.join(SCORES[kind])} for a {kind}", got=score
        )
    names: tuple[str, ...] = ()
    t: NDArray[Any] = data.t
    if kind == "classification":
        values, t = np.unique(data.t, return_inverse=True)
        names = source.class_names or data.names_of(values)
        _check_classes(config, data.target_name, t)
    else:
        refuse_words("a regression", data)
    if not names and np.ptp(t) == 0:
        raise DataError(
            f"target '{data.target_name}' has the same value in every row", hint="another --target"
        )
    splits = []
    for index in range(config.n_seeds):
        rng = stream(config.seed, "folds", index)
        folds = stratified(t, config.n_folds, rng) if names else k_fold(t.size, config.n_folds, rng)
        splits += [(folds.train_rows(i), folds.test_rows(i)) for i in range(folds.n_splits)]
    suitable = OF_CLASSES if names else OF_NUMBERS
    wanted = {"constant", *config.methods}
    if source.image_shape is None:
        wanted.discard("cnn")
    methods = tuple(method for method in suitable if method in wanted)
    for train, _ in splits if data.preparation else ():
        data.fitted_to(train)
    return BaselineTask(data, t, names, splits, source.image_shape, score, methods)


def _check_classes(config: BaselineConfig, name: str, labels: Ints) -> None:
    fewest = int(np.bincount(labels).min())
    if fewest < config.n_folds:
        raise DataError(
            f"each class of target '{name}'",
            must=f"of at least {config.n_folds} rows, one a fold",
            got=f"one of {fewest}",
            hint="fewer --n-folds",
        )
