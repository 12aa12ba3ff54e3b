"""The figures of `train-mlp`, `train-cnn` and `lr-find` show their tables."""

from __future__ import annotations

from typing import Any

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
from matplotlib.figure import Figure
from matplotlib.text import Text
from scipy import stats

from mlcli.experiments.networks.figures import calibration, confusion, misclassified
from mlcli.plotting import styled

TRAINED = ("train_mlp", "train_cnn")


def grid(text: str) -> np.ndarray:
    return np.array([[float(cell) for cell in line.split()] for line in text.split("/")])


def shown_variant(run: Run) -> str:
    members = run.table("members")
    return str(members.variant[members.shown == 1].iloc[0])


def entries(run: Run) -> list[dict[str, Any]]:
    """The part of details.json about each variant, in the order of the tables."""
    details = run.details
    names = details["comparison"]["variants"]
    found = [details[names[str(k)]] if names[str(k)] else details for k in range(len(names))]
    return [*found, details["equal_mlp"]] if "equal_mlp" in details else found


def check_curves(axes: Axes, parts: list[tuple[Any, pd.DataFrame]], x: str, y: str) -> None:
    """A line and a band for each part, in one colour."""
    same(lines(axes), [(str(name), rows[x], rows[y]) for name, rows in parts])
    expected = []
    for _, rows in parts:
        there = rows.dropna(subset=[f"{y}_ci_low", f"{y}_ci_high"])
        low, high, mean = there[f"{y}_ci_low"], there[f"{y}_ci_high"], there[y]
        # A mean above 0 can't have a lower end at 0 on a logarithmic axis.
        low = low.where((low > 0) | (mean <= 0), mean**2 / high)
        expected.append((there[x], low, high))
    same(bands(axes), expected)


@pytest.mark.parametrize("section", TRAINED)
def test_training_shows_losses_and_accuracy_of_each_variant(section: str) -> None:
    run = committed(section)
    variants = groups(run.table("curves"), "variant")
    panels = {
        "minibatch_loss": ("training, minibatches", "loss"),
        "validation_loss": ("validation", "loss"),
        "validation_accuracy": ("validation", "accuracy"),
    }
    for axes, (name, (title, label)) in zip(run.axes("curves"), panels.items(), strict=True):
        check_curves(axes, variants, "epoch", name)
        values = run.table("curves")[name]
        scale = "log" if values.max() > 30 * values.min() > 0 else "linear"
        assert frame(axes) == (title, "epoch", label, "linear", scale)
    assert legend(run.figures["curves"]) == [name for name, _ in variants]


@pytest.mark.parametrize("section", TRAINED)
def test_training_shows_the_score_of_every_seed_and_their_mean(section: str) -> None:
    run = committed(section)
    (axes,) = run.axes("scores")
    variants = groups(run.table("members"), "variant")
    for k, (one, (_, rows)) in enumerate(zip(lines(axes), variants, strict=True)):
        label, x, y = one
        assert label == ("" if k else "one seed")
        same([(x,)], [(rows.test_accuracy,)])
        # Beside each other, near the row of their variant.
        assert np.abs(y - k).max() <= 0.2
        assert len(set(y)) == len(y)
    expected = [
        (
            "" if k else "mean, 95 %",
            [rows.test_accuracy.mean()],
            [k],
            [one["ci_low"]],
            [one["ci_high"]],
        )
        for k, ((_, rows), one) in enumerate(
            zip(variants, (one["test_accuracy"] for one in entries(run)), strict=True)
        )
    ]
    same(bars(axes), expected)
    named = [name for name, _ in variants] if len(variants) > 1 else [""]
    assert [text for _, text in ticks(axes.yaxis)] == named
    assert axes.get_xlabel() == "test accuracy"
    assert legend(run.figures["scores"]) == ["one seed", "mean, 95 %"]
    assert axes.get_ylim() == (len(variants) - 0.5, -0.5)


