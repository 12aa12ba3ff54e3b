"""Bytes of the files of a run: strict JSON, plain CSV, archives without a clock."""

from __future__ import annotations

import csv
import io
import json
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlcli.report.files import csv_text, json_text, write_result
from mlcli.result import Result


def test_json_has_no_nan_and_sorted_keys() -> None:
    text = json_text({"b": float("nan"), "a": [np.float64(1.5), float("inf")], "c": np.int64(2)})
    assert json.loads(text) == {"a": [1.5, None], "b": None, "c": 2}
    assert text.index('"a"') < text.index('"b"')


@given(st.lists(st.floats(allow_nan=False), min_size=1), st.text())
def test_a_csv_reads_back_what_was_written(values: list[float], name: str) -> None:
    heading = name.replace("\r", "") or "x"
    text = csv_text({heading: values, "text": [name.replace("\r", "")] * len(values)})
    rows = list(csv.reader(io.StringIO(text, newline="")))
    assert rows[0] == [heading, "text"]
    assert [float(row[0]) for row in rows[1:]] == values
    assert rows[1][1] == name.replace("\r", "")


def test_arrays_and_lists_of_any_number_type_look_the_same() -> None:
    for values in ([1.5, 2.0], np.array([1.5, 2.0]), [np.float64(1.5), np.float64(2.0)]):
        assert csv_text({"x": values}) == "x\n1.5\n2.0\n"
    assert csv_text({"x": [None, float("nan"), True, np.int64(3)]}) == "x\n\n\nTrue\n3\n"


def test_columns_of_different_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="one length"):
        csv_text({"a": [1], "b": [1, 2]})


def test_the_same_result_is_the_same_bytes_at_any_time(tmp_path: Path) -> None:
    result = Result({"m": 1}, {"t": {"x": [1.0]}}, model_arrays={"w": np.arange(3.0)})
    write_result(result, tmp_path)
    first = (tmp_path / "model" / "w.npy").read_bytes()
    time.sleep(2.1)  # the clock of a ZIP archive ticks every two seconds
    write_result(result, tmp_path)
    assert (tmp_path / "model" / "w.npy").read_bytes() == first
