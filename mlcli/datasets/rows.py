"""Rows for a trained model, batch by batch: a table, images, or a named set, matched by name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mlcli.datasets import labelled_images, read_npz, read_table
from mlcli.datasets.cells import (
    Coder,
    TextColumn,
    category_coder,
    class_coder,
    date_coder,
    gap_code,
    is_word,
)
from mlcli.datasets.columns import ColumnChoice, missing_column
from mlcli.datasets.dataset import Array
from mlcli.datasets.files import IMAGE_SUFFIXES, check_file
from mlcli.datasets.images import as_rows, decode, image_shape_of
from mlcli.datasets.labelled_images import what_is_wrong
from mlcli.datasets.names import canonical
from mlcli.datasets.read_npz import load
from mlcli.datasets.read_table import holds_parts
from mlcli.datasets.read_text import NotAllFloats
from mlcli.datasets.registry import DATASETS
from mlcli.datasets.source import open_source
from mlcli.errors import DataError
from mlcli.preparation.columns import Preparation


@dataclass(frozen=True)
class ModelInputs:
    """The columns or images that a model reads.

    Attributes:
        features: names of the D inputs.
        target: column of the target; None: only inputs are read.
        image_shape: (h, w) or (c, h, w) of a row that is an image; None if rows are not images.
        resize: (h, w) to which the images of a folder are brought.
        classes: names of the classes, in the order of class_values.
        class_values: the target's value of each.
        preparation: what the inputs are made of, where they are not the columns themselves.
        skip_bad: leave out images of a folder that can't be read.
    """

    features: tuple[str, ...]
    target: str | None = None
    image_shape: tuple[int, ...] | None = None
    resize: tuple[int, int] | None = None
    classes: tuple[str, ...] = ()
    class_values: tuple[float | None, ...] = ()
    preparation: Preparation | None = None
    skip_bad: bool = False

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of the table that the inputs are made of."""
        return self.features if self.preparation is None else self.preparation.raw_names

    def coders(self) -> dict[str, Coder]:
        """Coders of the columns of text and dates, and of a target with named classes."""
        found: dict[str, Coder] = {}
        for one in () if self.preparation is None else self.preparation.columns:
            if one.kind == "category":
                found[one.name] = category_coder(one.values, self.preparation.unseen)  # type: ignore[union-attr]
            elif one.kind == "date":
                found[one.name] = date_coder(one.form)
        if self.target is not None and any(map(is_word, self.classes)):
            found[self.target] = class_coder(self.classes, self.class_values)
        return found

    def inputs(self, cells: Mapping[str, Array]) -> Array:
        """X (n, D) from the cells of the columns, NaN where something is missing or unseen."""
        if self.preparation is None:
            return np.column_stack([cells[name] for name in self.features])
        cells = dict(cells)
        for one in self.preparation.columns:
            if one.kind == "category":
                own = cells[one.name]
                cells[one.name] = np.where(np.isnan(own), gap_code(one.values), own)
        return self.preparation.expand(cells)


@dataclass(frozen=True)
class Batch:
    """Some rows.

    Attributes:
        X: (n, D), NaN where a cell is empty.
        t: the target, (n,), or None.
        files: what each row was read from, where each has a file of its own.
        skipped: a sentence for each file among them that was left out.
    """

    X: Array
    t: Array | None = None
    files: tuple[str, ...] | None = None
    skipped: tuple[str, ...] = ()

    def __getitem__(self, some: slice) -> Batch:
        t = None if self.t is None else self.t[some]
        files = None if self.files is None else self.files[some]
        # They are reported once, with the first rows.
        return Batch(self.X[some], t, files, () if some.start else self.skipped)


def batches(name: str, wanted: ModelInputs, rows: int) -> Iterator[Batch]:
    """The rows of a file, a folder of images or a named set, exactly `rows` at a time.

    The last batch may be smaller. Other columns, and the order of columns, are ignored.

    Raises:
        DataError: it can't be read, lacks a column, or holds images of another size.
    """
    yield from _in_batches(_parts(name, wanted, rows), rows)


