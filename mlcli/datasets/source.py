"""`open_source`: a name or a path -> where an experiment gets the data of each replicate from."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from mlcli.datasets.checks import refuse_given
from mlcli.datasets.class_law import ClassLaw
from mlcli.datasets.columns import NOTHING, Declared
from mlcli.datasets.dataset import Dataset, Task, Truth
from mlcli.datasets.files import SUFFIXES
from mlcli.datasets.in_memory import DeferredSource, SyntheticSource
from mlcli.datasets.names import canonical
from mlcli.datasets.registry import DATASETS, NamedSet, lookup
from mlcli.datasets.synthetic import (
    SYNTHETIC,
    Generator,
    generator_of,
)

STREAM_ROWS = 2_000_000


class Source(Protocol):
    """Where an experiment gets its data from.

    Attributes:
        name: what reports call the data.
        feature_names: D names.
        target_name: the name of t.
        truth: the noise-free function, where it is known.
        noise_std: the noise's standard deviation in units of t, where it is known.
        generator: what the data of a regression are drawn from, where it is known.
        class_law: p(x|C_k) and p(C_k) of the classes 0..K-1, where they are known.
        identity: what the data are, in JSON's types; equal for equal data on any machine.
        fresh_draws: whether each replicate is an independent data set.
        n_rows: rows of one replicate, after the checks.
        streamed: whether the rows come in batches only (`streaming.StreamSource`).
        task: whether t is a number or the number of a class, where it is known.
        image_shape: (h, w) or (c, h, w) where each row of X is an image, laid out as in `images`.
        class_names: K names where classes 0..K-1 have names; None where they are numbers.
        n_own_test: how many of the last rows the set itself keeps for testing.
    """

    @property
    def name(self) -> str: ...
    @property
    def feature_names(self) -> tuple[str, ...]: ...
    @property
    def target_name(self) -> str: ...
    @property
    def truth(self) -> Truth | None: ...
    @property
    def noise_std(self) -> float | None: ...
    @property
    def generator(self) -> Generator | None: ...
    @property
    def class_law(self) -> ClassLaw | None: ...
    @property
    def identity(self) -> dict[str, Any]: ...
    @property
    def fresh_draws(self) -> bool: ...
    @property
    def n_rows(self) -> int: ...
    @property
    def streamed(self) -> bool: ...
    @property
    def task(self) -> Task | None: ...
    @property
    def image_shape(self) -> tuple[int, ...] | None: ...
    @property
    def class_names(self) -> tuple[str, ...] | None: ...
    @property
    def n_own_test(self) -> int: ...

    def replicate(self, index: int, seed: int) -> Dataset:
        """Data set number `index` (from 0) below `seed`.

        Raises:
            DataError: there is no such data set.
        """


def open_source(
    name_or_path: str,
    *,
    target: str | None = None,
    features: Sequence[str] | None = None,
    draw_column: str | None = None,
    group_column: str | None = None,
    drop_missing: bool = False,
    n_samples: int | None = None,
    x_min: float | None = None,
    x_max: float | None = None,
    noise_std: float | None = None,
    stream_rows: int = STREAM_ROWS,
    resize: tuple[int, int] | None = None,
    skip_bad: bool = False,
    declared: Declared = NOTHING,
) -> Source:
    """Open a named set, a CSV, TSV, Parquet or NPZ file, or a folder, and check it.

    A folder holds the parts of a table (`read_table.parts_of`), or images by class
    (`labelled_images`). An NPZ file with an ``X`` of 3 or 4 dimensions holds images. Parquet of
    more than `stream_rows` rows, and text that is also larger than
    `streaming.STREAMED_TEXT_BYTES`, become a `StreamSource`, unless a draw column is named.

    Args:
        name_or_path: a name of `registry.DATASETS`, or a path.
        target: column to predict; left out, ``t``, else ``y``, else ``target``.
        features: columns to predict from; left out, all others.
        draw_column: column whose values 0, 1, 2, ... number independent data sets in one file.
        group_column: column of a file whose values, numbers or text, name groups of rows.
        drop_missing: leave out rows of a file with missing or infinite values.
        n_samples, x_min, x_max, noise_std: of a synthetic set; left out, the set's own.
        stream_rows: the most rows that are read into memory.
        resize, skip_bad: of a folder of images, as `labelled_images.open_folder` takes them.
        declared: columns of categories and dates of a file, and how gaps are filled.

    Raises:
        DataError: the name, the file or folder, its columns or its values won't do.
    """
    x: dict[str, Any] = {"x_min": x_min, "x_max": x_max}
    shape = {"n_samples": n_samples, "noise_std": noise_std, **x}
    columns: dict[str, Any] = {"target": target, "features": features, "draw_column": draw_column}
    columns["group_column"] = group_column
    named = DATASETS.get(canonical(name_or_path))
    is_folder = named is None and _is_folder_of_images(name_or_path)
    if not is_folder:
        of_images = {"resize": resize, "skip_bad": skip_bad or None}
        refuse_given(name_or_path, of_images, "apply to folders of images only")
    if named is not None or is_folder:
        declared.refuse_for(name_or_path, "apply to table files only")
    if named is not None and named.kind == "synthetic":
        refuse_given(name_or_path, columns, "apply to tables only")
        return SyntheticSource(generator_of(SYNTHETIC[named.name], **shape))
    refuse_given(name_or_path, shape, "apply to synthetic sets only")
    if named is not None:
        return _open_named(named, columns)
    if is_folder:
        return _open_folder(Path(name_or_path).expanduser(), resize, skip_bad, columns)
    columns |= {"drop_missing": drop_missing, "declared": declared, "stream_rows": stream_rows}
    return _open_path(name_or_path, columns)


def _open_path(name: str, how: dict[str, Any]) -> Source:
    if not _is_path(name):
        lookup(name)
    path = Path(name).expanduser()
    from mlcli.datasets.tables import open_file

    return open_file(path, **how)


def _is_folder_of_images(name_or_path: str) -> bool:
    path = os.path.expanduser(name_or_path)
    if not os.path.isdir(path):
        return False
    from mlcli.datasets.read_table import holds_parts

    return not holds_parts(Path(path))


def _open_folder(
    path: Path, resize: tuple[int, int] | None, skip_bad: bool, columns: dict[str, Any]
) -> Source:
    from mlcli.datasets.labelled_images import open_folder

    refuse_given(path.name, columns, "apply to tables only")
    return open_folder(path, resize, skip_bad=skip_bad)


def _open_named(named: NamedSet, columns: dict[str, Any]) -> Source:
    from mlcli.datasets.bundled import open_bundled

    if named.kind == "download":
        refuse_given(named.name, columns, "apply to tables only")
        return _open_images(named)
    in_files = {key: columns[key] for key in ("draw_column", "group_column")}
    refuse_given(named.name, in_files, "apply to files only")
    return open_bundled(named, columns["target"], columns["features"])


def _open_images(named: NamedSet) -> Source:
    """An image set that is on this machine: its training rows, then the rows it tests on.

    Raises:
        DataError: it isn't.
    """
    from mlcli.datasets.fetch import IMAGE_SETS, images, require

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


def _is_path(text: str) -> bool:
    separators = [os.sep, *([os.altsep] if os.altsep else [])]
    suffix = Path(text).suffix.lower()
    return (
        suffix in SUFFIXES
        or any(separator in text for separator in separators)
        or (bool(text.strip()) and Path(text).exists())
        or suffix[1:].isalnum()
    )
