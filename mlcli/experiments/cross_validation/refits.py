"""Fits made anew on some of the rows: where a shortcut is unsafe, and for models without one.

A `Refit` takes row numbers of a training and a test part, and predicts the target of the latter.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mlcli.certificate import Certificate, require, worst_of
from mlcli.classification.newton import fit_logistic
from mlcli.datasets.dataset import Dataset
from mlcli.errors import NoAnswerError
from mlcli.experiments.cross_validation.spec import CrossValidationSpec
from mlcli.linear.basis import fit_basis, spans_powers
from mlcli.linear.column_families import StandardisedFamily, standardised_family
from mlcli.linear.design import build
from mlcli.linear.least_squares import fit_columns
from mlcli.linear.penalised import elastic_net_path, fit_path, ridge_path, strengths_of
from mlcli.linear.polynomial import fit_polynomial
from mlcli.linear.redundant import UNRELATED, Related
from mlcli.scores import zero_one
from mlcli.selection.cross_validation import LOSSES, Refit

Array = NDArray[np.float64]
Ints = NDArray[np.int64]


def least_squares_refit(
    spec: CrossValidationSpec, X: Array, t: Array, degrees: tuple[int, ...]
) -> Refit:
    """Least squares of one of the degrees on the given rows, predicted on others."""
    if spans_powers(spec.basis, spec.intercept):

        def polynomial(train: Ints, test: Ints, model: int) -> Array:
            fit = fit_polynomial(X[train], t[train], [degrees[model]], intercept=spec.intercept)
            return fit.predict(X[test])[:, 0]

        return polynomial
    low, high = X.min(axis=0), X.max(axis=0)

    def any_basis(train: Ints, test: Ints, model: int) -> Array:
        basis = fit_basis(spec.basis, low, high, degrees[model], intercept=spec.intercept)
        return basis.evaluate(X[test]) @ fit_columns(basis.evaluate(X[train]), t[train]).w

    return any_basis


def penalised_refit(
    spec: CrossValidationSpec,
    X: Array,
    t: Array,
    degree: int,
    strength: float,
    related: Related = UNRELATED,
) -> Refit:
    """A penalised fit on the given rows, its columns scaled over all rows as everywhere."""
    family = columns_of(spec, X, t, degree, related)
    P = family.columns.rows(slice(None))
    A = P[:, int(spec.intercept) :]  # (N, M)
    l1, l2 = (
        strength * (spec.penalty in kinds) for kinds in (("l1", "elastic"), ("l2", "elastic"))
    )

    def refit(train: Ints, test: Ints, model: int) -> Array:
        centre = A[train].mean(axis=0) if spec.intercept else np.zeros(A.shape[1])
        level = float(t[train].mean()) if spec.intercept else 0.0
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
    spec: CrossValidationSpec, X: Array, t: Array, degree: int, related: Related
) -> StandardisedFamily:
    """The standardised columns of one degree."""
    return standardised_family(
        spec.basis,
        X,
        t,
        (degree,),
        intercept=spec.intercept,
        scaled=spec.standardize,
        related=related,
    )


def labels_of(t: Array) -> tuple[Array, Ints]:
    """The distinct values of the target, (K,), and the number of each row's, (N,)."""
    classes, numbers = np.unique(t, return_inverse=True)
    return classes, numbers.astype(np.int64)


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


def class_refit(
    spec: CrossValidationSpec,
    X: Array,
    t: Array,
    degree: int,
    strength: float,
    related: Related = UNRELATED,
) -> Refit:
    """One classifier fitted to the given rows; predicts values of the target."""
    classes, labels = labels_of(t)
    if spec.model == "logistic":
        P = columns_of(spec, X, t, degree, related).columns.rows(slice(None))

        def logistic(train: Ints, test: Ints, model: int) -> Array:
            W = logistic_weights(
                P[train], labels[train], classes.size, [strength], intercept=spec.intercept
            )
            return np.asarray(classes[(P[test] @ W[:, :, 0]).argmax(axis=1)])

        return logistic
    indicators = np.eye(classes.size)[labels]
    fits = [
        least_squares_refit(spec, X, one, (degree,))
        if spec.penalty == "none"
        else penalised_refit(spec, X, one, degree, strength, related)
        for one in indicators.T
    ]

    def linear(train: Ints, test: Ints, model: int) -> Array:
        y = np.stack([fit(train, test, 0) for fit in fits], axis=1)  # (n, K)
        return np.asarray(classes[y.argmax(axis=1)])

    return linear


