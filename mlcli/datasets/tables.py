"""Sources whose rows are a table in memory: files and the named sets that aren't synthetic."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mlcli.datasets import npz_images, read_npz, tabular
from mlcli.datasets.bundled import load_bundled
from mlcli.datasets.cells import TextColumn
from mlcli.datasets.checks import refuse_given
from mlcli.datasets.columns import Choice, choose
from mlcli.datasets.dataset import Array, Dataset
from mlcli.datasets.declared import Declared, may_lack, prepare, with_learners
from mlcli.datasets.draws import draw_rows
from mlcli.datasets.files import check_file
from mlcli.datasets.groups import group_numbers
from mlcli.datasets.held import DeferredSource, DrawsSource, TableSource
from mlcli.datasets.registry import NamedSet
from mlcli.datasets.sidecar import read_note
from mlcli.datasets.streaming import StreamSource, has_more_rows
from mlcli.datasets.synthetic import SYNTHETIC
from mlcli.datasets.words import read_with_words
from mlcli.errors import DataError

if TYPE_CHECKING:
    from mlcli.datasets.source import Source


def open_bundled(
    named: NamedSet, target: str | None = None, features: Sequence[str] | None = None
) -> Source:
    """A set that comes with scikit-learn or with this package, or some of its columns.

    Raises:
        DataError: there is no such column.
    """
    data = load_bundled(named.name)
    digest = hashlib.sha256(data.X.astype("<f8").tobytes() + data.t.astype("<f8").tobytes())
    names = (*data.feature_names, data.target_name)
    choice = choose(
        named.name, names, target=target or data.target_name, features=features, draw_column=None
    )
    identity = {
        "kind": "bundled",
        "name": named.name,
        "sha256": digest.hexdigest(),
        "target": choice.target,
        "features": list(choice.features),
    }
    if (choice.target, choice.features) != (data.target_name, data.feature_names):
        columns = dict(zip(names, (*data.X.T, data.t), strict=True))
        data = replace(_dataset(named.name, choice, columns), n_own_test=data.n_own_test)
    source = TableSource(data, identity)
    if choice.target == names[-1]:
        source.task, source.class_names = named.task, named.class_names
    if choice.features == names[:-1]:
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
    declared: Declared,
) -> Source:
    """A table in a file or in parts, in memory or streamed, or images in an NPZ file.

    See `source.open_source`.
    """
    if path.is_dir():
        path = path if path.name else path.resolve()
    else:
        check_file(path)
    if path.suffix.lower() == ".npz" and npz_images.holds_images(
        heads := read_npz.read_headers(path)
    ):
        columns = {"features": features, "draw_column": draw_column, "group_column": group_column}
        refuse_given(path.name, columns, "apply to tables only")
        declared.refuse_for(path.name, "apply to tables only")
        return npz_images.open_npz_images(path, heads, target, drop_missing=drop_missing)
    note = read_note(path)
    if note is not None and draw_column is None and features is None and target is None:
        draw_column = str(note["draw_column"])
    choice = tabular.choose_columns(path, target, features, draw_column, group_column)
    if declared:
        choice = with_learners(path, tabular.column_names(path), choice, declared)
    source = _open_table(path, choice, declared, drop_missing, stream_rows)
    spec = None if note is None else SYNTHETIC.get(str(note["drawn_from"].get("name")))
    if note is not None and spec is not None and choice.target == spec.t_name:
        source.task = spec.task
        # f and p(C_1|x) are functions of all the set's features, in the set's order.
        known = choice.features == spec.feature_names and not declared
        if isinstance(source, DrawsSource) and known:
            source.is_drawn_from(spec, note["drawn_from"])
    return source


def _open_table(
    path: Path, choice: Choice, declared: Declared, drop_missing: bool, stream_rows: int
) -> TableSource | StreamSource:
    draw_column, group_column = choice.draw_column, choice.group_column
    if draw_column is None and group_column is None and has_more_rows(path, stream_rows):
        if declared:
            raise DataError(
                f"{path} is read in batches, where --categorical, --dates and --impute can't be "
                "used",
                hint="a file with fewer rows",
            )
        try:
            return StreamSource(path, choice, drop_missing=drop_missing)
        except TextColumn as error:
            if error.column != choice.target:
                raise
            raise DataError(
                f"target '{choice.target}' of {path}, which is read in batches",
                must="numbers, one for each class",
                got="text",
                hint="a column with a number for each word",
            ) from None
    gaps = may_lack(choice, declared)
    choice, columns, words = read_with_words(path, choice, gaps, drop_missing=drop_missing)
    if declared:
        preparation, X = prepare(path, choice, declared, columns)
        data = Dataset(
            path.name,
            X,
            columns[choice.target],
            preparation.names,
            choice.target,
            preparation=preparation,
        )
    else:
        data = _dataset(path.name, choice, columns)
    data = replace(data, class_names=words)
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