@pytest.mark.parametrize("section", TRAINED)
def test_training_shows_the_confusion_of_the_variant_that_validates_best(section: str) -> None:
    run = committed(section)
    axes, bar = run.axes("confusion")
    table = run.table("confusion")
    shown, many = shown_variant(run), table.variant.nunique() > 1
    table = table[table.variant == shown]
    names = [str(name) for name in table["class"].unique()]
    shares = table.share.to_numpy().reshape(len(names), len(names))
    assert [str(name) for name in table.called[: len(names)]] == names
    (image,) = axes.images
    np.testing.assert_allclose(image.get_array(), np.sqrt(shares))
    assert image.get_clim() == (0, 1)
    cells = [(f"{100 * v:.1f}", j, i) for (i, j), v in np.ndenumerate(shares) if v >= 0.0005]
    same(texts(axes), cells)
    dark = {text.get_text() for text in axes.texts if text.get_color() == "white"}
    assert all(float(text) > 40 for text in dark)
    assert ticks(axes.xaxis) == ticks(axes.yaxis) == [*enumerate(names)]
    title = "% of a class by what it was called" + (f"\n{shown}" if many else "")
    assert frame(axes)[:3] == (title, "called", "class")
    # The bar is marked in shares, though colours go with their square roots.
    for place, text in ticks(bar.yaxis):
        assert place**2 == pytest.approx(float(text.removesuffix(" %")) / 100)


@pytest.mark.parametrize("section", TRAINED)
def test_training_shows_shares_called_right_against_confidence(section: str) -> None:
    run = committed(section)
    (axes,) = run.axes("calibration")
    table = run.table("calibration")
    shown = shown_variant(run)
    table = table[table.rows >= 1]
    others = [(v, rows) for v, rows in groups(table, "variant") if v != shown]
    points = [(name, rows.predicted, rows.observed) for name, rows in others]
    same(lines(axes), [("", [0, 1], [0, 1]), *points])
    best = table[table.variant == shown]
    ends = best[["observed_ci_low", "observed_ci_high"]].T.fillna(best.observed).to_numpy()
    same(bars(axes), [(shown, best.predicted, best.observed, *ends)])
    words = ("Calibration on test rows", "confidence: mean of the largest probability")
    assert frame(axes)[:3] == (*words, "share called right")
    assert (axes.get_xlim(), axes.get_ylim()) == ((-0.02, 1.02), (-0.02, 1.05))


@pytest.mark.parametrize("section", TRAINED)
def test_training_shows_each_learning_rate_once(section: str) -> None:
    run = committed(section)
    (axes,) = run.axes("schedule")
    variants = groups(run.table("schedules"), "variant")
    first = variants[0][1]
    for _, rows in variants:
        np.testing.assert_array_equal(rows.learning_rate, first.learning_rate)
    same(lines(axes), [("all", first.epoch, first.learning_rate)])
    assert frame(axes) == ("Learning rate", "epoch", "learning rate", "linear", "linear")
    assert axes.get_ylim() == pytest.approx((0, 1.08 * first.learning_rate.max()))


@pytest.mark.parametrize("section", TRAINED)
def test_training_shows_images_that_were_called_wrong(section: str) -> None:
    run = committed(section)
    table = run.table("misclassified")[:27]
    shown = [axes for axes in run.axes("misclassified") if axes.images]
    longest = max(len(str(name)) for name in [*table["class"], *table.called])
    gap = "\n" if longest > 2 else " "
    assert len(shown) == len(table)
    for axes, (_, row) in zip(shown, table.iterrows(), strict=True):
        (image,) = axes.images
        np.testing.assert_array_equal(image.get_array(), grid(row.pixels))
        # Names of more than two letters have a line each.
        said = f"{row['class']}{gap}as {row.called}\n{100 * row.confidence:.0f} %"
        assert axes.get_title() == said
        assert not axes.axison


