"""Fits made anew on some of the rows: the fallback of the shortcuts, and all that has none."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mlcli.certificate import require
from mlcli.classification.newton import fit_logistic
from mlcli.errors import NoAnswerError
from mlcli.experiments.kfold.config import KfoldConfig
from mlcli.experiments.strengths import strength_grid
from mlcli.linear.basis import fit_basis, spans_powers
from mlcli.linear.compress import fit_polynomial
from mlcli.linear.coordinate_descent import elastic_net_path
from mlcli.linear.nested import StandardisedFamily, standardised_family
from mlcli.linear.orthonormal import fit_columns
from mlcli.linear.redundant import UNRELATED, Related
from mlcli.linear.ridge import ridge_path
from mlcli.selection.exact import Refit

Array = NDArray[np.float64]
Ints = NDArray[np.int64]


def grid(config: KfoldConfig) -> Array:
    """The strengths, strongest first, evenly spaced in the logarithm; one 0 without a penalty."""
    if config.penalty == "none":
        return np.zeros(1)
    return strength_grid(config.strength_min, config.strength_max, config.n_strengths)


def strengths(config: KfoldConfig) -> tuple[list[float], list[float]]:
    """The l1 and the l2 of each strength of the grid."""
    values = grid(config).tolist()
    zeros = [0.0] * len(values)
    l1s = values if config.penalty in ("l1", "elastic") else zeros
    return l1s, (values if config.penalty in ("l2", "elastic") else zeros)


def least_squares_refit(config: KfoldConfig, X: Array, t: Array, degrees: tuple[int, ...]) -> Refit:
    """Least squares of one of the degrees on the given rows, predicted on others."""
    if spans_powers(config.basis, config.intercept):

        def polynomial(train: Ints, test: Ints, model: int) -> Array:
            fit = fit_polynomial(X[train], t[train], [degrees[model]], intercept=config.intercept)
            return fit.predict(X[test])[:, 0]

        return polynomial
    low, high = X.min(axis=0), X.max(axis=0)

    def any_basis(train: Ints, test: Ints, model: int) -> Array:
        basis = fit_basis(config.basis, low, high, degrees[model], intercept=config.intercept)
        return basis.evaluate(X[test]) @ fit_columns(basis.evaluate(X[train]), t[train]).w

    return any_basis


def penalised_refit(
    config: KfoldConfig,
    X: Array,
    t: Array,
    degree: int,
    strength: float,
    related: Related = UNRELATED,
) -> Refit:
    """A penalised fit on the given rows, its columns scaled over all rows as everywhere."""
    family = columns_of(config, X, t, degree, related)
    P = family.columns.rows(slice(None))
    A = P[:, int(config.intercept) :]  # (N, M)
    l1, l2 = (
        strength * (config.penalty in kinds) for kinds in (("l1", "elastic"), ("l2", "elastic"))
    )

    def refit(train: Ints, test: Ints, model: int) -> Array:
        centre = A[train].mean(axis=0) if config.intercept else np.zeros(A.shape[1])
        level = float(t[train].mean()) if config.intercept else 0.0
        rows, target = A[train] - centre, t[train] - level
        if l1 == 0.0:
            w = ridge_path(rows, target, train.size, [l2]).w[:, 0]
        else:
            found = elastic_net_path(rows, target, train.size, [l1], [l2])
            require(found.certificate, "a refit of the chosen model")
            w = found.w[:, 0]
        return level + (A[test] - centre) @ w

    return refit


def columns_of(
    config: KfoldConfig, X: Array, t: Array, degree: int, related: Related
) -> StandardisedFamily:
    """The standardised columns of one degree."""
    return standardised_family(
        config.basis,
        X,
        t,
        (degree,),
        intercept=config.intercept,
        scaled=config.standardize,
        related=related,
    )


def logistic_weights(
    P: Array, labels: Ints, n_classes: int, l2s: list[float], *, intercept: bool
) -> Array:
    """Weights (p, n_classes, k) along falling strengths, each fit from the last one's."""
    found: list[Array] = []
    for l2 in l2s:
        fit = fit_logistic(
            P,
            labels,
            n_classes,
            l2,
            free=np.arange(int(intercept)),
            start=found[-1] if found else None,
        )
        if not fit.converged:
            raise NoAnswerError(
                f"logistic regression at the strength {l2:.3g} did not converge in {fit.n_steps} "
                "steps",
                hint="a larger --strength-min",
            )
        found.append(fit.W)
    return np.stack(found, axis=2)  # (p, n_classes, k)
