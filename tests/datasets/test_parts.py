"""A folder of parts is the table that they make together, in memory and streamed."""

from __future__ import annotations

import os
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from mlcli.datasets import streaming
from mlcli.datasets.describe import describe_table, holds_images
from mlcli.datasets.rows import ModelInputs, batches
from mlcli.datasets.source import open_source
from mlcli.datasets.streaming import StreamSource
from tests.datasets.table_files import put, refusal

N = 3000
CUTS = (0, 1, 1700, 1700, N)


def columns(rows: slice = slice(None)) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(3)
    found = {"a": rng.normal(size=N), "b": rng.uniform(size=N), "t": rng.normal(size=N)}
    return {name: column[rows] for name, column in found.items()}


def text(table: dict[str, np.ndarray]) -> str:
    rows = zip(*(column.tolist() for column in table.values()), strict=True)
    return ",".join(table) + "\n" + "".join(",".join(map(repr, row)) + "\n" for row in rows)


def write(path: Path, table: dict[str, np.ndarray]) -> None:
    if path.suffix == ".parquet":
        parquet.write_table(pa.table(table), path)
    else:
        path.write_text(text(table))


@pytest.fixture(params=["parquet", "csv"])
def both(tmp_path: Path, request: pytest.FixtureRequest) -> tuple[str, str]:
    """The same rows in one file, and in a folder as Spark leaves it; its third part is empty."""
    whole, folder = tmp_path / f"whole.{request.param}", tmp_path / "parts"
    write(whole, columns())
    folder.mkdir()
    for i, (start, stop) in enumerate(pairwise(CUTS)):
        table = columns(slice(start, stop))
        # Names settle what a column is, whatever its place.
        order = list(table) if i % 2 == 0 else list(reversed(table))
        write(folder / f"part-{i:04d}.{request.param}", {name: table[name] for name in order})
    for name in ("_SUCCESS", ".part-0000.parquet.crc", "part-0000.parquet.crc", "._x.csv"):
        put(folder, name, "no rows")
    (folder / "_delta_log").mkdir()
    return str(whole), str(folder)


def test_parts_in_memory_are_the_file(both: tuple[str, str]) -> None:
    whole, parts = (open_source(path) for path in both)
    assert not parts.streamed
    assert parts.feature_names == whole.feature_names == ("a", "b")
    for name in ("X", "t"):
        np.testing.assert_array_equal(
            getattr(parts.replicate(0, 0), name), getattr(whole.replicate(0, 0), name)
        )


def test_parts_streamed_are_the_file(
    both: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streaming, "STREAMED_TEXT_BYTES", 0)
    whole, parts = (open_source(path, stream_rows=1000) for path in both)
    assert isinstance(parts, StreamSource)
    assert isinstance(whole, StreamSource)
    assert parts.n_rows == N
    for one, other in zip(parts.batches(400), parts.batches(400), strict=True):
        np.testing.assert_array_equal(one[0], other[0])
    X, t = (np.concatenate(rows) for rows in zip(*parts.batches(400), strict=True))
    np.testing.assert_array_equal(
        np.column_stack([X, t]), np.column_stack(list(columns().values()))
    )
    np.testing.assert_array_equal(parts.sample.X, whole.sample.X)
    in_memory = open_source(both[1])
    assert in_memory.identity == parts.identity


def test_parts_are_scored_as_the_file(both: tuple[str, str]) -> None:
    wanted = ModelInputs(("b", "a"), "t")
    whole, parts = (list(batches(path, wanted, 700)) for path in both)
    assert [len(one.X) for one in parts] == [700, 700, 700, 700, 200]
    for one, other in zip(whole, parts, strict=True):
        np.testing.assert_array_equal(one.X, other.X)
        np.testing.assert_array_equal(one.t, other.t)


def test_parts_are_described_as_the_file(both: tuple[str, str]) -> None:
    whole, parts = (describe_table(Path(path)) for path in both)
    assert not holds_images(Path(both[1]))
    assert parts.pop("file") == "parts"
    assert whole.pop("file").startswith("whole.")
    assert parts == whole


def test_what_the_data_are(both: tuple[str, str]) -> None:
    """Names and bytes of the parts count; the folder's name and the time don't."""
    folder = Path(both[1])
    first = open_source(both[1]).identity
    assert first["kind"] == "parts"
    assert sorted(first["parts"]) == sorted(
        p.name for p in folder.glob("part-000?.[pc]*") if p.suffix != ".crc"
    )
    moved = folder.rename(folder.parent / "elsewhere")
    os.utime(next(moved.glob("part-0001.*")), (1, 1))
    put(moved, "_committed_1", "")
    assert open_source(str(moved)).identity == first
    part = next(moved.glob("part-0003.*"))
    part.rename(moved / f"part-0009{part.suffix}")
    assert open_source(str(moved)).identity != first