def test_train_mlp_shows_each_layer_against_the_epoch() -> None:
    run = committed("train_mlp")
    table = run.table("layers")
    shown = shown_variant(run)
    layers = groups(table[table.variant == shown], "layer")
    panels = {
        "activation_std": ("activations z", "standard deviation"),
        "error_rms": ("errors dE/da", "root mean square"),
        "saturated": ("saturated: h' below 5 % of its largest", "share"),
        "dead": ("dead: h' = 0 on every row", "share of neurons"),
    }
    for axes, (name, words) in zip(run.axes("layers"), panels.items(), strict=True):
        check_curves(axes, [(f"layer {k}", rows) for k, rows in layers], "epoch", name)
        assert frame(axes)[:3] == (words[0], "epoch", words[1])
        if "share" in words[1]:
            most = max(rows[name].max() for _, rows in layers)
            assert axes.get_ylim() == pytest.approx((-0.02, max(0.1, 1.1 * most)))
    assert legend(run.figures["layers"]) == [f"layer {k}" for k, _ in layers]
    assert run.figures["layers"].get_suptitle() == shown


def test_train_mlp_shows_layers_before_and_after_training() -> None:
    run = committed("train_mlp")
    table = run.table("layers")
    first, last = table.epoch.min(), table.epoch.max()
    names = ("activation_std", "error_rms")
    words = ("activations z\nstandard deviation", "errors dE/da\nroot mean square")
    shown = iter(run.axes("start"))
    for name, label in zip(names, words, strict=True):
        for epoch, title in ((first, "before training"), (last, "after training")):
            axes = next(shown)
            variants = groups(table[table.epoch == epoch], "variant")
            # Points of the few layers lie on each line; a logarithmic axis has no 0.
            curves = [(k, rows.layer, rows[name]) for k, rows in variants if rows[name].any()]
            assert [k for k, rows in variants if not rows[name].any()] == ["zeros"]
            drawn = lines(axes)
            same(drawn[::2], curves)
            same(drawn[1::2], [("", *one[1:]) for one in curves])
            colours = [colour for colour, _, _ in styles(axes)]
            assert colours[::2] == colours[1::2]
            assert frame(axes)[:3] == (f"{title} (0 for zeros)", "hidden layer", label)
            assert [place for place, _ in ticks(axes.xaxis)] == [*table.layer.unique()]


def test_train_cnn_shows_scores_of_shifted_images() -> None:
    run = committed("train_cnn")
    (axes,) = run.axes("shifts")
    table = run.table("shifts")
    check_curves(axes, groups(table, "network"), "shift", "score")
    words = ("Shifted test images", "shift of the test images, pixels", "accuracy")
    assert frame(axes)[:3] == words
    assert (axes.get_ylim(), legend(axes)) == ((0, 1.02), [*table.network.unique()])
    look = dict(zip(table.network.unique(), styles(axes), strict=True))
    assert look["perceptron"][:2] == ("#000000", "--")


def test_train_cnn_shows_its_filters_in_one_scale() -> None:
    run = committed("train_cnn")
    *panels, bar = run.axes("filters")
    table = run.table("filters")
    weights = [grid(text) for text in table.weights[table.channel == 0]][:32]
    images = [axes.images[0] for axes in panels if axes.images]
    assert len(images) == len(weights)
    largest = max(np.abs(one).max() for one in weights)
    for image, expected in zip(images, weights, strict=True):
        np.testing.assert_allclose(image.get_array(), expected)
        assert image.get_clim() == pytest.approx((-largest, largest))
    several = ", first channel" if table.channel.nunique() > 1 else ""
    assert run.figures["filters"].get_suptitle() == f"Filters of the first layer{several}"
    assert bar.get_ylabel() == "weight"


