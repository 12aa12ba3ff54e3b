"""Table files that are not: one sentence for everything that is wrong with one."""

from __future__ import annotations

import contextlib
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet
from table_files import put, refusal

from mlcli.datasets.files import check_file
from mlcli.datasets.source import open_source
from mlcli.errors import DataError

PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"


def test_which_column_is_the_target(tmp_path: Path) -> None:
    rows = "\n1,2,4\n3,5,6\n"
    assert open_source(put(tmp_path, "a.csv", "y,t,target" + rows)).target_name == "t"
    assert open_source(put(tmp_path, "a.csv", "target,y,b" + rows)).target_name == "y"
    source = open_source(put(tmp_path, "a.csv", "a,target,b" + rows))
    assert (source.target_name, source.feature_names) == ("target", ("a", "b"))
    source = open_source(put(tmp_path, "a.csv", "a,b,t" + rows), target="b", features=["t"])
    assert (source.target_name, source.feature_names) == ("b", ("t",))
    said = refusal(put(tmp_path, "a.csv", "a,b,c" + rows))
    assert "no column named t, y or target; try --target with one of its columns: a, b, c" in said
    many = ",".join(f"c{i}" for i in range(40))
    assert "c11 and 28 more" in refusal(put(tmp_path, "a.csv", f"{many}\n{many}\n"))


def test_wrong_columns(tmp_path: Path) -> None:
    path = put(tmp_path, "a.csv", "height,width,t\n1,2,4\n3,5,6\n")
    assert "has no column 'heigth'; try 'height'" in refusal(path, features=["heigth"])
    assert "has no column 'zz'; try one of its columns: height" in refusal(path, target="zz")
    assert "'t' can't be both the target and a feature" in refusal(path, features=["t"])
    assert "two columns named 'width'" in refusal(path, features=["width", "width"])
    assert "can't both number" in refusal(path, draw_column="t")
    assert "no column left to predict" in refusal(put(tmp_path, "b.csv", "t\n1\n2\n"))
    assert "two columns named 'a'" in refusal(put(tmp_path, "c.csv", "a,a,t\n1,2,4\n3,5,6\n"))
    assert "two columns named" in refusal(put(tmp_path, "e.csv", "a b,a  b,t\n1,2,4\n3,5,6\n"))
    wrapped = put(tmp_path, "f.csv", '"height\n(cm)",t\n1,4\n3,6\n')
    assert open_source(wrapped).feature_names == ("height (cm)",)
    assert "the name of column 1" in refusal(put(tmp_path, "g.csv", "a\x07,t\n1,4\n3,6\n"))
    assert "column 1 of" in refusal(put(tmp_path, "d.csv", ",a,t\n0,2,4\n1,5,6\n"))
    assert open_source(str(tmp_path / "d.csv"), features=["a"]).n_rows == 2


def test_text_in_a_numeric_column(tmp_path: Path) -> None:
    path = put(tmp_path, "a.csv", "name,x,t\nann,1,2\n\nbob,oops,3\n")
    said = refusal(path)
    assert "column 'name'" in said
    assert "'ann' in line 2; try naming the numeric columns with --features" in said
    said = refusal(path, features=["x"])
    assert "column 'x'" in said
    assert "'oops' in line 4" in said
    long = put(tmp_path, "b.csv", "x,t\n1,2\n3," + "z" * 500 + "\n")
    assert f"'{'z' * 24}...' in line 3" in refusal(long)
    assert "'1_000' in line 2" in refusal(put(tmp_path, "c.csv", "x,t\n1_000,2\n3,4\n"))
    assert "in line 3" in refusal(put(tmp_path, "d.csv", 'x,t\n1,2\n2024-01-01,"3"\n'))
    parquet.write_table(pa.table({"x": ["1", "b"], "t": [1, 2]}), tmp_path / "a.parquet")
    assert "'b' in row 2" in refusal(str(tmp_path / "a.parquet"))
    text = np.arange(70_000).astype(str)
    text[69_998] = "late"
    parquet.write_table(pa.table({"x": text, "t": np.arange(70_000)}), tmp_path / "a.parquet")
    assert "'late' in row 69999" in refusal(str(tmp_path / "a.parquet"))
    when = pa.array([0, 1], pa.timestamp("s"))
    parquet.write_table(pa.table({"x": when, "t": [1, 2]}), tmp_path / "a.parquet")
    assert "must be numbers, got the type timestamp" in refusal(str(tmp_path / "a.parquet"))
    np.savez(tmp_path / "a.npz", x=np.array(["1", "b"]), t=np.arange(2))
    assert "'b' in row 2" in refusal(str(tmp_path / "a.npz"))
    np.savez(tmp_path / "a.npz", x=np.array([1j, 2]), t=np.arange(2))
    assert "must be real numbers, got complex128" in refusal(str(tmp_path / "a.npz"))


