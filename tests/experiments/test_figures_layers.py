"""The figures of `propagate`, `filters` and `baseline` show their tables."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from figure_reading import (
    Run,
    across,
    band_of,
    bands,
    bars,
    committed,
    drawn,
    frame,
    groups,
    legend,
    lines,
    reason,
    rectangles,
    same,
    styles,
    texts,
    ticks,
)
from matplotlib.axes import Axes
from matplotlib.colors import to_hex


@pytest.mark.parametrize(
    ("name", "column", "words"),
    [
        ("activations", "value", ("Activation functions", "a", "h(a)")),
        ("derivatives", "derivative", ("Their derivatives", "a", "h'(a)")),
    ],
)
def test_propagate_shows_activations(name: str, column: str, words: tuple[str, ...]) -> None:
    run = committed("propagate")
    figure = run.figures[name]
    every = groups(run.table("activations"), "activation")
    title, x, y = words
    seen = (figure.get_suptitle(), figure.get_supxlabel(), figure.get_supylabel())
    assert seen == (title, x, y)
    for axes, (label, rows) in zip(run.axes(name), every, strict=True):
        others = [("", of.a, of[column]) for other, of in every if other != label]
        same(lines(axes), [*others, (label, rows.a, rows[column])])
        alpha = {"leaky-relu": ", alpha 0.01", "elu": ", alpha 1"}.get(label, "")
        assert axes.get_title() == label + alpha
        # Its own curve is in front of the others, which are grey, and in another colour.
        *behind, own = axes.get_lines()
        assert {to_hex(one.get_color()) for one in behind} == {"#8a8f98"}
        of_the_notes = label in ("sigmoid", "tanh", "relu", "leaky-relu", "elu")
        assert to_hex(own.get_color()) == ("#0072b2" if of_the_notes else "#d55e00")
        assert own.get_zorder() > max(one.get_zorder() for one in behind)


def test_propagate_shows_means_and_variances_over_draws_beside_theory() -> None:
    run = committed("propagate")
    table = run.table("draws")
    inits = list(table.init.unique())
    titles = ("Mean of z, (7.4)", "Variance of z, (7.9)", "Variance of delta, (7.11), (7.12)")
    panels = zip(
        run.axes("draws"),
        ("signal", "signal", "errors"),
        ("mean", "variance", "variance"),
        titles,
        strict=True,
    )
    for axes, side, key, title in panels:
        every = [table[(table.side == side) & (table.init == init)] for init in inits]
        # The three choices side by side around their layer.
        places = [rows.layer + 0.09 * (k - 1) for k, rows in enumerate(every)]
        expected = [
            (init, x, rows[key], rows[f"{key}_ci_low"], rows[f"{key}_ci_high"])
            for init, x, rows in zip(inits, places, every, strict=True)
        ]
        same(bars(axes), expected)
        assert axes.get_title() == title
        assert axes.get_xlabel() == "hidden layer"
        if key == "mean":
            assert across(axes) == [("y", 0)]
            continue
        theory = [("", x, rows.variance_theory) for x, rows in zip(places, every, strict=True)]
        same(lines(axes), theory)
        assert {style[1] for style in styles(axes)} == {"--"}
        said = [f"{init}\n{rows.equation.iloc[0]}" for init, rows in zip(inits, every, strict=True)]
        assert [text.get_text() for text in axes.texts] == said
        assert axes.get_yscale() == "log"
        low, high = axes.get_ylim()
        assert low < table.variance.min() < table.variance.max() < high


def test_propagate_shows_what_stays_alive_beside_what_trains() -> None:
    run = committed("propagate")
    table, trained = run.table("alive"), run.table("trains")
    trained = trained[trained.normalisation == "none"]
    names, inits = table.activation.unique(), table.init.unique()
    left, right, *colour_bars = run.axes("alive")
    cells = list(np.ndindex(len(names), len(inits)))
    changes = table[["log10_forward", "log10_backward"]].to_numpy()
    larger = changes[np.arange(len(table)), np.abs(changes).argmax(axis=1)]
    np.testing.assert_allclose(image_of(left).ravel(), larger)
    said = [f"{v:+.1f}" if abs(v) < 9.95 else f"{v:+.0f}" for v in larger]
    same(texts(left), [(text, j, i) for text, (i, j) in zip(said, cells, strict=True)])
    accuracy = 100 * trained.accuracy.to_numpy()
    np.testing.assert_allclose(image_of(right).ravel(), accuracy)
    same(texts(right), [(f"{v:.0f}", j, i) for v, (i, j) in zip(accuracy, cells, strict=True)])
    steps = run.table("signals").depth.max() - 1
    # Both intervals within 15 % a layer; dotted where only a part of one is.
    most = steps * np.log10(1.15)
    ends = table[[f"log10_{s}_ci_{e}" for s in ("forward", "backward") for e in ("low", "high")]]
    ends = ends.to_numpy()
    alive = (np.abs(ends) <= most).all(axis=1)
    lost = (ends[:, ::2] > most).any(axis=1) | (ends[:, 1::2] < -most).any(axis=1)
    assert list(alive) == list(table.alive)
    assert list(lost) == list(table.lost)
    framed = [(j, i) for gone, (i, j) in zip(lost, cells, strict=True) if not gone]
    for axes in (left, right):
        same(rectangles(axes), [(j - 0.46, i - 0.46, 0.92, 0.92) for j, i in framed])
        dashes = [one.get_linestyle() for one in axes.patches]
        assert dashes == ["-" if one else ":" for one in alive[~lost]]
        assert ticks(axes.xaxis) == [*enumerate(inits)]
    assert ticks(left.yaxis) == [*enumerate(names)]
    assert [axes.get_ylabel() for axes in colour_bars] == ["powers of 10", "%"]
    title = "Framed: both change by at most 15 % a layer, through 50 layers"
    assert run.figures["alive"].get_suptitle() == title


def test_propagate_shows_the_effect_of_alpha_beside_theory() -> None:
    run = committed("propagate")
    table = run.table("alphas")
    for axes, (name, rows) in zip(run.axes("alphas"), groups(table, "activation"), strict=True):
        there = rows[rows.log10_forward.notna()]
        sides = (("signal", "log10_forward"), ("errors", "log10_backward"))
        expected = [
            (word, there.alpha, there[key], there[f"{key}_ci_low"], there[f"{key}_ci_high"])
            for word, key in sides
        ]
        same(bars(axes), expected)
        theory = [("", rows.alpha, rows[f"{key}_theory"]) for _, key in sides]
        same([one for one in lines(axes) if len(one[1])], theory)
        assert axes.get_title() == name
        assert axes.get_xlabel() == "alpha"
        if name == "leaky-relu":
            # Xavier's weights: (1 + alpha^2) / 2 a layer.
            exact = 49 * np.log10((1 + rows.alpha**2) / 2)
            np.testing.assert_allclose(rows.log10_forward_theory, exact, rtol=1e-9)


def test_propagate_shows_gradients_of_two_weights_and_where_their_signs_agree() -> None:
    run = committed("propagate")
    *panels, left, right = run.axes("signs")
    points, shares = run.table("sign_points"), run.table("signs")
    assert [axes.get_title() for axes in panels] == ["sigmoid", "tanh", "relu"]
    for axes in panels:
        rows = points[points.activation == axes.get_title()]
        same(lines(axes), [("", rows.dE_dw_1, rows.dE_dw_2)])
        reach = 1.1 * rows[["dE_dw_1", "dE_dw_2"]].abs().stack().quantile(0.98)
        assert axes.get_xlim() == axes.get_ylim() == pytest.approx((-reach, reach))
        # The quarters in which both have one sign.
        same(rectangles(axes), [(-reach, -reach, reach, reach), (0, 0, reach, reach)])
        assert frame(axes)[1:3] == ("dE/dw_1", "dE/dw_2")
    names = shares.activation.unique()
    for axes, of, title, x, n in (
        (
            left,
            shares[shares.n == shares.n.min()],
            "2 weights",
            "rows that are summed over",
            "batch_size",
        ),
        (right, shares[shares.batch_size == shares.batch_size.max()], "{} rows", "weights n", "n"),
    ):
        expected = []
        for name in names:
            for normalisation in ("none", "batch"):
                rows = of[(of.activation == name) & (of.normalisation == normalisation)]
                rows = rows[rows["share"] > 0]
                low, high = (rows[f"share_ci_{k}"].fillna(rows["share"]) for k in ("low", "high"))
                label = name if normalisation == "none" else ""
                expected.append((label, rows[n], rows["share"], low, high))
        same(bars(axes), expected)
        dashes = [one.lines[0].get_linestyle() for one in axes.containers]
        assert dashes == ["-", "--"] * len(names)
        assert axes.get_title() == title.format(shares.batch_size.max())
        assert (axes.get_xlabel(), axes.get_xscale()) == (x, "log")
        assert [float(text) for _, text in ticks(axes.xaxis)] == sorted(of[n].unique())
    assert left.get_ylabel() == "share with one sign"
    large = [
        shares[(shares.activation == name) & (shares.normalisation == "none") & (shares.n == 2)]
        for name in names
    ]
    same(across(left), [("y", rows.large_batch.iloc[0]) for rows in large])
    n = np.sort(shares.n.unique())
    # Signs drawn at random agree in 2 of 2^n cases.
    same(lines(right), [("", n, 2 / 2.0**n)])
    assert right.get_yscale() == "log"
    assert {*legend(right)} == {*names, "batch norm.", "theory"}


@pytest.mark.parametrize(("side", "symbol"), [("forward", "Var a"), ("backward", "Var delta")])
def test_propagate_shows_variances_against_the_layer(side: str, symbol: str) -> None:
    run = committed("propagate")
    table = run.table("signals")
    table = table[(table.depth == table.depth.max()) & (table.normalisation == "none")]
    activations, figure = groups(table, "activation"), run.figures[side]
    for axes, (name, of) in zip(figure.axes, activations, strict=True):
        expected, colours = [], []
        for init, rows in groups(of, "init"):
            expected.append((init, rows.layer, rows[f"log10_{side}"]))
            expected.append(("", rows.layer, rows[f"log10_{side}_theory"]))
        same(lines(axes), expected)
        colours = styles(axes)
        assert {style[:2] for style in colours[1::2]} == {("#000000", "--")}
        assert len({style[0] for style in colours[::2]}) == len(colours) // 2
        same(bands(axes), [band_of(r, "layer", f"log10_{side}") for _, r in groups(of, "init")])
        assert axes.get_title() == name
    values = table[f"log10_{side}"].abs().max()
    reach = min(20, 1.05 * values)
    assert figure.axes[0].get_ylim() == pytest.approx((-reach, reach))
    assert (figure.get_supxlabel(), figure.get_supylabel()) == ("layer", f"log10 {symbol}")
    assert legend(figure) == [*table.init.unique(), "theory"]


def test_propagate_shows_errors_under_batch_normalisation() -> None:
    run = committed("propagate")
    left, right = run.axes("batch_norm")
    table = run.table("signals")
    table = table[(table.depth == table.depth.max()) & (table.normalisation == "batch")]
    names, inits = table.activation.unique(), table.init.unique()
    y = "log10_backward"
    first = groups(table[table.init == inits[0]], "activation")
    expected = []
    for name, rows in first:
        expected += [(name, rows.layer, rows[y]), ("", rows.layer, rows[f"{y}_theory"])]
    same(lines(left), expected)
    same(bands(left), [band_of(rows, "layer", y) for _, rows in first])
    words = (f"Errors, read from right to left ({inits[0]})", "layer", "log10 Var delta")
    assert frame(left)[:3] == words

    def factor(rows: pd.DataFrame, column: str) -> float:
        """From the last layer to the first, a layer."""
        logs = rows[column].to_numpy()
        return float((10.0 ** (logs[0] - logs[-1])) ** (1 / (len(logs) - 1)))

    theory = [[factor(rows, f"{y}_theory")] * 2 for _, rows in first]
    same(
        lines(right),
        [("" if k else "theory", [k - 0.42, k + 0.42], v) for k, v in enumerate(theory)],
    )
    for k, (init, one) in enumerate(zip(inits, bars(right), strict=True)):
        of = groups(table[table.init == init], "activation")
        ends = [
            [factor(rows, f"{y}{end}") for _, rows in of] for end in ("", "_ci_low", "_ci_high")
        ]
        assert one[0] == init
        same([one[2:]], [(ends[0], np.min(ends[1:], axis=0), np.max(ends[1:], axis=0))])
        # The initialisations side by side around the place of their activation.
        places = np.arange(len(names)) + 0.7 * ((k + 0.5) / len(inits) - 0.5)
        same([(one[1],)], [(places,)])
    assert ticks(right.xaxis) == [*enumerate(names)]
    words = ("Geometric mean over the layers", "", "factor of Var delta a layer")
    assert frame(right)[:3] == words
    assert legend(right) == ["theory", *inits]


def test_propagate_shows_which_pairs_train() -> None:
    run = committed("propagate")
    *panels, bar = run.axes("trains")
    table = run.table("trains")
    names, inits = table.activation.unique(), table.init.unique()
    titles = {"none": "No normalisation", "batch": "Batch normalisation"}
    for axes, (kind, title) in zip(panels, titles.items(), strict=True):
        rows = table[table.normalisation == kind]
        (image,) = axes.images
        accuracy = 100 * rows.accuracy.to_numpy()
        np.testing.assert_allclose(image.get_array().ravel(), accuracy)
        assert image.get_clim() == (0, 100)
        cells = list(np.ndindex(len(names), len(inits)))
        expected = [(f"{v:.0f}", j, i) for v, (i, j) in zip(accuracy, cells, strict=True)]
        same(texts(axes), expected)
        weights = [text.get_weight() for text in axes.texts]
        assert weights == ["bold" if trains else "normal" for trains in rows.trains]
        assert [text.get_color() for text in axes.texts] == [
            "black" if v > 55 else "white" for v in accuracy
        ]
        framed = [(j, i) for fails, (i, j) in zip(rows.fails, cells, strict=True) if not fails]
        same(rectangles(axes), [(j - 0.46, i - 0.46, 0.92, 0.92) for j, i in framed])
        dashes = [one.get_linestyle() for one in axes.patches]
        there = rows[~rows.fails.astype(bool)]
        assert dashes == ["-" if trains else ":" for trains in there.trains]
        assert ticks(axes.xaxis) == [*enumerate(inits)]
        assert axes.get_title() == title
    assert ticks(panels[0].yaxis) == [*enumerate(names)]
    assert bar.get_ylabel() == "training accuracy, %"


def image_of(axes: Axes) -> np.ndarray:
    (image,) = axes.images
    return np.asarray(image.get_array(), dtype=float)


def panel(table: pd.DataFrame, name: str, key: str = "panel") -> np.ndarray:
    """A picture of a table with one row of pixels per line."""
    rows = table[table[key] == name].drop(columns=key).to_numpy(dtype=float)
    return rows[:, ~np.isnan(rows[0])]


def matrix(table: pd.DataFrame, name: str) -> np.ndarray:
    """A matrix of a table with one entry per line."""
    rows = table[table.matrix == name]
    return rows.pivot(index="row", columns="column", values="value").to_numpy()


def check_cells(axes: Axes, expected: np.ndarray, title: str) -> None:
    """A matrix in colours that are pale and even around zero, and its numbers."""
    np.testing.assert_array_equal(image_of(axes), expected)
    said = [(f"{value:.3g}", j, i) for (i, j), value in np.ndenumerate(expected)]
    same(texts(axes), said)
    low, high = axes.images[0].get_clim()
    assert low == -high
    assert high > np.abs(expected).max()
    assert axes.get_title() == title


def test_filters_shows_one_image_at_three_places_and_their_vectors() -> None:
    run = committed("filters")
    *images, strip = run.axes("unrolled")
    table = run.table("unrolled")
    names = {"shift_-3": "3 pixels to the left", "shift_0": "in the middle"}
    names["shift_3"] = "3 pixels to the right"
    n = table.row.max() + 1
    for axes, (name, title) in zip(images, names.items(), strict=True):
        np.testing.assert_array_equal(image_of(axes), table[name].to_numpy().reshape(n, -1))
        assert axes.get_title() == title
    np.testing.assert_array_equal(image_of(strip), table[[*names]].to_numpy().T)
    assert strip.images[0].get_extent() == [0, len(table), 3, 0]
    assert ticks(strip.yaxis) == [(0.5, "left"), (1.5, "middle"), (2.5, "right")]
    assert across(strip) == [("y", 1), ("y", 2)]
    words = f"place in the unrolled vector ({table.column.max() + 1} pixels a row of the image)"
    assert strip.get_xlabel() == words


def test_filters_shows_similarity_and_class_against_the_shift() -> None:
    run = committed("filters")
    left, right = run.axes("shifts")
    table = run.table("shifts")
    every = groups(table, "representation")
    expected = []
    for name, rows in every:
        expected.append((name, rows["shift"], rows.similarity))
        expected.append(("", rows["shift"], rows.others))
    same(lines(left), expected)
    colours = [style[0] for style in styles(left)]
    assert colours[::2] == colours[1::2]
    same(lines(right), [(name, rows["shift"], rows.same_class) for name, rows in every])
    same(bands(left), [band_of(rows, "shift", "similarity") for _, rows in every])
    same(bands(right), [band_of(rows, "shift", "same_class") for _, rows in every])
    words = ("The same image, shifted", "shift in pixels", "cosine of before and after")
    assert frame(left)[:3] == words
    words = ("What is left to tell classes apart", "shift in pixels")
    assert frame(right)[:3] == (*words, "nearest other image of its class")
    for axes in (left, right):
        assert axes.get_ylim() == (0, 1.03)
    assert legend(run.figures["shifts"]) == [*(name for name, _ in every), "with other images"]


def test_filters_shows_the_matrices_of_the_notes_with_their_numbers() -> None:
    run = committed("filters")
    table = run.table("matrices")
    pooling = ("first channel", "max pooled", "average pooled", "second channel", "depth pooled")
    names = [name for name in table.matrix.unique() if name not in pooling]
    titles = {
        "image": "image (8.1)",
        "difference": "difference (8.2)",
        "vertical": "vertical (8.12), corrected",
    }
    shown = [axes for axes in run.axes("matrices") if axes.axison]
    for axes, name in zip(shown, names, strict=True):
        check_cells(axes, matrix(table, name), titles.get(name, name))
    table = run.table("pointwise")
    inputs = [name for name in table.matrix.unique() if name.startswith("input")]
    outputs = [name for name in table.matrix.unique() if name.startswith("output")]
    expected = [
        *((name, f"channel {k + 1} of the input") for k, name in enumerate(inputs)),
        ("filters", "filters, a row each (8.21)"),
        *((name, f"channel {k + 1} of the output") for k, name in enumerate(outputs)),
    ]
    for axes, (name, title) in zip(run.axes("pointwise"), expected, strict=True):
        check_cells(axes, matrix(table, name), title)


def test_filters_shows_the_picture_and_the_response_to_each_filter() -> None:
    run = committed("filters")
    table = run.table("picture")
    names = table.panel.unique()
    channels = [panel(table, name) for name in names if name.startswith("picture ")]
    first, *others = [axes for axes in run.axes("responses") if axes.axison]
    picture = np.stack(channels, axis=2)
    np.testing.assert_allclose(image_of(first), picture / max(1, picture.max()))
    assert first.get_title() == "picture"
    filtered = [name for name in names if not name.startswith("picture ")]
    for axes, name in zip(others, filtered, strict=True):
        expected = panel(table, name)
        np.testing.assert_array_equal(image_of(axes), expected)
        reach = np.quantile(np.abs(expected), 0.99)
        assert axes.images[0].get_clim() == pytest.approx((-reach, reach))
        assert axes.get_title() == name
        n_h, n_w = expected.shape
        assert axes.get_xlabel() == f"{n_h} x {n_w}, within ±{reach:.3g}"


def test_filters_shows_the_pooled_picture() -> None:
    run = committed("filters")
    table = run.table("pooled")
    titles = {
        "picture": "picture",
        "max": "max pooling",
        "average": "average pooling",
        "vertical edges": "filter for vertical edges",
        "horizontal edges": "filter for horizontal edges",
        "depth": "largest of four filters",
    }
    strong = np.quantile(panel(table, "depth"), 0.99)
    for axes, (name, title) in zip(run.axes("pooled"), titles.items(), strict=True):
        expected = panel(table, name)
        np.testing.assert_array_equal(image_of(axes), expected)
        bright = name in ("picture", "max", "average")
        top = max(1.0, panel(table, "picture").max()) if bright else strong
        assert axes.images[0].get_clim() == pytest.approx((0, top))
        assert axes.get_title() == title
        assert axes.get_xlabel() == "{} x {}".format(*expected.shape)


def cells_of(axes: Axes) -> dict[tuple[int, int], tuple[str, str]]:
    """Number and colour of each cell of a matrix of coloured squares."""
    said = {(round(y), round(x)): text for text, x, y in texts(axes)}
    found = {}
    for box in axes.patches:
        place = round(box.get_y() + 0.5), round(box.get_x() + 0.5)
        found[place] = said[place], to_hex(box.get_facecolor())
    return found


def test_filters_shows_each_window_of_pooling_in_its_own_colour() -> None:
    run = committed("filters")
    table = run.table("matrices")
    full, largest, mean, first, second, depth = run.axes("pooling")
    before = matrix(table, "first channel")
    cells = cells_of(full)
    assert {place: text for place, (text, _) in cells.items()} == {
        place: f"{value:.3g}" for place, value in np.ndenumerate(before)
    }
    for axes, name, pooled in (
        (largest, "max pooled", np.max),
        (mean, "average pooled", np.mean),
    ):
        expected, found = matrix(table, name), cells_of(axes)
        assert len({colour for _, colour in found.values()}) == expected.size == 4
        for (i, j), (text, colour) in found.items():
            # The window has the same colour, and its numbers have that maximum or mean.
            window = [place for place, (_, other) in cells.items() if other == colour]
            assert sorted(window) == [(2 * i + a, 2 * j + b) for a in (0, 1) for b in (0, 1)]
            assert text == f"{expected[i, j]:.3g}" == f"{pooled([before[w] for w in window]):.3g}"
    other = matrix(table, "second channel")
    colours = []
    for axes, values in ((first, before), (second, other)):
        found = cells_of(axes)
        assert all(found[place][0] == f"{value:.3g}" for place, value in np.ndenumerate(values))
        colours += {colour for _, colour in found.values()}
    assert len(colours) == 2
    for place, (text, colour) in cells_of(depth).items():
        assert text == f"{max(before[place], other[place]):.3g}"
        assert colour == colours[int(other[place] > before[place])]
    titles = [axes.get_title() for axes in run.axes("pooling")]
    assert titles[:3] == ["4 x 4, one channel", "max pooling", "average pooling"]
    assert titles[3:] == ["first channel", "second channel", "depth pooling"]


def test_filters_shows_responses_to_a_turned_edge_and_their_maximum() -> None:
    run = committed("filters")
    (axes,) = run.axes("turned")
    table = run.table("turned")
    names = ("vertical", "diagonal", "horizontal", "other_diagonal")
    curves = [(name.replace("_", " "), table.degrees, table[name]) for name in names]
    same(lines(axes), [("depth pooled", table.degrees, table.depth_pooled), *curves])
    title = "Max pooling over four filters forgets which way an edge runs"
    words = (title, "angle of the edge's normal, in degrees (0: a vertical edge)")
    assert frame(axes)[:3] == (*words, "size of the response")
    assert axes.get_ylim() == pytest.approx((0, 1.08 * table.depth_pooled.max()))


def test_filters_shows_where_a_filter_fits_and_the_size_of_its_output() -> None:
    run = committed("filters")
    *places, sizes = run.axes("shapes")
    table = run.table("shapes")
    cases = [("valid", 1), ("valid", 2), ("same", 1), ("same", 2)]
    for axes, (padding, stride) in zip(places, cases, strict=True):
        rows = table[(table.f == 3) & (table.padding.astype(str) == padding)]
        row = rows[rows.stride == stride].iloc[0]
        side = row.n + row.zeros
        *pixels, window = rectangles(axes)
        assert len(pixels) == side**2
        white = [one for one in axes.patches[:-1] if to_hex(one.get_facecolor()) == "#ffffff"]
        assert len(white) == row.n**2
        assert window == (-0.5, -0.5, 3, 3)
        x, y = (
            np.concatenate(found) for found in zip(*[one[1:] for one in lines(axes)], strict=True)
        )
        middles = 1 + stride * np.arange(row["array"])
        assert {*x} == {*y} == {*middles}
        assert len(x) == row["array"] ** 2
        # The last place of the filter is inside the padded image.
        assert middles.max() + 1 <= side - 1
        assert axes.get_title() == f"{padding}, stride {stride}: {row['array']} x {row['array']}"
    filters = table.f.unique()
    paddings = [str(name) for name in table.padding.unique()]
    pairs = [(padding, stride) for padding in paddings for stride in table.stride.unique()]
    at = table.assign(padding=table.padding.astype(str)).set_index(["f", "padding", "stride"])
    expected = np.array(
        [[at.loc[(f, *pair)]["array"] for pair in pairs] for f in filters], dtype=float
    )
    check_cells(sizes, expected, "side of the output on 6 x 6")
    words = {"valid": "valid", "1": "p = 1", "same": "same"}
    named = [f"{words[padding]}\nstride {stride}" for padding, stride in pairs]
    assert ticks(sizes.xaxis) == [*enumerate(named)]
    assert ticks(sizes.yaxis) == [(k, str(f)) for k, f in enumerate(filters)]


def baseline_run(folder: Path, score: str, means: dict[str, float]) -> Run:
    """A run folder of `baseline`, with three folds around each mean."""
    (folder / "tables").mkdir()
    rows = [
        {
            "method": name,
            "score": score,
            "mean": mean,
            "ci_low": mean - 0.02,
            "ci_high": mean + 0.01,
            "beats_constant": name == "trees",
        }
        for name, mean in means.items()
    ]
    pd.DataFrame(rows).to_csv(folder / "tables" / "methods.csv", index=False)
    folds = [
        {"method": name, "split": k, score: mean + 0.005 * (k - 1)}
        for name, mean in means.items()
        for k in range(3)
    ]
    pd.DataFrame(folds).to_csv(folder / "tables" / "folds.csv", index=False)
    return drawn("baseline", folder)


@pytest.mark.parametrize(
    ("score", "means", "best_last"),
    [
        (
            "accuracy",
            {"constant": 0.4, "trees": 0.9, "linear": 0.3},
            ["linear", "constant", "trees"],
        ),
        ("mse", {"trees": 0.5, "constant": 1.0, "linear": 1.5}, ["linear", "constant", "trees"]),
        ("mse", {"trees": 0.5, "constant": 1.0, "wild": 99.0}, ["wild", "constant", "trees"]),
    ],
)
def test_baseline_shows_the_best_method_on_top(
    tmp_path: Path, score: str, means: dict[str, float], best_last: list[str]
) -> None:
    (axes,) = baseline_run(tmp_path, score, means).axes("methods")
    assert ticks(axes.yaxis) == [*enumerate(best_last)]
    values = [means[name] for name in best_last]
    same(
        lines(axes),
        [("", [mean - 0.005, mean, mean + 0.005], [k - 0.16] * 3) for k, mean in enumerate(values)],
    )
    same(
        bars(axes),
        [("", [v], [k + 0.06], [v - 0.02], [v + 0.01]) for k, v in enumerate(values)],
    )
    assert across(axes) == [("x", means["constant"])]
    colours = [one.lines[0].get_color() for one in axes.containers]
    assert colours == ["#8A8F98", "#8A8F98", "#0072B2"]
    # A method far worse than the constant is left outside, and the figure says so.
    low, high = axes.get_xlim()
    outside = "wild" in means
    assert (max(values) > high or min(values) < low) == outside
    assert low < min(means["trees"], means["constant"]) < high
    said = [text.get_text() for text in axes.texts]
    assert said == ["constant"] + ["worse scores are outside the frame"] * outside
    assert axes.get_title() == "Blue beats the constant"
    words = {"accuracy": "accuracy on held-out rows", "mse": "mean squared error on held-out rows"}
    assert axes.get_xlabel() == words[score] + "; dots are folds, bars 95 % intervals"


def test_no_figure_of_the_pipeline_is_empty() -> None:
    for section in ("propagate", "filters"):
        assert not any(map(reason, committed(section).figures.values()))
