"""What a reader of the report can move of `fit-poly`, against the tables by another route."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mlcli.experiments.explore import Explorable, Mark
from mlcli.experiments.fit_poly.draws import MOST_DEGREE, MOST_ROWS, SHOWN_ROWS
from mlcli.experiments.fit_poly.explore import explorables

Run = Callable[..., Any]
REPORT = Path(__file__).parents[2] / "reports" / "fit_poly"
MOST_BYTES = 250_000
# Marks by their colour.
TRAIN, TEST, FIT = 0, 1, 2


def rows_of(name: str, folder: Path = REPORT, **equal: str) -> list[dict[str, str]]:
    with (folder / "tables" / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        every = list(csv.DictReader(file))
    return [row for row in every if all(row[key] == value for key, value in equal.items())]


def column(rows: list[dict[str, str]], name: str) -> list[float]:
    return [float(row[name]) for row in rows]


@pytest.fixture(scope="module")
def degree() -> Explorable:
    return next(one for one in explorables(REPORT) if one.name == "degree")


@pytest.fixture(scope="module")
def strength() -> Explorable:
    return next(one for one in explorables(REPORT) if one.name == "strength")


def only(marks: Any, kind: str, colour: Any) -> Mark:
    found = [one for one in marks if one.kind == kind and one.colour == colour]
    assert len(found) == 1
    return found[0]


@pytest.mark.parametrize(("place", "seed"), [(0, 0), (3, 2), (12, 5)])
def test_a_degree_shows_the_rows_and_the_fit_of_its_draw(
    degree: Explorable, place: int, seed: int
) -> None:
    left, right = degree.states[place, seed].marks
    curve = rows_of("draws", seed_index=str(seed), degree=str(place))
    fit = only(left, "line", FIT)
    np.testing.assert_allclose(fit.x, column(curve, "x"))
    np.testing.assert_allclose(fit.y, column(curve, "fit"))
    for part, colour in (("train", TRAIN), ("test", TEST)):
        rows = rows_of("draw_rows", seed_index=str(seed), part=part)
        np.testing.assert_array_equal(only(left, "points", colour).x, column(rows, "x"))
        np.testing.assert_array_equal(only(left, "points", colour).y, column(rows, "t"))
        errors = column(rows_of("draw_errors", seed_index=str(seed)), f"{part}_mse")
        np.testing.assert_array_equal(only(right, "line", colour).y, errors[:-1])
        point = only(right, "points", colour)
        assert (*np.asarray(point.x), *np.asarray(point.y)) == (place, errors[place])
    truth = only(left, "line", "truth")
    law = {row["x"]: row["truth"] for row in rows_of("law")}
    assert truth.dashed
    assert set(zip(truth.x, truth.y, strict=True)) <= {  # type: ignore[arg-type]
        (float(x), float(y)) for x, y in law.items()
    }


def test_the_degree_far_above_has_an_arrow_where_its_test_error_is_beyond_the_axis(
    degree: Explorable,
) -> None:
    place, seed = len(degree.controls[0].values) - 1, 1
    assert degree.controls[0].values[place] == "300"
    left, right = degree.states[place, seed].marks
    errors = rows_of("draw_errors", seed_index="1", degree="300")[0]
    power = int(np.floor(np.log10(float(errors["test_mse"]))))
    assert only(right, "text", TEST).texts == [f"10^{power}"]
    assert np.asarray(only(right, "arrow", TEST).y)[1] == degree.panels[1].y_range[1]
    assert [one.colour for one in right if one.kind == "points"] == [TRAIN]
    assert float(errors["train_mse"]) == np.asarray(only(right, "points", TRAIN).y)[0]
    # What is cut off is far outside of the axes.
    fit, ends = np.asarray(only(left, "line", FIT).y), degree.panels[0].y_range
    found = np.array(column(rows_of("draws", seed_index="1", degree="300"), "fit"))
    inside = (found > ends[0]) & (found < ends[1])
    np.testing.assert_array_equal(fit[inside], found[inside])
    assert ((fit[~inside] <= ends[0]) | (fit[~inside] >= ends[1])).all()


@pytest.mark.parametrize("seed", range(6))
def test_the_sentence_of_a_degree_compares_it_with_the_others_of_its_draw(
    degree: Explorable, seed: int
) -> None:
    rows = rows_of("draw_errors", seed_index=str(seed))
    train, test = column(rows, "train_mse"), column(rows, "test_mse")
    best = test.index(min(test))
    law = rows_of("law")[0]
    noise = ((float(law["high"]) - float(law["truth"])) / 1.959963984540054) ** 2
    assert noise == pytest.approx(1.95**2)
    for place, row in enumerate(rows):
        says = degree.states[place, seed].says
        assert says.startswith(f"Degree {row['degree']}, seed {seed}: training error ")
        stated = re.findall(r"error ([\d.e+]+)", says)[:2]
        ours = [float(one.rstrip(".")) for one in stated]
        assert ours == pytest.approx([train[place], test[place]], rel=1e-3)
        low, high = float(row["test_ci_low"]), float(row["test_ci_high"])
        assert ("inside this interval" in says) == (low <= noise <= high < 1e6)
        assert ("below this interval" in says) == (noise < low)
        assert ("far below it" in says) == (row["degree"] == "300")
        assert ("No other degree has a smaller" in says) == (place == best)
        near = place != best and test[place] <= 1.05 * test[best]
        assert ("within 5 %" in says) == near
        apart = test[place] > 1.05 * test[best]
        assert ("underfits" in says) == (apart and place < best)
        assert ("overfits" in says) == (apart and place > best)


@pytest.mark.parametrize("place", [0, 4, 9])
def test_a_strength_shows_its_fit_coefficients_and_errors(strength: Explorable, place: int) -> None:
    path = sorted(rows_of("path"), key=lambda row: float(row["strength"]))
    name = path[place]["strength"]
    left, middle, right = strength.states[(place,)].marks
    curve = rows_of("path_curves", strength=name)
    np.testing.assert_array_equal(only(left, "line", FIT).x, column(curve, "x"))
    np.testing.assert_allclose(only(left, "line", FIT).y, column(curve, "fit"))
    bars = np.asarray(only(middle, "bars", FIT).y)
    terms = [text for _, text in strength.panels[1].x_ticks]
    found = {
        row["term"]: float(row["coefficient"])
        for row in rows_of("path_coefficients", strength=name)
    }
    np.testing.assert_array_equal(bars, [found[term] for term in terms])
    # The largest of each strength is among the bars.
    assert max(found, key=lambda term: abs(found[term])) in terms
    for part, colour in (("train", TRAIN), ("test", TEST)):
        point = only(right, "points", colour)
        at = (float(name), float(path[place][f"{part}_mse"]))
        assert (*np.asarray(point.x), *np.asarray(point.y)) == at


def test_the_sentence_of_a_strength_has_its_numbers(strength: Explorable) -> None:
    path = sorted(rows_of("path"), key=lambda row: float(row["strength"]))
    test = column(path, "test_mse")
    best = test.index(min(test))
    assert strength.start == (best,)
    for place, row in enumerate(path):
        says = strength.states[(place,)].says
        coefficients = rows_of("path_coefficients", strength=row["strength"])
        used = sum(float(one["coefficient"]) != 0 for one in coefficients)
        assert f": {used} of 300 coefficients of seed 0" in says
        for name, before in (
            ("n_nonzero", "in the mean over seeds "),
            ("train_mse", "training error "),
            ("test_mse", "test error "),
        ):
            ends = [float(row[f"{name}{end}"]) for end in ("", "_ci_low", "_ci_high")]
            stated = re.search(before + r"([\d.]+) \(([\d.]+) to ([\d.]+)\)", says)
            assert stated is not None
            assert [float(one) for one in stated.groups()] == pytest.approx(ends, rel=1e-3)
        apart = test[place] > 1.05 * test[best]
        assert ("too weak" in says) == (apart and place < best)
        assert ("too strong" in says) == (apart and place > best)
        assert ("within 5 %" in says) == (not apart and place != best)
        reached = float(row["test_mse_ci_low"]) <= test[best]
        assert ("though the interval reaches" in says) == (apart and reached)


def test_both_are_finite_and_small() -> None:
    found = explorables(REPORT)
    assert [one.name for one in found] == ["degree", "strength"]
    for one in found:
        written = one.to_dict()
        assert len(json.dumps(written)) <= MOST_BYTES
        for panel in one.panels:
            ends = (*panel.x_range, *panel.y_range)
            assert np.isfinite(ends).all()
            assert ends[0] < ends[1]
            assert ends[2] < ends[3]
        # The rows of a draw are written once, and each state points at them.
        marks = [
            mark
            for state in written["states"].values()
            for panel in state["marks"]
            for mark in panel
        ]
        places = {mark for mark in marks if isinstance(mark, int)}
        assert places == set(range(len(written["shared"])))


def test_the_draws_are_fits_of_their_own_rows(mlcli: Run) -> None:
    rng = np.random.default_rng(3)
    x = rng.uniform(-1, 1, 100)
    t = x**2 + 0.3 * rng.normal(size=x.size)
    lines = "".join(f"{float(a)!r},{float(b)!r}\n" for a, b in zip(x, t, strict=True))
    Path("own.csv").write_text(f"time,speed\n{lines}")
    own = ("fit-poly", "--data", "own.csv", "--target", "speed", "--no-plots", "--quiet")
    assert mlcli(*own, "--degrees", "1,20", "--n-seeds", "3", "--out", "o").code == 0
    data = {part: rows_of("data", Path("o"), part=part) for part in ("train", "test")}
    every = {
        part: [column(rows, name) for name in ("time", "speed")] for part, rows in data.items()
    }
    errors = {row["degree"]: row for row in rows_of("draw_errors", Path("o"), seed_index="0")}
    assert list(errors) == [*map(str, range(MOST_DEGREE + 1)), "20"]
    for name in ("0", "4", "12", "20"):
        fit = np.polynomial.Chebyshev.fit(*every["train"], deg=int(name))
        for part, (a, b) in every.items():
            squares = (fit(np.array(a)) - b) ** 2
            assert float(errors[name][f"{part}_mse"]) == pytest.approx(squares.mean(), rel=1e-6)
        assert float(errors[name]["test_ci_low"]) < squares.mean()
        curve = rows_of("draws", Path("o"), seed_index="0", degree=name)
        np.testing.assert_allclose(
            fit(np.array(column(curve, "x"))), column(curve, "fit"), rtol=1e-6, atol=1e-6
        )
    # The mean over the draws.
    means = {row["degree"]: row for row in rows_of("draw_means", Path("o"))}
    of_4 = column(rows_of("draw_errors", Path("o"), degree="4"), "test_mse")
    assert float(means["4"]["test_mse"]) == pytest.approx(np.mean(of_4))
    rows = rows_of("draw_rows", Path("o"), seed_index="0")
    assert len(rows) == min(SHOWN_ROWS, x.size)
    degree, strength = explorables(Path("o"))
    assert degree.panels[0].x == strength.panels[0].x == "time"
    assert "noise" not in degree.states[1, 0].says


@pytest.mark.parametrize(
    ("options", "names"),
    [
        ("--degrees 1,2", ["degree", "strength"]),
        ("--degrees 1,2 --test-fraction 0", ["degree", "strength"]),
        ("--degrees 1 --path-penalty none", ["degree"]),
        ("--degrees 1 --basis linear", ["strength"]),
        ("--degrees 1,2 --basis gaussian --n-seeds 1", ["degree", "strength"]),
        ("--degrees 1,2 --no-intercept --solver certified", ["degree", "strength"]),
    ],
)
@pytest.mark.parametrize("values", [8, 3], ids=["distinct", "repeated"])
def test_data_of_ones_own_has_what_its_tables_allow(
    mlcli: Run, options: str, names: list[str], values: int
) -> None:
    rows = "".join(f"{i % values},{(i % values) ** 2 + 0.1 * (i % 2)}\n" for i in range(16))
    Path("own.csv").write_text(f"x,t\n{rows}")
    arguments = ["--n-seeds", "2", *options.split(), "--no-plots", "--quiet", "--out", "o"]
    assert mlcli("fit-poly", "--data", "own.csv", *arguments).code == 0
    found = explorables(Path("o"))
    assert [one.name for one in found] == names
    for one in found:
        assert all(np.isfinite((*panel.x_range, *panel.y_range)).all() for panel in one.panels)
        for state in one.states.values():
            assert "nan" not in state.says
            no_rows = "No rows were set aside" in state.says
            assert no_rows == ("--test-fraction 0" in options)


def test_several_inputs_and_missing_tables_have_nothing_to_move(mlcli: Run) -> None:
    run = ("fit-poly", "--degrees", "1", "--n-seeds", "2", "--no-plots", "--quiet", "--out", "o")
    assert mlcli(*run, "--data", "diabetes").code == 0
    assert explorables(Path("o")) == []
    for name in ("draws", "path_curves"):
        Path(f"o/tables/{name}.csv").unlink()
    assert explorables(Path("o")) == []


def test_large_data_have_no_draws(mlcli: Run) -> None:
    rows = "".join(f"{i},{i % 7}\n" for i in range(MOST_ROWS + 1))
    Path("own.csv").write_text(f"x,t\n{rows}")
    run = ("fit-poly", "--data", "own.csv", "--degrees", "1,2", "--n-seeds", "2", "--out", "o")
    assert mlcli(*run, "--no-plots", "--quiet").code == 0
    assert rows_of("draws", Path("o")) == []
    (strength,) = explorables(Path("o"))
    assert strength.name == "strength"
    assert len(json.dumps(strength.to_dict())) <= MOST_BYTES
