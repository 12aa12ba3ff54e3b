"""What is known after 1, 2, 5 and 20 rows: two weights, lines, and the predictive variance.

After hundreds of rows the second term of (B.24) can't be seen beside the first. After few it can,
and prior, likelihood and posterior of two weights can be drawn in one plane.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcli.experiments.bayes.arrivals import prior_of
from mlcli.experiments.bayes.columns import basis_of
from mlcli.experiments.bayes.config import BayesConfig
from mlcli.experiments.bayes.fit import PosteriorFit
from mlcli.experiments.summary import summary
from mlcli.linear.arrays import subsample_indices
from mlcli.linear.basis import PRODUCTS, Basis
from mlcli.linear.bayes.posterior import (
    Posterior,
    Prior,
    exponent,
    from_prior,
    normal_log_density,
    updated,
)
from mlcli.linear.bayes.unknown_noise import StudentPosterior
from mlcli.result import Columns, Metrics
from mlcli.rng import stream

Array = NDArray[np.float64]
ROWS = (1, 2, 5, 20)
# Of these the columns of degree 1 are straight lines.
STRAIGHT = (*PRODUCTS, "linear")
# Rows whose law is shown at two given weights.
N_LAWS = 5
N_LINES = 8
N_ALONG = 101
# Rows over which the second term of (B.24) is averaged at most.
MOST_ROWS = 500


@dataclass(frozen=True)
class TwoWeights:
    """The posterior of two weights after some rows, by completing the square.

    The exponent of prior times likelihood is -1/2 w^T A w + b^T w and a constant, (B.16) and
    (B.17); by comparison with (B.18) A^-1 is the covariance and A^-1 b the mean.

    Attributes:
        n_points: rows.
        likelihood: beta Phi^T Phi, what they add to A, (2, 2).
        quadratic: A, (2, 2).
        linear: b, (2,).
        posterior: of the two weights.
    """

    n_points: int
    likelihood: Array
    quadratic: Array
    linear: Array
    posterior: Posterior


@dataclass(frozen=True)
class StraightLine:
    """A model of two weights of the first input, whatever the run's own model is.

    Attributes:
        names: of the weights.
        basis: of the columns, of which the first two are taken.
        prior_precision: alpha; that of the run, 1 for a prior that has several.
        noise_precision: beta, that of the run.
        x, t: the rows in their order, (N,) each; at most the first 20.
        after: after 1, 2, 5 and 20 rows, as far as there are.
    """

    names: tuple[str, str]
    basis: Basis
    prior_precision: float
    noise_precision: float
    x: Array
    t: Array
    after: tuple[TwoWeights, ...]

    def columns(self, x: Array) -> Array:
        """phi(x), (n,) -> (n, 2)."""
        return self.basis.evaluate(x[:, None])[:, :2]


def straight_line(
    config: BayesConfig, X: Array, t: Array, names: Sequence[str], fitted: PosteriorFit
) -> StraightLine | None:
    """Two weights after few rows; None where a basis of degree 1 has fewer than two columns."""
    low, high = X[:, :1].min(axis=0), X[:, :1].max(axis=0)
    basis = basis_of(config, low, high, 1)
    if basis.n_columns < 2:
        return None
    alpha, beta = fitted.prior_precision or 1.0, fitted.noise_precision
    x, t = X[: ROWS[-1], 0], t[: ROWS[-1]]
    first, second, *_ = basis.terms(names[:1])
    if len(names) > 1 and names[0] not in second:
        second = f"{second}({names[0]})"
    line = StraightLine((first, second), basis, alpha, beta, x, t, ())
    Phi = line.columns(x)
    after, now = [], from_prior(Prior(np.zeros(2), np.eye(2) / np.sqrt(alpha)), beta)
    for row in range(t.size):
        now, n = updated(now, Phi[row], float(t[row])), row + 1
        if n in ROWS:
            A, b = exponent(Phi[:n], t[:n], alpha, beta)
            likelihood = exponent(Phi[:n], t[:n], 0.0, beta)[0]
            after.append(TwoWeights(n, likelihood, A, b, now))
    return replace(line, after=tuple(after))


def line_metrics(line: StraightLine | None) -> Metrics:
    """The exponent and the posterior after each number of rows; empty without two weights."""
    if line is None:
        return {}
    found: dict[str, Any] = {
        "name_0": line.names[0],
        "name_1": line.names[1],
        "prior_precision": line.prior_precision,
        "noise_precision": line.noise_precision,
    }
    for one in line.after:
        std = one.posterior.std
        found[f"rows_{one.n_points}"] = {
            "n_points": one.n_points,
            "quadratic_00": float(one.quadratic[0, 0]),
            "quadratic_01": float(one.quadratic[0, 1]),
            "quadratic_11": float(one.quadratic[1, 1]),
            "linear_0": float(one.linear[0]),
            "linear_1": float(one.linear[1]),
            "mean_0": float(one.posterior.mean[0]),
            "mean_1": float(one.posterior.mean[1]),
            "std_0": float(std[0]),
            "std_1": float(std[1]),
            "correlation": float(one.posterior.covariance[0, 1] / (std[0] * std[1])),
        }
    return {"two_weights": found}


def two_weights_table(line: StraightLine | None) -> Columns:
    """(B.16) to (B.20) after each number of rows, with the prior and the likelihood alone."""
    after = () if line is None else line.after
    alpha = 0.0 if line is None else line.prior_precision
    columns: dict[str, Any] = {"n_points": [one.n_points for one in after]}
    for k in (0, 1):
        columns[f"name_{k}"] = ["" if line is None else line.names[k] for _ in after]
    columns["prior_precision"] = [alpha] * len(after)
    pairs = {"00": (0, 0), "01": (0, 1), "11": (1, 1)}
    for name in ("likelihood", "quadratic"):
        for key, place in pairs.items():
            columns[f"{name}_{key}"] = [float(getattr(one, name)[place]) for one in after]
    for k in (0, 1):
        columns[f"linear_{k}"] = [float(one.linear[k]) for one in after]
    for k in (0, 1):
        columns[f"mean_{k}"] = [float(one.posterior.mean[k]) for one in after]
    covariances = [one.posterior.covariance for one in after]
    for name, key in (("variance_0", "00"), ("covariance", "01"), ("variance_1", "11")):
        columns[name] = [float(one[pairs[key]]) for one in covariances]
    return columns


def lines_table(line: StraightLine | None, low: float, high: float, seed: int) -> Columns:
    """Lines drawn from each posterior; the same normal numbers each time, so that one can follow.

    Args:
        line: two weights after few rows.
        low, high: the range of the first input.
        seed: of the run.
    """
    columns: dict[str, list[Any]] = {name: [] for name in ("n_points", "line", "x", "y")}
    if line is None:
        return columns
    x = np.linspace(low, high, N_ALONG)
    # A line needs its ends only.
    x = x[[0, -1]] if line.basis.kind in STRAIGHT else x
    for one in line.after:
        draws = one.posterior.draw(N_LINES, stream(seed, "lines"))  # (2, n_lines)
        W = np.column_stack([one.posterior.mean, draws])
        Y = line.columns(x) @ W  # (n, 1 + n_lines)
        for k in range(Y.shape[1]):
            columns["n_points"] += [one.n_points] * x.size
            columns["line"] += ["mean" if k == 0 else f"draw {k}"] * x.size
            columns["x"] += x.tolist()
            columns["y"] += Y[:, k].tolist()
    return columns


def law_table(line: StraightLine | None) -> Columns:
    """Rows of the design matrix (B.11), and (B.22): densities of their targets at given weights."""
    names = "weights row x t phi_0 phi_1 mean noise_precision density log_density"
    columns: dict[str, list[Any]] = {name: [] for name in names.split()}
    if line is None or not line.after:
        return columns
    last = max((one for one in line.after if one.n_points <= N_LAWS), key=lambda one: one.n_points)
    plural = "" if last.n_points == 1 else "s"
    after = f"mean after {last.n_points} row{plural}"
    given = {"prior mean": np.zeros(2), after: last.posterior.mean}
    x, t = line.x[:N_LAWS], line.t[:N_LAWS]
    for name, w in given.items():
        Phi = line.columns(x)
        mean = Phi @ w
        log_density = normal_log_density(t, mean, line.noise_precision)
        columns["weights"] += [name] * t.size
        columns["row"] += list(range(1, t.size + 1))
        columns["noise_precision"] += [line.noise_precision] * t.size
        found = {"x": x, "t": t, "mean": mean, "log_density": log_density}
        for key, values in (found | {"phi_0": Phi[:, 0], "phi_1": Phi[:, 1]}).items():
            columns[key] += values.tolist()
        columns["density"] += np.exp(log_density).tolist()
    return columns


@dataclass(frozen=True)
class PosteriorsOfRows:
    """The model's own posterior after few rows, and after all.

    Attributes:
        noise_precision: beta, that of the model.
        after: rows -> F with S = F F^T, (p, q); the last has all rows.
    """

    noise_precision: float
    after: Mapping[int, Array]

    def spread(self, Phi: Array) -> dict[int, Array]:
        """phi^T S phi, the second term of (B.24), at rows Phi (n, p), after each number of rows."""
        return {n: np.asarray(((Phi @ F) ** 2).sum(axis=1)) for n, F in self.after.items()}


def posteriors_of_rows(
    basis: Basis, X: Array, t: Array, n_rows: int, fitted: PosteriorFit, prior: Prior | None
) -> PosteriorsOfRows:
    """The posterior of the model's weights after 0, 1, 2, 5, 20 and all rows.

    The precisions are those of the whole data throughout; unknown noise is taken at its mean.

    Args:
        basis: of the model.
        X, t: rows in their order, (N, D) and (N,).
        n_rows: of the whole data.
        fitted: the model, on all rows.
        prior: m_0 and S_0, where the prior is general.
    """
    beta, posterior = fitted.noise_precision, fitted.posterior
    now = from_prior(prior_of(fitted, prior, basis.n_columns)[0], beta)
    after = {0: now.factor}
    Phi = basis.evaluate(X[: ROWS[-1]])
    for row in range(len(Phi)):
        now = updated(now, Phi[row], float(t[row]))
        if row + 1 in ROWS:
            after[row + 1] = now.factor
    # That of unknown noise is in units of the noise.
    unit = beta**-0.5 if isinstance(posterior, StudentPosterior) else 1.0
    return PosteriorsOfRows(beta, after | {n_rows: unit * posterior.factor})


def variance_table(
    found: PosteriorsOfRows, basis: Basis, X: Array, low: Array, high: Array
) -> Columns:
    """Both terms of (B.24) along the first input, any others at their means over the rows."""
    x = np.linspace(float(low[0]), float(high[0]), N_ALONG)
    points = np.tile(X.mean(axis=0), (N_ALONG, 1))
    points[:, 0] = x
    columns: dict[str, list[Any]] = {
        name: [] for name in ("n_points", "x", "noise", "weights", "variance")
    }
    noise = 1.0 / found.noise_precision
    for n, spread in found.spread(basis.evaluate(points)).items():
        columns["n_points"] += [n] * N_ALONG
        columns["x"] += x.tolist()
        columns["noise"] += [noise] * N_ALONG
        columns["weights"] += spread.tolist()
        columns["variance"] += (noise + spread).tolist()
    return columns


def mean_spread(found: PosteriorsOfRows, basis: Basis, X: Array) -> dict[int, float]:
    """The mean of phi^T S phi over the rows, at most 500 of them, after each number of rows."""
    rows = subsample_indices(X, MOST_ROWS)
    return {n: float(one.mean()) for n, one in found.spread(basis.evaluate(X[rows])).items()}


def variance_metrics(
    noise_precision: float, spreads: Sequence[Mapping[int, float]], over_seeds: bool
) -> Metrics:
    """Both terms of (B.24), means over the rows: of the first data set, and over all of them."""
    found: dict[str, Any] = {"noise_variance": 1.0 / noise_precision}
    for n, value in spreads[0].items():
        one: dict[str, Any] = {"n_points": n, "weights_variance": value}
        if over_seeds:
            every = [spread[n] for spread in spreads]
            one["over_seeds"] = {"weights_variance": summary(every, "weights_variance")}
        found[f"rows_{n}"] = one
    return {"predictive_variance": found}
