"""What a reader can move in the report of `filters` has the numbers of its tables."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from figure_reading import REPORTS
from PIL import Image
from scipy.signal import correlate2d

from mlcli.experiments.explore import Control, Explorable, Mark, Panel, State
from mlcli.experiments.filters.explore import MOST_BYTES, explorables

Run = Callable[..., Any]
FOLDER = REPORTS / "filters"
SMALL = (
    "filters",
    "--n-seeds",
    "1",
    "--n-images",
    "3",
    "--longest-side",
    "16",
    "--out",
    "o",
    "--no-plots",
    "--quiet",
)
EVERY = (
    "difference,vertical,horizontal,sobel,sobel-horizontal,sobel-diagonal,scharr,scharr-horizontal"
)


def matrices(folder: Path) -> dict[str, np.ndarray]:
    """The matrices of the table by name."""
    found: dict[str, list[list[float]]] = {}
    with (folder / "tables" / "scans.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            rows = found.setdefault(row["matrix"], [])
            if int(row["row"]) > len(rows):
                rows.append([])
            rows[-1].append(float(row["value"]))
    return {name: np.array(rows) for name, rows in found.items()}


def only(folder: Path) -> Explorable:
    (one,) = explorables(folder)
    assert len(json.dumps(one.to_dict())) <= MOST_BYTES
    for panel in one.panels:
        assert np.isfinite([*panel.x_range, *panel.y_range]).all()
    return one


def extent(mark: Mark) -> tuple[float, ...]:
    """Left, top, right and bottom of a mark, with rows counted downwards."""
    x, y = np.asarray(mark.x, dtype=float), -np.asarray(mark.y, dtype=float)
    return float(x.min()), float(y.min()), float(x.max()), float(y.max())


def test_the_image_is_the_digit_that_the_run_shows_shifted() -> None:
    table = matrices(FOLDER)
    with (FOLDER / "tables" / "unrolled.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    canvas = np.array([float(row["shift_0"]) for row in rows]).reshape(16, 16)
    image = table["image of digits, class 2"]
    assert image.tolist() == np.round(16 * canvas[4:12, 4:12]).tolist()
    (shown,) = only(FOLDER).panels[0].fixed
    assert np.asarray(shown.values).tolist() == image.tolist()
    assert [[float(text) for text in row] for row in shown.texts] == image.tolist()


@pytest.mark.parametrize(
    ("name", "stride", "row", "column"),
    [
        ("difference", 1, 8, 7),
        ("vertical", 1, 1, 2),
        ("horizontal", 2, 2, 2),
        ("sobel", 2, 3, 3),
        ("scharr", 1, 6, 1),
    ],
)
def test_a_place_has_its_window_its_products_and_the_output_so_far(
    name: str, stride: int, row: int, column: int
) -> None:
    table, one = matrices(FOLDER), only(FOLDER)
    image, kernel = table["image of digits, class 2"], table[f"filter {name}"]
    output = correlate2d(image, kernel, "valid")[::stride, ::stride]
    assert output.tolist() == table[f"output {name}, stride {stride}"].tolist()
    place = (row - 1) * output.shape[1] + column - 1
    names, strides, _ = (list(control.values) for control in one.controls)
    state = one.states[names.index(name), strides.index(str(stride)), place]
    (window,), (weights, same), (so_far, whole, cell) = state.marks
    top, left = stride * (row - 1), stride * (column - 1)
    bottom, right = top + kernel.shape[0], left + kernel.shape[1]
    assert extent(window) == extent(weights) == extent(same) == (left, top, right, bottom)
    assert np.asarray(weights.values).tolist() == kernel.tolist()
    assert extent(whole) == (0, 0, *output.shape[::-1])
    assert extent(cell) == (column - 1, row - 1, column, row)
    assert extent(so_far) == (0, 0, output.shape[1], row)
    read = [text for line in so_far.texts for text in line]
    assert [float(text) for text in read if text] == output.ravel()[: place + 1].tolist()
    shares = np.asarray(so_far.values).ravel()[: place + 1]
    expected = 0.5 + 0.5 * output.ravel()[: place + 1] / np.abs(output).max()
    np.testing.assert_allclose(shares, expected, atol=0.0051)
    products, total = state.says.split(": ", 1)[1].split(", (8.9).")[0].split(" = ")
    pairs = [pair.split("*") for pair in products.split(" + ")]
    local = image[top:bottom, left:right]
    assert [float(pixel) for pixel, _ in pairs] == local.ravel().tolist()
    assert [float(weight.strip("()")) for _, weight in pairs] == kernel.ravel().tolist()
    assert float(total) == output[row - 1, column - 1] == (local * kernel).sum()
    assert state.says.startswith(f"{name}, stride {stride}, place ({row}, {column}): ")
    gains = [(local * kernel)[kernel * sign > 0].sum() for sign in (1, -1)]
    said = f"positive weights give {gains[0]:g}, the negative ones {gains[1]:g}"
    assert said in state.says
    assert ("No other of the" in state.says) == (abs(float(total)) == np.abs(output).max())


def test_each_filter_and_stride_has_as_many_places_as_its_output() -> None:
    table, one = matrices(FOLDER), only(FOLDER)
    for f, name in enumerate(one.controls[0].values):
        for s, stride in enumerate(one.controls[1].values):
            size = table[f"output {name}, stride {stride}"].size
            assert {key[2] for key in one.states if key[:2] == (f, s)} == set(range(size))
    assert len(one.controls[2].values) == 56
    f, s, place = one.start
    assert (one.controls[0].values[f], one.controls[1].values[s]) == ("vertical", "1")
    assert place == np.abs(table["output vertical, stride 1"]).argmax()


def test_an_even_window_is_named_so() -> None:
    says = only(FOLDER).states[0, 0, 0].says
    assert says.endswith("The positive weights give 0, the negative ones 0, as all pixels are 0.")


def test_every_filter_on_the_matrix_of_the_notes(mlcli: Run) -> None:
    done = mlcli(*SMALL, "--picture", "matrix", "--filters", EVERY, "--kernel", "0.5,0.25;1,1")
    assert done.code == 0
    one = only(Path("o"))
    names = list(one.controls[0].values)
    assert names == [*EVERY.split(","), "kernel"]
    assert one.panels[0].title == "matrix (8.1)"
    vertical = one.states[names.index("vertical"), 0, 1].says
    assert "10*1 + 10*0 + 0*(-1) + 10*1 + 10*0 + 0*(-1) + 10*1 + 10*0 + 0*(-1) = 30" in vertical
    own = one.states[names.index("kernel"), 0, 0].says
    assert own == (
        "kernel, stride 1, place (1, 1): 10*0.5 + 10*0.25 + 10*1 + 10*1 = 27.5, (8.9). "
        "No other of the 25 responses is larger in size."
    )


def test_many_filters_leave_out_the_larger_stride(mlcli: Run) -> None:
    assert mlcli(*SMALL, "--filters", EVERY).code == 0
    one = only(Path("o"))
    name = "image of digits, class 2"
    assert matrices(Path("o"))[name].tolist() == matrices(FOLDER)[name].tolist()
    assert [control.label for control in one.controls] == ["filter", "place"]
    assert len(one.controls[0].values) >= 6
    assert one.states[1, 0].says.startswith("vertical, stride 1, place (1, 1): ")


def test_images_of_ones_own_are_made_smaller(mlcli: Run) -> None:
    rng = np.random.default_rng(0)
    for name in ("a", "b"):
        Path("own $x", name).mkdir(parents=True)
        for k in range(6):
            pixels = rng.integers(0, 256, (12, 30), dtype=np.uint8)
            Image.fromarray(pixels).save(Path("own $x", name, f"{k}.png"))
    assert mlcli(*SMALL, "--data", "own $x", "--digit", "0", "--max-shift", "1").code == 0
    one = only(Path("o"))
    assert one.panels[0].title == "image of own $x, class 0"
    (shown,) = one.panels[0].fixed
    levels = np.asarray(shown.values)
    assert levels.shape == (3, 7)
    assert (levels == np.round(levels)).all()
    assert 0 < levels.min() < levels.max() <= 16


def test_a_run_without_small_filters_or_the_table_has_none(mlcli: Run, tmp_path: Path) -> None:
    large = ";".join(["1,1,1,1,1"] * 5)
    assert mlcli(*SMALL, "--filters", "sobel", "--kernel", large).code == 0
    assert list(only(Path("o")).controls[0].values) == ["sobel"]
    shutil.copytree("o", tmp_path / "old")
    (tmp_path / "old" / "tables" / "scans.csv").unlink()
    assert explorables(tmp_path / "old") == []
    table = Path("o/tables/scans.csv")
    lines = table.read_text(encoding="utf-8").splitlines()
    table.write_text("\n".join(line for line in lines if "sobel" not in line), encoding="utf-8")
    assert explorables(Path("o")) == []


def explorable(keys: list[tuple[int, int]]) -> Explorable:
    state = State([[]], "")
    controls = [Control("a", ["0", "1"]), Control("b", ["0", "1", "2"])]
    panel = Panel("", "", "", (0, 1), (0, 1))
    return Explorable("e", "", "", controls, [panel], dict.fromkeys(keys, state), (0, 0))


def test_only_the_last_control_may_end_earlier() -> None:
    explorable([(0, 0), (0, 1), (0, 2), (1, 0)])
    for keys in (
        [],
        [(0, 0), (0, 1), (0, 2)],
        [(0, 0), (0, 1), (1, 0)],
        [(0, 0), (0, 2), (1, 0)],
        [(0, 0), (0, 1), (0, 2), (1, 1)],
        [(0, 0), (0, 1), (0, 2), (0, 3), (1, 0)],
        [(0, 0), (0, 1), (0, 2), (1, 0), (2, 0)],
    ):
        with pytest.raises(ValueError, match="a state for each position"):
            explorable(keys)
