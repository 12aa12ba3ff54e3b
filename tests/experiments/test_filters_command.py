"""`mlcli filters` from the command line: contract, the notes' numbers, peers, bad input."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from scipy.signal import correlate2d

from mlcli.datasets.pictures import Picture
from mlcli.experiments.filters.config import FiltersConfig, kernel_of
from mlcli.experiments.filters.kernels import NAMED, read_kernel
from mlcli.experiments.filters.layers import respond, variance_kept
from tests.experiments.contract import Cases

Run = Callable[..., Any]


def write_files() -> None:
    Path("k.txt").write_text("no kernel\n")
    Path("empty.txt").write_text("# nothing\n")
    Path("bytes.bin").write_bytes(b"\xff\xfe\x00\x80")
    Image.new("L", (9, 2)).save("tiny.png")
    Image.new("RGB", (9, 60)).save("black.png")


CASES = Cases(
    small="--n-seeds 2 --n-images 30 --longest-side 32",
    anywhere=("--digit 1 --n-images 10 --picture digit",),
    branches=(
        "--max-shift 1 --picture matrix --padding 1 --no-plots",
        "--max-shift 1 --picture digit --no-plots",
        "--max-shift 1 --picture-file black.png --channels each --kernel 1 --filters sobel "
        "--n-seeds 1",
        "--max-shift 1 --channels all --kernel '1,2|3,4|5,6' --pool-stride 1 --no-plots",
    ),
    refused={
        "--picture-file k.txt": "a whole PNG or JPEG picture, got a file of another kind",
        "--picture-file none.png": "a PNG or JPEG file, got none.png (no such file)",
        "--picture-file tiny.png": "at least 3 x 3 pixels, got 2 x 9",
        "--picture chine": "try china",
        "--filters sobbel": "try sobel",
        "--filters prewitt": "try vertical",
        "--kernel '1,2;3'": "rows of one length, got 2,1 entries",
        "--kernel '1,2;;3,4'": "rows of one length, got 2,0,2",
        "--kernel 1,a": "numbers, got 'a'",
        "--kernel 1,nan": "at most 1e+09 in size, got 'nan'",
        "--kernel ';'": "rows of one length",
        "--kernel '1|2'": "--kernel must be of 1 channel, or of the picture's 3",
        "--kernel-file k.txt": "the kernel of k.txt must be numbers, got 'no'",
        "--kernel-file empty.txt": "the kernel of empty.txt must have rows",
        "--kernel-file bytes.bin": "a text of numbers",
        "--kernel " + ",".join("1" * 40): "--kernel must be no larger than the padded picture",
        "--filter-size 40": "--filter-size must be no larger",
        "--stride 0": "at least 1",
        "--padding sane": "valid, same or an integer from 0 to 64, got 'sane'",
        "--padding -1": "valid, same or an integer",
        "--pool-size 30": "--pool-size must be at most 16",
        "--digit 11": "classes 0 to 9, got 11",
        "--data iris": "images with classes for filters, got iris; try digits",
        "--longest-side 2048 --filter-size 60": "needs too much memory",
    },
    write=write_files,
)
BARE = ("filters", *CASES.small.split(), "--no-plots", "--quiet", "--json")


def table(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def matrix_of(rows: list[dict[str, str]], name: str) -> list[list[float]]:
    chosen = [row for row in rows if row["matrix"] == name]
    width = max(int(row["column"]) for row in chosen)
    values = [float(row["value"]) for row in chosen]
    return [values[i : i + width] for i in range(0, len(values), width)]


def test_filters_of_the_notes_give_the_numbers_of_the_notes(mlcli: Run) -> None:
    done = mlcli(*BARE, "--out", "o", "--padding", "same", "--stride", "2")
    found, rows = done.json, table(Path("o/tables/matrices.csv"))
    # Neither the stride nor the padding of the picture touches the notes' example.
    assert matrix_of(rows, "image") == [[10, 10, 10, 0, 0, 0]] * 6
    assert matrix_of(rows, "difference") == [[0, 0, 10, 0, 0]] * 6
    assert matrix_of(rows, "vertical") == [[0, 30, 30, 0]] * 4
    assert matrix_of(rows, "horizontal") == [[0, 0, 0, 0]] * 4
    assert matrix_of(rows, "sobel") == [[0, 40, 40, 0]] * 4
    assert matrix_of(rows, "scharr") == [[0, 160, 160, 0]] * 4
    assert matrix_of(rows, "max pooled") == [[7, 5], [6, 8]]
    assert matrix_of(rows, "average pooled") == [[3.5, 2.25], [2.5, 4]]
    assert matrix_of(rows, "depth pooled")[0] == [4, 2, 6, 3]
    assert found["matrix"]["vertical"] == {f"row_{i}": "0 30 30 0" for i in (1, 2, 3, 4)} | {
        "equals_notes": True
    }
    assert found["matrix"]["difference"]["equals_notes"] is True
    assert found["layer"]["notes"] == {"n_parameters": 280, "equals_notes": True}
    assert found["shapes"] == {"n_cases": 54, "n_agree": 54}
    assert found["dense"]["n_parameters_1_by_1"] == 15
    for key in ("largest_difference_1_by_1", "largest_difference_as_large_as_image"):
        assert found["dense"][key] < 1e-14
    assert found["turned_edge"]["one_filter"] == 0
    assert found["turned_edge"]["depth_pooled"] > 0.9


def test_the_pointwise_table_is_a_sum_over_channels(mlcli: Run, empty_folder: Path) -> None:
    assert mlcli(*BARE, "--out", "o").code == 0
    rows = table(Path("o/tables/pointwise.csv"))
    Z = np.array([matrix_of(rows, f"input {k}") for k in (1, 2, 3, 4)])
    a = np.array([matrix_of(rows, f"output {k}") for k in (1, 2, 3)])
    assert (a == np.einsum("qp,pij->qij", np.array(matrix_of(rows, "filters")), Z)).all()


@pytest.mark.parametrize("channels", ["grey", "all", "each"])
@pytest.mark.parametrize(("padding", "stride"), [("valid", 1), ("same", 1), ("2", 3), ("same", 2)])
def test_responses_equal_those_of_scipy_signal(channels: str, padding: str, stride: int) -> None:
    pixels = np.random.default_rng(0).random((9, 11, 3))
    config = FiltersConfig(channels=channels, padding=padding, stride=stride)  # type: ignore[arg-type]
    seen = {
        "grey": [pixels.mean(axis=2)],
        "all": [pixels.sum(axis=2)],
        "each": list(pixels.transpose(2, 0, 1)),
    }[channels]
    for name, kernel in NAMED.items():
        f_h, f_w = kernel.shape
        found = respond(config, Picture("a", pixels), kernel[None])
        n_in = {"grey": 1, "all": 3, "each": 1}[channels]
        assert found.n_parameters == len(seen) * (n_in * f_h * f_w + 1)
        for ours, image in zip(found.maps.values(), seen, strict=True):
            if padding == "same":
                zeros = [((f - 1) // 2, f // 2) for f in kernel.shape]
            else:
                zeros = [(0 if padding == "valid" else int(padding),) * 2] * 2
            peer = correlate2d(np.pad(image, zeros), kernel, "valid")[::stride, ::stride]
            np.testing.assert_allclose(ours, peer, atol=1e-12, err_msg=name)
            assert ours.shape == found.formula


def test_the_channels_of_a_kernel_add_up() -> None:
    pixels, kernel = np.random.default_rng(0).random((8, 7, 3)), np.arange(18.0).reshape(3, 3, 2)
    found = respond(FiltersConfig(channels="all", stride=2), Picture("a", pixels), kernel)
    each = [correlate2d(pixels[:, :, k], kernel[k], "valid")[::2, ::2] for k in range(3)]
    np.testing.assert_allclose(found.maps["all"], np.sum(each, axis=0), atol=1e-12)
    assert found.n_parameters == 19


def test_variance_kept_is_1_for_no_loss_and_0_for_the_mean() -> None:
    image = np.random.default_rng(0).random((6, 6))
    assert variance_kept(image, image, 1) == pytest.approx(1)
    assert variance_kept(image, np.full((1, 1), image.mean()), 6) == pytest.approx(0)
    assert variance_kept(np.ones((4, 4)), np.ones((2, 2)), 2) is None


def test_shifts_reduce_similarity_less_after_pooling(mlcli: Run) -> None:
    done = mlcli(*BARE, "--max-shift", "2", "--pool-size", "4")
    found = done.json["shifts"]
    assert found["equivariance_difference"] < 1e-10
    for name in ("pixels", "filtered", "max_pooled", "average_pooled", "largest_response"):
        assert found["shift_0"][name]["similarity"]["mean"] == pytest.approx(1)
    last = {
        name: one["similarity"]["mean"]
        for name, one in found["shift_2"].items()
        if name != "bright_pixels_kept"
    }
    assert last["pixels"] < last["max_pooled"] < last["largest_response"] == pytest.approx(1)
    kept = [found[f"shift_{d}"]["bright_pixels_kept"]["mean"] for d in (0, 1, 2)]
    assert kept[0] == 1 > kept[1] > kept[2]
    # An image is not its own neighbour, so that some are wrong even where nothing moved.
    assert 0.6 < found["shift_0"]["pixels"]["same_class"]["mean"] < 1
    assert found["shift_1"]["pixels"]["similarity"]["n"] == 2


def test_unrolled_vectors_are_the_shifted_image(mlcli: Run, empty_folder: Path) -> None:
    assert mlcli(*BARE, "--out", "o").code == 0
    rows = table(Path("o/tables/unrolled.csv"))
    left, still, right = (np.array([float(row[f"shift_{d}"]) for row in rows]) for d in (-3, 0, 3))
    assert still.max() == 1
    # Nothing wraps round, so that a shift is one of the vector too.
    np.testing.assert_array_equal(still[3:], left[:-3])
    np.testing.assert_array_equal(still[:-3], right[3:])


SCANS = (
    "",
    "--padding same --stride 2",
    "--kernel 1,2;3,-4 --padding 9 --stride 3",
    "--kernel 1,1,1,1,1 --stride 40",
)


@pytest.mark.parametrize("flags", SCANS)
def test_the_scan_has_the_products_of_every_place_that_it_shows(
    mlcli: Run, empty_folder: Path, flags: str
) -> None:
    found = mlcli(*BARE, "--out", "o", *flags.split()).json["scan"]
    rows = table(Path("o/tables/scan.csv"))
    image, inside, F = (np.array(matrix_of(rows, k)) for k in ("image", "inside", "filter"))
    stride, output = int(matrix_of(rows, "stride")[0][0]), np.array(matrix_of(rows, "output"))
    assert F.tolist() == ([[1, 2], [3, -4]] if "3,-4" in flags else [[1, 0, -1]] * 3)
    # The zeros around the matrix, no more than can be drawn.
    zeros = {"": 0, SCANS[1]: 1, SCANS[2]: 3, SCANS[3]: 0}[flags]
    assert (image == np.pad(np.tile([10.0] * 3 + [0.0] * 3, (6, 1)), zeros)).all()
    assert (inside == np.pad(np.ones((6, 6)), zeros)).all()
    np.testing.assert_array_equal(output, correlate2d(image, F, "valid")[::stride, ::stride])
    places = [name for name in {row["matrix"]: 0 for row in rows} if name[:6] == "place "]
    assert len(places) == min(3, output.size)
    shown = []
    for name in places:
        i, j, total = matrix_of(rows, name)[0]
        top, left = (int(at - 1) * stride for at in (i, j))
        local = image[top : top + F.shape[0], left : left + F.shape[1]]
        assert matrix_of(rows, name.replace("place", "window")) == local.tolist()
        assert matrix_of(rows, name.replace("place", "products")) == (local * F).tolist()
        said = found[name.replace(" ", "_")]
        assert (said["row"], said["column"], said["sum"]) == (i, j, total)
        assert total == (local * F).sum() == output[int(i) - 1, int(j) - 1]
        pairs = [pair.split(" * ") for pair in said["products"].split(" + ")]
        assert [float(a) for a, _ in pairs] == local.ravel().tolist()
        assert [float(f.strip("()")) for _, f in pairs] == F.ravel().tolist()
        shown.append(total)
    assert np.abs(output).max() == np.abs(shown).max()


def test_inner_products_are_the_same_by_every_route(mlcli: Run, empty_folder: Path) -> None:
    found = mlcli(*BARE, "--out", "o").json["inner_products"]
    rows = table(Path("o/tables/inner_products.csv"))
    A, B = (np.array([matrix_of(rows, f"{k} {c}") for c in (1, 2)]) for k in "AB")
    for c in (0, 1):
        one = found[f"channel_{c + 1}"]
        assert one["sum_of_products"] == (A[c] * B[c]).sum()
        assert one["trace"] == np.trace(A[c] @ B[c].T)
        assert one["unrolled"] == A[c].ravel() @ B[c].ravel()
    assert found["over_channels"] == found["tensor_unrolled"] == np.tensordot(A, B, 3)
    # (8.24): rows before columns before channels.
    flat = [A[k, i, j] for k, i, j in np.ndindex(2, 2, 2)]
    assert matrix_of(rows, "A unrolled") == [flat]
    assert found["unrolled_tensor"] == " ".join(f"{value:g}" for value in flat)
    assert found["order"] == "111 121 211 221 112 122 212 222"


def test_a_shift_of_the_image_is_one_of_the_response_only_by_theory(
    mlcli: Run, empty_folder: Path
) -> None:
    flags = ("--max-shift", "4", "--pool-size", "3", "--pool-stride", "3")
    found = mlcli(*BARE, "--out", "o", *flags).json["equivariance"]
    strides = {"filter, stride 1": 1, "filter, stride 2": 2, "max pool 3, stride 3": 3}
    strides["largest response"] = 1
    for one in found.values():
        for d in (1, 2, 3, 4):
            change = one[f"shift_{d}"]["change"]
            exact = one["name"] in strides and d % strides[one["name"]] == 0
            assert one[f"shift_{d}"]["is_exact"] == exact
            assert (change["mean"] == 0) == exact, (one["name"], d)
            assert exact or change["mean"] > 0.1
    maps = {row["panel"]: [] for row in table(Path("o/tables/equivariance_maps.csv"))}
    for row in table(Path("o/tables/equivariance_maps.csv")):
        maps[row["panel"]].append([float(v) for k, v in row.items() if k != "panel" and v])
    assert maps["filter, then shift"] == maps["shift, then filter"]
    assert maps["pool, then shift"] != maps["shift, then pool"]
    for name in ("filter", "pool"):
        after, before = np.array(maps[f"shift, then {name}"]), np.array(maps[f"{name}, then shift"])
        np.testing.assert_allclose(maps[f"difference of {name}"], after - before, atol=2e-3)
    # The unshifted response of the image on its canvas, moved by a pixel to the right.
    rows = table(Path("o/tables/unrolled.csv"))
    n = 1 + max(int(row["row"]) for row in rows)
    still = np.array([float(row["shift_0"]) for row in rows]).reshape(n, -1)
    response = correlate2d(np.pad(still, 1), [[1, 0, -1]] * 3, "valid")
    np.testing.assert_allclose(maps["shift, then filter"], np.roll(response, 1, axis=1), atol=1e-3)


def test_kernels_of_text_and_file(tmp_path: Path) -> None:
    assert kernel_of("1,0,-1; 2 0 -2;") == (((1, 0, -1), (2, 0, -2)),)
    assert kernel_of("1|2|3") == (((1,),), ((2,),), ((3,),))
    path = tmp_path / "k.txt"
    path.write_text("# two channels\n1 2\n3,4  # a remark\n\n5 6\n7 8\n")
    assert read_kernel(path).tolist() == [[[1, 2], [3, 4]], [[5, 6], [7, 8]]]


def test_a_changed_kernel_file_is_another_run(mlcli: Run, empty_folder: Path) -> None:
    found = []
    for text in ("1 -1", "-1 1"):
        Path("k.txt").write_text(text)
        done = mlcli(*BARE, "--kernel-file", "k.txt", "--kernel", "2,-2")
        assert done.code == 0, done.err
        found.append(done.json["matrix"]["kernel-file"]["row_1"])
        assert done.json["matrix"]["kernel"]["row_1"] == "0 0 20 0 0"
    assert found == ["0 0 10 0 0", "0 0 -10 0 0"]
