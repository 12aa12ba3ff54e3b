"""`train-cnn` as an estimator."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mlcli.estimators.base import Array, Ints
from mlcli.estimators.ensemble import train_ensemble
from mlcli.estimators.images import Shape, fitted_lines, shape_of, unrolled
from mlcli.estimators.networks import FLOATS, NetworkClassifier
from mlcli.estimators.parameters import ParameterError, default
from mlcli.experiments.train_cnn.config import TrainCnnConfig
from mlcli.experiments.train_cnn.run import augmentation_of
from mlcli.neural.architecture import PRESETS, shapes
from mlcli.neural.augmentation import augmented_steps
from mlcli.neural.layer_spec import parse


class CNNClassifier(NetworkClassifier):
    """Convolutional networks that vote on classes of images (section 8 of the notes).

    A convolution is (8.14) with the padding of (8.17), a pool (8.19); the outputs give
    probabilities by (5.20), corrected, and training is that of `MLPClassifier`. Images are
    standardised with a mean a pixel and one scale for all, from the training rows.

    A row is an image unrolled: image_shape says how. Left out, 64, 81, 100, ... columns are a
    square of 8, 9, 10, ... pixels a side, and any other number is one line of pixels. X may also
    be images as they are, (n, h, w) or (n, c, h, w). A preset whose windows are larger than what
    comes in has them cut to that, so that each preset works on images of any size: on one line of
    pixels a pool of 2 x 2 is 1 x 2. Layers of your own are never changed.

    Args:
        image_shape: (h, w) or (c, h, w) of a row, or None.
        architecture: basic (Figure 22), lenet, nin, fcn, residual or scan, or the layers of your
            own as lines: ["conv 16 3x3 pad same", "relu", "pool max 2", "flatten"]; the outputs
            are added.
        init: how the weights start.
        augment_flip, augment_rotate, augment_shift, augment_crop, augment_cutout: what happens to
            the images of a minibatch, as `mlcli train-cnn` has them.
        n_members, n_epochs, ..., random_state: as in `MLPClassifier`.

    Attributes:
        classes_: the labels, sorted, (K,).
        image_shape_: (c, h, w).
        layers_: the lines of the network, without the outputs.
        loss_curve_, validation_loss_curve_: (epochs, M).
        best_epoch_: (M,).

    Raises:
        ParameterError: a parameter is not allowed, a layer can't be on these images, or y has one
            class; from `fit`.
        NoAnswerError: a member diverged; from `fit`.

    Example:
        >>> from sklearn.datasets import load_digits
        >>> from mlcli.estimators import CNNClassifier
        >>> X, y = load_digits(n_class=3, return_X_y=True)
        >>> model = CNNClassifier(n_epochs=3, random_state=0).fit(X[::2], y[::2])
        >>> model.image_shape_, bool(model.score(X[1::2], y[1::2]) > 0.9)
        ((1, 8, 8), True)
    """

    def __init__(
        self,
        image_shape: Sequence[int] | None = None,
        architecture: str | Sequence[str] = default(TrainCnnConfig, "architecture"),
        *,
        init: str = default(TrainCnnConfig, "init"),
        augment_flip: bool = default(TrainCnnConfig, "augment_flip"),
        augment_rotate: float = default(TrainCnnConfig, "augment_rotate"),
        augment_shift: int = default(TrainCnnConfig, "augment_shift"),
        augment_crop: int = default(TrainCnnConfig, "augment_crop"),
        augment_cutout: int = default(TrainCnnConfig, "augment_cutout"),
        n_members: int = 1,
        n_epochs: int = default(TrainCnnConfig, "n_epochs"),
        patience: int | None = default(TrainCnnConfig, "patience"),
        min_delta: float = default(TrainCnnConfig, "min_delta"),
        validation_fraction: float = default(TrainCnnConfig, "validation_fraction"),
        scaling: str = default(TrainCnnConfig, "scaling"),
        batch_size: int = default(TrainCnnConfig, "batch_size"),
        optimiser: str = default(TrainCnnConfig, "optimiser"),
        learning_rate: float | None = default(TrainCnnConfig, "learning_rate"),
        schedule: str = default(TrainCnnConfig, "schedule"),
        l1: float = default(TrainCnnConfig, "l1"),
        l2: float = default(TrainCnnConfig, "l2"),
        clip_norm: float | None = default(TrainCnnConfig, "clip_norm"),
        average_decay: float | None = default(TrainCnnConfig, "average_decay"),
        precision: str = default(TrainCnnConfig, "precision"),
        device: str = default(TrainCnnConfig, "device"),
        settings: Mapping[str, Any] | None = None,
        random_state: Any = None,
    ) -> None:
        self.image_shape = image_shape
        self.architecture = architecture
        self.init = init
        self.augment_flip = augment_flip
        self.augment_rotate = augment_rotate
        self.augment_shift = augment_shift
        self.augment_crop = augment_crop
        self.augment_cutout = augment_cutout
        self.n_members = n_members
        self.n_epochs = n_epochs
        self.patience = patience
        self.min_delta = min_delta
        self.validation_fraction = validation_fraction
        self.scaling = scaling
        self.batch_size = batch_size
        self.optimiser = optimiser
        self.learning_rate = learning_rate
        self.schedule = schedule
        self.l1 = l1
        self.l2 = l2
        self.clip_norm = clip_norm
        self.average_decay = average_decay
        self.precision = precision
        self.device = device
        self.settings = settings
        self.random_state = random_state

    def fit(self, X: Any, y: Any) -> CNNClassifier:
        """Train on rows X (N, c h w) or images (N, h, w) or (N, c, h, w), and labels y (N,)."""
        X, labels, shape = self._images(X, y)
        own = not isinstance(self.architecture, str)
        preset = "basic" if own else self.architecture
        config = self._network_config(TrainCnnConfig, task="classification", architecture=preset)
        lines = tuple(self.architecture) if own else PRESETS[config.architecture[0]]
        try:
            self.layers_ = lines if own else fitted_lines(lines, shape)
            shapes(parse(self.layers_), shape, self.classes_.size)
        except ValueError as error:
            raise ParameterError(f"CNNClassifier: {error}") from None
        self.image_shape_: Shape = shape
        config = config.model_copy(update={"layers": self.layers_})
        self._check_augmentation(config)
        run_epoch = augmented_steps(augmentation_of(config), shape, float(X.min()))
        self._model = train_ensemble(config, X, labels, self.classes_.size, shape, run_epoch)
        return self

    def _images(self, X: Any, y: Any) -> tuple[Array, Ints, Shape]:
        """Unrolled images (N, D), the numbers of their classes (N,), and (c, h, w)."""
        X, own_shape = unrolled(X)
        X, labels = self._training_rows(X, y, FLOATS)
        given = self.image_shape if own_shape is None else own_shape
        return X, labels, shape_of(given, X.shape[1])

    def _network_rows(self, X: Any) -> Array:
        rows, shape = unrolled(X)
        found = self._rows(rows, FLOATS)
        if shape is not None and shape_of(shape, found.shape[1]) != self.image_shape_:
            raise ParameterError(
                "CNNClassifier: images",
                must=f"of the shape {self.image_shape_} of the fit",
                got=str(shape),
            )
        return found

    def _check_augmentation(self, config: TrainCnnConfig) -> None:
        side = min(self.image_shape_[1:])
        for name, most in (("crop", side - 1), ("cutout", side)):
            value = getattr(config, f"augment_{name}")
            if value > most:
                raise ParameterError(
                    f"CNNClassifier: augment_{name}",
                    must=f"at most {most} for these images",
                    got=str(value),
                )