def logistic_losses(
    spec: CrossValidationSpec,
    X: Array,
    t: Array,
    train: Ints,
    test: Ints,
    related: Related = UNRELATED,
) -> Array:
    """Error rates on test rows of fits on training rows, (n_degrees, n_strengths)."""
    classes, labels = labels_of(t)
    l2s = list(spec.strengths)
    found = []
    for degree in spec.degrees:
        P = columns_of(spec, X, t, degree, related).columns.rows(slice(None))
        W = logistic_weights(P[train], labels[train], classes.size, l2s, intercept=spec.intercept)
        y = np.einsum("np,pck->nck", P[test], W).argmax(axis=1)  # (n, n_strengths)
        found.append(zero_one(labels[test].astype(np.float64), y.astype(np.float64)).mean(axis=0))
    return np.stack(found)


@dataclass(frozen=True)
class _Fitted:
    """Predictions of fits to some rows at others.

    Attributes:
        y: (n_degrees, n_strengths, n).
        gap: the largest duality gap as a share of E(0).
        certificate: of the worst l1 fit; None where every fit is in closed form.
    """

    y: Array
    gap: float
    certificate: Certificate | None


def _predictions(
    spec: CrossValidationSpec, X: Array, t: Array, train: Ints, test: Ints, related: Related
) -> _Fitted:
    """Fits of every degree and strength to training rows, evaluated at test rows."""
    degrees, n_train = spec.degrees, train.size
    if spec.penalty == "none":
        refit = least_squares_refit(spec, X, t, degrees)
        found = [refit(train, test, model)[None] for model in range(len(degrees))]
        return _Fitted(np.stack(found), 0.0, None)
    strengths, found, gap, certificate = list(spec.strengths), [], 0.0, None
    for degree in degrees:
        design = build(
            spec.basis,
            X[train],
            t[train],
            degree,
            intercept=spec.intercept,
            scaled=spec.standardize,
            related=related,
        )
        l1s, l2s = strengths_of(spec.penalty, strengths, strengths)
        path = fit_path(design.A, design.b, n_train, l1s, l2s)
        gap = max(gap, float(path.relative_gap.max()))
        certificate = worst_of(certificate, path.certificate)
        found.append(design.predict(X[test], path.w).T)  # (n_strengths, n)
    return _Fitted(np.stack(found), gap, certificate)


def refitted_losses(
    spec: CrossValidationSpec, data: Dataset, train: Ints, test: Ints
) -> tuple[Array, float, Certificate | None]:
    """Mean losses on test rows, (n_degrees, n_strengths), and the largest duality gap."""
    X, t = data.fitted_to(train).X, data.t
    if spec.model == "logistic":
        return logistic_losses(spec, X, t, train, test, data.related), 0.0, None
    if spec.loss != "zero-one":
        fitted = _predictions(spec, X, t, train, test, data.related)
        shape = fitted.y.shape
        loss = LOSSES[spec.loss](t[test], fitted.y.reshape(-1, test.size).T).mean(axis=0)
        return loss.reshape(shape[:2]), fitted.gap, fitted.certificate
    _, labels = labels_of(t)
    every = [
        _predictions(spec, X, one, train, test, data.related)
        for one in np.eye(labels.max() + 1)[labels].T
    ]
    called = np.stack([one.y for one in every]).argmax(axis=0)  # (n_degrees, n_strengths, n)
    wrong = called != labels[test]
    worst = worst_of(*(one.certificate for one in every))
    return wrong.mean(axis=2), max(one.gap for one in every), worst


def refit_with_preparation(
    spec: CrossValidationSpec, data: Dataset, degree: int, strength: float
) -> Refit:
    """One model fitted to the given rows, its inputs prepared by them; predicts the target.

    A category that the rows lack counts as their average here: rows are left out again and again,
    of which some partition will hold all of a rare one.
    """
    assert data.preparation is not None
    data = replace(data, preparation=replace(data.preparation, unseen="average"))
    one = replace(spec, degrees=(degree,), strengths=(strength,))

    def refit(train: Ints, test: Ints, model: int) -> Array:
        X = data.fitted_to(train).X
        if spec.loss == "zero-one":
            fit = class_refit(spec, X, data.t, degree, strength, data.related)
            return fit(train, test, 0)
        found = _predictions(one, X, data.t, train, test, data.related)
        require(found.certificate, "a refit of the chosen model")
        return np.asarray(found.y[0, 0])

    return refit
