"""The images that come with the package: these bytes, as many of each class, the original's."""

from __future__ import annotations

import hashlib
import io
import zipfile
from pathlib import Path

import numpy as np
import pytest

from mlcli.datasets import bundled
from mlcli.datasets.bundled import FASHION_MINI, chosen, load_fashion_mini, packed, subset
from mlcli.datasets.fetch import find, images
from mlcli.datasets.source import open_source
from mlcli.errors import DataError

WITHOUT = "Fashion-MNIST is not on this machine; `mlcli data fetch fashion-mnist`"
SHA256 = "60bec350d0080216c1ff94f83e5cb5f4ae68e978ad4731c7ff1e70b247b4c7f4"


def test_the_file_is_the_one_that_was_made() -> None:
    content = FASHION_MINI.read_bytes()
    assert hashlib.sha256(content).hexdigest() == SHA256
    assert (
        FASHION_MINI.with_name(FASHION_MINI.name + ".sha256").read_text()
        == f"{SHA256}  {FASHION_MINI.name}\n"
    )
    assert len(content) < 1_350_000
    licence = FASHION_MINI.with_name("fashion_mini.LICENSE.txt").read_text(encoding="utf-8")
    assert "MIT License" in licence
    assert "Copyright (c) 2017 Zalando SE" in licence


def test_both_parts_hold_as_many_of_each_class() -> None:
    source = open_source("fashion-mini")
    assert (source.n_rows, source.n_own_test, source.image_shape) == (3_000, 1_000, (28, 28))
    data = source.replicate(0, 0)
    np.testing.assert_array_equal(np.bincount(data.t[:-1_000].astype(int)), [200] * 10)
    np.testing.assert_array_equal(np.bincount(data.t[-1_000:].astype(int)), [100] * 10)
    assert (data.X.min(), data.X.max()) == (0, 255)
    assert len({row.tobytes() for row in data.X}) == 3_000


@pytest.mark.skipif(find("fashion-mnist") is None, reason=WITHOUT)
def test_every_image_is_the_originals() -> None:
    """By its bytes, anywhere in its part, with its class; and the choice can be made again."""
    X_train, y_train, X_test, y_test = images("fashion-mnist")
    with np.load(FASHION_MINI) as archive:
        X, y = archive["X"], archive["y"]
    for ours, classes, whole, labels in (
        (X[:2000], y[:2000], X_train, y_train),
        (X[2000:], y[2000:], X_test, y_test),
    ):
        known = {(image.tobytes(), int(k)) for image, k in zip(whole, labels, strict=True)}
        assert all((a.tobytes(), int(k)) in known for a, k in zip(ours, classes, strict=True))
    again = subset(X_train, y_train, X_test, y_test)
    np.testing.assert_array_equal(again["X"], X)
    np.testing.assert_array_equal(again["y"], y)


def test_the_choice_is_stratified_sorted_and_of_each_part_its_own() -> None:
    classes = np.tile(np.arange(10, dtype=np.uint8), 300)
    train, test = chosen(classes, "train"), chosen(classes, "test")
    np.testing.assert_array_equal(np.bincount(classes[train]), [200] * 10)
    np.testing.assert_array_equal(np.bincount(classes[test]), [100] * 10)
    assert (np.diff(train) > 0).all()
    assert not set(test) <= set(train)


def test_no_clock_is_packed() -> None:
    small = {"X": np.arange(8, dtype=np.uint8), "y": np.ones(2, dtype=np.uint8)}
    with zipfile.ZipFile(io.BytesIO(packed(small))) as archive:
        assert [m.filename for m in archive.infolist()] == ["X.npy", "y.npy"]
        assert {m.date_time for m in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
    with np.load(io.BytesIO(packed(small))) as archive:
        np.testing.assert_array_equal(archive["X"], small["X"])


def test_a_damaged_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copy = tmp_path / FASHION_MINI.name
    monkeypatch.setattr(bundled, "FASHION_MINI", copy)
    with pytest.raises(DataError, match=r"fashion_mini.npz of this package can't be used: no such"):
        load_fashion_mini()
    copy.write_bytes(FASHION_MINI.read_bytes()[:-1] + b"\1")
    (tmp_path / (FASHION_MINI.name + ".sha256")).write_text(f"{SHA256}  {FASHION_MINI.name}\n")
    with pytest.raises(DataError, match="other bytes than it came with; try installing mlcli"):
        load_fashion_mini()


def test_the_file_opens_as_any_file_of_images() -> None:
    named, file = open_source("fashion-mini").replicate(0, 0), open_source(str(FASHION_MINI))
    assert (file.task, file.image_shape) == ("classification", (28, 28))
    np.testing.assert_array_equal(file.replicate(0, 0).X, named.X)
    np.testing.assert_array_equal(file.replicate(0, 0).t, named.t)
