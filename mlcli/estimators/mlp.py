"""`train-mlp` as estimators."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from numbers import Integral
from typing import Any

from mlcli.estimators.base import Estimator
from mlcli.estimators.ensemble import train_ensemble
from mlcli.estimators.networks import FLOATS, NetworkClassifier, NetworkRegressor
from mlcli.estimators.parameters import default
from mlcli.experiments.train_mlp.config import TrainMlpConfig


class PerceptronEstimator(Estimator):
    """Base class with the parameters of a multilayer perceptron and of its training."""

    def __init__(
        self,
        hidden: str | int | Sequence[int] = default(TrainMlpConfig, "hidden"),
        *,
        activation: str = default(TrainMlpConfig, "activation"),
        init: str = default(TrainMlpConfig, "init"),
        normalisation: str = default(TrainMlpConfig, "normalisation"),
        dropout: float = default(TrainMlpConfig, "dropout"),
        n_members: int = 1,
        n_epochs: int = default(TrainMlpConfig, "n_epochs"),
        patience: int | None = default(TrainMlpConfig, "patience"),
        min_delta: float = default(TrainMlpConfig, "min_delta"),
        validation_fraction: float = default(TrainMlpConfig, "validation_fraction"),
        scaling: str = default(TrainMlpConfig, "scaling"),
        batch_size: int = default(TrainMlpConfig, "batch_size"),
        optimiser: str = default(TrainMlpConfig, "optimiser"),
        learning_rate: float | None = default(TrainMlpConfig, "learning_rate"),
        schedule: str = default(TrainMlpConfig, "schedule"),
        l1: float = default(TrainMlpConfig, "l1"),
        l2: float = default(TrainMlpConfig, "l2"),
        clip_norm: float | None = default(TrainMlpConfig, "clip_norm"),
        average_decay: float | None = default(TrainMlpConfig, "average_decay"),
        precision: str = default(TrainMlpConfig, "precision"),
        device: str = default(TrainMlpConfig, "device"),
        settings: Mapping[str, Any] | None = None,
        random_state: Any = None,
    ) -> None:
        self.hidden = hidden
        self.activation = activation
        self.init = init
        self.normalisation = normalisation
        self.dropout = dropout
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

    def _values(self) -> dict[str, Any]:
        """Values of the config that differ from the parameters: sizes as 64-32, no statistics."""
        return {"hidden": _text(self.hidden), "n_statistics": 0}


def _text(sizes: Any) -> str:
    if isinstance(sizes, str):
        return sizes
    listed = list(sizes) if isinstance(sizes, Iterable) else [sizes]
    whole = all(isinstance(size, Integral) for size in listed)
    # Anything else is rejected by the config.
    return "-".join(map(str, listed)) if whole else repr(sizes)


class MLPClassifier(NetworkClassifier, PerceptronEstimator):
    """Multilayer perceptrons that vote on classes (sections 6.2 and 7 of the notes).

    A hidden layer is z^(l) = h(W^(l) z^(l-1)), eqs (6.12) to (6.15), the outputs give
    p(C_k|x) = exp(a_k) / sum_j exp(a_j), (5.20) corrected, and E is the mean cross-entropy, (5.22)
    divided by the rows of a minibatch, plus l1 |w|_1 + l2 |w|^2. Inputs are standardised by the
    training rows. n_members networks, each with its own weights and order of the rows, train side
    by side as one program: eight take less than three times as long as one. The cross-entropy of
    their mean probabilities is never above the mean of theirs, since -ln is convex.

    Args:
        hidden: sizes of the hidden layers, as "64-32" or (64, 32).
        activation, init, normalisation, dropout: as `mlcli train-mlp` names them.
        n_members: M, networks of the ensemble.
        n_epochs: passes over the training rows.
        patience: epochs without a lower validation loss after which a member stops and goes back
            to its best; None: no early stopping, and every row is trained on.
        min_delta: by how much the loss must fall to count as lower.
        validation_fraction: share of the rows that each member then sets aside, drawn by its seed.
        scaling: units of the inputs: column, whole, none, or auto for column.
        batch_size: rows of a minibatch.
        optimiser: sgd, momentum, nesterov, adam or adamw.
        learning_rate: eta, the largest of the schedule; None: what suits the optimiser.
        schedule: constant, power (7.25), exponential (7.26), piecewise (7.27), cosine, one-cycle
            or n-cycle.
        l1, l2: strengths of (3.13), on weights.
        clip_norm: longest gradient; None: no limit.
        average_decay: judge the moving average of the weights.
        precision: numbers to train in: float32, float64 or bf16. Predictions are computed in the
            type of X.
        device: auto, cpu, cuda or mps.
        settings: further parameters of `mlcli train-mlp` by name, as {"momentum": 0.95}, or
            {"alpha": 0.3} of leaky-relu, prelu and elu: in scikit-learn, alpha is a penalty.
        random_state: seed, generator or None. The same integer gives the same networks.

    Attributes:
        classes_: the labels, sorted, (K,).
        loss_curve_, validation_loss_curve_: (epochs, M).
        best_epoch_: (M,).

    Raises:
        ParameterError: a parameter is not allowed, or y has one class; from `fit`.
        NoAnswerError: a member diverged; from `fit`.

    Example:
        >>> from sklearn.datasets import load_iris
        >>> from mlcli.estimators import MLPClassifier
        >>> X, y = load_iris(return_X_y=True)
        >>> model = MLPClassifier("16", n_members=4, random_state=0).fit(X, y)
        >>> bool(model.score(X, y) > 0.95)
        True
        >>> low, high = model.proba_interval(X[:2])
        >>> low.shape
        (2, 3)
    """

    def fit(self, X: Any, y: Any) -> MLPClassifier:
        """Train on rows X (N, D) and labels y (N,)."""
        config = self._network_config(TrainMlpConfig, task="classification", **self._values())
        X, labels = self._training_rows(X, y, FLOATS)
        self._model = train_ensemble(config, X, labels, self.classes_.size)
        return self


class MLPRegressor(NetworkRegressor, PerceptronEstimator):
    """Multilayer perceptrons whose mean predicts a number (sections 6.2 and 7 of the notes).

    As `MLPClassifier`, with y = a as the output and E the mean of 1/2 (y - t)^2, (6.21) with the
    1/2 that (6.24) needs; the target is standardised by the training rows while it is learnt.

    Args:
        hidden, n_members, ...: those of `MLPClassifier`.

    Attributes:
        noise_std_: standard deviation of the target about the mean, from the rows that each member
            set aside; None without patience.
        loss_curve_, validation_loss_curve_: in squares of the standardised target, (epochs, M).
        best_epoch_: (M,).

    Raises:
        ParameterError: a parameter is not allowed; from `fit`.
        NoAnswerError: a member diverged; from `fit`.

    Example:
        >>> import numpy as np
        >>> from mlcli.estimators import MLPRegressor
        >>> x = np.linspace(-3, 3, 200)[:, None]
        >>> model = MLPRegressor("32", n_members=4, random_state=0).fit(x, np.sin(x[:, 0]))
        >>> mean, std = model.predict([[0.0], [6.0]], return_std=True)
        >>> bool(std[1] > std[0])  # outside the data the members disagree
        True
    """

    def fit(self, X: Any, y: Any) -> MLPRegressor:
        """Train on rows X (N, D) and targets y (N,)."""
        config = self._network_config(TrainMlpConfig, task="regression", **self._values())
        X, t = self._training_rows(X, y, FLOATS)
        self._model = train_ensemble(config, X, t, 0)
        self.noise_std_ = self._noise(X, t)
        return self
