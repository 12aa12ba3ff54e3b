"""The sets that come with scikit-learn, and `fashion-mini`, which comes with this package.

`fashion-mini` is a part of Fashion-MNIST. Of each class k, 200 images are chosen from the training
part and 100 from the test part: each image of the class, in its order there, draws a number from
``random()`` of the stream ``stream(0, "fashion-mini", part, k)``, with part "train" or "test", and
those with the smallest numbers are taken. They are kept in the order of the original, first the
training part. `make_fashion_mini` writes the same file again from the whole set.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mlcli.datasets.columns import choose
from mlcli.datasets.dataset import Dataset
from mlcli.datasets.images import as_rows, pixel_names
from mlcli.datasets.in_memory import TableSource
from mlcli.datasets.registry import NamedSet
from mlcli.datasets.tables import table_dataset
from mlcli.errors import DataError
from mlcli.rng import stream

FASHION_MINI = Path(__file__).with_name("data") / "fashion_mini.npz"
N_CLASSES = 10
# Images of each class in each part.
TAKEN = {"train": 200, "test": 100}
# The earliest that a ZIP archive knows.
EPOCH = (1980, 1, 1, 0, 0, 0)
UNIX = 3

Bytes = NDArray[np.uint8]


def chosen(classes: Bytes, part: str) -> NDArray[np.int64]:
    """Which images of a part are taken, as row numbers in their order.

    Args:
        classes: of all its images, (N,).
        part: ``train`` or ``test``.
    """
    rows = []
    for k in range(N_CLASSES):
        members = np.flatnonzero(classes == k)
        draws = stream(0, "fashion-mini", part, k).random(members.size)
        rows.append(members[np.argsort(draws, kind="stable")[: TAKEN[part]]])
    return np.sort(np.concatenate(rows))


def subset(X_train: Bytes, y_train: Bytes, X_test: Bytes, y_test: Bytes) -> dict[str, Bytes]:
    """X (3000, 28, 28) and y (3000,) from the whole set as `fetch.images` gives it."""
    train, test = chosen(y_train, "train"), chosen(y_test, "test")
    return {
        "X": np.concatenate([X_train[train], X_test[test]]),
        "y": np.concatenate([y_train[train], y_test[test]]),
    }


def packed(arrays: dict[str, Bytes]) -> bytes:
    """A compressed NPZ archive without a clock: the same bytes from the same zlib at any time."""
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w") as archive:
        for key, array in arrays.items():
            member = zipfile.ZipInfo(f"{key}.npy", EPOCH)
            member.compress_type = zipfile.ZIP_DEFLATED
            member.create_system = UNIX
            content = io.BytesIO()
            np.lib.format.write_array(content, array, version=(1, 0), allow_pickle=False)
            archive.writestr(member, content.getvalue(), compresslevel=9)
    return whole.getvalue()


def make_fashion_mini(folder: Path) -> Path:
    """Write the file and its SHA-256 again, from the Fashion-MNIST that is on this machine.

    Args:
        folder: where to.

    Raises:
        DataError: Fashion-MNIST isn't on this machine.
    """
    from mlcli.datasets.fetch import images

    content = packed(subset(*images("fashion-mnist")))
    path = folder / FASHION_MINI.name
    path.write_bytes(content)
    digest = hashlib.sha256(content).hexdigest()
    _digest_file(path).write_bytes(f"{digest}  {path.name}\n".encode())
    return path


def load_fashion_mini() -> Dataset:
    """The 3,000 images, pixels of 0 to 255, the last 1,000 from the original's test part.

    Raises:
        DataError: the file isn't the one that came with this package.
    """
    try:
        content = FASHION_MINI.read_bytes()
        expected = _digest_file(FASHION_MINI).read_text(encoding="ascii").split()[0]
    except OSError as error:
        raise _not_ours((error.strerror or "").lower()) from None
    if hashlib.sha256(content).hexdigest() != expected:
        raise _not_ours("other bytes than it came with")
    with np.load(io.BytesIO(content), allow_pickle=False) as archive:
        X, y = archive["X"], archive["y"]
    return Dataset(
        "fashion-mini",
        as_rows(X),
        y.astype(np.float64),
        pixel_names(X.shape[1:]),
        "class",
        n_own_test=N_CLASSES * TAKEN["test"],
    )


def _digest_file(path: Path) -> Path:
    return path.with_name(path.name + ".sha256")


def _not_ours(why: str) -> DataError:
    what = f"{FASHION_MINI.name} of this package can't be used: {why}"
    return DataError(what, hint="installing mlcli again")


def load_bundled(name: str) -> Dataset:
    """A bundled set by its registry name; sources and licences are in `registry.DATASETS`.

    Returns:
        X (N, D) in the units of the source (diabetes: standardised columns), t (N,): the measure of
        disease progression for diabetes, the number of the class for the others.

    Raises:
        DataError: the file that comes with this package is damaged.
    """
    if name == "fashion-mini":
        return load_fashion_mini()
    from sklearn import datasets

    loaders = {
        "diabetes": datasets.load_diabetes,
        "breast-cancer": datasets.load_breast_cancer,
        "iris": datasets.load_iris,
        "wine": datasets.load_wine,
        "digits": datasets.load_digits,
    }
    bunch = loaders[name]()
    return Dataset(
        name=name,
        X=np.ascontiguousarray(bunch.data, dtype=np.float64),
        t=np.asarray(bunch.target, dtype=np.float64),
        feature_names=tuple(str(feature) for feature in bunch.feature_names),
        target_name="progression" if name == "diabetes" else "class",
    )


def open_bundled(
    named: NamedSet, target: str | None = None, features: Sequence[str] | None = None
) -> TableSource:
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
        data = replace(table_dataset(named.name, choice, columns), n_own_test=data.n_own_test)
    source = TableSource(data, identity)
    if choice.target == names[-1]:
        source.task, source.class_names = named.task, named.class_names
    if choice.features == names[:-1]:
        source.image_shape = named.image_shape
    return source
