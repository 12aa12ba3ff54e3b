"""Files larger than memory: the same rows as in memory, in bounded batches."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from mlcli.datasets import streaming
from mlcli.datasets.source import open_source
from mlcli.datasets.streaming import MOST_ROWS, StreamSource, Subsample, most_rows
from mlcli.errors import DataError
from mlcli.rng import one_of_each


def table(n: int, seed: int = 0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {
        "a": rng.normal(size=n),
        "unused": rng.normal(size=n),
        "b": rng.uniform(size=n),
        "t": rng.normal(size=n),
    }


def put_csv(path: Path, columns: dict[str, np.ndarray]) -> str:
    rows = zip(*(column.tolist() for column in columns.values()), strict=True)
    text = ",".join(columns) + "\n" + "".join(",".join(map(repr, row)) + "\n" for row in rows)
    path.write_text(text)
    return str(path)


def put_parquet(path: Path, columns: dict[str, np.ndarray]) -> str:
    parquet.write_table(pa.table(columns), path, row_group_size=7000)
    return str(path)


@pytest.fixture
def _stream_small_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streaming, "STREAMED_TEXT_BYTES", 0)


def opened(path: str, *, drop_missing: bool = False) -> StreamSource:
    source = open_source(path, features=["a", "b"], stream_rows=1000, drop_missing=drop_missing)
    assert isinstance(source, StreamSource)
    return source


@pytest.mark.usefixtures("_stream_small_text")
@pytest.mark.parametrize("put", [put_csv, put_parquet])
def test_batches_are_the_rows_of_the_file(tmp_path: Path, put) -> None:  # type: ignore[no-untyped-def]
    columns = table(30_000)
    suffix = put.__name__.removeprefix("put_")
    path = put(tmp_path / f"a.{suffix}", columns)
    source = opened(path)
    X = np.column_stack([columns["a"], columns["b"]])
    batches = list(source.batches(4096))
    assert max(len(t) for _, t in batches) <= 4096
    np.testing.assert_array_equal(np.concatenate([part for part, _ in batches]), X)
    np.testing.assert_array_equal(np.concatenate([part for _, part in batches]), columns["t"])
    assert (source.n_rows, source.streamed, source.n_missing) == (30_000, True, 0)
    assert (source.task, source.image_shape, source.n_own_test) == (None, None, 0)
    np.testing.assert_array_equal(source.low, X.min(axis=0))
    np.testing.assert_array_equal(source.high, X.max(axis=0))
    in_memory = open_source(path, features=["a", "b"], stream_rows=10**6)
    assert not in_memory.streamed
    assert in_memory.identity == source.identity


@pytest.mark.usefixtures("_stream_small_text")
def test_incomplete_rows(tmp_path: Path) -> None:
    columns = table(5000)
    columns["a"][[3, 1000, 4999]] = np.nan
    columns["t"][1000] = np.inf
    columns["unused"][17] = np.nan
    path = put_parquet(tmp_path / "a.parquet", columns)
    said = "3 missing and 1 infinite value.* in 3 of 5000 rows"
    with pytest.raises(DataError, match=said):
        opened(path)
    source = opened(path, drop_missing=True)
    assert (source.n_rows, source.n_missing, source.n_infinite) == (4997, 3, 1)
    t = np.concatenate([part for _, part in source.batches(512)])
    np.testing.assert_array_equal(t, np.delete(columns["t"], [3, 1000, 4999]))


@pytest.mark.usefixtures("_stream_small_text")
def test_booleans_and_text_in_a_streamed_csv(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("a,b,t\n" + "true,1,2\nfalse,2,3\n" * 1000)
    source = opened(str(path))
    X = np.concatenate([part for part, _ in source.batches(300)])
    np.testing.assert_array_equal(X[:, 0], np.tile([1, 0], 1000))
    path.write_text("a,b,t\n" + "1,1,2\n0,2,3\n" * 1000 + "5,x,6\n")
    with pytest.raises(DataError, match=r"column 'b'.*'x' in line 2002; try correcting that row"):
        opened(str(path))


@pytest.mark.usefixtures("_stream_small_text")
def test_a_constant_feature(tmp_path: Path) -> None:
    columns = table(2000) | {"b": np.full(2000, 2.5)}
    with pytest.raises(DataError, match=r"feature 'b'.* is 2\.5 in every row"):
        opened(put_parquet(tmp_path / "a.parquet", columns))


def test_what_is_streamed(tmp_path: Path) -> None:
    columns = table(1500)
    path = put_parquet(tmp_path / "a.parquet", columns)
    assert open_source(path, stream_rows=1499).streamed
    assert not open_source(path, stream_rows=1500).streamed
    small_text = put_csv(tmp_path / "a.csv", columns)
    assert not open_source(small_text, stream_rows=10).streamed
    draws = put_parquet(tmp_path / "b.parquet", columns | {"draw": np.arange(1500) % 2})
    assert open_source(draws, draw_column="draw", stream_rows=10).fresh_draws


def test_a_streamed_target_must_be_numbers(tmp_path: Path) -> None:
    words = table(1500) | {"t": np.array(["no", "yes"])[np.arange(1500) % 2]}
    path = put_parquet(tmp_path / "a.parquet", words)
    with pytest.raises(DataError, match="read in batches must be numbers, one for each class"):
        open_source(path, target="t", stream_rows=10)
    assert open_source(path, target="t").replicate(0, 0).class_names == ("no", "yes")


def test_a_stream_has_no_replicates(tmp_path: Path) -> None:
    source = opened(put_parquet(tmp_path / "a.parquet", table(1500)))
    with pytest.raises(DataError, match="has 1500 rows and is read in batches"):
        source.replicate(0, 0)


def test_a_file_that_changes_between_passes(tmp_path: Path) -> None:
    """Other rows, fewer rows, another file in its place, a part more: one sentence each time."""
    folder = tmp_path / "parts"
    folder.mkdir()
    columns = table(5000)
    path = put_parquet(folder / "a.parquet", columns)
    source, parts = opened(path), opened(str(folder))
    assert sum(len(t) for _, t in source.batches()) == 5000
    said = "changed while it was read; try again when nothing writes to it"
    put_parquet(folder / "b.parquet", table(10))
    assert sum(len(t) for _, t in source.batches()) == 5000
    with pytest.raises(DataError, match=f"parts {said}"):
        next(parts.batches())
    batches = source.batches(100)
    next(batches)
    Path(path).write_bytes(Path(path).read_bytes()[:-1000])
    with pytest.raises(DataError, match=rf"a\.parquet {said}"):
        list(batches)
    Path(path).unlink()
    with pytest.raises(DataError, match=rf"a\.parquet {said}"):
        list(source.batches())


def test_wide_tables(tmp_path: Path) -> None:
    """Thousands of features are refused before they are read; fewer come in fewer rows at once."""
    rng = np.random.default_rng(0)
    wide = {f"x{i}": rng.normal(size=40) for i in range(10_000)} | {"t": rng.normal(size=40)}
    path = put_parquet(tmp_path / "wide.parquet", wide)
    said = "must be of at most 2,000 features, got 10,000; try --features"
    with pytest.raises(DataError, match=said):
        open_source(path, stream_rows=10)
    assert len(open_source(path, stream_rows=100).feature_names) == 10_000
    some = [f"x{i}" for i in range(1500)]
    source = open_source(path, features=some, stream_rows=10)
    assert isinstance(source, StreamSource)
    np.testing.assert_array_equal(
        next(source.batches())[0], np.column_stack([wide[x] for x in some])
    )
    assert most_rows(1) == MOST_ROWS
    assert all(most_rows(d) * (d + 2) <= 2**25 and most_rows(d) > 3 * d for d in range(1, 2001))


def test_the_values_of_a_target(tmp_path: Path) -> None:
    columns = table(5000)
    assert opened(put_parquet(tmp_path / "a.parquet", columns)).target_counts is None
    columns["t"] = np.array([3.0, -1.0, 0.5])[np.arange(5000) % 3]
    found = opened(put_parquet(tmp_path / "a.parquet", columns)).target_counts
    assert list((found or {}).items()) == [(-1.0, 1667), (0.5, 1666), (3.0, 1667)]


def test_the_sample_is_random_and_has_the_extremes(tmp_path: Path) -> None:
    columns = table(100_001)
    columns["a"][54_321], columns["b"][99_999] = 1e6, -1e6
    source = opened(put_parquet(tmp_path / "a.parquet", columns))
    X = np.column_stack([columns["a"], columns["b"]])
    rows = one_of_each(2, 0, 100_001)
    assert 25_000 <= rows.size <= 25_001
    rows = np.union1d(rows, np.concatenate([X.argmin(axis=0), X.argmax(axis=0)]))
    np.testing.assert_array_equal(source.sample.X, X[rows])
    np.testing.assert_array_equal(source.sample.t, columns["t"][rows])
    assert source.sample.feature_names == ("a", "b")


def test_the_sample_does_not_depend_on_the_batches() -> None:
    rng = np.random.default_rng(1)
    X, t = rng.normal(size=(5000, 3)), rng.normal(size=5000)
    results = []
    for size in (1, 7, 640, 5000):
        subsample = Subsample(3, most=100)
        for first in range(0, 5000, size):
            subsample.see(X[first : first + size], t[first : first + size])
        results.append(np.column_stack(subsample.rows()))
    for result in results[1:]:
        np.testing.assert_array_equal(result, results[0])
    assert 50 <= len(results[0]) <= 106
    assert MOST_ROWS == 28_000


# Linux hands a parent's getrusage peak on to its children; the kernel's own account starts afresh.
MEASURE = """
import pathlib, re, resource, sys
import numpy, pyarrow.parquet, pyarrow.csv
from mlcli.datasets.source import open_source
def peak():
    status = pathlib.Path("/proc/self/status")
    if status.exists():
        return int(re.search(r"VmHWM:\\s+(\\d+)", status.read_text())[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
before = peak()
source = open_source(sys.argv[1], stream_rows=1000)
n = sum(len(t) for _, t in source.batches())
print(n, peak() - before)
"""


def test_memory_is_bounded(tmp_path: Path) -> None:
    """Ten million rows of two columns are 160 MB; a stream of them needs far less."""
    n, path = 10_000_000, tmp_path / "big.parquet"
    schema = pa.schema([("x", pa.float64()), ("t", pa.float64())])
    rng = np.random.default_rng(0)
    with parquet.ParquetWriter(path, schema, use_dictionary=False, compression="none") as writer:
        for _ in range(10):
            part = {"x": rng.uniform(size=n // 10), "t": rng.normal(size=n // 10)}
            writer.write_table(pa.table(part, schema=schema))
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, str(path)], capture_output=True, text=True, check=True
    )
    rows, grown_bytes = map(int, done.stdout.split())
    assert rows == n
    assert grown_bytes < 0.6 * 16 * n
