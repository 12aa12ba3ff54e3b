"""Dense inference: a trained network on a picture larger than its images (section 8.6)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcli.classification.softmax import softmax
from mlcli.errors import InputError
from mlcli.experiments.networks.architectures import image_shape_of
from mlcli.experiments.networks.fitting import FittedGroup
from mlcli.experiments.networks.member_groups import MemberGroup, group_kernels, network_of
from mlcli.experiments.networks.problem import Problem
from mlcli.experiments.networks.tables import fitted_members
from mlcli.experiments.networks.variants import Variant
from mlcli.experiments.train_cnn.feature_maps import standardised
from mlcli.neural.cnn import CNN
from mlcli.neural.device import to_numpy
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
# Test images on which the network and its fully convolutional equivalent are compared.
N_COMPARED = 256
# Share of the watched images whose largest logit is below the floor of the evidence.
SHARE_BELOW = 0.05


@dataclass(frozen=True)
class DenseInference:
    """Class probabilities of a network on a larger picture.

    Attributes:
        picture: in the pixels of the data, (c, S, S).
        tiles: top, left and label of each test image in it.
        P: probabilities at each place of the map, (K, h', w').
        evidence: the largest logit at each place, (h', w').
        floor: evidence that all but `SHARE_BELOW` of the watched images have. The network has no
            class for a background and must name one of its own there too; what it says counts
            where its evidence is as large as on images that it was not trained on.
        y, x: centre of each place, in pixels of the picture, (h',) and (w',).
        stride: pixels between two places.
        largest_difference: between the logits of the network and of its fully convolutional
            equivalent on test images, in units of the largest logit.
    """

    picture: NDArray[Any]
    tiles: tuple[tuple[int, int, int], ...]
    P: Floats
    evidence: Floats
    floor: float
    y: Floats
    x: Floats
    stride: tuple[int, int]
    largest_difference: float


def check_deploy_size(config: Any, problem: Problem, groups: Sequence[MemberGroup]) -> None:
    """Refuse a size smaller than an image, and networks with a fixed image size.

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
    for group in groups:
        net = network_of(config, MemberGroup(group.members[:1], group.architecture))
        assert isinstance(net, CNN)
        try:
            as_convolutional(net)
        except ValueError as error:
            raise InputError(
                f"--deploy-size needs a network that can slide over a picture: {error}",
                hint="--architecture fcn",
            ) from None


def infer_densely(
    config: Any, problem: Problem, fitted: Sequence[FittedGroup], shown: Variant
) -> DenseInference:
    """Apply the first seed of a variant to a picture of its first test images."""
    one, m = fitted_members(fitted, shown)[0]
    net = one.net
    assert isinstance(net, CNN)
    split = problem.splits[one.group.members[m].seed_index]
    c, h, w = image_shape_of(problem)
    down, across = places(net)
    along = zip((h, w), (down, across), strict=True)
    tops, lefts = (_tile_corners(config.deploy_size, n, stride) for n, (_, stride) in along)
    corners = [(top, left) for top in tops for left in lefts]
    rows = split.test[: len(corners)]
    images = problem.X[rows].reshape(-1, c, h, w)
    fill = problem.background
    with group_kernels(one.group, net.theta.device):
        tiles = standardised(one, problem, images).reshape(net.n_members, -1, c, h, w)
        blank = standardised(one, problem, np.full((1, c, h, w), fill)).reshape(-1, c, h, w)
        X = collage(tiles, corners, blank, config.deploy_size)  # (M, 1, c, S, S)
        A = to_numpy(logit_map(net, X)[m, 0]).astype(np.float64)  # (K, h', w')
        compared = problem.X[split.test[:N_COMPARED]].reshape(-1, c, h, w)
        largest = largest_difference(net, standardised(one, problem, compared))
        watched = problem.X[split.validation if split.validation.size else split.train]
        net.eval()
        seen = net(standardised(one, problem, watched[:N_COMPARED].reshape(-1, c, h, w)))[m]
        floor = float(np.quantile(to_numpy(seen.amax(dim=1)), SHARE_BELOW))
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
    evidence = A.max(axis=0)
    return DenseInference(raw, found, P, evidence, floor, y, x, (down[1], across[1]), largest)


