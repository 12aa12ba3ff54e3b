"""What can be said about a run of `kfold` before any work."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from mlcli.datasets.source import Source
from mlcli.datasets.streaming import StreamSource
from mlcli.errors import DataError, InputError
from mlcli.experiments.column_limit import smaller_basis
from mlcli.experiments.kfold import streamed
from mlcli.experiments.kfold.config import KfoldConfig
from mlcli.experiments.kfold.prepared import fitted_alike
from mlcli.experiments.kfold.refits import grid
from mlcli.experiments.kfold.splits import degrees_of, n_replicates, partitions
from mlcli.experiments.source import refuse_words
from mlcli.linear.basis import count_columns

MAX_COLUMNS = 2000
MAX_CLASSES = 100


def check(config: KfoldConfig, source: Source) -> None:
    """Refuse what can't be cross-validated, before any work.

    Raises:
        InputError: the device, the rows, the folds, the classes or the size of a basis won't do.
    """
    if config.device not in ("auto", "cpu"):
        raise InputError(
            "--device", must="auto or cpu for kfold, which is NumPy", got=config.device
        )
    if isinstance(source, StreamSource):
        streamed.check(config)
        n_train = source.n_rows - -(-source.n_rows // config.n_folds)
        _check_columns(config, len(source.feature_names), n_train)
        _refuse_constant(source.target_name, len(source.target_counts or ()) == 1)
        return
    first = source.replicate(0, config.seed)
    if config.loss != "zero-one":
        refuse_words("kfold", first)
    _check_prepared(config, source)
    if config.loss == "zero-one" or config.scheme == "stratified":
        _check_classes(first.t, first.target_name)
    else:
        _refuse_constant(first.target_name, bool(np.ptp(first.t) == 0))
    fewest = min(int(folds.n_train.min()) for folds in partitions(config, first, 0))
    _check_columns(config, len(source.feature_names), fewest)


def _refuse_constant(target: str, constant: bool) -> None:
    if constant:
        raise DataError(
            f"target '{target}' has the same value in every row, so that there is nothing to "
            "choose by",
            hint="another --target",
        )


def _check_prepared(config: KfoldConfig, source: Source) -> None:
    """Every training part has a value of each column and each category of its test part."""
    if source.replicate(0, config.seed).preparation is None:
        return
    for index in range(n_replicates(config, source)):
        data = source.replicate(index, config.seed)
        for folds in partitions(config, data, index):
            fitted_alike(data, folds)


def _check_classes(t: np.ndarray, name: str) -> None:
    n_classes, most = np.unique(t).size, min(MAX_CLASSES, t.size // 2)
    if not 2 <= n_classes <= most:
        raise DataError(
            f"target '{name}'",
            must=f"2 to {most} classes",
            got=f"{n_classes} values",
            hint="another --target, or --loss squared and --scheme kfold",
        )


def _check_columns(config: KfoldConfig, n_features: int, n_train: int) -> None:
    for degree in degrees_of(config):
        n_columns = count_columns(config.basis, n_features, degree, config.intercept)
        what = f"degree {degree} of the {config.basis} basis in {n_features} input(s)"
        if n_columns > MAX_COLUMNS:
            raise DataError(
                f"{what} has {n_columns:,} columns, at most {MAX_COLUMNS:,} are fitted",
                hint=_smaller(config, n_features, n_train),
            )
        if n_columns == 0:
            raise DataError(f"{what} has no column to fit", hint="a higher degree")
        if config.penalty == "none" and n_train < n_columns:
            raise DataError(
                f"{what} needs at least {n_columns:,} training rows, the smallest training part "
                f"has {n_train:,}",
                hint=f"{_smaller(config, n_features, n_train)}, or --penalty l2",
            )


def _smaller(config: KfoldConfig, n_features: int, n_train: int) -> str:
    """Flags of a basis that can be fitted to so many rows."""
    most = min(MAX_COLUMNS, n_train) if config.penalty == "none" else MAX_COLUMNS
    return smaller_basis(config.basis, n_features, config.intercept, most, ("--degrees",))


def _fills(config: KfoldConfig, source: Source) -> bool:
    """Whether training rows say what fills gaps, so that each fold has inputs of its own."""
    return not source.streamed and bool(np.isnan(source.replicate(0, config.seed).X).any())


def plan(config: KfoldConfig, source: Source) -> Mapping[str, Any]:
    """The size of the work, for a dry run."""
    n_splits = config.n_folds * config.n_repeats
    if not source.streamed:
        every = partitions(config, source.replicate(0, config.seed), 0)
        n_splits = sum(folds.n_splits for folds in every)
    shortcut = config.model == "linear" and not _fills(config, source)
    return {
        "rows": source.n_rows,
        "inputs": len(source.feature_names),
        "repeats": n_replicates(config, source),
        "splits a repeat": n_splits,
        "models": len(degrees_of(config)) * grid(config).size,
        "fits": "none but where the shortcut is unsafe" if shortcut else "one a model and split",
    }