def test_missing_and_infinite_values(tmp_path: Path) -> None:
    path = put(tmp_path, "a.csv", "x,t\n1,2\n,3\nNA,inf\n4,5\n1e999,7\n6,8\n")
    said = refusal(path)
    assert "2 missing and 2 infinite value(s) in 3 of 6 rows, first in column 'x'" in said
    assert "--drop-missing" in said
    source = open_source(path, drop_missing=True)
    assert source.n_rows == 3
    np.testing.assert_array_equal(source.replicate(0, 0).X[:, 0], [1, 4, 6])
    assert source.identity["drop_missing"] is True
    none = put(tmp_path, "b.csv", "x,t\n1,\n,3\n2,4\n")
    assert "at least 2, got 1" in refusal(none, drop_missing=True)
    parquet.write_table(pa.table({"x": [1, None, 3], "t": [1.0, 2.0, 4.0]}), tmp_path / "a.parquet")
    assert "1 missing value(s) in 1 of 3 rows" in refusal(str(tmp_path / "a.parquet"))


def test_a_constant_feature(tmp_path: Path) -> None:
    path = put(tmp_path, "a.csv", "x,one,t\n1,7,4\n3,7,6\n")
    said = refusal(path)
    assert "feature 'one'" in said
    assert "is 7 in every row; try leaving it out with --features" in said
    assert open_source(path, features=["x"]).n_rows == 2


def test_shapes(tmp_path: Path) -> None:
    assert "is empty" in refusal(put(tmp_path, "a.csv", ""))
    assert "holds no rows" in refusal(put(tmp_path, "a.csv", "x,t\n"))
    assert "holds no rows" in refusal(put(tmp_path, "a.csv", "\n\n"))
    assert "at least 2, got 1" in refusal(put(tmp_path, "a.csv", "x,t\n1,2\n"))
    said = refusal(put(tmp_path, "a.csv", "x,t\n1,2\n\n1,5,3\n"))
    assert "line 4" in said
    assert "2 cells like the heading, got 3" in said
    assert "line 2" in refusal(put(tmp_path, "a.csv", "x,t\n1\n1,5\n"))
    parquet.write_table(
        pa.table({"x": pa.array([], "f8"), "t": pa.array([], "f8")}), tmp_path / "a.parquet"
    )
    assert "at least 2, got 0" in refusal(str(tmp_path / "a.parquet"))


def test_files_that_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "does not exist" in refusal(str(tmp_path / "none.csv"))
    with pytest.raises(DataError, match="must be a file, got a folder"):
        check_file(tmp_path)
    assert "must be a .csv, .tsv, .parquet or .npz file, got .xlsx" in refusal("book.xlsx")
    assert "got no suffix" in refusal(put(tmp_path, "plain", "x"))
    assert "must be UTF-8 text" in refusal(put(tmp_path, "a.csv", PNG))
    assert "must be UTF-8 text" in refusal(put(tmp_path, "a.csv", "x,t\n1,2\n".encode("utf-16")))
    assert "must be UTF-8 text" in refusal(put(tmp_path, "a.csv", "µ,t\n1,2\n".encode("latin-1")))
    assert "can't be read as Parquet" in refusal(put(tmp_path, "a.parquet", "x,t\n1,2\n"))
    assert "is not an NPZ archive" in refusal(put(tmp_path, "a.npz", "x,t\n1,2\n"))
    assert "--noise-std can't be used with" in refusal(str(tmp_path / "a.csv"), noise_std=1.0)

    def denied(self: Path, *args: object, **kwargs: object) -> None:
        raise PermissionError

    path = put(tmp_path, "b.csv", "x,t\n1,2\n")
    monkeypatch.setattr(Path, "open", denied)
    assert "permission denied" in refusal(path)


