"""Curves of several runs laid over each other, and the figure of a file, show their numbers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from figure_reading import (
    REPORTS,
    bands,
    columns,
    frame,
    groups,
    legend,
    lines,
    read,
    same,
    styles,
    texts,
    ticks,
)
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from mlcli.datasets.describe import describe_table
from mlcli.experiments import about
from mlcli.plotting import COLOURS, new_figure, nothing_to_draw, numbers, read_table, where
from mlcli.report import figures
from mlcli.report.figures import description


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """The figures that are drawn, in their order."""
    found: list[Figure] = []

    def new(*size: float) -> Figure:
        found.append(new_figure(*size))
        found[-1].set_layout_engine("none")
        return found[-1]

    monkeypatch.setattr(figures, "new_figure", new)
    return found


@pytest.mark.parametrize("section", ["fit_poly", "descent", "train_mlp"])
def test_curves_of_two_runs_lie_over_each_other(section: str, kept: list[Figure]) -> None:
    folder = REPORTS / section
    found = figures.overlaid(section, [("one", folder), ("other", folder)])
    curves = [
        curve
        for curve in about(section).curves
        if not read(folder / "tables" / f"{curve.file}.csv")[curve.y].isna().all()
    ]
    assert len(found) == len(curves) == len(kept)
    for curve, figure, (title, remark, content) in zip(curves, kept, found, strict=True):
        table = read(folder / "tables" / f"{curve.file}.csv")
        (axes,) = figure.axes
        parts = groups(table, *curve.by) if curve.by else [((), table)]
        expected, reach = [], []
        for label in ("one", "other"):
            for names, rows in parts[:4]:
                words = names if isinstance(names, tuple) else (names,)
                rows = rows.dropna(subset=[curve.x, curve.y])
                rows = rows[rows[curve.x] > 0] if curve.log_x else rows
                rows = rows.sort_values(curve.x, kind="stable")
                x, y = rows[curve.x], rows[curve.y]
                expected.append((" ".join([label, *map(str, words)]), x, y))
                if set(curve.band) <= set(rows):
                    low, high = (rows[name] for name in curve.band)
                    low = low.where(low > 0, y) if curve.log_y else low
                    there = low.notna() & high.notna()
                    reach.append((x[there], low[there], high[there]))
        same(lines(axes), expected)
        same(bands(axes), [one for one in reach if len(one[0])])
        # One colour a run, one kind of dashes a curve of it.
        look = styles(axes)
        n = len(look) // 2
        assert {colour for colour, _, _ in look[:n]} == {COLOURS[0].lower()}
        assert {colour for colour, _, _ in look[n:]} == {COLOURS[1].lower()}
        assert [dash for _, dash, _ in look[:n]] == ["-", "--", ":", "-."][:n]
        assert [dash for _, dash, _ in look[n:]] == ["-", "--", ":", "-."][:n]
        words = [name.replace("_", " ") for name in (curve.x, curve.y)]
        scales = ["log" if log else "linear" for log in (curve.log_x, curve.log_y)]
        assert frame(axes) == ("", *words, *scales)
        assert legend(axes) == [one[0] for one in expected]
        assert title == f"{words[1]} against {words[0]}, with 95 % bands"
        left_out = len(parts) > 4
        assert remark == (f"The first 4 of {len(parts)} curves." if left_out else "")
        assert content.startswith(b"\x89PNG")


def test_curves_that_all_runs_have_are_shown_first() -> None:
    first, second = [("a",), ("b",), ("c",)], [("c",), ("d",), ("e",), ("b",)]
    assert figures._shown([first, second]) == [("b",), ("c",), ("a",), ("d",)]


def test_a_file_is_described_by_columns_and_correlations(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    table = pd.DataFrame(
        {
            "size": rng.normal(size=60),
            "kind": rng.choice(["red", "green"], 60),
            "flat": 1.0,
            "weight": rng.normal(size=60),
            "y": rng.normal(size=60),
        }
    )
    table["weight"] += 2 * table["size"]
    table.to_csv(tmp_path / "rows.csv", index=False)
    found = describe_table(tmp_path / "rows.csv", "y")
    figure = description(found)
    *panels, correlations, bar = [axes for axes in figure.axes if axes.axison]
    assert [axes.get_title() for axes in panels] == ["y", "size", "kind", "weight"]
    for axes in panels:
        name = axes.get_title()
        ((_, middles, heights),) = columns(axes)
        colour = "#d55e00" if name == "y" else "#0072b2"
        assert {to_hex(patch.get_facecolor()) for patch in axes.patches} == {colour}
        if name == "kind":
            counts = table.kind.value_counts()
            assert [patch.get_width() for patch in axes.patches] == counts.tolist()
            assert [text for _, text in ticks(axes.yaxis)] == counts.index.tolist()
            assert axes.yaxis_inverted()
            continue
        edges = [patch.get_x() for patch in axes.patches]
        edges.append(axes.patches[-1].get_x() + axes.patches[-1].get_width())
        assert (edges[0], edges[-1]) == pytest.approx((table[name].min(), table[name].max()))
        assert heights == np.histogram(table[name], edges)[0].tolist()
        assert np.diff(middles) == pytest.approx(np.diff(edges)[1:])
    (image,) = correlations.images
    names = [text for _, text in ticks(correlations.xaxis)]
    assert (
        names == [text for _, text in ticks(correlations.yaxis)] == found["correlations"]["names"]
    )
    shown = np.ma.filled(np.ma.asarray(image.get_array(), dtype=float), np.nan)
    varying = [name for name in names if name in table and name != "flat"]
    for a in varying:
        for b in varying:
            r = np.corrcoef(table[a], table[b])[0, 1] if "kind" not in (a, b) else None
            if r is not None:
                assert shown[names.index(a), names.index(b)] == pytest.approx(r, abs=1e-6)
    assert image.get_clim() == (-1, 1)
    assert figure.get_suptitle() == "rows.csv: 60 rows\n4 of 5 columns"
    assert bar is not None


def test_tables_are_read_as_text_with_gaps_as_no_numbers(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text('a,cost in $\n1.5,x\n,"y, $z"\n')
    table = read_table(tmp_path / "t.csv")
    assert table == {"a": ["1.5", ""], r"cost in \$": ["x", r"y, \$z"]}
    np.testing.assert_array_equal(numbers(table["a"]), [1.5, np.nan])
    assert where(table, a="1.5") == {"a": ["1.5"], r"cost in \$": ["x"]}
    (tmp_path / "t.csv").write_text("a,b\n1,2\n3\n")
    with pytest.raises(ValueError, match="line 3 has 1 cells, the heading 2"):
        read_table(tmp_path / "t.csv")


def test_a_figure_without_content_says_why() -> None:
    (axes,) = nothing_to_draw("No path.").axes
    assert not axes.axison
    same(texts(axes), [("No path.", 0.5, 0.5)])
