"""Files larger than memory: one checking pass, then batches as often as they are wanted."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcli.datasets import read_parquet, read_text
from mlcli.datasets.checks import Missing, refuse_constant
from mlcli.datasets.columns import Choice
from mlcli.datasets.dataset import Array, Dataset, Task
from mlcli.datasets.subsample import Subsample
from mlcli.datasets.tabular import BATCH_ROWS, column_batches, file_identity
from mlcli.errors import DataError

# A text file below this is read whole: its rows fit in memory several times over.
STREAMED_TEXT_BYTES = 200 * 10**6
COUNTED_BYTES = 2**20


def has_more_rows(path: Path, stream_rows: int) -> bool:
    """Whether a file is one to stream: Parquet by its own count, text by its size and lines."""
    suffix = path.suffix.lower()
    if suffix == ".parquet":
        return read_parquet.n_rows(path) > stream_rows
    if suffix == ".npz" or path.stat().st_size <= STREAMED_TEXT_BYTES:
        return False
    with path.open("rb") as file:
        lines = sum(block.count(b"\n") for block in iter(lambda: file.read(COUNTED_BYTES), b""))
    return lines > stream_rows


class StreamSource:
    """A table file that is read in batches, in bounded memory, each time it is asked for.

    Attributes:
        n_rows: rows N after the checks.
        n_missing, n_infinite: values that are missing or infinite, 0 unless rows were dropped.
        low, high: (D,) ranges of the features.
        sample: some 20,000 rows at even distances, with those of every feature's lowest and
            highest value; for scaling, pictures and choosing, not for the fit itself.
        streamed: True; every other source has False.
    """

    streamed = True
    fresh_draws = False
    truth = None
    noise_std = None
    generator = None
    task: Task | None = None
    image_shape = None
    class_names = None
    n_own_test = 0

    def __init__(self, path: Path, choice: Choice, *, drop_missing: bool = False) -> None:
        """Read the file once and check it.

        Raises:
            DataError: text, missing values or a constant feature.
        """
        self._path = path
        self._choice = choice
        self.name = path.name
        self.feature_names = choice.features
        self.target_name = choice.target
        try:
            self._as_text = False
            missing, subsample = self._pass()
        except read_text.NotAllFloats:
            self._as_text = True
            missing, subsample = self._pass()
        missing.refuse(path, drop_missing=drop_missing)
        self.low, self.high = subsample.low, subsample.high
        refuse_constant(path, choice.features, self.low, self.high)
        self.n_rows = missing.n_rows - missing.n_bad_rows
        self.n_missing, self.n_infinite = missing.n_missing, missing.n_infinite
        X, t = subsample.rows()
        self.sample = Dataset(self.name, X, t, self.feature_names, self.target_name)
        self.identity: dict[str, Any] = file_identity(path, choice, drop_missing=drop_missing)

    def _pass(self) -> tuple[Missing, Subsample]:
        missing, subsample = Missing(), Subsample(len(self.feature_names))
        for X, t, good in self._batches(BATCH_ROWS, missing):
            subsample.see(X[good], t[good])
        return missing, subsample

    def _batches(
        self, rows: int, missing: Missing
    ) -> Iterator[tuple[Array, Array, NDArray[np.bool_]]]:
        for part in column_batches(self._path, self._choice, rows=rows, as_text=self._as_text):
            good = missing.see(part)
            X = np.column_stack([part[name] for name in self.feature_names])  # (n, D)
            yield X, part[self.target_name], good

    def batches(self, rows: int = BATCH_ROWS) -> Iterator[tuple[Array, Array]]:
        """All rows in the file's order, X (n, D) and t (n,) with 1 <= n <= `rows`.

        Incomplete rows are left out, where the source was opened with ``drop_missing``.
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
