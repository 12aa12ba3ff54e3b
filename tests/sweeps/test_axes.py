"""The grammar of a sweep."""

from __future__ import annotations

import math

import pytest

from mlcli.errors import ConfigError
from mlcli.params.yaml_file import parse_value
from mlcli.sweeps.axes import draws, grid, parse_axis


@pytest.mark.parametrize(
    ("spec", "values"),
    [
        ("0.1", ["0.1"]),
        ("0.1,0.2, 1", ["0.1", "0.2", "1"]),
        ("64-32,128", ["64-32", "128"]),
        ("[he,xavier],[he]", ["[he,xavier]", "[he]"]),
        ("'a,b',c", ["'a,b'", "c"]),
        ("choice(1,[2,3])", ["1", "[2,3]"]),
        ("range(0,10,2)", ["0", "2", "4", "6", "8"]),
        ("range(3,0,-1)", ["3", "2", "1"]),
        ("range(0,0.3,0.1)", ["0", "0.1", "0.2"]),
        ("range(2,5)", ["2", "3", "4"]),
        ("log(1e-3,10,5)", ["0.001", "0.01", "0.1", "1", "10"]),
        ("linear(0,1,5)", ["0", "0.25", "0.5", "0.75", "1"]),
        ("null,1", ["null", "1"]),
        ("linear(10000,10010,6)", ["10000", "10002", "10004", "10006", "10008", "10010"]),
        ("linear(1000,1001,4)", ["1000", "1000.33", "1000.67", "1001"]),
        ("log(10000,10002,3)", ["10000", "10001", "10002"]),
        ("linear(0,1,4)", ["0", "0.3333", "0.6667", "1"]),
        ("range(1e13,1.0000000000002e13)", ["10000000000000", "10000000000001"]),
    ],
)
def test_the_values_of_an_axis(spec: str, values: list[str]) -> None:
    for prefix in ("", "train_mlp."):
        axis = parse_axis(f"{prefix}x={spec}", "train_mlp")
        assert (axis.key, list(axis.values)) == ("x", values)
    for value in values:
        parse_value(value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("x", "key=values"),
        ("x=", "key=values"),
        ("=1", "key=values"),
        ("fit_poly.x=1", "section fit_poly does nothing here"),
        ("x=1,,2", "a value is missing"),
        ("x=[1,2", "left open"),
        ("x=log(0,1,3)", "above 0"),
        ("x=log(1,1,3)", "low < high"),
        ("x=log(1,2,2.5)", "whole number"),
        ("x=log(1)", "takes low,high"),
        ("x=range(0,1,0)", "step not 0"),
        ("x=range(1,0)", "runs away"),
        ("x=linear(0,inf)", "finite"),
        ("x=log(a,b,3)", "could not convert"),
        ("x=integers(1,2.5)", "whole numbers"),
        ("x=integers(0,1e30)", r"whole numbers below 1e\+15"),
        ("x=linear(-1e308,1e308,3)", "far apart"),
        ("x=linear(1,1.0000000000000004,9)", "too close for 9 values"),
    ],
)
def test_faults_are_one_sentence(text: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words) as caught:
        parse_axis(text, "train_mlp")
    assert len(str(caught.value).splitlines()) == 1


def test_a_grid_takes_every_combination_and_the_last_axis_fastest() -> None:
    axes = [parse_axis("a=1,2", "s"), parse_axis("b=x,y,z", "s")]
    points = grid(axes)
    assert [dict(point) for point in points] == [
        {"a": a, "b": b} for a in ("1", "2") for b in ("x", "y", "z")
    ]


def test_an_interval_needs_a_number_or_a_random_search() -> None:
    with pytest.raises(ConfigError, match=r"try log\(0.001,1,7\), or --n-samples"):
        grid([parse_axis("a=log(1e-3,1)", "s")])


def test_a_random_search_is_inside_nested_and_even_in_the_logarithm() -> None:
    axes = [
        parse_axis("a=log(1e-4,1)", "s"),
        parse_axis("b=integers(1,3)", "s"),
        parse_axis("c=u,v", "s"),
        parse_axis("d=linear(-1,1)", "s"),
    ]
    points = draws(axes, 400, seed=3)
    assert points[:20] == draws(axes, 20, seed=3)
    assert points[:20] != draws(axes, 20, seed=4)
    a = [float(dict(point)["a"]) for point in points]
    assert all(1e-4 <= value <= 1 for value in a)
    assert sum(value < 1e-2 for value in a) == pytest.approx(200, abs=40)
    assert {dict(point)["b"] for point in points} == {"1", "2", "3"}
    assert {dict(point)["c"] for point in points} == {"u", "v"}
    d = [float(dict(point)["d"]) for point in points]
    assert math.fsum(d) / 400 == pytest.approx(0, abs=0.12)


def test_what_is_drawn_from_a_narrow_interval_is_not_rounded_to_a_few_values() -> None:
    points = draws([parse_axis("a=linear(10000,10010)", "s")], 50, seed=0)
    assert len({dict(point)["a"] for point in points}) == 50
    assert max(len(dict(point)["a"]) for point in points) <= len("10001.123")
