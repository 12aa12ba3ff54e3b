"""Fill gaps, and categories that the training rows lack, with statistics of the training rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcli.errors import DataError
from mlcli.preparation.columns import Array, Column, Preparation


@dataclass(frozen=True)
class Filling:
    """Statistics of training rows that fill the gaps of any rows.

    Attributes:
        preparation: of the columns.
        values: the value that fills each input, (D,); NaN for none.
        seen: for each column of categories, which of them the training rows have, (K,).
    """

    preparation: Preparation
    values: Array
    seen: Mapping[str, NDArray[np.bool_]]

    def __call__(self, X: Array) -> Array:
        """X (n, D) with its gaps filled; NaN remains where there is no value to fill it.

        Raises:
            DataError: a row has a category that the training rows lack, and unseen is refuse.
        """
        every = zip(self.preparation.columns, self.preparation.places, strict=True)
        for column, place in every:
            if column.kind == "category" and not self.seen[column.name].all():
                X = self._without_unseen(X, column, place)
        gaps = np.isnan(X)
        return np.where(gaps, self.values, X) if gaps.any() else X

    def _without_unseen(self, X: Array, column: Column, place: slice) -> Array:
        codes = codes_of(X[:, place])
        known = codes >= 0
        lacking = known & ~self.seen[column.name][np.where(known, codes, 0)]
        if not lacking.any():
            return X
        if self.preparation.unseen == "refuse":
            value = column.values[codes[lacking][0]]
            raise DataError(
                f"no training row has {value!r} in column '{column.name}', which another row has",
                hint="--unseen average, or merging rare categories in the file",
            )
        X = X.copy()
        X[lacking, place] = np.nan
        return X

    @property
    def fills(self) -> tuple[bool, ...]:
        """Whether a gap in each of the D columns is filled."""
        return tuple(np.isfinite(self.values).tolist())

    def to_dict(self) -> dict[str, Any]:
        """For JSON, without loss; `filling_from_dict` reads it."""
        return {
            "values": [value if np.isfinite(value) else None for value in self.values.tolist()],
            "seen": {name: seen.tolist() for name, seen in self.seen.items()},
        }


def codes_of(indicators: Array) -> NDArray[np.int64]:
    """The category of each row, 0..K-1, (n,), from its indicator columns, (n, K - 1).

    -1 for a gap.
    """
    gap = np.isnan(indicators).any(axis=1)
    found = (indicators == 1.0) @ np.arange(1, indicators.shape[1] + 1)
    return np.where(gap, -1, found).astype(np.int64)


def fit_filling(preparation: Preparation, X: Array) -> Filling:
    """The statistics of training rows X (n, D).

    Raises:
        DataError: a column that is to be filled has no value in them.
    """
    values, seen = np.full(X.shape[1], np.nan), {}
    for column, place in zip(preparation.columns, preparation.places, strict=True):
        own = X[:, place]
        if column.kind == "category":
            codes = codes_of(own)
            seen[column.name] = np.isin(np.arange(len(column.values)), codes)
            if preparation.unseen == "average":
                values[place] = own[codes >= 0].mean(axis=0)
        elif preparation.impute is not None:
            known = own[~np.isnan(own).any(axis=1)]
            if not len(known):
                raise DataError(
                    f"column '{column.name}' has no value in the {len(X)} training rows, so that "
                    "there is nothing to fill its gaps with",
                    hint="leaving it out of --features",
                )
            values[place] = [_statistic(preparation.impute, one) for one in known.T]
    return Filling(preparation, values, seen)


def _statistic(impute: str, x: Array) -> float:
    if impute == "mean":
        return float(x.mean())
    if impute == "median":
        return float(np.median(x))
    values, counts = np.unique(x, return_counts=True)
    # The smallest of equally frequent values.
    return float(values[counts.argmax()])


def filling_from_dict(preparation: Preparation, metadata: Mapping[str, Any]) -> Filling:
    """The inverse of `Filling.to_dict`.

    Raises:
        KeyError, TypeError, ValueError: the dictionary is invalid.
    """
    values = np.array([np.nan if one is None else float(one) for one in metadata["values"]])
    seen = {str(name): np.array(one, dtype=bool) for name, one in metadata["seen"].items()}
    sizes = {one.name: len(one.values) for one in preparation.columns if one.kind == "category"}
    if values.shape != (len(preparation.names),) or sizes != {k: v.size for k, v in seen.items()}:
        raise ValueError("the statistics are not those of these columns")
    return Filling(preparation, values, seen)