def _parts(name: str, wanted: ModelInputs, rows: int) -> Iterator[Batch]:
    named = DATASETS.get(canonical(name))
    if named is not None:
        return _named(name, wanted)
    path = Path(name).expanduser()
    if path.is_dir() and wanted.image_shape is not None:
        return folder_batches(path, wanted, min(rows, 256))
    if path.is_dir() and holds_parts(path):
        return table_batches(path, wanted)
    check_file(path)
    if path.suffix.lower() == ".npz" and labelled_images.holds_images(read_npz.read_headers(path)):
        return _npz_images(path, wanted)
    return table_batches(path, wanted)


def _in_batches(parts: Iterator[Batch], rows: int) -> Iterator[Batch]:
    held: list[Batch] = []
    n_held = 0
    for part in parts:
        if not len(part.X) and not part.skipped:
            continue
        start = 0
        while n_held + len(part.X) - start >= rows:
            end = start + rows - n_held
            yield _joined([*held, part[start:end]])
            held, n_held, start = [], 0, end
        if start < len(part.X) or not len(part.X):
            held.append(part[start:])
            n_held += len(part.X) - start
    if held:
        yield _joined(held)


def _joined(parts: Sequence[Batch]) -> Batch:
    if len(parts) == 1:
        return parts[0]
    ts = [one.t for one in parts if one.t is not None]
    files = tuple(file for one in parts for file in one.files or ())
    t = np.concatenate(ts) if ts else None
    skipped = tuple(sentence for one in parts for sentence in one.skipped)
    return Batch(np.concatenate([one.X for one in parts]), t, files or None, skipped)


def table_batches(path: Path, wanted: ModelInputs) -> Iterator[Batch]:
    """The rows of a table file, as many at a time as its reader gives.

    Raises:
        DataError: it lacks a column, or holds something that the model doesn't read.
    """
    names = read_table.column_names(path)
    columns = wanted.columns
    needed = columns if wanted.target is None else (*columns, wanted.target)
    for column in needed:
        if column not in names:
            raise missing_column(path, column, names)
        if names.count(column) > 1:
            raise DataError(
                f"{path} has two columns named '{column}'", hint="giving each its own name"
            )
    # The reader settles roles; which of the columns it takes for the target plays no part.
    choice = ColumnChoice(
        needed[0], tuple(needed[1:]), None, frozenset(needed), coders=wanted.coders()
    )
    try:
        yield from _read(path, choice, wanted)
    except TextColumn as error:
        # What a model reads was declared when it was trained.
        raise error.of_target() from None


def _read(path: Path, choice: ColumnChoice, wanted: ModelInputs) -> Iterator[Batch]:
    n_read = 0

    def batch(part: dict[str, Array]) -> Batch:
        return Batch(wanted.inputs(part), None if wanted.target is None else part[wanted.target])

    try:
        for part in read_table.column_batches(path, choice):
            yield batch(part)
            n_read += len(part[choice.target])
        return
    except NotAllFloats:
        pass
    # Text such as true and false: the slower reader continues where the fast one stopped.
    for part in read_table.column_batches(path, choice, as_text=True):
        n = len(part[choice.target])
        if n_read < n:
            yield batch({name: column[n_read:] for name, column in part.items()})
        n_read = max(0, n_read - n)


def _named(name: str, wanted: ModelInputs) -> Iterator[Batch]:
    source = open_source(name)
    if source.fresh_draws:
        raise DataError(
            f"{name} draws new rows each time and is not a table",
            hint="`mlcli data make` for a file",
        )
    if wanted.preparation is not None:
        raise DataError(
            f"the model's inputs are made of the columns of a file, and {name} is none",
            hint="a CSV, TSV, Parquet or NPZ file",
        )
    data = source.replicate(0, 0)
    names = [*data.feature_names, data.target_name]
    columns = dict(zip(names, (*data.X.T, data.t), strict=True))
    for column in (*wanted.features, *([wanted.target] if wanted.target else [])):
        if column not in columns:
            raise missing_column(name, column, names)
    X = np.column_stack([columns[feature] for feature in wanted.features])
    yield Batch(X, None if wanted.target is None else columns[wanted.target])


