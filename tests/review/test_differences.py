"""Where two files differ first."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import save_file

from mlcli.review.verify import first_difference, within
from mlcli.run.files import safetensors_bytes

EXACT = within(0.0, 0.0)


def files(tmp_path: Path, name: str, first: str, second: str) -> tuple[Path, Path]:
    found = []
    for folder, text in (("a", first), ("b", second)):
        path = tmp_path / folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
        found.append(path)
    return found[0], found[1]


@pytest.mark.parametrize(
    ("name", "first", "second", "place", "recorded", "again"),
    [
        ("t.csv", "x,y\n1,2\n3,4\n", "x,y\n1,2\n3,5\n", "line 3, column y", "4", "5"),
        ("t.csv", "x,y\n1,\n", "x,y\n1,2\n", "line 2, column y", None, "2"),
        ("t.csv", "x,y\n1,2\n", "x,z\n1,2\n", "the heading", "x,y", "x,z"),
        ("t.csv", "x\n1\n2\n", "x\n1\n", "line 3", "a row", "no row"),
        ("t.csv", 'x\n"a,b"\n', 'x\n"a,c"\n', "line 2, column x", "a,b", "a,c"),
        ("m.json", '{"a": {"b": 1.5}}', '{"a": {"b": 2}}', "a.b", 1.5, 2),
        ("m.json", '{"a": [1, 2]}', '{"a": [1, 3]}', "a[1]", 2, 3),
        ("m.json", '{"a": true}', '{"a": 1}', "a", True, 1),
        ("m.json", '{"a": null}', '{"a": 1}', "a", None, 1),
        ("m.json", '{"a": 1}', '{"a": 1, "b": 2}', "b", None, 2),
        ("o.yaml", "s:\n  rate: 0.1\n", "s:\n  rate: 0.2\n", "s.rate", 0.1, 0.2),
        ("p.png", "abc", "abd", "byte 2", "0x63", "0x64"),
        ("p.png", "abc", "ab", "byte 2", "0x63", None),
    ],
)
def test_the_first_difference_and_its_place(
    tmp_path: Path, name: str, first: str, second: str, place: str, recorded: object, again: object
) -> None:
    found = first_difference(*files(tmp_path, name, first, second), EXACT)
    assert found is not None
    assert (found.place, found.recorded, found.again) == (place, recorded, again)
    same = first_difference(*files(tmp_path, name, first, first), EXACT)
    assert same is None


def test_arrays_name_their_index(tmp_path: Path) -> None:
    a, b = np.arange(6.0).reshape(2, 3), np.arange(6.0).reshape(2, 3)
    b[1, 2] += 1e-9
    for folder, array in (("a", a), ("b", b)):
        (tmp_path / folder).mkdir()
        np.save(tmp_path / folder / "w.npy", array)
        save_file({"layer": array, "other": a}, tmp_path / folder / "w.safetensors")
    for name, place in (("w.npy", "[1, 2]"), ("w.safetensors", "layer[1, 2]")):
        pair = tmp_path / "a" / name, tmp_path / "b" / name
        found = first_difference(*pair, EXACT)
        assert found is not None
        assert found.place == place
        assert (found.recorded, found.again) == (5.0, 5.0 + 1e-9)
        assert first_difference(*pair, within(1e-6, 0.0)) is None


def test_arrays_of_other_shapes_types_and_names_differ(tmp_path: Path) -> None:
    one = np.zeros(3)
    for number, other in enumerate([{"a": np.zeros(4)}, {"a": one.astype("f4")}, {"b": one}]):
        paths = tmp_path / f"{number}a.safetensors", tmp_path / f"{number}b.safetensors"
        paths[0].write_bytes(safetensors_bytes({"a": one}))
        paths[1].write_bytes(safetensors_bytes(other))
        assert first_difference(*paths, within(1.0, 1.0)) is not None
    paths[1].write_bytes(b"not a model")
    with pytest.raises(ValueError):
        first_difference(*paths, EXACT)


@given(st.floats(), st.floats())
def test_close_is_symmetric_and_exact_at_zero(a: float, b: float) -> None:
    assert within(1e-6, 1e-9)(a, b) == within(1e-6, 1e-9)(b, a)
    assert EXACT(a, b) == (a == b or (math.isnan(a) and math.isnan(b)))


@pytest.mark.parametrize(
    ("a", "b", "close"),
    [
        (1.0, 1.0 + 9e-7, True),
        (1.0, 1.0 + 2e-6, False),
        (0.0, 9e-10, True),
        (0.0, 2e-9, False),
        (math.inf, 1e300, False),
        (math.inf, -math.inf, False),
        (math.nan, 1.0, False),
        (1.8e308, -1.7e308, False),
    ],
)
def test_the_tolerances(a: float, b: float, close: bool) -> None:
    assert within(1e-6, 1e-9)(a, b) is close


def test_json_text_is_read_as_numbers_not_letters(tmp_path: Path) -> None:
    first, second = json.dumps({"x": 1.0}), '{"x":1e0}'
    assert first_difference(*files(tmp_path, "m.json", first, second), EXACT) is None
