"""Base classes of the network estimators, multilayer perceptrons and convolutional networks."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Integral
from statistics import NormalDist
from typing import Any, Literal, overload

import numpy as np
from sklearn.utils.validation import check_is_fitted

from mlcli.classification.softmax import softmax
from mlcli.config.fields import Section, is_several
from mlcli.errors import InputError
from mlcli.estimators.base import (
    Array,
    ClassifierEstimator,
    Estimator,
    Floats,
    Ints,
    RegressorEstimator,
)
from mlcli.estimators.ensemble import NetworkEnsemble
from mlcli.estimators.parameters import ParameterError, seed_of
from mlcli.experiments.networks.variants import variants_of
from mlcli.linear.statistics import ANY, SHARE, Range, interval_ends
from mlcli.linear.student import student_t_quantile
from mlcli.scores import mean_squared_error

# Predictions are computed in the type of the rows.
FLOATS = (np.float64, np.float32)


class NetworkEstimator(Estimator):
    """An ensemble of M networks of one architecture that differ in their seeds.

    Attributes:
        loss_curve_: mean minibatch loss E of each epoch and member, (epochs, M).
        validation_loss_curve_: loss on each member's own validation rows, (epochs, M); None without
            patience.
        best_epoch_: epoch of each member's lowest validation loss, from 1, (M,).
    """

    n_members: int
    random_state: Any
    settings: Mapping[str, Any] | None
    _model: NetworkEnsemble

    def _network_config(self, model: type[Section], **values: Any) -> Any:
        """The config of a training, with one value for each field that lists variants."""
        M, owner = self.n_members, type(self).__name__
        if not isinstance(M, Integral) or isinstance(M, bool) or M < 1:
            raise ParameterError(f"{owner}: n_members", must="an integer at least 1", got=repr(M))
        given = {k: v for k, v in self.get_params(deep=False).items() if k in model.model_fields}
        given |= values | dict(self.settings or {})
        given |= {"n_seeds": int(M), "seed": seed_of(self.random_state)}
        for name, value in given.items():
            several = name in model.model_fields and is_several(model.model_fields[name])
            if several and not isinstance(value, list | tuple) and value is not None:
                given[name] = (value,)
        config = self._config(model, **given)
        for name, field in model.model_fields.items():
            many = is_several(field) and name not in ("piecewise_ends", "piecewise_factors")
            if many and name != "layers" and len(getattr(config, name) or (0,)) > 1:
                raise ParameterError(f"{owner}: {name}", must="one value", got=repr(given[name]))
        try:
            variants_of(config)
        except InputError as error:
            raise ParameterError(f"{owner}: {str(error).removeprefix('--')}") from None
        return config

    @property
    def loss_curve_(self) -> Floats:
        """Mean minibatch loss, (epochs, M)."""
        check_is_fitted(self)
        return self._model.history("minibatch_loss")

    @property
    def validation_loss_curve_(self) -> Floats | None:
        """Loss on the validation rows, (epochs, M)."""
        check_is_fitted(self)
        validated = "validation_loss" in self._model.trained[0].history
        return self._model.history("validation_loss") if validated else None

    @property
    def best_epoch_(self) -> Ints:
        """Epoch of the lowest validation loss, (M,)."""
        check_is_fitted(self)
        return np.concatenate([one.best_epoch for one in self._model.trained])

    def _several(self, what: str) -> int:
        """M; raises ParameterError if there is only one."""
        check_is_fitted(self)
        M = self._model.config.n_seeds
        if M < 2:
            raise ParameterError(
                what, must="called on 2 members or more", got="1", hint="n_members=8"
            )
        return int(M)


class NetworkRegressor(RegressorEstimator, NetworkEstimator):
    """The mean of the members' outputs, in the units of the target."""

    def member_predictions(self, X: Any) -> Floats:
        """Predictions of each member at rows X (n, D): (M, n)."""
        rows = self._network_rows(X)
        return self._model.outputs(rows)[:, :, 0]

    @overload
    def predict(self, X: Any) -> Floats: ...
    @overload
    def predict(self, X: Any, return_std: Literal[False]) -> Floats: ...
    @overload
    def predict(self, X: Any, return_std: Literal[True]) -> tuple[Floats, Floats]: ...
    def predict(self, X: Any, return_std: bool = False) -> Floats | tuple[Floats, Floats]:
        """Mean over the members at rows X (n, D), (n,).

        Args:
            X: rows.
            return_std: also return the standard deviation over the members, (n,), which shows the
                effect of a network's seed, without the noise of the target.

        Raises:
            ParameterError: return_std with one member.
        """
        if return_std:
            self._several("return_std")
        outputs = self.member_predictions(X)  # (M, n)
        mean = outputs.mean(axis=0)
        return (mean, outputs.std(axis=0, ddof=1)) if return_std else mean

    def mean_interval(self, X: Any, level: float = 0.95) -> tuple[Floats, Floats]:
        """Student's interval for the mean of infinitely many members at rows X, (n,) each.

        Raises:
            ParameterError: there is one member.
        """
        self._several("mean_interval")
        return member_interval(self.member_predictions(X), level, ANY)

    def predict_interval(self, X: Any, level: float = 0.95) -> tuple[Floats, Floats]:
        """Prediction interval for new targets at rows X, its ends (n,) each.

        mean -+ z sqrt(noise^2 + s(x)^2) with s(x) the standard deviation over the members and
        the noise `noise_std_`, assumed normal and the same everywhere.

        Raises:
            ParameterError: the members have trained on every row, so that the noise is unknown.
        """
        check_is_fitted(self)
        if self.noise_std_ is None:
            raise ParameterError(
                "predict_interval needs rows that were not trained on", hint="patience=10"
            )
        outputs = self.member_predictions(X)  # (M, n)
        spread = outputs.std(axis=0, ddof=1) if len(outputs) > 1 else 0.0
        half = NormalDist().inv_cdf((1 + level) / 2) * np.hypot(self.noise_std_, spread)
        mean = outputs.mean(axis=0)
        return mean - half, mean + half

    def _noise(self, X: Array, t: Floats) -> float | None:
        """sqrt(mean (t - y_m)^2 - mean s^2) over the rows that member m was not trained on.

        The variance s^2 over the members is not noise of the target and is subtracted.
        """
        unseen = [split.validation for split in self._model.problem.splits]
        if not unseen[0].size:
            return None
        outputs = self._model.outputs(X)[:, :, 0]  # (M, N)
        pairs = zip(outputs, unseen, strict=True)
        square = float(np.mean([mean_squared_error(t[rows], y[rows]) for y, rows in pairs]))
        if len(outputs) > 1:
            spread = outputs.var(axis=0, ddof=1)
            square -= float(np.mean([spread[rows].mean() for rows in unseen]))
        return float(np.sqrt(max(square, 0.0)))

    noise_std_: float | None

    def _network_rows(self, X: Any) -> Array:
        return self._rows(X, FLOATS)


