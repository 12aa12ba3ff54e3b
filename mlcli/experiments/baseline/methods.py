"""The methods of `baseline` that are fitted fold by fold: training rows in, predictor out.

A method chooses its strength, degree or number of neighbours on its training rows alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcli.classification.classifier import LogisticSettings, fit_classifier
from mlcli.errors import NoAnswerError
from mlcli.linear.basis import count_columns
from mlcli.linear.design import build
from mlcli.linear.penalised import ridge_path, strength_grid
from mlcli.linear.polynomial import fit_polynomial
from mlcli.linear.statistics import spread
from mlcli.scores import brier_score, mean_squared_error

Array = NDArray[np.float64]
# X (n, D) -> numbers (n,), or probabilities (n, K).
Predict = Callable[[Array], Array]
DEGREES = range(2, 10)
# Degrees with more columns than this are not tried.
MOST_COLUMNS = 500
# Above so many weights Newton's method takes too long.
MOST_NEWTON = 300
NEIGHBOURS = (1, 2, 5, 10, 20, 50)
STRENGTHS = strength_grid(1e-6, 10.0, 15)
LOGISTIC_STRENGTHS = (1e-1, 1e-2, 1e-3, 1e-4)
HELD_OUT = 0.2


@dataclass(frozen=True)
class TrainingRows:
    """Training rows.

    Attributes:
        X: (n, D).
        t: numbers (n,), or labels 0..K-1.
        n_classes: K; 0 for numbers.
        rng: for random choices of a method.
    """

    X: Array
    t: NDArray[Any]
    n_classes: int
    rng: np.random.Generator


def constant(rows: TrainingRows) -> Predict:
    """The mean, or the shares of the classes."""
    if rows.n_classes:
        shares = np.bincount(rows.t, minlength=rows.n_classes) / rows.t.size
        return lambda X: np.tile(shares, (len(X), 1))
    mean = float(rows.t.mean())
    return lambda X: np.full(len(X), mean)


def linear(rows: TrainingRows) -> Predict:
    """Least squares."""
    fit = fit_polynomial(rows.X, rows.t, (1,))
    return lambda X: fit.predict(X)[:, 0]


def ridge(rows: TrainingRows) -> Predict:
    """(3.13) with l2, whose strength is chosen by generalised cross-validation."""
    return _ridge(rows, "linear", [1])


def polynomial(rows: TrainingRows) -> Predict:
    """Ridge or logistic regression on products of inputs; chooses degree and strength."""
    degrees = polynomial_degrees(rows.X.shape[1])
    if not rows.n_classes:
        return _ridge(rows, "polynomial", degrees)
    return _logistic(rows, [("polynomial", degree) for degree in degrees[:2]])


def polynomial_degrees(n_features: int) -> list[int]:
    """The degrees that are tried; none if there are too many products."""
    return [d for d in DEGREES if count_columns("polynomial", n_features, d) <= MOST_COLUMNS]


def _ridge(rows: TrainingRows, basis: str, degrees: Sequence[int]) -> Predict:
    n, best, found = rows.t.size, np.inf, None
    for degree in degrees:
        design = build(basis, rows.X, rows.t, degree, intercept=True, scaled=True)
        path = ridge_path(design.A, design.b, n, STRENGTHS.tolist())
        rss = ((design.b[:, None] - design.A @ path.w) ** 2).sum(axis=0)
        free = np.maximum(n - 1.0 - path.degrees_of_freedom, 1e-9)
        gcv = n * rss / free**2  # (k,)
        if gcv.min() < best:
            best, found = float(gcv.min()), (design, path.w[:, int(gcv.argmin())])
    assert found is not None
    design, w = found
    return lambda X: design.predict(X, w)


def logistic(rows: TrainingRows) -> Predict:
    """Logistic regression with l2, whose strength is chosen on held-out rows."""
    return _logistic(rows, [("linear", 1)])


def _logistic(rows: TrainingRows, bases: Sequence[tuple[str, int]]) -> Predict:
    def fit(rows: TrainingRows, choice: Any) -> Predict:
        (basis, degree), l2 = choice
        columns = count_columns(basis, rows.X.shape[1], degree)
        solver: Any = "newton" if columns * rows.n_classes <= MOST_NEWTON else "lbfgs"
        settings = LogisticSettings(basis=basis, degree=degree, l2=l2, solver=solver)
        found = fit_classifier(settings, rows.X, rows.t, rows.n_classes)
        if not found.fit.converged:
            raise NoAnswerError(
                f"logistic regression with l2 = {l2:g} did not converge in {found.fit.n_steps} "
                "steps",
                hint="--methods without logistic and polynomial",
            )
        return found.predict

    return _chosen(rows, [(b, l2) for b in bases for l2 in LOGISTIC_STRENGTHS], fit)


def neighbours(rows: TrainingRows) -> Predict:
    """Nearest neighbours in standardised columns; their number is chosen on held-out rows."""
    from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor

    shift, scale = rows.X.mean(axis=0), spread(rows.X)

    def fit(rows: TrainingRows, k: int) -> Predict:
        model = (KNeighborsClassifier if rows.n_classes else KNeighborsRegressor)(
            min(k, len(rows.t))
        )
        model.fit((rows.X - shift) / scale, rows.t)
        if rows.n_classes:
            return lambda X: _every_class(model, model.predict_proba((X - shift) / scale), rows)
        return lambda X: np.asarray(model.predict((X - shift) / scale))

    return _chosen(rows, NEIGHBOURS, fit)


def trees(rows: TrainingRows) -> Predict:
    """Gradient-boosted trees on histograms with scikit-learn's defaults."""
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    kind = HistGradientBoostingClassifier if rows.n_classes else HistGradientBoostingRegressor
    model = kind(random_state=int(rows.rng.integers(2**31)))
    model.fit(rows.X, rows.t)
    if rows.n_classes:
        return lambda X: _every_class(model, model.predict_proba(X), rows)
    return lambda X: np.asarray(model.predict(X))


def _every_class(model: Any, P: Array, rows: TrainingRows) -> Array:
    """Probabilities of all classes, (n, K), 0 for those without training rows."""
    found = np.zeros((len(P), rows.n_classes))
    found[:, model.classes_] = P
    return found


def _chosen(
    rows: TrainingRows, choices: Sequence[Any], fit: Callable[[TrainingRows, Any], Predict]
) -> Predict:
    """A fit to all rows with the choice that does best on a held-out fifth of them."""
    order = rows.rng.permutation(rows.t.size)
    held, kept = np.split(order, [max(1, round(HELD_OUT * rows.t.size))])
    part = TrainingRows(rows.X[kept], rows.t[kept], rows.n_classes, rows.rng)
    losses = []
    for choice in choices:
        try:
            found = fit(part, choice)(rows.X[held])
        except NoAnswerError:
            losses.append(np.inf)
            continue
        if rows.n_classes:
            losses.append(brier_score(rows.t[held], found))
        else:
            losses.append(mean_squared_error(rows.t[held], found))
    return fit(rows, choices[int(np.argmin(losses))])


METHODS: dict[str, Callable[[TrainingRows], Predict]] = {
    "constant": constant,
    "linear": linear,
    "ridge": ridge,
    "polynomial": polynomial,
    "logistic": logistic,
    "neighbours": neighbours,
    "trees": trees,
}
