"""What `bayes` checks, reads and builds before any work: the data, the basis, a prior, points."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcli.datasets.dataset import Dataset
from mlcli.datasets.files import check_file
from mlcli.datasets.rows import ModelInputs, table_batches
from mlcli.datasets.source import Source
from mlcli.datasets.streaming import StreamSource
from mlcli.errors import ConfigError, DataError, InputError
from mlcli.experiments.bayes.columns import Data, basis_of, degrees_of, in_memory, model_degree
from mlcli.experiments.bayes.config import BayesConfig, parse_grid
from mlcli.experiments.column_limit import smaller_basis
from mlcli.experiments.experiment import Prepared
from mlcli.experiments.source import refuse_words
from mlcli.linear.basis import Basis
from mlcli.linear.bayes.posterior import Prior, gaussian_prior

Array = NDArray[np.float64]
MAX_COLUMNS = 2000


@dataclass(frozen=True)
class BayesPrepared(Prepared[BayesConfig]):
    """A checked `bayes` run.

    What is read from files is a field, for workers that don't have the files. What is built from
    the data is built once, when it is first needed, and is no field, so that a copy with another
    source leaves it behind.

    Attributes:
        prior: of --prior-mean and --prior-covariance; None without them.
        points: where to predict, (n, D); None: at the data's own rows.
    """

    prior: Prior | None = None
    points: Array | None = None

    @property
    def n_replicates(self) -> int:
        """Independent data sets; a file with one is analysed once, as nothing in it is random."""
        return self.config.n_seeds if self.source.fresh_draws else 1

    @cached_property
    def first(self) -> Dataset:
        """The first data set, prepared by all of its rows; of a file read in batches a sample."""
        if isinstance(self.source, StreamSource):
            return self.source.sample
        return self.source.replicate(0, self.config.seed).fitted_to()

    @cached_property
    def first_data(self) -> Data:
        """The rows of the first data set, or of the file that is read in batches."""
        source = self.source
        if isinstance(source, StreamSource):
            return Data(source.batches, source.low, source.high, source.n_rows)
        return in_memory(self.first.X, self.first.t, self.first.related)

    def data(self, index: int) -> Data:
        """The rows of one data set."""
        if index == 0:
            return self.first_data
        found = self.source.replicate(index, self.config.seed).fitted_to()
        return in_memory(found.X, found.t, found.related)


def prepare(config: BayesConfig, source: Source) -> BayesPrepared:
    """Refuse what has no posterior, and read the files that the config names.

    Raises:
        InputError: the target, the size of a basis, the prior or the points won't do.
    """
    if not source.streamed:
        refuse_words("bayes", source.replicate(0, config.seed))
    prepared = BayesPrepared(config, source)
    data, first, features = prepared.first_data, prepared.first, source.feature_names
    for degree in (model_degree(config), *degrees_of(config)):
        _check_columns(config, _basis(config, data, degree).n_columns, degree, len(features))
    if config.grid is not None and len(features) > 1:
        raise ConfigError(
            "--grid", must="used with one input", got=f"{len(features)} inputs", hint="--at FILE"
        )
    _check_target(config, first)
    points = _points(config, first, data.low, data.high)
    prior = _read_prior(config, _basis(config, data, model_degree(config)).terms(features))
    found = replace(prepared, prior=prior, points=points)
    # What was built above serves the run too.
    vars(found).update(first=first, first_data=data)
    return found


def _basis(config: BayesConfig, data: Data, degree: int) -> Basis:
    return basis_of(config, data.low, data.high, degree, data.redundant)


def _check_columns(config: BayesConfig, n_columns: int, degree: int, n_features: int) -> None:
    if not 0 < n_columns <= MAX_COLUMNS:
        raise DataError(
            f"degree {degree} of the {config.basis} basis in {n_features} input(s) has "
            f"{n_columns:,} columns, 1 to {MAX_COLUMNS:,} are fitted",
            hint=smaller_basis(
                "polynomial" if config.basis == "monomial" else config.basis,
                n_features,
                config.intercept,
                MAX_COLUMNS,
                ("--degree", "--degrees"),
            ),
        )


def _check_target(config: BayesConfig, first: Dataset) -> None:
    given = config.prior_precision is not None and config.noise_precision is not None
    if np.ptp(first.t) == 0 and not given:
        raise DataError(
            f"target '{first.target_name}' has no variance, so that its noise can't be estimated",
            hint="--prior-precision and --noise-precision, or another --target",
        )


def plan(prepared: BayesPrepared) -> Mapping[str, Any]:
    """The size of the work, for a dry run."""
    config, source = prepared.config, prepared.source
    return {
        "rows": source.n_rows,
        "inputs": len(source.feature_names),
        "columns": _basis(config, prepared.first_data, model_degree(config)).n_columns,
        "degrees compared": ",".join(map(str, degrees_of(config))),
        "data sets": prepared.n_replicates,
        "data sets of the calibration": config.n_calibration if source.generator else 0,
    }


def _read_prior(config: BayesConfig, terms: Sequence[str]) -> Prior | None:
    """The general prior of two files, its terms put in the order of the model's; None without one.

    Raises:
        InputError: the files can't be read, or don't hold a prior for these terms.
    """
    if config.prior_mean is None or config.prior_covariance is None:
        return None
    names, means = _read_means(config.prior_mean)
    missing = [term for term in terms if term not in names]
    if missing:
        raise InputError(
            f"{config.prior_mean} has no row for term '{missing[0]}' of the model",
            hint="the --degree and --basis that the prior was made with",
        )
    order = [names.index(term) for term in terms]
    covariance = _read_matrix(config.prior_covariance)
    if covariance.shape != (len(names), len(names)):
        raise InputError(
            f"{config.prior_covariance}",
            must=f"a {len(names)} x {len(names)} matrix, as the prior's terms",
            got=f"shape {covariance.shape}",
        )
    # The rest of the terms is integrated out: a Gaussian's marginal leaves their rows out.
    return gaussian_prior(np.array(means)[order], covariance[np.ix_(order, order)])


def _read_means(name: str) -> tuple[list[str], list[float]]:
    try:
        with Path(name).expanduser().open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        return [row["term"] for row in rows], [float(row["mean"]) for row in rows]
    except (OSError, UnicodeDecodeError, KeyError, TypeError, ValueError):
        raise InputError(
            name,
            must="a CSV file with the columns term and mean, numbers in the latter",
            got="something else",
        ) from None


def _read_matrix(name: str) -> Array:
    try:
        found = np.load(Path(name).expanduser(), allow_pickle=False)
        return np.atleast_2d(np.asarray(found, dtype=np.float64))
    except (OSError, ValueError, EOFError, TypeError):
        raise InputError(
            name, must="an NPY file with a matrix of numbers", got="something else"
        ) from None


def _points(config: BayesConfig, data: Dataset, low: Array, high: Array) -> Array | None:
    """Where to predict, (n, D): --at, --grid, or 201 points over the range of a single input.

    None for several inputs and neither flag: the data's own rows then serve.

    Raises:
        InputError: the file has no such columns or values that won't do.
    """
    if config.at is not None:
        return _read_points(Path(config.at).expanduser(), data)
    if len(data.feature_names) > 1:
        return None
    ends = (float(low[0]), float(high[0]), 201)
    start, stop, n = ends if config.grid is None else parse_grid(config.grid)
    return np.linspace(start, stop, n)[:, None]  # (n, 1)


def _read_points(path: Path, data: Dataset) -> Array:
    check_file(path)
    wanted = ModelInputs(data.feature_names, preparation=data.preparation)
    parts = [part.X for part in table_batches(path, wanted)]
    X = np.concatenate(parts) if parts else np.empty((0, len(data.feature_names)))
    X = X if data.filling is None else data.filling(X)
    if X.size == 0 or not np.isfinite(X).all():
        raise DataError(f"the inputs in {path}", must="finite, at least one row", got="others")
    return np.asarray(X, dtype=np.float64)
