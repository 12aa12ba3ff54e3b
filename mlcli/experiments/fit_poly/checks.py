"""What can be said about a run of `fit-poly` before any work."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mlcli.datasets.source import Source
from mlcli.errors import DataError, InputError
from mlcli.experiments.fit_poly import estimators, streamed
from mlcli.experiments.fit_poly.config import FitPolyConfig
from mlcli.experiments.fit_poly.replicate import split
from mlcli.experiments.size_hint import smaller_basis
from mlcli.experiments.source import refuse_words

MAX_COLUMNS = 5000


def n_replicates(config: FitPolyConfig, source: Source) -> int:
    """How many independent repeats there are; one where nothing is random."""
    return config.n_seeds if source.fresh_draws or config.test_fraction > 0 else 1


def check(config: FitPolyConfig, source: Source) -> None:
    """Refuse what can't be fitted, before any work.

    Raises:
        InputError: the device, the number of rows or the size of the basis won't do.
    """
    if config.device not in ("auto", "cpu"):
        raise InputError(
            "--device", must="auto or cpu for fit-poly, which is NumPy", got=config.device
        )
    from mlcli.linear.basis import count_columns

    if source.streamed:
        streamed.check(config)
    else:
        first = source.replicate(0, config.seed)
        refuse_words("fit-poly", first)
        for index in range(n_replicates(config, source) if first.preparation else 0):
            split(config, source.replicate(index, config.seed), index)
    degrees, n_features = estimators.sizes(config), len(source.feature_names)
    n_test = round(config.test_fraction * source.n_rows)
    n_train = source.n_rows - n_test
    for degree in degrees:
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


def _smaller(config: FitPolyConfig, n_features: int, n_train: int) -> str:
    """Flags of a basis that can be fitted to so many rows."""
    exact = config.penalty == "none" and config.solver != "lapack"
    most = min(MAX_COLUMNS, n_train) if exact else MAX_COLUMNS
    return smaller_basis(config.basis, n_features, config.intercept, most, ("--degrees",))


def plan(config: FitPolyConfig, source: Source) -> Mapping[str, Any]:
    """The size of the work, for a dry run."""
    from mlcli.linear.basis import count_columns

    degrees = estimators.sizes(config)
    return {
        "rows": source.n_rows,
        "inputs": len(source.feature_names),
        "seeds": n_replicates(config, source),
        "degrees": ",".join(map(str, degrees)),
        "columns at the highest degree": count_columns(
            config.basis, len(source.feature_names), degrees[-1], config.intercept
        ),
        "strengths on the path": 0 if config.path_penalty == "none" else config.n_path,
    }
