"""What `kfold` checks and builds before any work: the models, the splits, the known law."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from mlcli.datasets.dataset import Dataset
from mlcli.datasets.source import Source
from mlcli.datasets.streaming import StreamSource
from mlcli.errors import DataError
from mlcli.experiments.column_limit import smaller_basis
from mlcli.experiments.cross_validation.scores import KnownLaw, prepared_alike
from mlcli.experiments.cross_validation.spec import CrossValidationSpec
from mlcli.experiments.experiment import Prepared
from mlcli.experiments.kfold.config import KfoldConfig
from mlcli.experiments.source import refuse_words
from mlcli.linear.basis import count_columns, spans_powers
from mlcli.linear.column_families import families
from mlcli.linear.penalised import strength_grid
from mlcli.rng import stream
from mlcli.selection import folds as schemes
from mlcli.selection.expected_loss import uniform_quadrature
from mlcli.selection.folds import Folds

MAX_COLUMNS = 2000
MAX_CLASSES = 100
# Nodes beside those that the degree needs, for truths that are no polynomials.
SPARE_NODES = 64


@dataclass(frozen=True)
class KfoldPrepared(Prepared[KfoldConfig]):
    """A checked `kfold` run.

    What is built from the data is built once, when it is first needed. It is no field, so that a
    copy with another source leaves it behind.
    """

    @cached_property
    def spec(self) -> CrossValidationSpec:
        """The models that are compared."""
        return spec_of(self.config)

    @cached_property
    def path_spec(self) -> CrossValidationSpec | None:
        """The models of the path beside an unpenalised comparison, if there is one."""
        config, spec = self.config, self.spec
        if config.model != "linear" or config.penalty != "none" or config.path_penalty == "none":
            return None
        strengths = _strengths(config, config.path_penalty)
        return replace(
            spec, penalty=config.path_penalty, degrees=spec.degrees[-1:], strengths=strengths
        )

    @property
    def n_replicates(self) -> int:
        """Independent data sets, or partitions of the only one; one where nothing is random."""
        return self.config.n_seeds if self.source.fresh_draws or not _fixed(self.config) else 1

    @cached_property
    def first(self) -> tuple[Dataset, list[Folds]]:
        """The data set and the partitions of the first repeat."""
        return self._repeat(0)

    def repeat(self, index: int) -> tuple[Dataset, list[Folds]]:
        """The data set of one repeat and its splits, one `Folds` per random partition.

        Raises:
            DataError: the rows, classes or groups are too few for the folds.
        """
        return self.first if index == 0 else self._repeat(index)

    def _repeat(self, index: int) -> tuple[Dataset, list[Folds]]:
        config = self.config
        data = self.source.replicate(index, config.seed)
        n_partitions = 1 if _fixed(config) else config.n_repeats
        rngs = [stream(config.seed, "folds", index, repeat) for repeat in range(n_partitions)]
        return data, [_partition(config, data, rng) for rng in rngs]

    @cached_property
    def known(self) -> KnownLaw | None:
        """What is known of the data; None for data of unknown origin or a loss on classes."""
        generator, loss = self.source.generator, self.config.loss
        if generator is None or loss == "zero-one":
            return None
        low, high = generator.chosen.x_min, generator.chosen.x_max
        nodes, weights = uniform_quadrature(low, high, self.spec.degrees[-1] + SPARE_NODES)
        truth = generator.spec.truth(nodes[:, None])
        return KnownLaw(nodes[:, None], weights, truth, generator.chosen.noise_std, loss)


def spec_of(config: KfoldConfig) -> CrossValidationSpec:
    """The models of a config. The linear basis has only one size."""
    return CrossValidationSpec(
        degrees=tuple(d for family in families(config.basis, config.degrees) for d in family),
        basis=config.basis,
        intercept=config.intercept,
        model=config.model,
        loss=config.loss,
        penalty=config.penalty,
        strengths=_strengths(config, config.penalty),
        standardize=config.standardize,
        leave_one_out=config.scheme == "leave-one-out",
    )


def _strengths(config: KfoldConfig, penalty: str) -> tuple[float, ...]:
    """Strongest first, evenly spaced in the logarithm; one 0 without a penalty."""
    if penalty == "none":
        return (0.0,)
    grid = strength_grid(config.strength_min, config.strength_max, config.n_strengths)
    return tuple(grid.tolist())


def _partition(config: KfoldConfig, dataset: Dataset, rng: np.random.Generator) -> Folds:
    """One partition of a data set by the scheme of the config."""
    n_rows, k = dataset.t.size, config.n_folds
    if config.scheme == "stratified":
        return schemes.stratified(dataset.t, k, rng)
    if config.scheme == "grouped" and dataset.groups is not None:
        return schemes.grouped(dataset.groups, k, rng)
    if config.scheme == "leave-one-out":
        return schemes.leave_one_out(n_rows)
    if config.scheme == "time-ordered":
        return schemes.time_ordered(n_rows, k)
    if config.scheme == "train-test":
        return schemes.train_test(n_rows, config.test_fraction, rng)
    return schemes.k_fold(n_rows, k, rng)


def _fixed(config: KfoldConfig) -> bool:
    """Whether the scheme has only one partition."""
    return config.scheme in ("leave-one-out", "time-ordered")


def prepare(config: KfoldConfig, source: Source) -> KfoldPrepared:
    """Refuse what can't be cross-validated.

    Raises:
        InputError: the rows, the folds, the classes or the size of a basis won't do.
    """
    prepared = KfoldPrepared(config, source)
    if isinstance(source, StreamSource):
        _refuse_unstreamable(config)
        n_train = source.n_rows - -(-source.n_rows // config.n_folds)
        _check_columns(prepared, n_train)
        _refuse_constant(source.target_name, len(source.target_counts or ()) == 1)
        return prepared
    raw = source.replicate(0, config.seed)
    if config.loss != "zero-one":
        refuse_words("kfold", raw)
    # Every training part has a value of each column and each category of its test part.
    for index in range(0 if raw.preparation is None else prepared.n_replicates):
        data, partitions = prepared.repeat(index)
        for folds in partitions:
            prepared_alike(data, folds)
    if config.loss == "zero-one" or config.scheme == "stratified":
        _check_classes(raw.t, raw.target_name)
    else:
        _refuse_constant(raw.target_name, bool(np.ptp(raw.t) == 0))
    fewest = min(int(folds.n_train.min()) for folds in prepared.first[1])
    _check_columns(prepared, fewest)
    return prepared


def _refuse_unstreamable(config: KfoldConfig) -> None:
    """Refuse what needs all rows at once.

    Raises:
        DataError: naming what to use instead.
    """
    plain = config.model == "linear" and config.penalty == "none" and config.loss == "squared"
    powers = spans_powers(config.basis, config.intercept)
    if not plain or config.scheme != "kfold" or not powers:
        raise DataError(
            "a file that is read in batches is cross-validated by least squares with the "
            "polynomial or linear basis, the squared loss and --scheme kfold only",
            hint="fewer rows for the rest",
        )


def _refuse_constant(target: str, constant: bool) -> None:
    if constant:
        raise DataError(
            f"target '{target}' has the same value in every row, so that there is nothing to "
            "choose by",
            hint="another --target",
        )


def _check_classes(t: np.ndarray, name: str) -> None:
    n_classes, most = np.unique(t).size, min(MAX_CLASSES, t.size // 2)
    if not 2 <= n_classes <= most:
        raise DataError(
            f"target '{name}'",
            must=f"2 to {most} classes",
            got=f"{n_classes} values",
            hint="another --target, or --loss squared and --scheme kfold",
        )


def _check_columns(prepared: KfoldPrepared, n_train: int) -> None:
    config, n_features = prepared.config, len(prepared.source.feature_names)
    for degree in prepared.spec.degrees:
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


def plan(prepared: KfoldPrepared) -> Mapping[str, Any]:
    """The size of the work, for a dry run."""
    config, source = prepared.config, prepared.source
    n_splits, has_gaps = config.n_folds * config.n_repeats, False
    if not source.streamed:
        data, partitions = prepared.first
        n_splits = sum(folds.n_splits for folds in partitions)
        # Training rows then say what fills gaps, so that each fold has inputs of its own.
        has_gaps = bool(np.isnan(data.X).any())
    shortcut = config.model == "linear" and not has_gaps
    n_degrees, n_strengths = prepared.spec.shape
    return {
        "rows": source.n_rows,
        "inputs": len(source.feature_names),
        "repeats": prepared.n_replicates,
        "splits a repeat": n_splits,
        "models": n_degrees * n_strengths,
        "fits": "none but where the shortcut is unsafe" if shortcut else "one per model and split",
    }