def test_damaged_files(tmp_path: Path) -> None:
    table = pa.table({"x": np.arange(5000.0), "t": np.arange(5000.0)})
    parquet.write_table(table, tmp_path / "a.parquet")
    whole = bytearray((tmp_path / "a.parquet").read_bytes())
    whole[4:400] = b"\xff" * 396
    assert "can't be read as Parquet" in refusal(put(tmp_path, "a.parquet", bytes(whole)))
    np.savez(tmp_path / "a.npz", x=np.arange(50.0), t=np.arange(50.0))
    whole = bytearray((tmp_path / "a.npz").read_bytes())
    whole[200:300] = b"\xff" * 100
    assert "is damaged" in refusal(put(tmp_path, "a.npz", bytes(whole)))
    np.savez(tmp_path / "a.npz", x=np.arange(50.0), t=np.arange(50.0))
    encrypted = bytearray((tmp_path / "a.npz").read_bytes())
    encrypted[encrypted.index(b"PK\x01\x02") + 8] |= 1
    assert "is damaged" in refusal(put(tmp_path, "a.npz", bytes(encrypted)))
    parquet.write_table(pa.table({"x": ["abcdé", "b"], "t": [1, 2]}), tmp_path / "b.parquet")
    broken = (tmp_path / "b.parquet").read_bytes().replace("é".encode(), b"\xff\xfe")
    assert "can't be read as Parquet" in refusal(put(tmp_path, "b.parquet", broken))


def test_npz_archives_that_are_refused(tmp_path: Path) -> None:
    path = str(tmp_path / "a.npz")
    np.savez(path, x=np.array([1, "a", None], dtype=object), t=np.arange(3))
    assert "holds pickled objects" in refusal(path)
    np.savez(path, x=np.arange(3), t=np.arange(4))
    assert "of one length, got 4 in 't' and 3 in 'x'" in refusal(path)
    np.savez(path, x=np.zeros((3, 3, 3)), t=np.arange(3))
    assert "'x' in" in refusal(path)
    np.savez(path)
    assert "holds no arrays" in refusal(path)
    np.savez(path, X=np.ones((3, 2)), X_0=np.ones(3), t=np.arange(3))
    assert "two columns named 'X_0'" in refusal(path)


def test_a_pickle_is_never_run(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[Any, ...]:
            return (Path.touch, (tmp_path / "ran",))

    np.savez(tmp_path / "a.npz", x=np.array([Trap()], dtype=object), t=np.arange(1))
    refusal(str(tmp_path / "a.npz"))
    assert not (tmp_path / "ran").exists()


@given(st.binary(max_size=200), st.sampled_from(["csv", "tsv", "parquet", "npz"]))
def test_no_bytes_lead_to_a_traceback(content: bytes, suffix: str) -> None:
    import tempfile

    starts = {"parquet": b"PAR1", "npz": b"PK\x03\x04"}
    with tempfile.TemporaryDirectory() as folder:
        for whole in (content, starts.get(suffix, b"x,t\n") + content + struct.pack("<I", 4)):
            # Other errors than these would fail the test; so few bytes may also be a good table.
            with contextlib.suppress(DataError):
                open_source(put(Path(folder), f"a.{suffix}", whole))


def test_semicolons_between_cells_are_refused(tmp_path: Path) -> None:
    said = refusal(put(tmp_path, "a.csv", "x;t\n1,5;2\n2,5;3\n"))
    assert "must be separated by commas, or by tabs in a .tsv, got semicolons" in said
