"""What can be said about a run of `bayes` before any work."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from mlcli.datasets.dataset import Dataset
from mlcli.datasets.source import Source
from mlcli.datasets.streaming import StreamSource
from mlcli.errors import ConfigError, DataError, InputError
from mlcli.experiments.bayes.columns import Data, basis_of, degrees_of, in_memory, model_degree
from mlcli.experiments.bayes.config import BayesConfig
from mlcli.experiments.bayes.inputs import points, read_prior
from mlcli.experiments.column_limit import smaller_basis
from mlcli.experiments.source import refuse_words

MAX_COLUMNS = 2000


def first_data(config: BayesConfig, source: Source) -> Data:
    """The rows of the first data set, or of the file that is read in batches."""
    if isinstance(source, StreamSource):
        return Data(source.batches, source.low, source.high, source.n_rows)
    first = all_rows(config, source)
    return in_memory(first.X, first.t, first.related)


def all_rows(config: BayesConfig, source: Source) -> Dataset:
    """The first data set, prepared by all of its rows; of a file read in batches a sample."""
    if isinstance(source, StreamSource):
        return source.sample
    return source.replicate(0, config.seed).fitted_to()


def check(config: BayesConfig, source: Source) -> None:
    """Refuse what has no posterior, before any work.

    Raises:
        InputError: the device, the target, the size of a basis, the prior or the points won't do.
    """
    if config.device not in ("auto", "cpu"):
        raise InputError(
            "--device", must="auto or cpu for bayes, which is NumPy", got=config.device
        )
    if not source.streamed:
        refuse_words("bayes", source.replicate(0, config.seed))
    data = first_data(config, source)
    features = source.feature_names
    for degree in (model_degree(config), *degrees_of(config)):
        n_columns = basis_of(config, data.low, data.high, degree, data.redundant).n_columns
        what = f"degree {degree} of the {config.basis} basis in {len(features)} input(s)"
        if not 0 < n_columns <= MAX_COLUMNS:
            raise DataError(
                f"{what} has {n_columns:,} columns, 1 to {MAX_COLUMNS:,} are fitted",
                hint=smaller_basis(
                    "polynomial" if config.basis == "monomial" else config.basis,
                    len(features),
                    config.intercept,
                    MAX_COLUMNS,
                    ("--degree", "--degrees"),
                ),
            )
    if config.grid is not None and len(features) > 1:
        raise ConfigError(
            "--grid", must="used with one input", got=f"{len(features)} inputs", hint="--at FILE"
        )
    _check_target(config, source)
    points(config, all_rows(config, source), data.low, data.high)
    basis = basis_of(config, data.low, data.high, model_degree(config), data.redundant)
    read_prior(config, basis.terms(features))


def _check_target(config: BayesConfig, source: Source) -> None:
    given = config.prior_precision is not None and config.noise_precision is not None
    first = all_rows(config, source)
    if np.ptp(first.t) == 0 and not given:
        raise DataError(
            f"target '{first.target_name}' has no variance, so that its noise can't be estimated",
            hint="--prior-precision and --noise-precision, or another --target",
        )


def n_replicates(config: BayesConfig, source: Source) -> int:
    """Independent data sets; a file with one is analysed once, as nothing in it is random."""
    return config.n_seeds if source.fresh_draws else 1


def plan(config: BayesConfig, source: Source) -> Mapping[str, Any]:
    """The size of the work, for a dry run."""
    data = first_data(config, source)
    basis = basis_of(config, data.low, data.high, model_degree(config), data.redundant)
    return {
        "rows": source.n_rows,
        "inputs": len(source.feature_names),
        "columns": basis.n_columns,
        "degrees compared": ",".join(map(str, degrees_of(config))),
        "data sets": n_replicates(config, source),
        "data sets of the calibration": config.n_calibration if source.generator else 0,
    }