class NetworkClassifier(ClassifierEstimator, NetworkEstimator):
    """The mean of the members' probabilities."""

    def member_probabilities(self, X: Any) -> Floats:
        """p(C_k|x) of each member at rows X (n, D): (M, n, K)."""
        rows = self._network_rows(X)
        return np.stack([softmax(A) for A in self._model.outputs(rows)])

    def predict_proba(self, X: Any) -> Floats:
        """Mean of p(C_k|x) over the members at rows X (n, D): (n, K)."""
        return np.asarray(self.member_probabilities(X).mean(axis=0))

    def predict(self, X: Any) -> Array:
        """The likeliest class by the mean probabilities at rows X (n, D): (n,)."""
        predicted = self.predict_proba(X).argmax(axis=1)
        return np.asarray(self.classes_[predicted])

    def proba_interval(self, X: Any, level: float = 0.95) -> tuple[Floats, Floats]:
        """The interval of the mean probabilities of infinitely many members, (n, K) each.

        Student's, cut at 0 and 1 and widened where it is skew (`interval_ends`).

        Raises:
            ParameterError: there is one member.
        """
        self._several("proba_interval")
        return member_interval(self.member_probabilities(X), level, SHARE)

    def _network_rows(self, X: Any) -> Array:
        return self._rows(X, FLOATS)


def member_interval(outputs: Floats, level: float, within: Range) -> tuple[Floats, Floats]:
    """`interval_ends` of the mean over the first axis, M long, from t s / sqrt(M)."""
    M = len(outputs)
    half = student_t_quantile((1 + level) / 2, M - 1) * outputs.std(axis=0, ddof=1) / M**0.5
    mean = outputs.mean(axis=0)
    return interval_ends(mean, half, within)