def _tile_corners(size: int, n: int, stride: int) -> list[int]:
    """First pixels of images of n pixels along a side, spread with gaps between them.

    They are multiples of the stride, as is the corner of an image that is alone: at one place of
    the map the network then sees the image as it does alone, except for its surroundings.
    """
    count = max(1, int(size // (PITCH * n)))
    gap = (size - count * n) / (count + 1)
    wanted = [gap + i * (n + gap) for i in range(count)]
    return [stride * min(round(at / stride), (size - n) // stride) for at in wanted]


def class_map_table(problem: Problem, inference: DenseInference | None) -> Columns:
    """Each place of the map: its centre, predicted class and probability."""
    columns: dict[str, list[Any]] = {
        name: []
        for name in (
            "y",
            "x",
            "height",
            "width",
            "label",
            "class",
            "probability",
            "evidence",
            "is_seen",
        )
    }
    if inference is None:
        return columns
    predicted = inference.P.argmax(axis=0)
    for i, y in enumerate(inference.y):
        for j, x in enumerate(inference.x):
            k = int(predicted[i, j])
            columns["y"].append(float(y))
            columns["x"].append(float(x))
            columns["height"].append(inference.stride[0])
            columns["width"].append(inference.stride[1])
            columns["label"].append(k)
            columns["class"].append(problem.class_names[k])
            columns["probability"].append(float(inference.P[k, i, j]))
            columns["evidence"].append(float(inference.evidence[i, j]))
            columns["is_seen"].append(bool(inference.evidence[i, j] >= inference.floor))
    return columns


def picture_table(problem: Problem, inference: DenseInference | None) -> Columns:
    """The picture (mean of its channels), and the class of each image in it.

    The pixels are in the first row, separated by spaces, and by a slash between rows.
    """
    columns: dict[str, list[Any]] = {
        name: []
        for name in (
            "top",
            "left",
            "height",
            "width",
            "label",
            "class",
            "seen_in_the_middle",
            "pixels",
        )
    }
    if inference is None:
        return columns
    _, height, width = image_shape_of(problem)
    for i, (top, left, label) in enumerate(inference.tiles):
        columns["top"].append(top)
        columns["left"].append(left)
        columns["height"].append(height)
        columns["width"].append(width)
        columns["label"].append(label)
        columns["class"].append(problem.class_names[label])
        columns["seen_in_the_middle"].append(
            problem.class_names[_class_in_the_middle(inference, height, width, i)]
        )
        grey = inference.picture.mean(axis=0)
        text = "/".join(" ".join(f"{value:g}" for value in line) for line in grey)
        columns["pixels"].append("" if i else text)
    return columns


def _class_in_the_middle(inference: DenseInference, h: int, w: int, tile: int) -> int:
    """The predicted class at the place nearest to the centre of a tile of h x w pixels."""
    top, left, _ = inference.tiles[tile]
    i = int(np.abs(inference.y - (top + h / 2)).argmin())
    j = int(np.abs(inference.x - (left + w / 2)).argmin())
    return int(inference.P[:, i, j].argmax())


def dense_inference_metrics(problem: Problem, inference: DenseInference) -> dict[str, Any]:
    """Size of picture and map, and how many images are classified correctly."""
    _, h, w = image_shape_of(problem)
    n_right = sum(
        _class_in_the_middle(inference, h, w, i) == label
        for i, (*_, label) in enumerate(inference.tiles)
    )
    seen = inference.evidence >= inference.floor
    on_images = np.zeros_like(seen)
    for top, left, _ in inference.tiles:
        rows = (top <= inference.y) & (inference.y < top + h)
        on_images |= rows[:, None] & (left <= inference.x) & (inference.x < left + w)
    return {
        "size": inference.picture.shape[1],
        "map_height": len(inference.y),
        "map_width": len(inference.x),
        "n_images": len(inference.tiles),
        "n_right": n_right,
        "evidence_floor": inference.floor,
        "n_places_seen": int(seen.sum()),
        "n_seen_on_images": int((seen & on_images).sum()),
        "largest_difference": inference.largest_difference,
    }
