"""What `bias-variance` checks before any work."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mlcli.datasets.source import Source
from mlcli.errors import DataError
from mlcli.experiments.bias_variance.config import BiasVarianceConfig
from mlcli.experiments.bias_variance.double_descent import descends, descent_sizes
from mlcli.experiments.bias_variance.ensemble import fresh_rows, open_ensemble
from mlcli.experiments.bias_variance.models import sizes, strength_degree
from mlcli.experiments.column_limit import MAX_COLUMNS, smaller_basis
from mlcli.experiments.experiment import Prepared
from mlcli.experiments.source import refuse_words
from mlcli.linear.basis import count_columns


def prepare(config: BiasVarianceConfig, source: Source) -> Prepared[BiasVarianceConfig]:
    """Refuse what can't be fitted.

    Raises:
        InputError: the number of rows, of draws, or the size of the basis won't do.
    """
    if source.streamed:
        raise DataError(
            f"{source.name} is read in batches, but an ensemble needs all rows at once",
            hint="a sample of its rows in a file of their own",
        )
    penalised = [] if config.penalty == "none" else [strength_degree(config)]
    for degree in [*sizes(config), *penalised]:
        _check_columns(config, source, degree)
    if source.generator is None:
        first = source.replicate(0, config.seed)
        refuse_words("bias-variance", first)
        _check_split(config, source)
        for index in range(config.n_seeds if first.preparation else 0):
            open_ensemble(config, source, index, 1)
    n_rows = distinct_rows(config, source)
    for degree in sizes(config):
        n_columns = count_columns(config.basis, len(source.feature_names), degree)
        if n_rows < n_columns:
            kind = "rows" if source.generator is not None else "distinct rows"
            raise DataError(
                f"degree {degree} of the {config.basis} basis needs data sets of at least "
                f"{n_columns:,} {kind}, got {n_rows:,.0f}"
                + ("" if source.generator is not None else " on average in a bootstrap"),
                hint=f"{_smaller(config, source)}, or a higher --n-rows",
            )
    return Prepared(config, source)


def _check_columns(config: BiasVarianceConfig, source: Source, degree: int) -> None:
    n_columns = count_columns(config.basis, len(source.feature_names), degree)
    if n_columns > MAX_COLUMNS:
        raise DataError(
            f"degree {degree} of the {config.basis} basis in {len(source.feature_names)} input(s) "
            f"has {n_columns:,} columns, at most {MAX_COLUMNS:,} are fitted",
            hint=_smaller(config, source),
        )


def _smaller(config: BiasVarianceConfig, source: Source) -> str:
    """Flags of a basis that can be fitted to each data set."""
    flags = ("--degrees",) if config.strength_degree is None else ("--degrees", "--strength-degree")
    most = min(MAX_COLUMNS, int(distinct_rows(config, source)))
    return smaller_basis(config.basis, len(source.feature_names), True, most, flags)


def _check_split(config: BiasVarianceConfig, source: Source) -> None:
    n_train = n_training_rows(config, source)
    if n_train < 2 or n_train == source.n_rows:
        part = "training rows" if n_train < 2 else "test row"
        raise DataError(
            f"--test-fraction {config.test_fraction:g} of {source.n_rows} rows leaves too few "
            f"{part}",
            hint="another fraction or more data",
        )
    if source.fresh_draws:
        source.replicate(config.n_seeds - 1, config.seed)


def n_training_rows(config: BiasVarianceConfig, source: Source) -> int:
    """Rows of the part that a bootstrap draws from."""
    return round((1.0 - config.test_fraction) * source.n_rows)


def distinct_rows(config: BiasVarianceConfig, source: Source) -> float:
    """Different rows in one data set: all fresh ones, about 63 % of a bootstrap's on average."""
    if source.generator is not None:
        return float(fresh_rows(config))
    n_train = n_training_rows(config, source)
    n_drawn = config.n_rows or n_train
    return float(n_train * (1.0 - (1.0 - 1.0 / n_train) ** n_drawn))


def plan(prepared: Prepared[BiasVarianceConfig]) -> Mapping[str, Any]:
    """The size of the work, for a dry run."""
    config, source = prepared.config, prepared.source
    fresh = source.generator is not None
    rows = fresh_rows(config) if fresh else config.n_rows or n_training_rows(config, source)
    return {
        "ensemble": "fresh draws" if fresh else "bootstrap",
        "rows of a data set": rows,
        "inputs": len(source.feature_names),
        "data sets of a seed": config.n_datasets,
        "seeds": config.n_seeds,
        "degrees": ",".join(map(str, sizes(config))),
        "strengths": 0 if config.penalty == "none" else config.n_strengths,
        "sizes past the threshold": len(descent_sizes(config)) if descends(config, source) else 0,
    }
