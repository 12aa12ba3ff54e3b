"""The linear models and the Bayesian one as graphs, with their columns and intervals.

Columns are those of eqs (3.8)-(3.11) and (4.2). The constant is never among them: it is the offset
of what comes after.
"""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from mlcli.export.graph import INPUT, Builder, Graph
from mlcli.linear.arnoldi import ArnoldiBasis
from mlcli.linear.basis import PRODUCTS, Basis, centres
from mlcli.linear.bayes.posterior import Posterior
from mlcli.linear.monomials import exponents, graded_monomials
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
        if function.sqrt_factor is None or not wanted:
            return y, None
        spread = weighted(build, Phi, function.sqrt_factor, constant, f"{label}.root")
        return y, build.total(build.square(spread), function.sqrt_factor.shape[1])
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
    if function.sqrt_factor is None or not wanted:
        return y, None
    share = 1.0 / function.n_rows if design.basis.intercept else 0.0
    root = weighted(build, A, function.sqrt_factor, False, f"{label}.root")
    return y, build.total(build.square(root), function.sqrt_factor.shape[1], 1.0, share)


def basis_columns(build: Builder, basis: Basis, x: str) -> str | None:
    """phi_j at x (n, D) without the constant, (n, M); None if the constant is the only column."""
    if basis.n_columns == int(basis.intercept):
        return None
    if basis.kind == "linear":
        return x
    if basis.kind in PRODUCTS:
        return _products(build, basis, x)
    return _additive(build, basis, x)


def _products(build: Builder, basis: Basis, x: str) -> str:
    D, d = basis.low.size, basis.degree
    tables = [x]  # T_1, T_2, ... of all features, (n, D) each
    if basis.kind != "polynomial":
        middle = basis.low / 2 + basis.high / 2
        half = basis.high / 2 - basis.low / 2
        units = {"shift": middle, "scale": np.where(half > 0, half, 1.0)}
        tables = [build.add("standardise", x, tensors=units)]
    for k in range(1, d):
        tables.append(_next(build, basis.kind, tables, k))
    left_out = [place - int(basis.intercept) for place in basis.left_out]
    if D == 1:
        table = build.concat(tables)
        kept = np.delete(np.arange(d), left_out)
        return table if not left_out else build.gather(table, kept, d)
    # A column of ones replaces a feature that is not a factor of a product.
    table = build.concat([*tables, build.constant(x, 1.0)])  # (n, D d + 1)
    orders = exponents(graded_monomials(D, d, intercept=False), D)
    orders = np.delete(orders, left_out, axis=0)  # (M, D)
    n_factors = int((orders > 0).sum(axis=1).max())
    places = np.full((n_factors, len(orders)), D * d, dtype=np.int64)
    for j, order in enumerate(orders):
        for r, feature in enumerate(np.flatnonzero(order)):
            places[r, j] = (order[feature] - 1) * D + feature
    product = build.gather(table, places[0], D * d + 1)
    for factor in places[1:]:
        product = build.add("multiply", product, build.gather(table, factor, D * d + 1))
    return product


def _next(build: Builder, kind: str, tables: list[str], k: int) -> str:
    """T_(k+1) from T_1, ..., T_k: u T_k, or by the three terms of its recurrence."""
    product = build.add("multiply", tables[0], tables[-1])
    if kind == "polynomial":
        return product
    ahead, back = ((2 * k + 1) / (k + 1), k / (k + 1)) if kind == "legendre" else (2.0, 1.0)
    if k == 1:
        return build.scale(product, ahead, -back)
    return build.add("add", build.scale(product, ahead), build.scale(tables[-2], -back))


def _additive(build: Builder, basis: Basis, x: str) -> str:
    D, d = basis.low.size, basis.degree
    span = np.where(basis.high > basis.low, basis.high - basis.low, 1.0)
    each = build.gather(x, np.repeat(np.arange(D), d), D)  # (n, D d)
    if basis.kind == "fourier":
        units = {"shift": np.repeat(basis.low, d), "scale": np.repeat(span, d)}
        turns = build.add("standardise", each, tensors=units)
        angle = 2 * np.pi * np.tile(np.arange(1, d + 1), D)
        still = {"gain": angle, "offset": np.zeros(D * d)}
        angles = build.add("scale", turns, tensors=still)
        waves = build.concat([build.add("sin", angles), build.add("cos", angles)])
        pairs = np.stack([np.arange(D * d), D * d + np.arange(D * d)], axis=1)  # (D d, 2)
        return build.gather(waves, pairs.reshape(-1), 2 * D * d)
    found = [centres(float(a), float(b), d) for a, b in zip(basis.low, basis.high, strict=True)]
    units = {
        "shift": np.concatenate([mu for mu, _ in found]),
        "scale": np.repeat([s for _, s in found], d),
    }
    z = build.add("standardise", each, tensors=units)
    if basis.kind == "sigmoid":
        return build.add("sigmoid", z)
    return build.add("exp", build.scale(build.square(z), -0.5))


def arnoldi_columns(build: Builder, basis: ArnoldiBasis, degree: int, x: str) -> str:
    """The columns up to a total degree, (n, size(degree)), the constant among them.

    A degree at a time: with Q_d its columns, V_d the products of a feature and a column of the
    degree below, and H_d, H_(<d) the parts of H in these columns, Q_d = (V_d - Q_(<d) H_(<d))
    H_d^-1.
    """
    D, kept = basis.shift.size, _kept(basis)
    units = {"shift": basis.shift, "scale": basis.scale}
    z = build.add("standardise", x, tensors=units, label="units")
    blocks: list[str] = []
    sizes: list[int] = []
    if basis.intercept:
        blocks.append(build.constant(x, 1.0 / basis.H[0, 0] if kept[0] else 0.0))
        sizes.append(1)
    for d in range(1, degree + 1):
        start, end = sum(sizes), basis.size(d)
        V = build.gather(z, basis.features[start:end], D)
        if sizes:
            first = start - sizes[-1]
            parents = build.gather(blocks[-1], basis.parents[start:end] - first, sizes[-1])
            V = build.add("multiply", V, parents)
        V = _without_earlier(build, basis.H[:start, start:end], blocks, sizes, V)
        there = np.flatnonzero(kept[start:end])
        C = np.zeros((end - start, end - start))
        H = basis.H[start:end, start:end]
        C[np.ix_(there, there)] = np.linalg.inv(H[np.ix_(there, there)])
        blocks.append(build.add("affine", V, tensors={"W": C}, label=f"degree{d}.norm"))
        sizes.append(end - start)
    return build.concat(blocks)


def _kept(basis: ArnoldiBasis) -> NDArray[np.bool_]:
    """Which columns are not zero, (p,); of one feature, none after the first that is."""
    if basis.shift.size > 1:
        return basis.kept
    return np.asarray(np.logical_and.accumulate(basis.kept))


def _without_earlier(build: Builder, H: Floats, blocks: list[str], sizes: list[int], V: str) -> str:
    """V - Q H, from the first block on that H needs: of one feature that is the last but one."""
    used = np.flatnonzero(H.any(axis=1))
    if not used.size:
        return V
    starts = np.concatenate([[0], np.cumsum(sizes)])
    first = int(np.searchsorted(starts, used[0], side="right")) - 1
    earlier = build.concat(blocks[first:])
    label = f"degree{len(sizes)}.earlier"
    removed = build.add("affine", earlier, tensors={"W": H[starts[first] :]}, label=label)
    return build.add("subtract", V, removed)
