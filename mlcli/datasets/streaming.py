"""Tables larger than memory: one checking pass, then batches as often as they are wanted."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcli.datasets import read_parquet, read_text
from mlcli.datasets.checks import Missing, refuse_constant
from mlcli.datasets.columns import ColumnChoice
from mlcli.datasets.dataset import Array, Dataset, Task
from mlcli.datasets.read_table import BATCH_ROWS, column_batches, file_identity, parts_of
from mlcli.errors import DataError
from mlcli.rng import one_of_each

# Whenever more rows are kept, every other one is dropped, which leaves some 20,000 in the end.
MOST_ROWS = 28_000
# Fewer of a wide table, so that they stay below this many numbers; but several rows a column.
MOST_CELLS = 2**23
ROWS_A_COLUMN = 4
# Text below this is read whole: its rows fit in memory several times over.
STREAMED_TEXT_BYTES = 200 * 10**6
COUNTED_BYTES = 2**20
# Numbers in a batch of a wide table: its rows are then fewer than BATCH_ROWS.
BATCH_CELLS = 2**21
MAX_FEATURES = 2000
# A target with more values than this has no classes.
MAX_VALUES = 1000


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


def has_more_rows(path: Path, stream_rows: int) -> bool:
    """Whether a table is one to stream: Parquet by its own count, text by its size and lines."""
    parts = parts_of(path)
    suffix = parts[0].suffix.lower()
    if suffix == ".parquet":
        return sum(map(read_parquet.n_rows, parts)) > stream_rows
    if suffix == ".npz" or sum(part.stat().st_size for part in parts) <= STREAMED_TEXT_BYTES:
        return False
    return sum(map(_n_lines, parts)) > stream_rows


def _n_lines(path: Path) -> int:
    with path.open("rb") as file:
        return sum(block.count(b"\n") for block in iter(lambda: file.read(COUNTED_BYTES), b""))


class StreamSource:
    """A table that is read in batches, in bounded memory, as often as needed.

    Attributes:
        n_rows: rows N after the checks.
        n_missing, n_infinite: values that are missing or infinite, 0 unless rows were dropped.
        low, high: (D,) ranges of the features.
        target_counts: the values of the target, rising, and the rows of each; None of a target
            with more than `MAX_VALUES` values.
        sample: some 20,000 rows at even distances, with those of every feature's lowest and
            highest value; for scaling, pictures and choosing, not for the fit itself.
        streamed: True; every other source has False.
    """

    streamed = True
    fresh_draws = False
    truth = None
    noise_std = None
    generator = None
    class_law = None
    task: Task | None = None
    image_shape = None
    class_names = None
    n_own_test = 0

    def __init__(self, path: Path, choice: ColumnChoice, *, drop_missing: bool = False) -> None:
        """Read the table once and check it.

        Raises:
            DataError: too many features, text, missing values, or a constant feature.
        """
        if len(choice.features) > MAX_FEATURES:
            raise DataError(
                f"a table that is read in batches, as {path} is,",
                must=f"of at most {MAX_FEATURES:,} features",
                got=f"{len(choice.features):,}",
                hint="--features",
            )
        self._path = path
        self._choice = choice
        self._seen = _state(path)
        self.name = path.name
        self.feature_names = choice.features
        self.target_name = choice.target
        try:
            self._as_text = False
            missing, subsample, counts = self._pass()
        except read_text.NotAllFloats:
            self._as_text = True
            missing, subsample, counts = self._pass()
        missing.refuse(path, drop_missing=drop_missing)
        self.low, self.high = subsample.low, subsample.high
        refuse_constant(path, choice.features, self.low, self.high)
        self.n_rows = missing.n_rows - missing.n_bad_rows
        self.n_missing, self.n_infinite = missing.n_missing, missing.n_infinite
        self.target_counts = counts.values
        X, t = subsample.rows()
        self.sample = Dataset(self.name, X, t, self.feature_names, self.target_name)
        self.identity: dict[str, Any] = file_identity(path, choice, drop_missing=drop_missing)
        self._refuse_change()

    def _pass(self) -> tuple[Missing, Subsample, ValueCounts]:
        missing, subsample = Missing(), Subsample(len(self.feature_names))
        counts = ValueCounts()
        for X, t, good in self._batches(BATCH_ROWS, missing):
            subsample.see(X[good], t[good])
            counts.see(t[good])
        return missing, subsample, counts

    def _batches(
        self, rows: int, missing: Missing
    ) -> Iterator[tuple[Array, Array, NDArray[np.bool_]]]:
        rows = max(1, min(rows, BATCH_CELLS // (len(self.feature_names) + 1)))
        self._refuse_change()
        try:
            parts = column_batches(self._path, self._choice, rows=rows, as_text=self._as_text)
            for part in parts:
                good = missing.see(part)
                X = np.column_stack([part[name] for name in self.feature_names])  # (n, D)
                yield X, part[self.target_name], good
        except DataError:
            # That the file was changed explains more than what is wrong with half of it.
            self._refuse_change()
            raise
        self._refuse_change()

    def _refuse_change(self) -> None:
        if _state(self._path) != self._seen:
            raise DataError(
                f"{self._path} changed while it was read", hint="again when nothing writes to it"
            )

    def batches(self, rows: int = BATCH_ROWS) -> Iterator[tuple[Array, Array]]:
        """All rows in order, X (n, D) and t (n,) with 1 <= n <= `rows`.

        Incomplete rows are left out, where the source was opened with ``drop_missing``.

        Raises:
            DataError: the file, or a part, is no longer the one that was opened.
        """
        for X, t, good in self._batches(rows, Missing()):
            if good.all():
                yield X, t
            elif good.any():
                yield X[good], t[good]

    def replicate(self, index: int, seed: int) -> Dataset:
        """Refused: the rows aren't in memory together.

        Raises:
            DataError: always; what can stream asks for `batches`.
        """
        raise DataError(
            f"{self.name} has {self.n_rows} rows and is read in batches, which this can't use",
            hint="a file with fewer rows",
        )


class ValueCounts:
    """The distinct values of a stream and how often each came, as long as they are few.

    Attributes:
        values: value -> count, by rising value; None once there were more than `MAX_VALUES`.
    """

    def __init__(self) -> None:
        self.values: dict[float, int] | None = {}

    def see(self, t: Array) -> None:
        """Take a batch, (n,)."""
        if self.values is None:
            return
        for value, count in zip(*np.unique(t, return_counts=True), strict=True):
            self.values[float(value)] = self.values.get(float(value), 0) + int(count)
            if len(self.values) > MAX_VALUES:
                self.values = None
                return
        self.values = dict(sorted(self.values.items()))


def _state(path: Path) -> list[tuple[str, int, int, int]]:
    """What changes when somebody writes to a file, or adds, takes away or replaces a part."""
    try:
        stats = [(part.name, part.stat()) for part in parts_of(path)]
    except OSError:
        return []
    return [(name, one.st_size, one.st_mtime_ns, one.st_ino) for name, one in stats]