def test_train_cnn_shows_what_a_shift_changes_in_each_layer() -> None:
    run = committed("train_cnn")
    (axes,) = run.axes("invariance")
    table = run.table("invariance")
    shifts = groups(table, "shift")
    parts = [
        (f"{k} pixel{'' if k == 1 else 's'}", rows.assign(place=np.arange(len(rows))))
        for k, rows in shifts
    ]
    check_curves(axes, parts, "place", "change")
    first = shifts[0][1].reset_index()
    same(
        [one[:3:2] for one in rectangles(axes)],
        [(at - 0.5, 1.0) for at in first.index[first.kind.isin(["pool", "global"])]],
    )
    assert ticks(axes.xaxis) == [*enumerate(first.layer)]
    title = "What a shift of the image changes (pooling layers are shaded)"
    assert frame(axes)[:3] == (title, "", "norm of the change / norm of the output")
    assert axes.get_ylim()[0] == 0
    assert legend(axes) == [name for name, _ in parts]


def test_train_cnn_shows_the_maps_of_each_stage_in_one_scale() -> None:
    run = committed("train_cnn")
    figure = run.figures["feature_maps"]
    stages = groups(run.table("feature_maps"), "stage")
    assert len(figure.subfigs) == len(stages)
    for part, (_, rows) in zip(figure.subfigs, stages, strict=True):
        maps = [grid(text) for text in rows["values"]]
        images = [axes.images[0] for axes in part.axes if axes.images]
        assert len(images) == len(maps)
        ends = min(one.min() for one in maps), max(one.max() for one in maps)
        for image, expected in zip(images, maps, strict=True):
            np.testing.assert_allclose(image.get_array(), expected)
            assert image.get_clim() == pytest.approx(ends)
        assert part.get_suptitle() == rows.layer.iloc[0]


def test_train_cnn_shows_the_class_at_each_place_of_a_larger_picture() -> None:
    run = committed("train_cnn")
    left, right = run.axes("class_map")
    picture, cells = run.table("picture"), run.table("class_map")
    pixels = grid(picture.pixels[0])
    size = len(pixels)
    for axes in (left, right):
        (image,) = axes.images
        np.testing.assert_array_equal(image.get_array(), pixels)
        assert image.get_extent() == [0, size, size, 0]
        assert (axes.get_xlim(), axes.get_ylim()) == ((0, size), (size, 0))
        assert axes.get_xlabel() == "pixels"
    said = [
        row["class"]
        + ("" if row.seen_in_the_middle == row["class"] else f", seen as {row.seen_in_the_middle}")
        for _, row in picture.iterrows()
    ]
    middles = zip(said, picture.left + picture.width / 2, picture.top - 1, strict=True)
    same(texts(left), list(middles))
    frames = [(row.left, row.top, row.width, row.height) for _, row in picture.iterrows()]
    same(rectangles(left), frames)
    dashes = [box.get_linestyle() for box in left.patches]
    assert dashes == ["-" if "seen as" not in text else ":" for text in said]
    cells = cells[cells.is_seen.astype(bool)]
    boxes = [
        (row.x - row.width / 2, row.y - row.height / 2, row.width, row.height)
        for _, row in cells.iterrows()
    ]
    same(rectangles(right), [*frames, *boxes])
    # Only cells with evidence; one colour per class, and the legend has it.
    assert cells.evidence.min() >= run.details["deployed"]["evidence_floor"] - 1e-6
    drawn_cells = right.patches[len(frames) :]
    colours = {}
    for box, label in zip(drawn_cells, cells.label, strict=True):
        colours.setdefault(label, set()).add(to_hex(box.get_facecolor()))
    assert all(len(one) == 1 for one in colours.values())
    assert len({*map(frozenset, colours.values())}) == len(colours)
    named = cells.drop_duplicates("label").sort_values("label")
    figure = run.figures["class_map"]
    assert legend(figure) == [f"{k}: {n}" for k, n in zip(named.label, named["class"], strict=True)]
    (found,) = figure.legends
    patches = [to_hex(patch.get_facecolor()) for patch in found.get_patches()]
    assert [{one} for one in patches] == [colours[label] for label in named.label]
    labels = [(str(row.label), row.x, row.y) for _, row in cells.iterrows()]
    few = size / cells.height.iloc[0] <= 16
    same(texts(right), labels if few else [])
    assert left.get_title() == "Test images in a larger picture (dotted: not recognised)"
    assert right.get_title() == "Class seen, where there is evidence for one"


