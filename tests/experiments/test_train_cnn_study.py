"""What `train-cnn` looks into: views, larger pictures, feature maps, invariance, rounding."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from mlcli.neural.cnn import CNN, each_layer, relative_changes
from mlcli.neural.fully_convolutional import logit_map, places

Run = Callable[..., Any]
SMALL = (
    "train-cnn",
    "--data",
    "digits",
    "--n-epochs",
    "3",
    "--n-seeds",
    "2",
    "--no-plots",
    "--no-equal-mlp",
    "--batch-size",
    "128",
    "--quiet",
    "--json",
)
LAYERS = ("--layers", "conv 6 3x3 pad same,relu,pool max 2,flatten,dense 16,relu")


def rows_of(path: str) -> list[dict[str, str]]:
    with Path(path).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def grid(text: str) -> np.ndarray:
    return np.array([line.split(" ") for line in text.split("/")], dtype=float)


def network() -> CNN:
    lines = ["conv 3 3x3 pad same", "relu", "pool max 2", "flatten"]
    return CNN(lines, (1, 6, 8), 4, [np.random.default_rng(m) for m in range(2)])


def test_the_output_of_the_last_layer_is_the_output_of_the_network() -> None:
    net, X = network(), torch.rand(2, 5, 48, generator=torch.Generator().manual_seed(0))
    seen = list(each_layer(net, X))
    assert [layer.name for layer, _ in seen] == [layer.name for layer in net.layers]
    assert [tuple(Z.shape) for _, Z in seen[:3]] == [(2, 5, 3, 6, 8)] * 2 + [(2, 5, 3, 3, 4)]
    net.eval()
    assert torch.equal(seen[-1][1], net(X))
    assert torch.equal(seen[1][1], seen[0][1].clamp(min=0))


def test_relative_changes_are_ratios_of_norms() -> None:
    net, X = network(), torch.rand(2, 5, 48, generator=torch.Generator().manual_seed(0))
    assert (relative_changes(net, X, X) == 0).all()
    # Convolution without a bias of its own is linear: twice the image, twice the answer.
    changes = relative_changes(net, X, 2 * X)
    np.testing.assert_allclose(changes[:4], 1.0, rtol=1e-5)
    # An image for which a layer has nothing to say is left out of the mean.
    blank = X.clone()
    blank[:, 0] = 0
    alone = relative_changes(net, X[:, 1:], 2 * X[:, 1:])
    np.testing.assert_allclose(relative_changes(net, blank, 2 * blank)[0], alone[0], rtol=1e-6)
    other = torch.rand(X.shape, generator=torch.Generator().manual_seed(1))
    (_, Z), (_, Z_other) = next(each_layer(net, X)), next(each_layer(net, other))
    sizes = [(Z_other[0, i] - Z[0, i]).norm() / Z[0, i].norm() for i in range(5)]
    assert relative_changes(net, X, other)[0, 0] == pytest.approx(float(np.mean(sizes)))


def test_dense_inference_on_a_larger_picture(mlcli: Run, empty_folder: Path) -> None:
    asked = (*SMALL, *LAYERS, "--max-shift", "0", "--deploy-size", "31", "--out", "o")
    done = mlcli(*asked)
    assert done.code == 0, done.err
    found = done.json["deployed"]
    # One window is 8 pixels, a step of the map 2: (31 // 2 - 4) + 1 places.
    assert (found["size"], found["map_height"], found["map_width"]) == (31, 12, 12)
    assert found["largest_difference"] < 1e-5
    # Two images a side, as they are in the data, on a ground of 0.
    tiles, cells = rows_of("o/tables/picture.csv"), rows_of("o/tables/class_map.csv")
    assert found["n_images"] == len(tiles) == 4
    assert len(cells) == 144
    picture = grid(tiles[0]["pixels"])
    inside = np.zeros_like(picture, dtype=bool)
    for tile in tiles:
        top, left = int(tile["top"]), int(tile["left"])
        inside[top : top + 8, left : left + 8] = True
    assert inside.sum() == 4 * 64
    assert (picture[~inside] == 0).all()
    assert picture[inside].max() == 16
    right = sum(tile["class"] == tile["seen_in_the_middle"] for tile in tiles)
    assert found["n_right"] == right
    # The first window is that of an image in the corner; pooling drops the last row and column.
    assert sorted({float(cell["x"]) for cell in cells}) == list(range(4, 27, 2))
    assert all(0.1 <= float(cell["probability"]) <= 1 for cell in cells)


def test_dense_inference_on_one_image_equals_the_network(mlcli: Run, empty_folder: Path) -> None:
    from sklearn.datasets import load_digits

    done = mlcli(
        *SMALL,
        *LAYERS,
        "--max-shift",
        "0",
        "--deploy-size",
        "8",
        "--out",
        "o",
        "--n-misclassified",
        "10000",
        "--n-epochs",
        "1",
    )
    assert done.code == 0, done.err
    [cell], [tile] = rows_of("o/tables/class_map.csv"), rows_of("o/tables/picture.csv")
    assert (cell["x"], cell["y"]) == ("4.0", "4.0")
    # Which image it is, what it shows, and whether the network is wrong about it.
    pixels = grid(tile["pixels"]).ravel()
    [row] = np.flatnonzero((load_digits().data == pixels).all(axis=1))
    wrong = {int(one["row"]): one for one in rows_of("o/tables/misclassified.csv")}
    assert cell["class"] == (wrong[row]["called"] if row in wrong else tile["class"])
    if row in wrong:
        assert float(cell["probability"]) == pytest.approx(float(wrong[row]["confidence"]))


def test_places_of_a_map_are_the_centres_of_their_windows() -> None:
    """Each place answers to a change of the pixels around its middle, and to none far away."""
    lines = ["conv 3 3x3", "pool avg 2", "conv 3 3x3 stride 2", "conv 4 2x3 pad 1"]
    net = CNN(lines, (1, 15, 17), 3, [np.random.default_rng(0)], dtype=torch.float64)
    net.eval()
    (y_first, y_stride), (x_first, x_stride) = places(net)
    g = torch.Generator().manual_seed(0)
    X = torch.randn(1, 1, 1, 33, 37, dtype=torch.float64, generator=g)
    others = X.repeat(1, 1 + 33 * 37, 1, 1, 1)  # the first is X itself
    for one, (i, j) in enumerate(np.ndindex(33, 37), start=1):
        others[0, one, 0, i, j] += 50.0
    maps = logit_map(net, others)[0]  # (members: 1), rows, classes, places
    reached = ((maps[1:] - maps[:1]).abs() > 1e-9).any(dim=1).numpy()
    reached = np.moveaxis(reached, 0, -1).reshape(*maps.shape[2:], 33, 37)
    ends = np.array(
        [
            [(inside.min(), inside.max() + 1) for inside in np.nonzero(reached[place])]
            for place in np.ndindex(reached.shape[:2])
        ]
    )  # (places, 2 axes, 2 ends)
    sizes = ends[:, :, 1] - ends[:, :, 0]
    # At the edges a part of the window is padding.
    whole = (sizes == sizes.max(axis=0)).all(axis=1)
    assert whole.sum() >= 4
    firsts, strides = np.array([y_first, x_first]), np.array([y_stride, x_stride])
    expected = firsts + strides * np.array(list(np.ndindex(reached.shape[:2])))
    np.testing.assert_allclose(ends.mean(axis=2)[whole], expected[whole])


def test_an_image_in_a_larger_picture_is_seen_as_it_is_alone(
    mlcli: Run, empty_folder: Path
) -> None:
    """Also where pools leave pixels over, so that a window is smaller than the image."""
    from mlcli.experiments.train_cnn.dense_inference import _tile_corners

    lines = ["conv 3 3x3", "pool max 2", "conv 3 2x2", "pool max 2", "flatten"]
    net = CNN(lines, (1, 13, 13), 3, [np.random.default_rng(0)], dtype=torch.float64)
    net.eval()
    (_, stride), _ = places(net)
    corners = _tile_corners(47, 13, stride)
    assert all(corner % stride == 0 for corner in corners)
    assert corners[-1] + 13 <= 47
    assert len(corners) == 2
    g = torch.Generator().manual_seed(0)
    tile = torch.randn(1, 1, 1, 13, 13, dtype=torch.float64, generator=g)
    picture = torch.zeros(1, 1, 1, 47, 47, dtype=torch.float64)
    for top in corners:
        for left in corners:
            picture[..., top : top + 13, left : left + 13] = tile
    found = logit_map(net, picture)[0, 0]
    for top in corners:
        for left in corners:
            at = found[:, top // stride, left // stride]
            assert torch.allclose(at, net(tile)[0, 0], atol=1e-12)
    # In a picture with no room the image starts at the first multiple that leaves it whole.
    assert _tile_corners(14, 13, stride) == [0]
    assert _tile_corners(13 + stride, 13, stride) in ([0], [stride])


def test_a_cell_counts_where_its_logit_is_as_large_as_on_watched_images(
    mlcli: Run, empty_folder: Path
) -> None:
    asked = (*SMALL, *LAYERS, "--max-shift", "0", "--deploy-size", "40", "--out", "o")
    found = mlcli(*asked).json["deployed"]
    cells, tiles = rows_of("o/tables/class_map.csv"), rows_of("o/tables/picture.csv")
    seen = [cell for cell in cells if cell["is_seen"] == "True"]
    assert len(seen) == found["n_places_seen"]
    assert 0 < len(seen) < len(cells)
    floor = found["evidence_floor"]
    assert all((float(cell["evidence"]) >= floor) == (cell in seen) for cell in cells)

    def on_an_image(cell: dict[str, str]) -> bool:
        at = float(cell["y"]), float(cell["x"])
        starts = [(float(tile["top"]), float(tile["left"])) for tile in tiles]
        return any(t <= at[0] < t + 8 and s <= at[1] < s + 8 for t, s in starts)

    assert sum(map(on_an_image, seen)) == found["n_seen_on_images"]
    assert {(tile["height"], tile["width"]) for tile in tiles} == {("8", "8")}


def test_the_perceptron_has_the_rate_that_is_best_on_the_rows_to_watch(
    mlcli: Run, empty_folder: Path
) -> None:
    common = ("--data", "digits", "--n-epochs", "3", "--n-seeds", "3", "--batch-size", "128")
    quiet = ("--no-plots", "--quiet", "--json")
    rate = ("--optimiser", "momentum", "--learning-rate", "0.4")
    done = mlcli("train-cnn", *common, *rate, *LAYERS, "--max-shift", "0", *quiet, "--out", "o")
    equal = done.json["equal_mlp"]
    hidden = round((done.json["n_parameters"] - 10) / (64 + 11))
    # The same perceptrons by another command, each rate a variant.
    rates = [0.4, 0.2, 0.1, 0.05]
    text = ",".join(map(str, rates))
    asked = ("--hidden", str(hidden), "--optimiser", "momentum", "--learning-rate", text)
    own = mlcli("train-mlp", *common, *asked, *quiet, "--out", "p").json
    each = {r: own[f"learning_rate_{r:g}"] for r in rates}
    rows = rows_of("o/tables/rates.csv")
    assert [float(row["rate"]) for row in rows] == rates
    for row, r in zip(rows, rates, strict=True):
        for name in ("validation_loss", "validation_accuracy"):
            assert float(row[name]) == pytest.approx(each[r][name]["mean"], rel=1e-4)

    def score(r: float) -> tuple[float, float]:
        """Of equal accuracies the one with less loss."""
        accuracy, loss = (each[r][f"validation_{k}"]["mean"] for k in ("accuracy", "loss"))
        return round(accuracy, 9), -loss

    best = max(rates, key=score)
    assert equal["learning_rate"] == best
    assert [row["is_chosen"] for row in rows].index("True") == rates.index(best)
    for name in ("test_accuracy", "test_loss", "train_loss", "best_epoch"):
        assert equal[name]["mean"] == pytest.approx(each[best][name]["mean"], rel=1e-4)
    # The convolutional network has the rate that was asked for.
    (members,) = {row["variant"] for row in rows_of("o/tables/members.csv")} - {"perceptron"}
    assert members == "own"


def test_without_rows_to_watch_the_perceptron_has_the_rate_of_the_network(
    mlcli: Run, empty_folder: Path
) -> None:
    asked = ("train-cnn", "--data", "digits", "--n-epochs", "1", "--n-seeds", "2", *LAYERS)
    more = ("--validation-fraction", "0", "--max-shift", "0", "--learning-rate", "0.03")
    done = mlcli(*asked, *more, "--no-plots", "--quiet", "--json", "--out", "o")
    assert done.code == 0, done.err
    assert done.json["equal_mlp"]["learning_rate"] == 0.03
    assert "rates" not in done.json["equal_mlp"]
    assert rows_of("o/tables/rates.csv") == []


def test_receptive_fields_are_reported_by_recursion_and_by_gradients(
    mlcli: Run, empty_folder: Path
) -> None:
    done = mlcli(*SMALL, *LAYERS, "--max-shift", "0", "--out", "o")
    found, rows = done.json["receptive_fields"], rows_of("o/tables/receptive_fields.csv")
    assert found["n_agree"] == found["n_layers"] == len(rows) == 7
    assert [row["theory_height"] for row in rows] == ["3", "3", "4", "4", "10", "10", "10"]
    # The middle of 4 places at a step of 2 begins at pixel 2 * 2 - 1.
    assert (rows[2]["top"], rows[2]["height"], rows[2]["jump"]) == ("3", "4", "2")
    assert (rows[4]["top"], rows[4]["height"]) == ("0", "8")
    for row in rows:
        for key in ("top", "left", "height", "width"):
            assert row[key] == row[f"measured_{key}"]
        assert int(row["half_side"]) <= int(row["theory_height"])
    maps = rows_of("o/tables/field_maps.csv")
    assert [row["layer"] for row in maps] == ["image", "conv 6 3x3 pad same", "pool max 2"]
    for row, field in zip(maps[1:], (rows[0], rows[2]), strict=True):
        strength = grid(row["pixels"])
        assert strength.max() == 1
        top, left, n_h, n_w = (int(field[key]) for key in ("top", "left", "height", "width"))
        strength[top : top + n_h, left : left + n_w] = 0
        assert (strength == 0).all()


def test_half_of_the_gradient_comes_from_a_square_around_the_middle() -> None:
    from mlcli.experiments.train_cnn.fields import half_side
    from mlcli.neural.receptive_fields import Axis, ReceptiveField

    def half(size: int, strength: np.ndarray) -> int:
        axis = Axis(1, start=(9 - size) // 2, size=size)
        return half_side(strength, ReceptiveField(axis, axis))

    even, odd, peak = np.zeros((3, 9, 9))
    odd[2:7, 2:7] = 1
    even[2:6, 2:6] = 1
    # 9 of 25 pixels are less than half of them, and 4 of 16.
    assert (half(5, odd), half(4, even)) == (5, 4)
    peak[4, 4], peak[0, 0] = 1.0, 0.9
    assert half(9, peak) == 1
    peak[4, 4] = 0.8
    assert half(9, peak) == 9


def test_feature_maps_and_invariance(mlcli: Run, empty_folder: Path) -> None:
    done = mlcli(*SMALL, *LAYERS, "--max-shift", "2", "--out", "o")
    assert done.code == 0, done.err
    maps = rows_of("o/tables/feature_maps.csv")
    assert [row["layer"] for row in maps] == ["image"] + 6 * ["after 3: pool max 2"]
    assert grid(maps[0]["values"]).shape == (8, 8)
    assert grid(maps[1]["values"]).shape == (4, 4)
    moved = rows_of("o/tables/invariance.csv")
    assert {row["shift"] for row in moved} == {"1", "2"}
    by_number = {row["number"]: float(row["change"]) for row in moved if row["shift"] == "1"}
    # Section 8.3: what comes out of pooling changes less than what goes in.
    assert by_number["3"] < by_number["2"]
    assert done.json["moved_by_a_pixel"]["03"]["change"]["mean"] == by_number["3"]
    assert "equal_mlp" not in done.json


def test_scores_over_views_are_reported_next_to_those_of_one_view(
    mlcli: Run, empty_folder: Path
) -> None:
    asked = (*SMALL, *LAYERS, "--max-shift", "0")
    plain = mlcli(*asked, "--out", "a").json
    views = mlcli(*asked, "--test-views", "--out", "b").json
    assert views["test_accuracy_one_view"]["mean"] == plain["test_accuracy"]["mean"]
    assert views["test_loss"]["mean"] != plain["test_loss"]["mean"]


def test_rounded_predictions_of_a_regression(mlcli: Run, empty_folder: Path) -> None:
    done = mlcli(
        "train-cnn",
        "--data",
        "imbalance",
        "--n-samples",
        "300",
        "--layers",
        "scan 4,relu",
        "--n-epochs",
        "30",
        "--n-seeds",
        "2",
        "--max-shift",
        "0",
        "--round-metric",
        "--no-plots",
        "--quiet",
        "--json",
        "--out",
        "o",
    )
    assert done.code == 0, done.err
    rows = rows_of("o/tables/predictions.csv")
    right = np.mean([round(float(r["predicted"])) == round(float(r["target"])) for r in rows])
    first = next(row for row in rows_of("o/tables/members.csv") if row["seed"] == "0")
    assert float(first["test_rounded_accuracy"]) == pytest.approx(right)
    assert done.json["equal_mlp"]["test_rounded_accuracy"]["n"] == 2
