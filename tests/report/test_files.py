"""Bytes of the files of a run: strict JSON, plain CSV, archives without a clock."""

from __future__ import annotations

import csv
import io
import json
import math
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlcli.result import Result
from mlcli.run.files import csv_text, json_text, rounded_columns, write_result


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


def test_the_last_digits_of_another_processor_change_no_metric_and_no_table(
    tmp_path: Path,
) -> None:
    texts = []
    for name, third, zero in (("a", 1 / 3, 0.0), ("b", math.nextafter(1 / 3, 1), -0.0)):
        metrics = {"m": {"mean": third, "zero": zero}, "n": [1, np.float64(third)]}
        tables = {"t": {"x": np.array([third, 1e300 * third, zero]), "n": [1, 2, 12345678901]}}
        model = {"w": {"estimate": [third]}}
        write_result(
            Result(metrics, tables, model_tables=model, model_info={"std": third}), tmp_path / name
        )
        paths = ("details.json", "tables/t.csv", "model/w.csv", "model/model.json")
        texts.append([(tmp_path / name / path).read_text() for path in paths])
    assert texts[0][:2] == texts[1][:2]
    assert json.loads(texts[1][0]) == {
        "m": {"mean": 0.3333333333, "zero": 0.0},
        "n": [1, 0.3333333333],
    }
    assert texts[1][1] == "x,n\n0.3333333333,1\n3.333333333e+299,2\n0.0,12345678901\n"
    # What predictions are made from keeps every digit.
    assert f"{1 / 3!r}" in texts[0][2]
    assert f"{1 / 3!r}" in texts[0][3]


@given(
    st.floats(-1e12, 1e12),
    st.floats(1e-3, 1e3),
    st.lists(st.integers(0, 100), min_size=2, unique=True),
)
def test_rounding_never_merges_what_a_table_tells_apart(
    origin: float, step: float, places: list[int]
) -> None:
    """Dates in seconds and the like, of which ten digits are the same."""
    values = np.array([origin + step * place for place in places])
    found = np.array(rounded_columns({"x": values})["x"])
    if np.ptp(values) > 1e-12 * np.abs(values).max():
        np.testing.assert_allclose(found, values, rtol=0, atol=1e-6 * np.ptp(values))
    np.testing.assert_allclose(found, values, rtol=1e-9)


def test_a_spread_that_rounding_left_is_not_kept() -> None:
    values = [1.0, 1.0 + 2**-52, 1.0 - 2**-52]
    assert rounded_columns({"x": values}) == {"x": [1.0, 1.0, 1.0]}
    assert rounded_columns({"x": [1.0, math.nan, math.inf]})["x"][2] == math.inf
