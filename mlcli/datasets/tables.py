"""Sources whose rows are a table in memory: files and the named sets that aren't synthetic."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mlcli.datasets import tabular
from mlcli.datasets.bundled import load_bundled
from mlcli.datasets.columns import Choice, choose
from mlcli.datasets.curves import CurvesSpec
from mlcli.datasets.dataset import Array, Dataset, Task, Truth
from mlcli.datasets.draws import draw_rows
from mlcli.datasets.files import check_file
from mlcli.datasets.groups import group_numbers
from mlcli.datasets.registry import NamedSet
from mlcli.datasets.sidecar import read_note
from mlcli.datasets.streaming import StreamSource, has_more_rows
from mlcli.datasets.synthetic import (
    SYNTHETIC,
    Generator,
    SyntheticSpec,
    generator_of,
    of_regression,
)
from mlcli.errors import DataError

if TYPE_CHECKING:
    from mlcli.datasets.source import Source


class TableSource:
    """One data set: every replicate is the same rows."""

    fresh_draws = False
    streamed = False
    truth: Truth | None = None
    noise_std: float | None = None
    generator: Generator | None = None
    class_probability: Truth | None = None
    task: Task | None = None
    image_shape: tuple[int, ...] | None = None
    n_own_test = 0

    def __init__(self, data: Dataset, identity: dict[str, Any]) -> None:
        self._data = data
        self.name = data.name
        self.feature_names = data.feature_names
        self.target_name = data.target_name
        self.n_rows = len(data.t)
        self.identity = identity

    def replicate(self, index: int, seed: int) -> Dataset:
        return self._data


class DrawsSource(TableSource):
    """Independent data sets in one table: replicate i is the rows that are numbered i."""

    fresh_draws = True

    def __init__(
        self, data: Dataset, identity: dict[str, Any], rows: Sequence[Any], column: str
    ) -> None:
        super().__init__(data, identity)
        self._rows = rows
        self._column = column
        self.n_rows = len(rows[0])

    def replicate(self, index: int, seed: int) -> Dataset:
        n_draws = len(self._rows)
        if not 0 <= index < n_draws:
            raise DataError(
                f"{self.name} holds {n_draws} data set(s), numbered from 0 in '{self._column}', "
                f"but number {index} is needed",
                hint="fewer seeds, or making more with data.n_draws",
            )
        rows, data = self._rows[index], self._data
        return Dataset(
            self.name,
            data.X[rows],
            data.t[rows],
            data.feature_names,
            data.target_name,
            truth=self.truth,
            noise_std=self.noise_std,
            class_probability=self.class_probability,
            groups=None if data.groups is None else data.groups[rows],
        )

    def is_drawn_from(self, spec: SyntheticSpec | CurvesSpec, identity: dict[str, Any]) -> None:
        """Take the name and what is known of a synthetic set, drawn as its identity says."""
        keys = ("n_samples", "x_min", "x_max", "noise_std")
        generator = generator_of(spec, **{key: identity.get(key) for key in keys})
        self.name = spec.name
        self.class_probability = generator.class_probability
        self.generator = of_regression(generator)
        if self.generator is not None:
            self.truth = self.generator.spec.truth
            self.noise_std = self.generator.chosen.noise_std
        self.identity = self.identity | {"drawn_from": identity}


class DeferredSource(TableSource):
    """An image set: found and described at once, its rows read when they are first needed."""

    def __init__(
        self, named: NamedSet, identity: dict[str, Any], load: Callable[[], Dataset]
    ) -> None:
        self._load = load
        self._loaded: Dataset | None = None
        self.name = named.name
        self.feature_names = tuple(f"pixel_{j}" for j in range(named.shape[1]))
        self.target_name = "class"
        self.n_rows = named.shape[0]
        self.task = named.task
        self.image_shape = named.image_shape
        self.n_own_test = named.n_own_test
        self.identity = identity

    def replicate(self, index: int, seed: int) -> Dataset:
        if self._loaded is None:
            self._loaded = self._load()
        return self._loaded


def open_bundled(
    named: NamedSet, target: str | None = None, features: Sequence[str] | None = None
) -> Source:
    """A set that comes with scikit-learn, or some of its columns.

    Raises:
        DataError: there is no such column.
    """
    data = load_bundled(named.name)
    digest = hashlib.sha256(data.X.astype("<f8").tobytes() + data.t.astype("<f8").tobytes())
    names = (*data.feature_names, data.target_name)
    choice = choose(
        named.name, names, target=target or data.target_name, features=features, draw_column=None
    )
    columns = dict(zip(names, (*data.X.T, data.t), strict=True))
    identity = {
        "kind": "bundled",
        "name": named.name,
        "sha256": digest.hexdigest(),
        "target": choice.target,
        "features": list(choice.features),
    }
    source = TableSource(_dataset(named.name, choice, columns), identity)
    if choice.target == data.target_name:
        source.task = named.task
    if choice.features == data.feature_names:
        source.image_shape = named.image_shape
    return source


def open_images(named: NamedSet) -> Source:
    """An image set that is on this machine: its training rows, then the rows it tests on.

    Raises:
        DataError: it isn't.
    """
    from mlcli.datasets.fetch import images, require
    from mlcli.datasets.imagesets import IMAGE_SETS

    require(named.name)
    files = IMAGE_SETS[named.name].files
    identity = {"kind": "download", "name": named.name, "sha256": dict(files)}

    def load() -> Dataset:
        X_train, y_train, X_test, y_test = images(named.name)
        # Straight to float64: 440 MB, without a copy of the bytes beside them.
        X = np.concatenate([X_train, X_test], dtype=np.float64).reshape(named.shape)
        t = np.concatenate([y_train, y_test], dtype=np.float64)
        return Dataset(
            named.name,
            X,
            t,
            source.feature_names,
            source.target_name,
            n_own_test=named.n_own_test,
        )

    source = DeferredSource(named, identity, load)
    return source


def open_file(
    path: Path,
    target: str | None,
    features: Sequence[str] | None,
    draw_column: str | None,
    group_column: str | None,
    *,
    drop_missing: bool,
    stream_rows: int,
) -> Source:
    """A table file, in memory or streamed; see `source.open_source`."""
    check_file(path)
    note = read_note(path)
    if note is not None and draw_column is None and features is None and target is None:
        draw_column = str(note["draw_column"])
    choice = tabular.choose_columns(path, target, features, draw_column, group_column)
    source = _open_table(path, choice, drop_missing=drop_missing, stream_rows=stream_rows)
    spec = None if note is None else SYNTHETIC.get(str(note["drawn_from"].get("name")))
    if note is not None and spec is not None and choice.target == spec.t_name:
        source.task = spec.task
        # f and p(C_1|x) are functions of all the set's features, in the set's order.
        if isinstance(source, DrawsSource) and choice.features == spec.feature_names:
            source.is_drawn_from(spec, note["drawn_from"])
    return source


def _open_table(
    path: Path, choice: Choice, *, drop_missing: bool, stream_rows: int
) -> TableSource | StreamSource:
    draw_column, group_column = choice.draw_column, choice.group_column
    if draw_column is None and group_column is None and has_more_rows(path, stream_rows):
        return StreamSource(path, choice, drop_missing=drop_missing)
    columns = tabular.read(path, choice, drop_missing=drop_missing)
    data = _dataset(path.name, choice, columns)
    if group_column is not None:
        data = replace(data, groups=group_numbers(path, group_column, data.t.size))
    identity = tabular.file_identity(path, choice, drop_missing=drop_missing)
    if draw_column is None:
        return TableSource(data, identity)
    rows = draw_rows(path, draw_column, columns[draw_column])
    return DrawsSource(data, identity, rows, draw_column)


def _dataset(name: str, choice: Choice, columns: dict[str, Array]) -> Dataset:
    X = np.column_stack([columns[name] for name in choice.features])  # (N, D)
    return Dataset(name, X, columns[choice.target], choice.features, choice.target)