def _npz_images(path: Path, wanted: ModelInputs) -> Iterator[Batch]:
    heads = read_npz.read_headers(path)
    shape = heads["X"].shape or ()
    found = image_shape_of(f"'X' in {path}", shape)
    check_images(f"the images of {path}", found, wanted)
    if heads["X"].dtype.kind not in "biuf":
        raise DataError(f"'X' in {path}", must="integers or floats", got=str(heads["X"].dtype))
    keys = ["X"]
    if wanted.target is not None:
        if wanted.target not in heads:
            raise missing_column(path, wanted.target, [key for key in heads if key != "X"])
        if heads[wanted.target].shape not in ((shape[0],), (shape[0], 1)):
            raise DataError(
                f"'{wanted.target}' in {path}",
                must="one number an image",
                got=f"the shape {heads[wanted.target].shape}",
            )
        keys.append(wanted.target)
    arrays = load(path, keys)
    t = None if wanted.target is None else arrays[wanted.target].reshape(-1).astype(np.float64)
    for start in range(0, shape[0], 1024):
        some = slice(start, start + 1024)
        yield Batch(as_rows(arrays["X"][some]), None if t is None else t[some])


def check_images(what: str, found: tuple[int, ...], wanted: ModelInputs) -> None:
    """Refuse images of another size than the model's.

    Raises:
        DataError: saying both sizes.
    """
    if found == wanted.image_shape:
        return
    if wanted.image_shape is None:
        raise DataError(f"{what} can't be used: the model reads the columns of a table")

    def text(shape: tuple[int, ...]) -> str:
        colours = "grey" if len(shape) == 2 else f"{shape[0]} channels"
        return f"{shape[-2]} x {shape[-1]} pixels, {colours}"

    raise DataError(what, must=f"{text(wanted.image_shape)}, as in the training", got=text(found))


def folder_batches(folder: Path, wanted: ModelInputs, rows: int) -> Iterator[Batch]:
    """The PNG and JPEG images of a folder and of the folders in it, in the order of their names.

    Args:
        folder: where they are; hidden files and folders are passed over.
        wanted: with a target, each image's folder is the name of its class.
        rows: images at a time.

    Raises:
        DataError: there are none, one can't be read or is of another size, or a folder's name is
            that of no class.
    """
    paths = sorted(path for path in folder.rglob("*") if _is_image(path.relative_to(folder)))
    if not paths:
        raise DataError(f"{folder} holds no .png, .jpg or .jpeg images")
    for path in paths:
        # Names become cells of the answer, and text on a terminal.
        if not str(path.relative_to(folder)).isprintable():
            raise DataError(f"the names in {folder}", must="printable", got=ascii(path.name))
    n_read = 0
    for start in range(0, len(paths), rows):
        some = paths[start : start + rows]
        images, skipped = {}, []
        for path in some:
            try:
                image = _decoded(path, wanted)
            except DataError as error:
                if not wanted.skip_bad:
                    raise
                skipped.append(what_is_wrong(error))
                continue
            images[path] = _row(path, image, wanted)
        some = list(images)
        X = np.stack(list(images.values())) if images else np.empty((0, len(wanted.features)))
        t = None if wanted.target is None else np.array([_class(path, wanted) for path in some])
        files = tuple(path.relative_to(folder).as_posix() for path in some)
        yield Batch(X, t, files, tuple(skipped))
        n_read += len(X)
    if not n_read:
        raise DataError(f"{folder} holds no image that can be read")


def _is_image(path: Path) -> bool:
    hidden = any(part.startswith(".") for part in path.parts)
    return not hidden and path.suffix.lower() in IMAGE_SUFFIXES


def _decoded(path: Path, wanted: ModelInputs) -> NDArray[np.float64]:
    try:
        with path.open("rb") as file:
            return decode(path, file, wanted.resize).astype(np.float64)
    except OSError as error:
        raise DataError(f"{path} can't be read: {(error.strerror or '').lower()}") from None


def _row(path: Path, image: NDArray[np.float64], wanted: ModelInputs) -> NDArray[np.float64]:
    assert wanted.image_shape is not None
    if image.ndim == 2 and len(wanted.image_shape) == 3 and wanted.image_shape[0] == 3:
        # As in the training: a grey image is as red as it is green and blue.
        image = np.broadcast_to(image, (3, *image.shape))
    check_images(f"{path}", image.shape, wanted)
    return image.reshape(-1)


def _class(path: Path, wanted: ModelInputs) -> float:
    name = path.parent.name
    if name not in wanted.classes:
        raise DataError(
            f"the folder of {path}",
            must="the name of a class of the model: " + ", ".join(wanted.classes[:12]),
            got=repr(name),
        )
    value = wanted.class_values[wanted.classes.index(name)]
    assert value is not None
    return value
