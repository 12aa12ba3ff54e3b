"""A trained network on a picture larger than its images: where it sees which class (8.6)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcli.classification.softmax import softmax
from mlcli.errors import InputError
from mlcli.experiments.networks.architectures import image_shape_of
from mlcli.experiments.networks.fitting import Fitted
from mlcli.experiments.networks.members import Program, network_of
from mlcli.experiments.networks.problem import Problem
from mlcli.experiments.networks.threads import program_threads
from mlcli.experiments.networks.variants import Variant
from mlcli.experiments.train_cnn.looking import in_units
from mlcli.experiments.train_mlp.tables import members_of
from mlcli.neural.cnn import CNN
from mlcli.neural.fully_convolutional import (
    as_convolutional,
    collage,
    largest_difference,
    logit_map,
    places,
)
from mlcli.result import Columns

Floats = NDArray[np.float64]
# Images of the picture along a side are at least half their size apart.
PITCH = 1.5
# Test images on which the network and its twin without dense layers are compared.
N_COMPARED = 256


@dataclass(frozen=True)
class Deployed:
    """What a network says of a larger picture.

    Attributes:
        picture: what it is shown, in the pixels of the data, (c, S, S).
        tiles: top, left and label of each test image in it.
        P: probabilities at each place of the map, (K, h', w').
        y, x: middle of each place, in pixels of the picture, (h',) and (w',).
        stride: pixels between two places.
        largest_difference: between the logits of the network and those of its twin without dense
            layers on test images, in units of the largest logit.
    """

    picture: NDArray[Any]
    tiles: tuple[tuple[int, int, int], ...]
    P: Floats
    y: Floats
    x: Floats
    stride: tuple[int, int]
    largest_difference: float


def check_deploy(config: Any, problem: Problem, programs: Sequence[Program]) -> None:
    """Refuse a size that holds no image, and networks that know but one size.

    Raises:
        InputError: naming the flag.
    """
    if config.deploy_size is None:
        return
    side = max(image_shape_of(problem)[1:])
    if not problem.labelled:
        raise InputError("--deploy-size", must="used with classes", got="a regression")
    if config.deploy_size < side:
        raise InputError(
            "--deploy-size",
            must=f"at least {side}, the size of the images",
            got=str(config.deploy_size),
        )
    for program in programs:
        net = network_of(config, Program(program.members[:1], program.architecture))
        assert isinstance(net, CNN)
        try:
            as_convolutional(net)
        except ValueError as error:
            raise InputError(
                f"--deploy-size needs a network that can slide over a picture: {error}",
                hint="--architecture fcn",
            ) from None


def deploy(config: Any, problem: Problem, fitted: Sequence[Fitted], shown: Variant) -> Deployed:
    """The first seed of a variant on a picture of its own first test images."""
    one, m = members_of(fitted, shown)[0]
    net = one.net
    assert isinstance(net, CNN)
    split = problem.splits[one.program.members[m].seed_index]
    c, h, w = image_shape_of(problem)
    down, across = places(net)
    along = zip((h, w), (down, across), strict=True)
    tops, lefts = (_starts(config.deploy_size, n, *axis) for n, axis in along)
    corners = [(top, left) for top in tops for left in lefts]
    rows = split.test[: len(corners)]
    images = problem.X[rows].reshape(-1, c, h, w)
    fill = problem.ground
    with program_threads(one.program):
        tiles = in_units(one, problem, images).reshape(net.n_members, -1, c, h, w)
        blank = in_units(one, problem, np.full((1, c, h, w), fill)).reshape(-1, c, h, w)
        X = collage(tiles, corners, blank, config.deploy_size)  # (M, 1, c, S, S)
        A = logit_map(net, X)[m, 0].cpu().numpy().astype(np.float64)  # (K, h', w')
        compared = problem.X[split.test[:N_COMPARED]].reshape(-1, c, h, w)
        largest = largest_difference(net, in_units(one, problem, compared))
    n_classes, n_y, n_x = A.shape
    P = softmax(A.reshape(n_classes, -1).T).T.reshape(A.shape)
    y, x = (
        first + stride * np.arange(n, dtype=float)
        for n, (first, stride) in zip((n_y, n_x), (down, across), strict=True)
    )
    raw = np.full((c, config.deploy_size, config.deploy_size), fill)
    for image, (top, left) in zip(images, corners, strict=False):
        raw[:, top : top + h, left : left + w] = image
    if problem.origin is not None:
        raw += problem.origin[0]
    labels = problem.t[rows]
    found = tuple((*place, int(k)) for place, k in zip(corners, labels, strict=False))
    return Deployed(raw, found, P, y, x, (down[1], across[1]), largest)


def _starts(size: int, n: int, first: float, stride: int) -> list[int]:
    """Where images of n pixels start along a side: spread, with room between them.

    Each stands where a window of the map, of middles first + i stride, has it in its middle: there
    the network sees what it saw of the image alone, up to what is around it.
    """
    count = max(1, int(size // (PITCH * n)))
    gap = (size - count * n) / (count + 1)
    wanted = [gap + i * (n + gap) for i in range(count)]
    offset = first - n / 2
    snapped = [round(offset + stride * round((at - offset) / stride)) for at in wanted]
    return [min(max(at, 0), size - n) for at in snapped]


def map_table(problem: Problem, deployed: Deployed | None) -> Columns:
    """Each place of the map: its middle, what is seen there, and how sure that is."""
    columns: dict[str, list[Any]] = {
        name: [] for name in ("y", "x", "height", "width", "label", "class", "probability")
    }
    if deployed is None:
        return columns
    called = deployed.P.argmax(axis=0)
    for i, y in enumerate(deployed.y):
        for j, x in enumerate(deployed.x):
            k = int(called[i, j])
            columns["y"].append(float(y))
            columns["x"].append(float(x))
            columns["height"].append(deployed.stride[0])
            columns["width"].append(deployed.stride[1])
            columns["label"].append(k)
            columns["class"].append(problem.class_names[k])
            columns["probability"].append(float(deployed.P[k, i, j]))
    return columns


def picture_table(problem: Problem, deployed: Deployed | None) -> Columns:
    """The picture, and the class of each image in it; of several channels, their mean.

    The pixels stand in the first row, with spaces between, and a stroke between rows.
    """
    columns: dict[str, list[Any]] = {
        name: [] for name in ("top", "left", "label", "class", "seen_in_the_middle", "pixels")
    }
    if deployed is None:
        return columns
    for i, (top, left, label) in enumerate(deployed.tiles):
        columns["top"].append(top)
        columns["left"].append(left)
        columns["label"].append(label)
        columns["class"].append(problem.class_names[label])
        columns["seen_in_the_middle"].append(problem.class_names[_seen(problem, deployed, i)])
        grey = deployed.picture.mean(axis=0)
        text = "/".join(" ".join(f"{value:g}" for value in line) for line in grey)
        columns["pixels"].append("" if i else text)
    return columns


def _seen(problem: Problem, deployed: Deployed, tile: int) -> int:
    """The class at the place nearest to the middle of a tile."""
    _, h, w = image_shape_of(problem)
    top, left, _ = deployed.tiles[tile]
    i = int(np.abs(deployed.y - (top + h / 2)).argmin())
    j = int(np.abs(deployed.x - (left + w / 2)).argmin())
    return int(deployed.P[:, i, j].argmax())


def deploy_metrics(problem: Problem, deployed: Deployed) -> dict[str, Any]:
    """Size of picture and map, and how many images are seen as what they are."""
    n_right = sum(
        _seen(problem, deployed, i) == label for i, (*_, label) in enumerate(deployed.tiles)
    )
    return {
        "size": deployed.picture.shape[1],
        "map_height": len(deployed.y),
        "map_width": len(deployed.x),
        "n_images": len(deployed.tiles),
        "n_right": n_right,
        "largest_difference": deployed.largest_difference,
    }
