"""What the figures of `backprop` show, read off them and compared with the tables of the run."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from figure_reading import Run, bands, committed, drawn, lines
from matplotlib.collections import LineCollection
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch, Rectangle

from mlcli.experiments.backprop.figures.grids import equations
from mlcli.plotting import COLOURS, POINTS, read_table

Command = Callable[..., Any]


def said(value: float) -> str:
    return f"{value:.3g}".replace("-", "−")


@pytest.fixture
def iris(mlcli: Command, empty_folder: Path) -> Run:
    """Four inputs with names, three outputs, units that are off, and seven rows."""
    done = mlcli(
        *("backprop", "--data", "iris", "--activation", "relu", "--n-rows", "7", "--n-seeds", "2"),
        *("--out", "o", "--no-plots", "--quiet"),
    )
    assert done.code == 0, done.err
    return drawn("backprop", empty_folder / "o")


def boxes(figure: Figure) -> dict[tuple[int, int], tuple[FancyBboxPatch, list[str]]]:
    """The box of each layer and unit, and the lines of text in it from the top."""
    (axes,) = figure.axes
    found = {}
    for patch in axes.patches:
        assert isinstance(patch, FancyBboxPatch)
        _, layer, unit = str(patch.get_label()).split()
        x, y, width, height = (
            getattr(patch, f"get_{name}")() for name in ("x", "y", "width", "height")
        )
        inside = [
            text
            for text in axes.texts
            if x < text.get_position()[0] < x + width and y < text.get_position()[1] < y + height
        ]
        inside.sort(key=lambda text: -text.get_position()[1])
        found[int(layer), int(unit)] = (patch, [text.get_text() for text in inside])
    return found


def numbers_on_lines(figure: Figure) -> dict[tuple[int, int, int], str]:
    """Layer, unit and source of each line with a number on it, and that number."""
    (axes,) = figure.axes
    found: dict[tuple[int, int, int], str] = {}
    every = boxes(figure)
    between = [text for text in axes.texts if text.get_bbox_patch() is not None]
    for (layer, k), (right, _) in every.items():
        for (before, j), (left, _) in every.items():
            if before != layer - 1:
                continue
            start = np.array([left.get_x() + left.get_width(), middle(left)])
            end = np.array([right.get_x(), middle(right)])
            on = []
            for text in between:
                there = np.array(text.get_position())
                if not start[0] < there[0] < end[0]:
                    continue
                share = (there[0] - start[0]) / (end[0] - start[0])
                if abs(start[1] + share * (end[1] - start[1]) - there[1]) < 1e-9:
                    on.append(text.get_text())
            if on:
                (found[layer, k, j],) = on
    return found


def middle(patch: FancyBboxPatch) -> float:
    return float(patch.get_y() + patch.get_height() / 2)


def by_place(run: Run, kind: str) -> dict[tuple[int, int, int], float]:
    """The numbers of a kind by layer, unit and source, from the table of steps."""
    table = run.table("steps")
    rows = table[table["kind"] == kind]
    return {
        (int(row.layer), int(row.unit), 0 if np.isnan(row.source) else int(row.source)): row.value
        for row in rows.itertuples()
    }


@cache
def pipeline() -> Run:
    return committed("backprop")


def both(iris: Run) -> Iterator[Run]:
    yield pipeline()
    yield iris


def test_the_forward_drawing_has_every_bias_sum_output_and_weight(iris: Run) -> None:
    for run in both(iris):
        figure = run.figures["forward"]
        found = boxes(figure)
        table = run.table("weights")
        weights = {
            (int(row.layer), int(row.unit), int(row.source)): row.value
            for row in table.itertuples()
        }
        a, z, y = (by_place(run, kind) for kind in ("a", "z", "y"))
        for (layer, k, _), value in a.items():
            text = found[layer, k][1]
            assert text[:2] == [
                f"$b_{k}$ = {said(weights[layer, k, 0])}",
                f"$a_{k}$ = {said(value)}",
            ]
            last = (layer, k, 0) in y
            output = y[layer, k, 0] if last else z[layer, k, 0]
            assert text[2] == f"${'y' if last else 'z'}_{k}$ = {said(output)}"
            assert len(text) == (4 if last else 3)
        expected = {place: said(value) for place, value in weights.items() if place[2]}
        assert numbers_on_lines(figure) == expected
        (E,) = by_place(run, "E").values()
        assert figure.axes[0].texts[len(found_headings(figure))].get_text() == f"E = {said(E)}"
        drawn_lines = [len(one.get_segments()) for one in collections(figure)]
        sizes = [int(n) for n in run.details["network"]["sizes"].split("-")]
        assert drawn_lines == [m * n for m, n in pairwise(sizes)]


def found_headings(figure: Figure) -> list[str]:
    return [
        text.get_text() for text in figure.axes[0].texts if text.get_verticalalignment() == "top"
    ]


def collections(figure: Figure) -> list[LineCollection]:
    return [one for one in figure.axes[0].collections if isinstance(one, LineCollection)]


def test_the_inputs_have_the_names_of_their_columns(iris: Run) -> None:
    found = boxes(iris.figures["forward"])
    assert [found[0, i][1][0][:11] for i in range(1, 5)] == [
        "sepal lengt",
        "sepal width",
        "petal lengt",
        "petal width",
    ]
    # x1 and x2 are what they are called anyway.
    assert all(len(boxes(pipeline().figures["forward"])[0, i][1]) == 1 for i in (1, 2))
    assert found_headings(iris.figures["forward"])[-1] == "y = softmax(a)"
    expected = ["inputs", "layer 1", "a = Σ w z + b", "z = tanh(a)"]
    assert found_headings(pipeline().figures["forward"])[:4] == expected


def test_the_backward_drawing_has_every_error_and_gradient(iris: Run) -> None:
    for run in both(iris):
        figure = run.figures["backward"]
        found = boxes(figure)
        for (layer, k, _), value in by_place(run, "delta").items():
            assert found[layer, k][1][0] == rf"$\delta_{k}$ = {said(value)}"
        for (layer, k, _), value in by_place(run, "z").items():
            # h' as a function of z.
            slope = 1 - value**2 if run is pipeline() else float(value > 0)
            assert found[layer, k][1][1] == f"$h'$ = {said(slope)}"
        expected = {place: said(value) for place, value in by_place(run, "dW").items()}
        assert numbers_on_lines(figure) == expected


def test_a_wide_layer_has_its_numbers_in_the_table_only(mlcli: Command, empty_folder: Path) -> None:
    done = mlcli(
        *("backprop", "--at", "1,2,3,4,5", "--sizes", "5-4-1", "--n-seeds", "1"),
        *("--out", "o", "--no-plots", "--quiet"),
    )
    assert done.code == 0, done.err
    run = drawn("backprop", empty_folder / "o")
    for name, what in (("forward", "weights.csv"), ("backward", "steps.csv")):
        figure = run.figures[name]
        assert {layer for layer, _, _ in numbers_on_lines(figure)} == {2}
        assert any(what in text.get_text() for text in figure.axes[0].texts)


def test_each_panel_of_the_steps_adds_one_layer(iris: Run) -> None:
    for run in both(iris):
        figure = run.figures["steps"]
        sizes = [int(n) for n in run.details["network"]["sizes"].split("-")]
        last = len(sizes) - 1
        assert len(figure.axes) == 2 * last
        values = {kind: by_place(run, kind) for kind in ("z", "y", "delta")}
        for place, axes in enumerate(figure.axes):
            back = place >= last
            layer = 2 * last - place if back else place + 1
            kind = "delta" if back else "y" if layer == last else "z"
            fresh = [text for text in axes.texts if text.get_fontweight() == "bold"]
            expected = [said(values[kind][layer, k, 0]) for k in range(1, sizes[layer] + 1)]
            assert [text.get_text() for text in fresh] == expected
            shown = sum(bool(text.get_text().strip()) for text in axes.texts)
            assert shown == (sum(sizes[layer:]) if back else sum(sizes[: layer + 1]))
            used = [
                str(one.get_label())
                for one in axes.collections
                if to_hex(one.get_color()[0]) != POINTS.lower()  # type: ignore[attr-defined]
            ]
            # The weights above a layer bring its errors; those of the outputs come from the loss.
            gap = (layer + 1 if layer < last else None) if back else layer
            assert used == ([] if gap is None else [f"_gap {gap}"])


def grids(figure: Figure) -> list[tuple[np.ndarray, set[tuple[int, int]]]]:
    """The numbers of each grid, from the top and the left, and its coloured cells."""
    (axes,) = figure.axes
    texts = {tuple(np.round(text.get_position(), 6)): text.get_text() for text in axes.texts}
    found: list[tuple[np.ndarray, set[tuple[int, int]]]] = []
    cells = [one for one in axes.patches if isinstance(one, Rectangle)]
    groups: list[list[Rectangle]] = []
    for cell in cells:
        touches = groups and any(
            abs(cell.get_x() - one.get_x()) < one.get_width() * 1.01
            and abs(cell.get_y() - one.get_y()) < one.get_height() * 1.01
            for one in groups[-1]
        )
        groups[-1].append(cell) if touches else groups.append([cell])
    for group in groups:
        rows = sorted({round(-one.get_y(), 6) for one in group})
        columns = sorted({round(one.get_x(), 6) for one in group})
        matrix, picked = np.full((len(rows), len(columns)), np.nan), set()
        for one in group:
            k, j = rows.index(round(-one.get_y(), 6)), columns.index(round(one.get_x(), 6))
            centre = (one.get_x() + one.get_width() / 2, one.get_y() + one.get_height() / 2)
            matrix[k, j] = float(texts[tuple(np.round(centre, 6))].replace("−", "-"))
            if to_hex(one.get_edgecolor()) == COLOURS[1].lower():
                picked.add((k, j))
        found.append((matrix, picked))
    return found


def test_the_matrices_are_factors_of_each_other(iris: Run) -> None:
    for run in both(iris):
        found = grids(run.figures["matrices"])
        a, W, z, b, delta_out, y, t, delta, back, slope, dW, again, z_T = (one for one, _ in found)
        m = run.details["network"]["n_rows"]
        assert z.shape[1] == m
        # Three digits of each factor.
        np.testing.assert_allclose(W @ z + b, a, rtol=5e-3, atol=5e-3)
        np.testing.assert_allclose(y - t, delta_out, rtol=5e-3, atol=5e-3)
        np.testing.assert_allclose(back * slope, delta, rtol=1e-2, atol=1e-9)
        np.testing.assert_array_equal(again, delta)
        np.testing.assert_array_equal(z_T, z.T)
        np.testing.assert_allclose(again @ z_T / m, dW, rtol=1e-2, atol=5e-3)
        picked = [cells for _, cells in found]
        assert not any(picked[:10])
        assert picked[10] == {(0, 0)}
        assert picked[11] == {(0, n) for n in range(m)}
        assert picked[12] == {(n, 0) for n in range(m)}


def test_the_sum_below_the_matrices_gives_the_coloured_entry(iris: Run) -> None:
    for run in both(iris):
        figure = run.figures["matrices"]
        (text,) = [one.get_text() for one in figure.axes[0].texts if "(6.38)" in one.get_text()]
        m = run.details["network"]["n_rows"]
        inside = re.findall(r"\[(.*)\]", text, re.DOTALL)[0].replace("−", "-").replace("\n", " ")
        terms = [part.strip() for part in inside.split(" + ")]
        assert len(terms) == m
        products = [
            float(left.strip("()")) * float(right.strip("()"))
            for left, right in (term.split("·") for term in terms)
        ]
        gradient = run.table("gradients").set_index("quantity")["by_sums"]["dE/dw_11(1)"]
        assert sum(products) / m == pytest.approx(gradient, rel=2e-2, abs=1e-3)
        assert text.endswith(f"= {said(gradient)}")


def test_a_network_without_a_hidden_layer_has_three_lines_of_matrices(
    mlcli: Command, empty_folder: Path
) -> None:
    done = mlcli(
        *("backprop", "--at", "1,2", "--sizes", "2-1", "--n-seeds", "1", "--out", "o"),
        *("--no-plots", "--quiet"),
    )
    assert done.code == 0, done.err
    run = drawn("backprop", empty_folder / "o")
    table = read_table(run.folder / "tables" / "matrices.csv")
    found = equations(run.details["network"], table)
    assert [name for name, _ in found] == ["(6.19)", "(6.40)", "(6.39)"]
    # One row: nothing is divided.
    assert [part for part in found[-1][1] if isinstance(part, str)] == ["=", "·"]


def test_errors_are_drawn_against_the_step_with_their_theory(iris: Run) -> None:
    for run in both(iris):
        (axes,) = run.axes("step_size")
        table = run.table("step_size")
        assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
        curves = {label: (x, y) for label, x, y in lines(axes)}
        for name, label in (("central", "central"), ("one_sided", "one-sided")):
            for column, text in (
                (f"log10_{name}", label),
                (f"log10_{name}_theory", f"{label}, theory"),
            ):
                x, y = curves[text]
                np.testing.assert_allclose(x, table["step"])
                np.testing.assert_allclose(y, 10 ** table[column])
        found = bands(axes)
        assert len(found) == 2
        for (x, low, high), name in zip(found, ("central", "one_sided"), strict=True):
            there = table.dropna(subset=[f"log10_{name}_ci_low"])
            np.testing.assert_allclose(x, there["step"])
            np.testing.assert_allclose(low, 10 ** there[f"log10_{name}_ci_low"])
            np.testing.assert_allclose(high, 10 ** there[f"log10_{name}_ci_high"])
        crosses = table["left_out"].max() > 0
        assert ("left out" in axes.get_title()) == crosses
        assert crosses == (run is not pipeline())


def test_multiplications_are_drawn_against_the_number_of_weights() -> None:
    run = pipeline()
    (axes,) = run.axes("cost")
    table = run.table("cost")
    own, others = table.iloc[:1], table.iloc[1:]
    curves = {label: (x, y) for label, x, y in lines(axes) if len(x) > 1}
    dots = [(x[0], y[0]) for _, x, y in lines(axes) if len(x) == 1]
    columns = {
        "2W forward passes": "central",
        "W + 1 forward passes": "one_sided",
        "backpropagation": "backpropagation",
        "one forward pass": "forward",
    }
    assert set(curves) == set(columns)
    for label, name in columns.items():
        np.testing.assert_array_equal(curves[label][0], others["n_weights"])
        np.testing.assert_array_equal(curves[label][1], others[name])
    assert dots == [(own["n_weights"][0], own[name][0]) for name in columns.values()]
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
    assert own["network"][0] in axes.get_title()
