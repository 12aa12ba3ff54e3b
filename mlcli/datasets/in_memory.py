"""Sources whose rows fit in memory: drawn from a synthetic set, a table, or images."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from mlcli.datasets.class_law import ClassLaw
from mlcli.datasets.dataset import Dataset, Task, Truth
from mlcli.datasets.images import pixel_names
from mlcli.datasets.registry import NamedSet
from mlcli.datasets.synthetic import (
    GENERATOR,
    AnyGenerator,
    AnySpec,
    Generator,
    generator_of,
    of_regression,
)
from mlcli.errors import DataError
from mlcli.rng import stream


class SyntheticSource:
    """Independent draws of a synthetic set: replicate i comes from the stream (seed, "data", i)."""

    fresh_draws = True
    streamed = False
    class_names: tuple[str, ...] | None = None
    n_own_test = 0

    def __init__(self, generator: AnyGenerator) -> None:
        spec, known = generator.spec, of_regression(generator)
        self._generator = generator
        self.generator = known
        self.name = spec.name
        self.feature_names = spec.feature_names
        self.target_name = spec.t_name
        self.task: Task | None = spec.task
        self.image_shape: tuple[int, ...] | None = getattr(spec, "image_shape", None)
        self.truth: Truth | None = None if known is None else known.spec.truth
        self.noise_std: float | None = None if known is None else known.chosen.noise_std
        self.n_rows = generator.chosen.n_samples
        self.identity: dict[str, Any] = {
            "kind": "synthetic",
            "name": spec.name,
            "generator": GENERATOR,
            **vars(generator.chosen),
        }

    @property
    def class_law(self) -> ClassLaw | None:
        """p(x|C_k) and p(C_k), where they are known."""
        return self._generator.class_law

    def replicate(self, index: int, seed: int) -> Dataset:
        return self._generator.draw(stream(seed, "data", index))


class TableSource:
    """One data set: every replicate is the same rows."""

    fresh_draws = False
    streamed = False
    truth: Truth | None = None
    noise_std: float | None = None
    generator: Generator | None = None
    class_probability: Truth | None = None
    _drawn_from: AnyGenerator | None = None
    task: Task | None = None
    image_shape: tuple[int, ...] | None = None
    class_names: tuple[str, ...] | None = None
    n_own_test = 0

    def __init__(self, data: Dataset, identity: dict[str, Any]) -> None:
        self._data = data
        self.n_own_test = data.n_own_test
        self.name = data.name
        self.feature_names = data.feature_names
        self.target_name = data.target_name
        if data.class_names is not None:
            self.task, self.class_names = "classification", data.class_names
        self.n_rows = len(data.t)
        self.identity = identity

    @property
    def class_law(self) -> ClassLaw | None:
        """p(x|C_k) and p(C_k) where the rows were drawn from a set that has them."""
        return None if self._drawn_from is None else self._drawn_from.class_law

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
        return replace(
            data,
            name=self.name,
            X=data.X[rows],
            t=data.t[rows],
            truth=self.truth,
            noise_std=self.noise_std,
            class_probability=self.class_probability,
            groups=None if data.groups is None else data.groups[rows],
        )

    def is_drawn_from(self, spec: AnySpec, identity: dict[str, Any]) -> None:
        """Take the name, truth and noise of the synthetic set that the rows were drawn from."""
        keys = ("n_samples", "x_min", "x_max", "noise_std")
        generator = generator_of(spec, **{key: identity.get(key) for key in keys})
        self.name = spec.name
        self._drawn_from = generator
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
        self.feature_names = pixel_names(named.image_shape or named.shape[1:])
        self.target_name = "class"
        self.n_rows = named.shape[0]
        self.task = named.task
        self.image_shape = named.image_shape
        self.n_own_test = named.n_own_test
        self.class_names = named.class_names
        self.identity = identity

    def replicate(self, index: int, seed: int) -> Dataset:
        if self._loaded is None:
            self._loaded = self._load()
        return self._loaded

    def __getstate__(self) -> dict[str, Any]:
        # Another process may not have the files, so the rows are pickled instead of `_load`.
        return self.__dict__ | {"_loaded": self.replicate(0, 0), "_load": None}


class ImageSource(TableSource):
    """A file or a folder of images; each row of X is one, as `images` says.

    Attributes:
        skipped: a sentence for each image that was left out.
    """

    def __init__(
        self,
        data: Dataset,
        identity: dict[str, Any],
        task: Task,
        image_shape: tuple[int, ...],
        class_names: tuple[str, ...] | None = None,
        *,
        skipped: tuple[str, ...] = (),
    ) -> None:
        super().__init__(data, identity)
        self.skipped = skipped
        self.task = task
        self.image_shape = image_shape
        self.class_names = class_names
