"""Fetching from real HTTP servers on this machine: resumed, verified, never half in place."""

from __future__ import annotations

import gzip
import hashlib
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from local_http import Server, running

from mlcli.datasets import fetch as fetching
from mlcli.datasets.fetch import (
    IMAGE_SETS,
    TEST_LABELS,
    TRAIN_IMAGES,
    DownloadFailed,
    ImageSet,
    fetch,
    find,
    images,
)
from mlcli.datasets.registry import describe
from mlcli.datasets.source import open_source
from mlcli.errors import DataError

N_TRAIN, N_TEST = 90, 10


def idx(array: np.ndarray) -> bytes:
    sizes = b"".join(size.to_bytes(4, "big") for size in array.shape)
    return bytes([0, 0, 8, array.ndim]) + sizes + array.tobytes()


def make_arrays(seed: int) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    shapes = [(N_TRAIN, 28, 28), (N_TRAIN,), (N_TEST, 28, 28), (N_TEST,)]
    highs = [256, 10, 256, 10]
    return [rng.integers(0, h, s, dtype=np.uint8) for h, s in zip(highs, shapes, strict=True)]


@pytest.fixture
def serve() -> Iterator[Callable[[Server], Server]]:
    """Start servers; all are stopped at the end."""
    with ExitStack() as stack:
        yield lambda server: stack.enter_context(running(server))


@pytest.fixture
def arrays() -> list[np.ndarray]:
    return make_arrays(0)


@pytest.fixture
def packed(arrays: list[np.ndarray]) -> dict[str, bytes]:
    names = IMAGE_SETS["mnist"].files
    pairs = zip(names, arrays, strict=True)
    return {name: gzip.compress(idx(array), mtime=0) for name, array in pairs}