RULES = ("eta_crit", "eta_max", "valley", "steep", "slide", "minimum")


def geometric(values: pd.Series) -> tuple[float, float, float]:
    """Geometric mean with Student's interval of the logarithms."""
    logs = np.log(values.dropna())
    reach = stats.t.ppf(0.975, len(logs) - 1) * logs.std(ddof=1) / np.sqrt(len(logs))
    return (
        float(np.exp(logs.mean() - reach)),
        float(np.exp(logs.mean())),
        float(np.exp(logs.mean() + reach)),
    )


def test_lr_find_shows_the_range_test_and_its_rules() -> None:
    run = committed("lr_find")
    upper, lower = run.axes("range_test")
    sweep, rates = run.table("sweep"), run.table("suggestions")
    same(
        lines(upper),
        [
            ("one seed", sweep.rate, sweep.first_seed),
            ("level (does not lag)", sweep.rate, sweep.level_median),
            ("moving average (lags)", sweep.rate, sweep.smoothed_median),
        ],
    )
    same(bands(upper), [(sweep.rate, sweep.level_low, sweep.level_high)])
    assert frame(upper)[:4] == ("", "", "loss", "log")
    assert upper.get_xlim() == pytest.approx((sweep.rate.iloc[0], sweep.rate.iloc[-1]))
    # The curve is followed until it is well above its start; its minimum is inside.
    low, high = upper.get_ylim()
    assert low < sweep.level_median.min()
    assert high == pytest.approx(1.6 * sweep.level_high[: len(sweep) // 10].max())
    ends = [geometric(rates[name]) for name in RULES]
    for axes in (upper, lower):
        same(across(axes), [("x", ends[0][1]), ("x", ends[1][1])])
    expected = [("", [mean], [k], [a], [b]) for k, (a, mean, b) in enumerate(ends)]
    same(bars(lower), expected)
    same(texts(lower), [(f"{mean:.3g}", 1.01, k) for k, (_, mean, _) in enumerate(ends)])
    labels = [text for _, text in ticks(lower.yaxis)]
    assert labels[0] == r"$\eta_\mathrm{crit}$"
    assert labels[1] == r"$\eta_\mathrm{max} = \eta_\mathrm{crit} / 10$"
    assert labels[2:] == [f"{name} (fastai)" for name in RULES[2:]]
    assert lower.get_xlabel() == r"learning rate $\eta$"
    assert lower.get_ylim() == (len(RULES) - 0.4, -0.6)


def test_lr_find_shows_the_rates_of_every_seed() -> None:
    run = committed("lr_find")
    (axes,) = run.axes("suggestions")
    rates = run.table("suggestions")
    points = lines(axes)
    assert len(points) == len(RULES)
    for k, name in enumerate(RULES):
        label, x, y = points[k]
        assert label == "one seed"
        same([(x,)], [(rates[name].dropna(),)])
        assert np.abs(y - k).max() <= 0.2
        low, mean, high = geometric(rates[name])
        same([bars(axes)[k]], [("geometric mean, 95 %", [mean], [k], [low], [high])])
    assert axes.get_xscale() == "log"
    assert axes.get_xlabel() == r"learning rate $\eta$"
    assert legend(run.figures["suggestions"]) == ["one seed", "geometric mean, 95 %"]


def pretty(name: str) -> str:
    found = name.replace("eta_max", r"$\eta_\mathrm{max}$")
    return found.replace("eta_crit", r"$\eta_\mathrm{crit}$")


def test_lr_find_shows_the_schedules_and_where_the_cycle_starts_peaks_and_ends() -> None:
    run = committed("lr_find")
    schedules = groups(run.table("schedule"), "schedule")
    assert len(schedules) == 6
    rate = schedules[0][1].learning_rate
    marks = {
        r"$\eta_\mathrm{max}$": rate.max(),
        r"$\eta_\mathrm{min}$": rate.iloc[0],
        r"$\eta_0$": rate.iloc[-1],
    }
    for axes, scale in zip(run.axes("schedule"), ("linear", "log"), strict=True):
        # The one cycle is drawn last, above the others.
        expected = [(pretty(k), 100 * rows.share, rows.learning_rate) for k, rows in schedules]
        same(lines(axes), expected[::-1])
        seen = {k: v for k, v in marks.items() if scale == "log" or v >= 0.02 * rate.max()}
        same(across(axes), [("y", v) for v in seen.values()])
        same(texts(axes), [(f"{k} = {v:.3g}", 101, v) for k, v in seen.items()])
        assert frame(axes) == ("", "% of the training", "learning rate", "linear", scale)
        assert axes.get_xlim() == (0, 100)
    assert run.axes("schedule")[0].get_ylim() == pytest.approx((0, 1.08 * rate.max()))
    assert legend(run.figures["schedule"]) == [pretty(k) for k, _ in schedules]


RATES = ("one cycle", "fixed at eta_max", "fixed at eta_crit")
NO_SCHEDULE = ("fixed at eta_max / 100", "fixed at eta_crit")


@pytest.mark.parametrize("figure", ["compare", "compare_schedules"])
def test_lr_find_shows_the_suggestion_against_rates_and_schedules(figure: str) -> None:
    run = committed("lr_find")
    table = run.table("compare")
    of_rates = table.training.str.startswith(RATES)
    table = table[of_rates if figure == "compare" else ~table.training.isin(NO_SCHEDULE)]
    panels = {
        "minibatch_loss": ("training, minibatches", "loss"),
        "validation_loss": ("validation", "loss"),
        "validation_accuracy": ("validation", "accuracy"),
    }
    recipes = groups(table, "training")
    assert len(recipes) == (4 if figure == "compare" else 6)
    for axes, (name, (title, label)) in zip(run.axes(figure), panels.items(), strict=True):
        same([one[1:] for one in lines(axes)], [(rows.epoch, rows[name]) for _, rows in recipes])
        floor = table[name].min() / 2
        expected = []
        for _, rows in recipes:
            x, low, high = band_of(rows, "epoch", name)
            low, mean = low.clip(lower=floor), rows[name][x.index]
            # A mean above 0 can't have a lower end at 0 on a logarithmic axis.
            expected.append((x, low.where((low > 0) | (mean <= 0), mean**2 / high), high))
        same(bands(axes), expected)
        assert frame(axes)[:3] == (title, "epoch", label)
        if axes.get_yscale() == "log":
            assert axes.get_ylim()[0] == pytest.approx(floor)
    assert legend(run.figures[figure]) == [pretty(name) for name, _ in recipes]


def test_lr_find_shows_every_seed_of_each_schedule() -> None:
    run = committed("lr_find")
    table = run.table("compare_members")
    schedules = groups(table[~table.training.isin(NO_SCHEDULE)], "training")
    (axes,) = run.axes("schedule_scores")
    assert [text for _, text in ticks(axes.yaxis)] == [pretty(name) for name, _ in schedules]
    same([one[1:2] for one in lines(axes)], [(rows.test_accuracy,) for _, rows in schedules])
    of_label = {
        "one cycle up to eta_max": "one_cycle",
        "fixed at eta_max": "fixed_eta_max",
        "power (7.25)": "power",
        "exponential (7.26)": "exponential",
        "piecewise (7.27)": "piecewise",
        "three cycles": "n_cycle",
    }
    found = [run.details["comparison"][of_label[name]]["test_accuracy"] for name, _ in schedules]
    drawn = [one[1:] for one in bars(axes)]
    expected = [([m["mean"]], [k], [m["ci_low"]], [m["ci_high"]]) for k, m in enumerate(found)]
    same(drawn, expected)


def test_train_mlp_shows_how_probable_the_truth_is_of_each_row() -> None:
    run = committed("train_mlp")
    table = run.table("predictions")
    (axes,) = run.axes("predictions")
    p = table.probability.sort_values(kind="stable")
    share = 100 * (np.arange(len(p)) + 0.5) / len(p)
    right = (table.target == table.predicted)[p.index].to_numpy()
    expected = [
        ("", share, p),
        (f"called right: {right.sum()}", share[right], p[right]),
        (f"called wrong: {(~right).sum()}", share[~right], p[~right]),
    ]
    same(lines(axes), expected)
    # The rows called wrong are those of the table of them.
    wrong = run.table("misclassified")
    assert (~right).sum() == len(wrong)
    assert set(table.row[table.target != table.predicted]) == set(wrong.row)
    assert axes.get_ylim() == (-0.02, 1.02)


def test_no_figure_of_a_classifier_is_blank() -> None:
    for section in ("train_mlp", "lr_find"):
        assert not any(map(reason, committed(section).figures.values()))


LONG = ("pneumonoultramicroscopic", "counterrevolutionary", "internationalisation", "no", "bag")


@pytest.mark.parametrize("n", [2, 3, 10, 26])
def test_no_two_names_of_classes_overlap(n: int) -> None:
    names = [f"{chr(97 + k)} {LONG[k % 5]}" for k in range(n)]
    of_true, called = np.repeat(names, n).tolist(), names * n
    table = {
        "variant": ["a"] * n * n,
        "class": of_true,
        "called": called,
        "share": [str(1 / n)] * n * n,
    }
    wrong = {
        "row": ["1"] * 27,
        "class": [names[k % n] for k in range(27)],
        "called": [names[(k + 1) % n] for k in range(27)],
        "confidence": ["0.97"] * 27,
        "pixels": ["0 1/1 0"] * 27,
    }
    with styled():
        matrix, images = confusion(table, "a"), misclassified(wrong, classes=True)
        for figure in (matrix, images):
            figure.canvas.draw()
    (axes, _) = matrix.axes
    for axis in (axes.xaxis, axes.yaxis):
        check_apart(matrix, [text for text in axis.get_ticklabels() if text.get_text()])
        assert len(ticks(axis)) == n
    check_apart(images, [one.title for one in images.axes if one.get_title()])
    check_apart(matrix, [axes.title, axes.xaxis.label])


def check_apart(figure: Figure, found: list[Text]) -> None:
    """No text covers another or reaches out of the figure."""
    boxes = [text.get_window_extent() for text in found]
    for k, box in enumerate(boxes):
        assert figure.bbox.x0 <= box.x0 < box.x1 <= figure.bbox.x1, found[k].get_text()
        assert figure.bbox.y0 <= box.y0 < box.y1 <= figure.bbox.y1, found[k].get_text()
        for other in boxes[:k]:
            assert not box.padded(-0.5).overlaps(other.padded(-0.5)), found[k].get_text()


def test_bars_of_a_calibration_stay_between_0_and_1() -> None:
    """Also where a table has intervals that reach further."""
    table = {
        "variant": ["a", "a"],
        "predicted": ["0.1", "0.95"],
        "rows": ["3", "5"],
        "observed": ["0.02", "0.97"],
        "observed_ci_low": ["-0.3", "0.7"],
        "observed_ci_high": ["0.4", "1.2"],
    }
    (axes,) = calibration(table, "a").axes
    ((_, _, _, low, high),) = bars(axes)
    assert list(low) == pytest.approx([0, 0.7])
    assert list(high) == pytest.approx([0.4, 1])
