"""Table files that are good: what they mean."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet
from table_files import put

from mlcli.datasets import read_text
from mlcli.datasets.source import open_source


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=3, unique=True))
def test_csv_floats_read_back_exactly(values: list[float]) -> None:
    import tempfile

    values = [v + 0.0 for v in values]
    with tempfile.TemporaryDirectory() as folder:
        text = "x,t\n" + "".join(f"{v!r},{v:.17g}\n" for v in values)
        data = open_source(put(Path(folder), "a.csv", text)).replicate(0, 0)
    assert data.X[:, 0].tobytes() == data.t.tobytes() == np.array(values).tobytes()


def test_random_bit_patterns_read_back_exactly(tmp_path: Path) -> None:
    bits = np.random.default_rng(0).integers(0, 2**63, 20_000, dtype=np.int64).view(np.float64)
    bits = bits[np.isfinite(bits)]
    text = "x,t\n" + "".join(f"{v!r},{i}\n" for i, v in enumerate(bits.tolist()))
    data = open_source(put(tmp_path, "a.csv", text)).replicate(0, 0)
    assert data.X.tobytes() == bits.tobytes()


def test_kinds_of_csv(tmp_path: Path) -> None:
    plain = "x,t\n1,2\n3,5\n"
    for name, text in {
        "plain.csv": plain,
        "bom.csv": "\ufeff" + plain,
        "crlf.csv": plain.replace("\n", "\r\n"),
        "spaces.csv": "x, t\n1, 2\n 3 ,5 \n",
        "blank.csv": "\n" + plain.replace("\n", "\n\n"),
        "quoted.csv": '"x","t"\n"1","2"\n"3",5',
        "tabs.tsv": plain.replace(",", "\t"),
        "UPPER.CSV": plain,
        "note.csv": 'x,note,t\n1,"a\nb, ""c""",2\n3,µ,5\n',
    }.items():
        features = ["x"] if name == "note.csv" else None
        data = open_source(put(tmp_path, name, text), features=features).replicate(0, 0)
        np.testing.assert_array_equal(data.X, [[1], [3]], err_msg=name)
        np.testing.assert_array_equal(data.t, [2, 5], err_msg=name)
        assert data.name == name


def test_a_line_break_in_a_cell_at_the_end_of_a_block(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(read_text, "BLOCK_BYTES", 64)
    text = "x,note,t\n" + "".join(f'{i},"one\ntwo\n",{2 * i}\n' for i in range(50))
    data = open_source(put(tmp_path, "a.csv", text), features=["x"]).replicate(0, 0)
    np.testing.assert_array_equal(data.X[:, 0], np.arange(50))
    np.testing.assert_array_equal(data.t, 2 * np.arange(50))


def test_booleans_are_numbers(tmp_path: Path) -> None:
    path = put(tmp_path, "b.csv", "x,t\nTrue,1.5\nfalse,2.25\n1,3\n")
    np.testing.assert_array_equal(open_source(path).replicate(0, 0).X[:, 0], [1, 0, 1])


def test_the_same_table_in_every_format(tmp_path: Path) -> None:
    x, flag, t = np.array([1.5, 2.5, -3.0]), np.array([True, False, True]), np.array([1, 2, 4])
    table = pa.table({"x": x, "flag": flag, "t": t})
    parquet.write_table(table, tmp_path / "a.parquet")
    np.savez(tmp_path / "a.npz", x=x, flag=flag, t=t)
    put(tmp_path, "a.csv", "x,flag,t\n1.5,True,1\n2.5,False,2\n-3,True,4\n")
    for suffix in ("parquet", "npz", "csv"):
        source = open_source(str(tmp_path / f"a.{suffix}"))
        assert (source.feature_names, source.target_name) == (("x", "flag"), "t")
        np.testing.assert_array_equal(source.replicate(0, 0).X, np.column_stack([x, flag]))
        np.testing.assert_array_equal(source.replicate(0, 0).t, t)
        assert (source.fresh_draws, source.streamed, source.n_rows) == (False, False, 3)


def test_an_npz_matrix_is_columns(tmp_path: Path) -> None:
    X = np.arange(6.0).reshape(3, 2)
    np.savez(tmp_path / "a.npz", X=X, y=np.array([[1], [2], [4]]))
    source = open_source(str(tmp_path / "a.npz"))
    assert (source.feature_names, source.target_name) == (("X_0", "X_1"), "y")
    np.testing.assert_array_equal(source.replicate(0, 0).X, X)


def test_arrow_types(tmp_path: Path) -> None:
    from decimal import Decimal

    columns = {
        "half": pa.array([1, 2], pa.float16()) if hasattr(pa, "float16") else pa.array([1, 2]),
        "small": pa.array([1, 2], pa.int8()),
        "big": pa.array([2**60 + 1, 5], pa.int64()),
        "decimal": pa.array([Decimal("1.25"), Decimal("2.50")]),
        "coded": pa.array([1.5, 2.5]).dictionary_encode(),
        "text": pa.array(["1", "2"]),
        "t": pa.array([1.0, 2.0], pa.float32()),
    }
    parquet.write_table(pa.table(columns), tmp_path / "a.parquet")
    X = open_source(str(tmp_path / "a.parquet")).replicate(0, 0).X
    np.testing.assert_array_equal(X, [[1, 1, 2.0**60, 1.25, 1.5, 1], [2, 2, 5, 2.5, 2.5, 2]])


def test_identity_is_of_the_content(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    text = "x,z,t\n1,2,4\n3,5,6\n"
    first = open_source(put(tmp_path, "a.csv", text)).identity
    assert first == open_source(put(tmp_path / "sub", "a.csv", text)).identity
    assert str(tmp_path) not in json.dumps(first)
    assert first != open_source(put(tmp_path, "a.csv", text.replace("5", "7"))).identity
    assert first != open_source(str(tmp_path / "sub" / "a.csv"), features=["x"]).identity
