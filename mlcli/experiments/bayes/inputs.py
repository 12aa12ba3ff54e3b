"""What `bayes` reads beside its data: a prior, and the points at which to predict."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mlcli.datasets.dataset import Dataset
from mlcli.datasets.files import check_file
from mlcli.datasets.rows import ModelInputs, table_batches
from mlcli.errors import DataError, InputError
from mlcli.experiments.bayes.config import BayesConfig, parse_grid
from mlcli.linear.bayes.posterior import Prior, gaussian_prior

Array = NDArray[np.float64]


def read_prior(config: BayesConfig, terms: Sequence[str]) -> Prior | None:
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


def points(config: BayesConfig, data: Dataset, low: Array, high: Array) -> Array | None:
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