@pytest.fixture(autouse=True)
def _pinned(arrays: list[np.ndarray], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The small arrays stand for MNIST; nothing outside the test's folder is looked at."""
    hashes = [hashlib.sha256(idx(array)).hexdigest() for array in arrays]
    files = dict(zip(IMAGE_SETS["mnist"].files, hashes, strict=True))
    monkeypatch.setitem(IMAGE_SETS, "mnist", ImageSet("mnist", files, ()))
    elsewhere = replace(IMAGE_SETS["fashion-mnist"], system_folders=())
    monkeypatch.setitem(IMAGE_SETS, "fashion-mnist", elsewhere)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("MLCLI_DATA", raising=False)
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def use_mirrors(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> None:
    changed = replace(IMAGE_SETS["mnist"], mirrors=addresses)
    monkeypatch.setitem(IMAGE_SETS, "mnist", changed)


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_set_is_downloaded_found_and_loaded(serve, packed, arrays, tmp_path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    server = serve(Server(packed))
    use_mirrors(monkeypatch, server.address)
    seen: list[tuple[int, int]] = []
    assert find("mnist") is None
    folder = fetch("mnist", progress=lambda *step: seen.append(step))
    assert folder == find("mnist")
    assert folder.is_relative_to(tmp_path)
    assert names_in(folder) == sorted(packed)
    assert [done for done, total in seen if done == total] == [
        len(body) for body in packed.values()
    ]
    for ours, theirs in zip(images("mnist"), arrays, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert describe("mnist")["folder"] == str(folder)
    n_asked = len(server.asked)
    assert fetch("mnist") == folder
    assert len(server.asked) == n_asked == 4


def test_a_broken_download_continues_where_it_stopped(serve, packed, tmp_path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    server, folder = serve(Server(packed, break_after=20_000)), tmp_path / "here"
    use_mirrors(monkeypatch, server.address)
    with pytest.raises(DataError, match="could not be fetched"):
        fetch("mnist", folder=folder)
    assert names_in(folder) == [TRAIN_IMAGES + ".part"]
    begun = (folder / (TRAIN_IMAGES + ".part")).read_bytes()
    assert 10_000 < len(begun) <= 20_000
    assert packed[TRAIN_IMAGES].startswith(begun)
    server.break_after, server.asked, server.sent = None, [], 0
    fetch("mnist", folder=folder)
    assert server.asked[0] == (TRAIN_IMAGES, f"bytes={len(begun)}-")
    assert server.sent == sum(map(len, packed.values())) - len(begun)
    assert {name: (folder / name).read_bytes() for name in names_in(folder)} == packed


def test_a_server_that_ignores_ranges_sends_the_whole_file(
    serve, packed, tmp_path, monkeypatch
) -> None:  # type: ignore[no-untyped-def]
    server = serve(Server(packed, ignores_range=True))
    use_mirrors(monkeypatch, server.address)
    (tmp_path / (TRAIN_IMAGES + ".part")).write_bytes(packed[TRAIN_IMAGES][:500])
    fetch("mnist", folder=tmp_path)
    assert server.asked[0] == (TRAIN_IMAGES, "bytes=500-")
    assert (tmp_path / TRAIN_IMAGES).read_bytes() == packed[TRAIN_IMAGES]


@pytest.mark.parametrize("start", [b"another file", b"z" * 10**6])
def test_a_beginning_of_another_file_is_discarded(  # type: ignore[no-untyped-def]
    serve, packed, tmp_path, monkeypatch, start: bytes
) -> None:
    """Of another mirror's file, or longer than all of it (416)."""
    server = serve(Server(packed))
    use_mirrors(monkeypatch, server.address)
    (tmp_path / (TRAIN_IMAGES + ".part")).write_bytes(start)
    fetch("mnist", folder=tmp_path)
    assert [wanted for _, wanted in server.asked[:2]] == [f"bytes={len(start)}-", None]
    assert (tmp_path / TRAIN_IMAGES).read_bytes() == packed[TRAIN_IMAGES]


def test_a_complete_part_file_is_not_downloaded_again(serve, packed, tmp_path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    server = serve(Server(packed))
    use_mirrors(monkeypatch, server.address)
    (tmp_path / (TRAIN_IMAGES + ".part")).write_bytes(packed[TRAIN_IMAGES])
    fetch("mnist", folder=tmp_path)
    assert server.sent == sum(map(len, packed.values())) - len(packed[TRAIN_IMAGES])


@pytest.mark.parametrize(
    "content", [gzip.compress(idx(make_arrays(1)[0]), mtime=0), b"<html>Log in</html>"]
)
def test_wrong_bytes_are_refused(serve, packed, tmp_path, monkeypatch, content: bytes) -> None:  # type: ignore[no-untyped-def]
    server = serve(Server(packed | {TRAIN_IMAGES: content}))
    use_mirrors(monkeypatch, server.address)
    with pytest.raises(DataError, match="the bytes are not the published ones"):
        fetch("mnist", folder=tmp_path / "new")
    assert names_in(tmp_path / "new") == []
    good = serve(Server(packed))
    use_mirrors(monkeypatch, server.address, good.address)
    fetch("mnist", folder=tmp_path / "new")
    assert names_in(tmp_path / "new") == sorted(packed)


def dead_address() -> str:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}/"


@pytest.mark.parametrize("status", [None, 403, 404, 500])
def test_a_second_mirror_is_tried_if_the_first_fails(
    serve, packed, tmp_path, monkeypatch, status: int | None
) -> None:  # type: ignore[no-untyped-def]
    first = dead_address() if status is None else serve(Server(packed, status=status)).address
    use_mirrors(monkeypatch, first, serve(Server(packed)).address)
    assert names_in(fetch("mnist", folder=tmp_path)) == sorted(packed)


def test_a_second_mirror_continues_a_download(serve, packed, tmp_path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    first, second = serve(Server(packed, break_after=20_000)), serve(Server(packed))
    use_mirrors(monkeypatch, first.address, second.address)
    fetch("mnist", folder=tmp_path)
    name, wanted = second.asked[0]
    assert name == TRAIN_IMAGES
    assert wanted is not None
    assert second.sent < sum(map(len, packed.values()))


def test_without_a_network_the_error_names_the_folder_to_fill(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_mirrors(monkeypatch, dead_address(), dead_address())
    with pytest.raises(DataError) as caught:
        fetch("mnist", folder=tmp_path)
    said = str(caught.value)
    assert "of mnist could not be fetched from any of 2 mirrors (ConnectionError)" in said
    assert "place the set's four files in $MLCLI_DATA/mnist" in said
    assert "\n" not in said
    assert names_in(tmp_path) == []


def test_folders_are_searched_in_order(packed, tmp_path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    own, system = tmp_path / "own", tmp_path / "system"
    changed = replace(IMAGE_SETS["mnist"], system_folders=(str(system),))
    monkeypatch.setitem(IMAGE_SETS, "mnist", changed)
    monkeypatch.setenv("MLCLI_DATA", str(own))
    for folder in (tmp_path / "cache" / "mlcli" / "mnist", system, own, own / "mnist"):
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in packed.items():
            (folder / name).write_bytes(content)
        assert find("mnist") == folder
        assert find("fashion-mnist") is None
    (own / "mnist" / TEST_LABELS).unlink()
    assert find("mnist") == own


def test_a_changed_file_is_refused(packed, tmp_path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setenv("MLCLI_DATA", str(tmp_path))
    for name, content in packed.items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / TRAIN_IMAGES).write_bytes(gzip.compress(idx(make_arrays(2)[0])))
    with pytest.raises(DataError, match="is not the published file"):
        images("mnist")


def test_an_image_set_as_a_source(packed, arrays, tmp_path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    from mlcli.datasets.registry import DATASETS

    small = replace(DATASETS["mnist"], shape=(100, 784), n_own_test=N_TEST)
    monkeypatch.setitem(DATASETS, "mnist", small)
    monkeypatch.setenv("MLCLI_DATA", str(tmp_path))
    for name, content in packed.items():
        (tmp_path / name).write_bytes(content)
    source = open_source("mnist")
    known = (source.n_own_test, source.task, source.image_shape)
    assert known == (N_TEST, "classification", (28, 28))
    data = source.replicate(0, 0)
    assert data.n_own_test == N_TEST
    assert (source.n_rows, len(source.feature_names), data.X.dtype) == (100, 784, np.float64)
    np.testing.assert_array_equal(data.X[N_TRAIN:], arrays[2].reshape(N_TEST, 784))
    np.testing.assert_array_equal(data.t, np.concatenate([arrays[1], arrays[3]]))
    assert source.replicate(1, 5) is data
    assert str(tmp_path) not in str(source.identity)


def test_unknown_sets_and_unwritable_folders(tmp_path: Path) -> None:
    for function in (fetch, find, images):
        with pytest.raises(DataError, match="the image set must be fashion-mnist or mnist"):
            function("cifar")
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="can't be written to"):
        fetch("mnist", folder=tmp_path / "file" / "sub")
    with pytest.raises(DataError, match="mnist is not on this machine; try `mlcli data fetch"):
        images("mnist")


def test_downloads_go_to_the_users_own_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLCLI_DATA", str(tmp_path / "d"))
    assert fetching._cache(IMAGE_SETS["mnist"]) == tmp_path / "d" / "mnist"


def test_a_connection_that_ends_early_is_an_error(tmp_path: Path) -> None:
    class Response:
        headers: ClassVar = {"Content-Length": "10"}

        def iter_content(self, size: int) -> list[bytes]:
            return [b"abc"]

    with pytest.raises(DownloadFailed, match="ended after 3 of 10 bytes"):
        fetching._append(Response(), tmp_path / "a.part", 0, None)
    assert (tmp_path / "a.part").read_bytes() == b"abc"
