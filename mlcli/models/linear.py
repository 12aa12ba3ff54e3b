"""The models of fit-poly, kfold and logistic: predictions from linear functions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from mlcli.classification.softmax import probabilities
from mlcli.errors import ConfigError
from mlcli.linear.student import student_t_quantile
from mlcli.models import functions
from mlcli.models.functions import LinearFunction, Polynomials
from mlcli.models.parts import ModelFiles
from mlcli.models.prediction import (
    BATCH_ROWS,
    Array,
    ClassPredictions,
    ModelDescription,
    NumberPredictions,
)

TENSORS = "model/predictor.safetensors"
LEAST_SQUARES = "normal noise, from the residuals and the leverage"
HELD_OUT = "Student's quantile times the root of the held-out mean squared error"


@dataclass(frozen=True)
class PredictionError:
    """The error of predictions.

    Attributes:
        residual_std: sigma from the training rows' residuals; None if there is none.
        degrees_of_freedom: of sigma.
        held_out_mse: mean squared error on held-out rows; None if there were none.
        n_held_out: number of these rows.
    """

    residual_std: float | None
    degrees_of_freedom: float | None
    held_out_mse: float | None
    n_held_out: int

    def half_width(
        self, leverage: Array | None, n: int, level: float
    ) -> tuple[Array, Array] | None:
        """Standard deviation and half width of the interval at n rows; None if unknown."""
        tail = (1.0 + level) / 2.0
        if leverage is not None and self.residual_std is not None and self.degrees_of_freedom:
            std = self.residual_std * np.sqrt(1.0 + leverage)
            return std, student_t_quantile(tail, self.degrees_of_freedom) * std
        if self.held_out_mse is not None and self.n_held_out:
            std = np.full(n, self.held_out_mse**0.5)
            return std, student_t_quantile(tail, self.n_held_out) * std
        return None

    def sentence(self, has_leverage: bool) -> str:
        """How the interval is computed; empty without one."""
        if has_leverage and self.residual_std is not None and self.degrees_of_freedom:
            return LEAST_SQUARES
        return HELD_OUT if self.held_out_mse is not None and self.n_held_out else ""


@dataclass(frozen=True)
class LinearNumbers:
    """A regression.

    Attributes:
        described: its description.
        function: with one output.
        error: of the predictions.
    """

    described: ModelDescription
    function: LinearFunction
    error: PredictionError
    batch_rows: int = BATCH_ROWS

    def predict(self, X: Array, level: float) -> NumberPredictions:
        """See `Model`."""
        mean = np.asarray(self.function(X)).reshape(len(X))
        leverage = self.function.leverage(X)
        found = self.error.half_width(
            None if leverage is None else leverage.reshape(len(X)), len(X), level
        )
        if found is None:
            return NumberPredictions(mean)
        std, half = found
        return NumberPredictions(mean, std, mean - half, mean + half)


@dataclass(frozen=True)
class LinearClasses:
    """A classification.

    Attributes:
        described: its description.
        functions: activations of the classes, or of C_1 alone.
        is_logistic: whether they give probabilities.
        threshold: p_0 of two classes; None: the most likely class.
    """

    described: ModelDescription
    functions: tuple[LinearFunction, ...]
    is_logistic: bool
    threshold: float | None
    batch_rows: int = BATCH_ROWS

    def predict(self, X: Array, level: float) -> ClassPredictions:
        """See `Model`."""
        A = functions.evaluate(self.functions, X)  # (n, K) or (n, 1)
        names = self.described.classes
        if not self.is_logistic:
            return ClassPredictions(names, A.argmax(axis=1))
        P = probabilities(A)
        if len(names) == 2 and self.threshold is not None:
            return ClassPredictions(names, (P[:, 1] > self.threshold).astype(np.int64), P)
        return ClassPredictions(names, P.argmax(axis=1), P)


def load_fit_poly(parts: ModelFiles, info: Mapping[str, Any], degree: int | None) -> LinearNumbers:
    """The model of one degree, by default the one with the least held-out error.

    Raises:
        ConfigError: the run has no such degree.
    """
    degrees = [int(entry["degree"]) for entry in info["fits"]]
    wanted = int(info["best_degree"]) if degree is None else degree
    if wanted not in degrees:
        nearest = min(degrees, key=lambda known: abs(known - wanted))
        listed = ", ".join(map(str, degrees))
        raise ConfigError("--degree", must=f"one of {listed}", got=str(wanted), hint=str(nearest))
    index = degrees.index(wanted)
    every = functions.decode(info["functions"], parts.tensors(TENSORS))
    function = _output(every, index)
    description = ""
    if len(degrees) > 1:
        why = "the least held-out error" if degree is None else "as chosen"
        description = f"degree {wanted} of {', '.join(map(str, degrees))} ({why})"
    error = _error(info["fits"][index])
    return LinearNumbers(_described(info, description, function, error=error), function, error)


def _output(every: list[LinearFunction], index: int) -> LinearFunction:
    """The function of one output among those of several degrees."""
    if len(every) > 1 or not isinstance(every[0], Polynomials):
        return every[index]
    fit = every[0].fit
    one = slice(index, index + 1)
    return Polynomials(
        replace(
            fit,
            degrees=fit.degrees[one],
            coefficients=fit.coefficients[:, one],
            rss=fit.rss[one],
            effective_rank=fit.effective_rank[one],
        )
    )


def load_kfold(parts: ModelFiles, info: Mapping[str, Any]) -> LinearNumbers | LinearClasses:
    """The chosen model."""
    every = functions.decode(info["functions"], parts.tensors(TENSORS))
    if "classes" in info:
        is_logistic = info["model"] == "logistic"
        return LinearClasses(_described(info), tuple(every), is_logistic, None)
    error = _error(info["fits"][0])
    return LinearNumbers(_described(info, "", every[0], error=error), every[0], error)


def load_logistic(parts: ModelFiles, info: Mapping[str, Any]) -> LinearClasses:
    """The classifier of the first seed."""
    every = functions.decode(info["functions"], parts.tensors(TENSORS))
    return LinearClasses(_described(info), tuple(every), True, float(info["threshold"]))


def _error(entry: Mapping[str, Any]) -> PredictionError:
    return PredictionError(
        entry["residual_std"],
        entry["degrees_of_freedom"],
        entry["held_out_mse"],
        int(entry["n_held_out"]),
    )


def _described(
    info: Mapping[str, Any],
    chosen: str = "",
    function: LinearFunction | None = None,
    error: PredictionError | None = None,
) -> ModelDescription:
    interval = ""
    if function is not None and error is not None:
        at = np.zeros((1, len(info["features"])))
        interval = error.sentence(function.leverage(at) is not None)
    values = info.get("class_values", ())
    return ModelDescription(
        str(info["kind"]),
        tuple(info["features"]),
        str(info["target"]),
        chosen,
        interval,
        tuple(str(name) for name in info.get("classes", ())),
        tuple(None if value is None else float(value) for value in values),
    )


def error_entry(
    residual_std: float | None, dof: float | None, held_out_mse: float | None, n_held_out: int
) -> dict[str, Any]:
    """The entry of model.json for the error of a fit; numbers that are not finite are None."""

    def finite(value: float | None) -> float | None:
        return float(value) if value is not None and np.isfinite(value) else None

    return {
        "residual_std": finite(residual_std),
        "degrees_of_freedom": finite(dof),
        "held_out_mse": finite(held_out_mse),
        "n_held_out": int(n_held_out),
    }
