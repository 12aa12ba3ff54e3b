"""The linear models and the Bayesian one as graphs, their intervals included."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from mlcli.export.columns import arnoldi_columns, basis_columns
from mlcli.export.graph import INPUT, Builder, Graph
from mlcli.linear.bayes.posterior import Posterior
from mlcli.linear.student import student_t_quantile
from mlcli.models.bayes import BayesModel
from mlcli.models.functions import InBasis, LinearFunction, Polynomials, Standardised
from mlcli.models.linear import LinearClasses, LinearNumbers, PredictionError

Floats = NDArray[np.float64]
DTYPE = "float64"


def numbers_graph(model: LinearNumbers, level: float) -> Graph:
    """A regression: prediction, and std, low and high where it has intervals."""
    build = Builder(DTYPE)
    mean, leverage = _value_and_leverage(build, model.function, "function")
    found = {"prediction": mean}
    interval = _interval(build, model.error, mean, leverage, level)
    if interval is not None:
        found["std"], half = interval
        found |= ends(build, mean, half)
    return _graph(build, model, found)


def bayes_graph(model: BayesModel, level: float) -> Graph:
    """The posterior predictive distribution: prediction, std, low, high."""
    build, posterior, constant = Builder(DTYPE), model.posterior, model.basis.intercept
    Phi = basis_columns(build, model.basis, INPUT)
    mean = weighted(build, Phi, posterior.mean[:, None], constant, "mean")
    spread = weighted(build, Phi, posterior.factor, constant, "factor")
    n, tail = posterior.factor.shape[1], (1 + level) / 2
    if isinstance(posterior, Posterior):
        unit, offset = 1.0, 1.0 / posterior.noise_precision
        quantile, factor = NormalDist().inv_cdf(tail), 1.0
    else:
        unit = offset = posterior.rate / posterior.shape
        quantile, factor = posterior.quantile(tail), posterior.predictive_std_factor()
    scale = build.add("sqrt", build.total(build.square(spread), n, unit, offset))
    found = {"prediction": mean}
    # Student's t of two degrees of freedom or fewer has quantiles and no standard deviation.
    if np.isfinite(factor):
        found["std"] = build.scale(scale, factor)
    return _graph(build, model, found | ends(build, mean, build.scale(scale, quantile)))


def classes_graph(model: LinearClasses) -> Graph:
    """A classification: class, and probabilities where it has them."""
    build = Builder(DTYPE)
    outputs = [
        _value_and_leverage(build, function, f"function{number}", wanted=False)[0]
        for number, function in enumerate(model.functions)
    ]
    A = build.concat(outputs)  # (n, K) or (n, 1)
    if not model.is_logistic:
        graph_outputs = {"class": build.add("argmax", A)}
        return build.graph((len(model.described.features),), DTYPE, graph_outputs)
    n_outputs = sum(_n_outputs(function) for function in model.functions)
    if n_outputs > 1:
        P = build.add("softmax", A)
    else:
        both = [build.add("sigmoid", build.scale(A, -1.0)), build.add("sigmoid", A)]
        P = build.concat(both)  # (n, 2)
    if len(model.described.classes) == 2 and model.threshold is not None:
        called = build.add("above", P, tensors={"threshold": [model.threshold]})
    else:
        called = build.add("argmax", P)
    outputs_of = {"class": called, "probabilities": P}
    return build.graph((len(model.described.features),), DTYPE, outputs_of)


def _graph(build: Builder, model: LinearNumbers | BayesModel, columns: dict[str, str]) -> Graph:
    flat = {name: build.add("squeeze", value) for name, value in columns.items()}
    return build.graph((len(model.described.features),), DTYPE, flat)


def ends(build: Builder, mean: str, half: str) -> dict[str, str]:
    """Both ends of an interval, from its middle and half its width."""
    return {"low": build.add("subtract", mean, half), "high": build.add("add", mean, half)}


def weighted(
    build: Builder, columns: str | None, weights: Floats, constant: bool, label: str
) -> str:
    """[1, columns] W, or columns W without a constant: (n, m)."""
    b = weights[0] if constant else None
    W = weights[int(constant) :]
    if columns is None:
        # Nothing but the constant, for as many rows as there are.
        columns, W = build.constant(INPUT, 0.0), np.zeros((1, weights.shape[1]))
    tensors = {"W": W} if b is None else {"W": W, "b": b}
    return build.add("affine", columns, tensors=tensors, label=label)


def _interval(
    build: Builder, error: PredictionError, mean: str, leverage: str | None, level: float
) -> tuple[str, str] | None:
    """Standard deviation and half width, as `PredictionError.half_width` has them."""
    tail = (1.0 + level) / 2.0
    if leverage is not None and error.residual_std is not None and error.degrees_of_freedom:
        root = build.add("sqrt", build.scale(leverage, 1.0, 1.0))
        std = build.scale(root, error.residual_std)
        return std, build.scale(std, student_t_quantile(tail, error.degrees_of_freedom))
    if error.held_out_mse is not None and error.n_held_out:
        std = build.constant(INPUT, error.held_out_mse**0.5)
        return std, build.scale(std, student_t_quantile(tail, error.n_held_out))
    return None


def _n_outputs(function: LinearFunction) -> int:
    if isinstance(function, Polynomials):
        return len(function.fit.degrees)
    if isinstance(function, Standardised) and function.weights.ndim > 1:
        return int(function.weights.shape[1])
    return 1


def _value_and_leverage(
    build: Builder, function: LinearFunction, label: str, wanted: bool = True
) -> tuple[str, str | None]:
    """y (n, m), and the leverage (n, 1) where it is wanted and known."""
    if isinstance(function, Polynomials):
        return _polynomials(build, function, label, wanted)
    if isinstance(function, InBasis):
        Phi, constant = basis_columns(build, function.basis, INPUT), function.basis.intercept
        y = weighted(build, Phi, function.weights[:, None], constant, label)
        if function.root is None or not wanted:
            return y, None
        spread = weighted(build, Phi, function.root, constant, f"{label}.root")
        return y, build.total(build.square(spread), function.root.shape[1])
    if isinstance(function, Standardised):
        return _standardised(build, function, label, wanted)
    raise TypeError(f"no such linear function: {type(function).__name__}")


def _polynomials(
    build: Builder, function: Polynomials, label: str, wanted: bool
) -> tuple[str, str | None]:
    fit, basis = function.fit, function.fit.basis
    degree = max(fit.degrees)
    p = basis.size(degree)
    P = arnoldi_columns(build, basis, degree, INPUT)  # (n, p)
    y = build.add("affine", P, tensors={"W": fit.coefficients[:p]}, label=label)
    if not wanted:
        return y, None
    Q = P
    if basis.factor is not None:
        kept = np.flatnonzero(basis.kept[:p])
        R = np.eye(p)
        R[np.ix_(kept, kept)] = np.linalg.inv(basis.factor[np.ix_(kept, kept)])
        Q = build.add("affine", P, tensors={"W": R}, label=f"{label}.factor")
    return y, build.total(build.square(Q), p)


def _standardised(
    build: Builder, function: Standardised, label: str, wanted: bool
) -> tuple[str, str | None]:
    design, weights = function.design, function.weights
    unit = {"shift": np.zeros_like(design.scale), "scale": design.scale}
    x = INPUT
    if (design.scale != 1).any():
        x = build.add("standardise", INPUT, tensors=unit, label=f"{label}.unit")
    Phi = basis_columns(build, design.basis, x)
    A = Phi
    if Phi is not None:
        units = {"shift": design.scaling.mean, "scale": design.scaling.std}
        A = build.add("standardise", Phi, tensors=units, label=f"{label}.columns")
    W = np.reshape(weights, (len(weights), -1))  # (M, m) or (1 + M, m)
    first = int(bool(function.constant))
    if function.order is not None:
        ordered = W.copy()
        ordered[first + function.order] = W[first:]
        W = ordered
    if function.constant is None:
        W, first = np.vstack([np.full((1, W.shape[1]), design.scaling.t_mean), W]), 1
    y = weighted(build, A, W, bool(first), label)
    if function.root is None or not wanted:
        return y, None
    share = 1.0 / function.n_rows if design.basis.intercept else 0.0
    root = weighted(build, A, function.root, False, f"{label}.root")
    return y, build.total(build.square(root), function.root.shape[1], 1.0, share)
