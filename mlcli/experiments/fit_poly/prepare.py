"""What `fit-poly` checks and builds before any work."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcli.datasets.dataset import Dataset
from mlcli.datasets.source import Source
from mlcli.datasets.split import train_test_indices
from mlcli.datasets.streaming import StreamSource
from mlcli.errors import DataError
from mlcli.experiments.column_limit import MAX_COLUMNS, smaller_basis
from mlcli.experiments.experiment import Prepared
from mlcli.experiments.fit_poly.config import FitPolyConfig
from mlcli.experiments.linear_fits import LinearModelSpec
from mlcli.experiments.source import refuse_words
from mlcli.linear.basis import count_columns
from mlcli.rng import stream

Array = NDArray[np.float64]
N_GRID = 201
# A curve is drawn on so many points for each of the turning points that it can have, at most on
# MOST_GRID.
POINTS_PER_TURN, MOST_GRID = 4, 2401


@dataclass(frozen=True)
class TrainTestRows:
    """Training and test rows of one seed, and all of its rows, prepared as the training says."""

    X_train: Array
    t_train: Array
    X_test: Array
    t_test: Array
    data: Dataset


@dataclass(frozen=True)
class FitPolyPrepared(Prepared[FitPolyConfig]):
    """A checked `fit-poly` run.

    The rows of the first seed are split once, when they are first needed. They are no field, so
    that a copy with another source leaves them behind.
    """

    @cached_property
    def spec(self) -> LinearModelSpec:
        """The models that are fitted."""
        return spec_of(self.config)

    @cached_property
    def first(self) -> TrainTestRows:
        """The rows of the first seed; of a file that is read in batches a sample."""
        return self._split(0)

    @property
    def n_replicates(self) -> int:
        """How many independent repeats there are; one where nothing is random."""
        random = self.source.fresh_draws or self.config.test_fraction > 0
        return self.config.n_seeds if random else 1

    def rows(self, index: int) -> TrainTestRows:
        """The random partition (2.10) of one seed."""
        return self.first if index == 0 else self._split(index)

    def _split(self, index: int) -> TrainTestRows:
        config, source = self.config, self.source
        if isinstance(source, StreamSource):
            dataset = source.sample
        else:
            dataset = source.replicate(index, config.seed)
        rng = stream(config.seed, "split", index)
        train, test = train_test_indices(dataset.t.size, config.test_fraction, rng)
        dataset = dataset.fitted_to(train)
        X, t = dataset.X, dataset.t
        return TrainTestRows(X[train], t[train], X[test], t[test], dataset)

    def grid(self) -> Array | None:
        """Points along the range of a single input, (n_grid, 1); several inputs have no curve."""
        dataset = self.source.replicate(0, self.config.seed)
        if dataset.X.shape[1] != 1:
            return None
        low, high = float(np.nanmin(dataset.X)), float(np.nanmax(dataset.X))
        return np.linspace(low, high, N_GRID)[:, None]  # (n_grid, 1)

    def fine_grid(self, grid: Array, degree: int) -> Array:
        """The points on which the curve of one degree is drawn, along the same range.

        A curve of high degree turns most often near the ends, where Chebyshev's points are dense.
        """
        n = min(POINTS_PER_TURN * degree + 1, MOST_GRID)
        if n <= N_GRID or self.config.basis == "linear":
            return grid
        low, high = float(grid[0, 0]), float(grid[-1, 0])
        place = 0.5 - 0.5 * np.cos(np.pi * np.arange(n) / (n - 1))  # 0 to 1
        return np.asarray(low + (high - low) * place)[:, None]


def spec_of(config: FitPolyConfig) -> LinearModelSpec:
    """The models of a config. The linear basis has only one size."""
    return LinearModelSpec(
        degrees=(1,) if config.basis == "linear" else tuple(sorted(set(config.degrees))),
        basis=config.basis,
        intercept=config.intercept,
        penalty=config.penalty,
        l1=config.l1,
        l2=config.l2,
        standardize=config.standardize,
        solver=config.solver,
        rcond=config.rcond,
    )


def prepare(config: FitPolyConfig, source: Source) -> FitPolyPrepared:
    """Refuse what can't be fitted.

    Raises:
        InputError: the number of rows or the size of the basis won't do.
    """
    prepared = FitPolyPrepared(config, source)
    if source.streamed:
        _refuse_unstreamable(config)
    else:
        first = source.replicate(0, config.seed)
        refuse_words("fit-poly", first)
        for index in range(prepared.n_replicates if first.preparation else 0):
            prepared.rows(index)
    n_features = len(source.feature_names)
    n_test = round(config.test_fraction * source.n_rows)
    n_train = source.n_rows - n_test
    for degree in prepared.spec.degrees:
        n_columns = count_columns(config.basis, n_features, degree, config.intercept)
        what = f"degree {degree} of the {config.basis} basis in {n_features} input(s)"
        if n_columns > MAX_COLUMNS:
            raise DataError(
                f"{what} has {n_columns:,} columns, at most {MAX_COLUMNS:,} are fitted",
                hint=_smaller(config, n_features, n_train),
            )
        if n_columns == 0:
            raise DataError(f"{what} has no columns", hint="--intercept or a higher degree")
        if config.penalty == "none" and config.solver != "lapack" and n_train < n_columns:
            raise DataError(
                f"{what} needs at least {n_columns:,} training rows, got {n_train:,}",
                hint=f"{_smaller(config, n_features, n_train)}, --penalty l2, or --solver lapack",
            )
    if config.test_fraction > 0 and n_test == 0:
        raise DataError(
            f"no row is left for testing out of {source.n_rows}", hint="--test-fraction 0"
        )
    return prepared


def _refuse_unstreamable(config: FitPolyConfig) -> None:
    """Refuse what needs all rows at once.

    Raises:
        DataError: naming what to use instead.
    """
    plain = config.solver == "arnoldi" and config.penalty == "none"
    if not plain or config.basis not in ("polynomial", "linear"):
        raise DataError(
            "a file that is read in batches is fitted with the polynomial or linear basis, "
            "--solver arnoldi and no penalty only",
            hint="fewer rows for the rest",
        )


def _smaller(config: FitPolyConfig, n_features: int, n_train: int) -> str:
    """Flags of a basis that can be fitted to so many rows."""
    exact = config.penalty == "none" and config.solver != "lapack"
    most = min(MAX_COLUMNS, n_train) if exact else MAX_COLUMNS
    return smaller_basis(config.basis, n_features, config.intercept, most, ("--degrees",))


def plan(prepared: FitPolyPrepared) -> Mapping[str, Any]:
    """The size of the work, for a dry run."""
    config, source, degrees = prepared.config, prepared.source, prepared.spec.degrees
    return {
        "rows": source.n_rows,
        "inputs": len(source.feature_names),
        "seeds": prepared.n_replicates,
        "degrees": ",".join(map(str, degrees)),
        "columns at the highest degree": count_columns(
            config.basis, len(source.feature_names), degrees[-1], config.intercept
        ),
        "strengths on the path": 0 if config.path_penalty == "none" else config.n_path,
    }
