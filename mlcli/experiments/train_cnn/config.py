"""The parameters of `mlcli train-cnn` (section 8 of the notes)."""

from __future__ import annotations

from typing import Annotated, ClassVar

from mlcli.config.common import ImageFields, SeedFields, SourceFields
from mlcli.config.fields import Float, Int, Unset, param
from mlcli.config.networks import CnnFields, FitFields, ScheduleFields, TrainingFields


class TrainCnnConfig(
    SourceFields, ImageFields, CnnFields, FitFields, ScheduleFields, TrainingFields, SeedFields
):
    """Convolutional networks on images: every seed of every variant is a member."""

    # The layers of convolutions are not looked into.
    n_statistics: ClassVar[int] = 0

    data: str = param(
        "fashion-mini",
        "A named set of images (`mlcli data list`), an NPZ file with X of shape (n, h, w), "
        "(n, h, w, c) or (n, c, h, w), or a folder of images by class.",
        example="digits",
    )
    n_epochs: Int = param(15, "Passes over the training rows.", unit="epochs", ge=1, le=1_000_000)
    augment_flip: bool = param(False, "Mirror half of the images of each minibatch.")
    augment_rotate: Float = param(
        0.0, "Turn each image by at most so much, either way.", unit="degrees", ge=0, le=180
    )
    augment_shift: Int = param(
        0, "Move each image by at most so much.", unit="pixels", ge=0, le=100
    )
    augment_crop: Int = param(
        0,
        "Mirror each image outwards by so much, and cut it to its size anywhere.",
        unit="pixels",
        ge=0,
        le=100,
    )
    augment_cutout: Int = param(
        0, "Side of a square that is blanked in each image.", unit="pixels", ge=0, le=100
    )
    test_views: bool = param(
        False,
        "Average the outputs over views of each image, moved by a pixel each way and, with "
        "augment_flip, mirrored.",
    )
    equal_mlp: bool = param(True, "Train a perceptron with about as many parameters beside it.")
    max_shift: Int = param(
        6,
        "Pixels by which test images are shifted; 0: no such study.",
        unit="pixels",
        ge=0,
        le=100,
    )
    deploy_size: Annotated[Int | None, Unset] = param(
        None,
        "Side of a larger picture with several test images in it, of which the trained network "
        "makes a map of classes (default: none).",
        unit="pixels",
        example="112",
        ge=2,
        le=4096,
    )
    n_seeds: Int = param(
        5,
        "Independent repeats: own splits, initial weights and orders of the rows.",
        example="5",
        ge=1,
        le=100_000,
    )
