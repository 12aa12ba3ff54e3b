"""A random subsample of a stream of unknown length, with the extreme rows of every feature."""

from __future__ import annotations

import numpy as np

from mlcli.datasets.dataset import Array
from mlcli.rng import one_of_each

# Whenever more rows are kept, every other one goes: 14,000 to 28,000 rows in the end, some 20,000.
MOST_ROWS = 28_000
# Fewer of a wide table, so that they stay below this many numbers; but several rows a column.
MOST_CELLS = 2**23
ROWS_A_COLUMN = 4


def most_rows(n_features: int) -> int:
    """How many rows of D features and a target are kept at the most."""
    columns = n_features + 2
    return min(MOST_ROWS, max(MOST_CELLS // columns, ROWS_A_COLUMN * columns))


class Subsample:
    """One row of each run of 2^level, level rising with the stream, and each feature's extremes.

    Which row of a run is random, so that rows that repeat with a period are all met.

    Attributes:
        low, high: (D,) ranges of the features so far.
        level: of the runs.
    """

    def __init__(self, n_features: int, most: int | None = None) -> None:
        self.low = np.full(n_features, np.inf)
        self.high = np.full(n_features, -np.inf)
        self.level = 0
        self._most = most_rows(n_features) if most is None else most
        self._seen = 0
        self._kept: list[Array] = []  # blocks (k, 2 + D): row number, features, target
        self._n_kept = 0
        self._lowest = np.zeros((n_features, n_features + 2))
        self._highest = np.zeros((n_features, n_features + 2))

    def see(self, X: Array, t: Array) -> None:
        """Take a batch, X (n, D) and t (n,), every value finite."""
        if len(t) == 0:
            return
        for j, column in enumerate(X.T):
            i, k = int(column.argmin()), int(column.argmax())
            if column[i] < self.low[j]:
                self.low[j], self._lowest[j] = column[i], self._row(X, t, i)
            if column[k] > self.high[j]:
                self.high[j], self._highest[j] = column[k], self._row(X, t, k)
        chosen = one_of_each(self.level, self._seen, self._seen + len(t)) - self._seen
        if len(chosen):
            self._kept.append(np.column_stack([self._seen + chosen, X[chosen], t[chosen]]))
            self._n_kept += len(chosen)
        self._seen += len(t)
        while self._n_kept > self._most:
            self._thin()

    def _row(self, X: Array, t: Array, i: int) -> Array:
        return np.concatenate([[self._seen + i], X[i], [t[i]]])

    def _thin(self) -> None:
        self.level += 1
        kept = np.concatenate(self._kept)
        chosen = one_of_each(self.level, 0, self._seen)
        self._kept = [kept[np.isin(kept[:, 0].astype(np.int64), chosen)]]
        self._n_kept = len(self._kept[0])

    def rows(self) -> tuple[Array, Array]:
        """X (m, D) and t (m,), in the stream's order, each row once."""
        together = np.concatenate([*self._kept, self._lowest, self._highest])
        _, first = np.unique(together[:, 0], return_index=True)
        together = together[first]
        return together[:, 1:-1].copy(), together[:, -1].copy()