def test_draws_and_groups_in_parts(tmp_path: Path) -> None:
    put(tmp_path, "a.csv", "x,t,draw,who\n1,2,0,ann\n2,3,0,bob\n1,5,1,ann\n")
    put(tmp_path, "b.csv", "x,t,draw,who\n4,2,1,bob\n5,3,0,ann\n3,5,1,eve\n")
    source = open_source(str(tmp_path), draw_column="draw", group_column="who")
    np.testing.assert_array_equal(source.replicate(0, 0).X[:, 0], [1, 2, 5])
    np.testing.assert_array_equal(source.replicate(1, 0).groups, [0, 1, 2])


def test_booleans_in_one_part_only(tmp_path: Path) -> None:
    put(tmp_path, "a.csv", "x,t\n1.5,2\n2,3\n")
    put(tmp_path, "b.csv", "x,t\ntrue,2\nfalse,3\n")
    np.testing.assert_array_equal(
        open_source(str(tmp_path)).replicate(0, 0).X[:, 0], [1.5, 2, 1, 0]
    )
    found = list(batches(str(tmp_path), ModelInputs(("x",)), 10))
    np.testing.assert_array_equal(found[0].X[:, 0], [1.5, 2, 1, 0])


def test_a_part_that_does_not_belong(tmp_path: Path) -> None:
    put(tmp_path, "a.csv", "x,t\n1,2\n2,3\n")
    put(tmp_path, "b.csv", "x,y\n1,2\n")
    said = refusal(str(tmp_path))
    assert f"the columns of {tmp_path / 'b.csv'} must be those of a.csv, got no 't'" in said
    put(tmp_path, "b.csv", "x,t,z\n1,2,3\n")
    assert "b.csv must be those of a.csv, got 'z' too" in refusal(str(tmp_path))
    put(tmp_path, "b.csv", "x,t,t\n1,2,3\n")
    assert "got one of them twice" in refusal(str(tmp_path))
    put(tmp_path, "b.csv", "")
    assert f"{tmp_path / 'b.csv'} is empty" in refusal(str(tmp_path))
    put(tmp_path, "b.csv", b"x,t\n1,2\n\xff,3\n")
    assert f"{tmp_path / 'b.csv'} must be UTF-8 text" in refusal(str(tmp_path))
    put(tmp_path, "b.csv", "x,t\n1,2\n1,2,3\n")
    assert f"line 3 of {tmp_path / 'b.csv'} must be 2 cells" in refusal(str(tmp_path))
    put(tmp_path, "b.csv", "x,t\n")
    assert open_source(str(tmp_path)).n_rows == 2
    put(tmp_path, "a.csv", "x,t\n")
    assert "at least 2, got 0" in refusal(str(tmp_path))


def test_mixtures(tmp_path: Path) -> None:
    put(tmp_path, "a.csv", "x,t\n1,2\n2,3\n")
    put(tmp_path, "b.tsv", "x\tt\n1\t2\n2\t3\n")
    assert "must be of one kind, got 'a.csv' and 'b.tsv'" in refusal(str(tmp_path))
    (tmp_path / "b.tsv").unlink()
    put(tmp_path, "b.png", b"\x89PNG")
    assert "'b.png'" in refusal(str(tmp_path))
    assert "is not part of a table as 'a.csv' is" in refusal(str(tmp_path))
    (tmp_path / "b.png").unlink()
    (tmp_path / "cat").mkdir()
    assert "got the folder 'cat' beside 'a.csv'" in refusal(str(tmp_path))
    (tmp_path / "cat").rmdir()
    put(tmp_path, "b.csv.gz", b"\x1f\x8b")
    assert "'b.csv.gz' in" in refusal(str(tmp_path))
    (tmp_path / "b.csv.gz").unlink()
    put(tmp_path, "b\x1b.csv", "x,t\n1,2\n")
    assert "must be printable, got 'b\\x1b.csv'" in refusal(str(tmp_path))


def test_nothing_to_read(tmp_path: Path) -> None:
    put(tmp_path, "_SUCCESS", "")
    put(tmp_path, ".a.csv", "x,t\n1,2\n")
    assert "holds no parts of a table (.parquet, .csv, .tsv)" in refusal(str(tmp_path))


def test_a_corrupt_part_is_named(both: tuple[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Cut off at its end, and damaged in the middle where only a reader of all rows sees it."""
    monkeypatch.setattr(streaming, "STREAMED_TEXT_BYTES", 0)
    last = next(Path(both[1]).glob("part-0003.*"))
    content = last.read_bytes()
    if last.suffix == ".parquet":
        last.write_bytes(content[:-100])
        assert f"{last} can't be read as Parquet" in refusal(both[1])
    # Of Parquet the head of the first page, whose values have no checksum.
    place = 4 if last.suffix == ".parquet" else len(content) // 2
    last.write_bytes(content[:place] + b"\xff\xfe\xff" * 50 + content[place + 150 :])
    for rows in (10**6, 1000):
        assert str(last) in refusal(both[1], stream_rows=rows)
