"""Rows as events: -ln p of each (C.1), their likelihood (5.23), and normal noise beside (C.11)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcli.classification.classifier import LogisticModel
from mlcli.classification.information import (
    Information,
    categorical_log_probability,
    empirical_cross_entropy,
    information,
    log_likelihood,
)
from mlcli.datasets.synthetic import SYNTHETIC, SyntheticSpec, draw
from mlcli.experiments.logistic.classes import TargetClasses
from mlcli.linear.bayes.posterior import normal_log_density
from mlcli.linear.least_squares import fit_columns
from mlcli.result import Columns, Metrics
from mlcli.rng import stream
from mlcli.scores import mean_squared_error

Array = NDArray[np.float64]
Ints = NDArray[np.int64]
TINY = np.finfo(np.float64).tiny
# Test rows that are shown one by one, and of how many classes all probabilities are shown.
SHOWN_ROWS = 5
SHOWN_CLASSES = 6
# The regression of (C.11): the cubic of the notes, half of its rows to train.
REGRESSION_ROWS = 100
MAX_DEGREE = 9


def one_hot(labels: Ints, n_classes: int) -> Array:
    """t_nk = 1 if row n is of class k, else 0, eq (5.21), (N, K)."""
    return np.eye(n_classes)[labels]


def rows_information(P: Array, t: Ints) -> Information:
    """(C.5) of the rows: p = 1/N on each (C.7), q = q(t|x)/N with the model (C.8), in nats.

    A probability that has rounded to 0 counts as the smallest positive number, as in the log loss.

    Args:
        P: p(C_k|x) of the fit, (N, K).
        t: classes, (N,).
    """
    empirical = one_hot(t, P.shape[1]) / t.size
    return information(empirical, np.maximum(P, TINY) / t.size)


def log_likelihood_of(P: Array, t: Ints) -> float:
    """ln of (5.23), which of two classes is (5.24), in nats; arguments as `rows_information`."""
    every = categorical_log_probability(np.maximum(P, TINY), one_hot(t, P.shape[1]))
    return log_likelihood(every)


def information_table(
    model: LogisticModel, X: Array, classes: TargetClasses, rows: Ints
) -> Columns:
    """Rows of the first seed: the probability that the fit gave to their class, and -ln of it."""
    labels = classes.labels[rows]
    P = np.maximum(model.predict(X[rows]), TINY)
    return {
        "row": rows,
        "class": [classes.names[k] for k in labels],
        "probability": P[np.arange(rows.size), labels],
        "information": -categorical_log_probability(P, one_hot(labels, classes.size)),
    }


def first_rows(
    model: LogisticModel, X: Array, classes: TargetClasses, rows: Ints
) -> list[dict[str, Any]]:
    """The first rows with t_n (5.21), y_n and their factor of (5.23), for details.json."""
    shown = rows[:SHOWN_ROWS]
    labels = classes.labels[shown]
    P, T = model.predict(X[shown]), one_hot(labels, classes.size)
    factors = categorical_log_probability(np.maximum(P, TINY), T)
    found = []
    for n, k in enumerate(labels):
        entry: dict[str, Any] = {"row": int(shown[n]), "class": classes.names[k]}
        if classes.size <= SHOWN_CLASSES:
            entry["targets"] = [int(one) for one in T[n]]
            entry["probabilities"] = P[n].tolist()
        else:
            entry["place"] = int(k) + 1
            entry["probability"] = float(P[n, k])
        found.append(entry | {"log_probability": float(factors[n])})
    return found


def normal_model(seed: int) -> tuple[Metrics, Columns]:
    """A regression whose -ln likelihood per row is a line in its mean squared error (C.11).

    Polynomials of several degrees are fitted to half of a draw of the notes' cubic (3.12) and
    scored on the other half, under normal noise of the known precision beta.

    Returns:
        Slope and constant of the line through the points, beside beta/2 and ln(2 pi / beta)/2; and
        the points.
    """
    spec = SYNTHETIC["noisy-cubic"]
    assert isinstance(spec, SyntheticSpec)
    data = draw(spec, stream(seed, "normal model"), n_samples=REGRESSION_ROWS)
    beta = spec.noise_std**-2
    train, test = np.arange(0, REGRESSION_ROWS, 2), np.arange(1, REGRESSION_ROWS, 2)
    errors, entropies, degrees = [], [], np.arange(MAX_DEGREE + 1)
    for degree in degrees:
        u = data.X[:, 0] / spec.high
        Phi: Array = np.polynomial.legendre.legvander(u, int(degree)).astype(np.float64)
        y = Phi[test] @ fit_columns(Phi[train], data.t[train]).w
        errors.append(mean_squared_error(data.t[test], y))
        log_densities = normal_log_density(data.t[test], y, beta)
        entropies.append(empirical_cross_entropy(log_densities))
    mse, found = np.array(errors), np.array(entropies)
    slope, constant = np.polynomial.polynomial.polyfit(mse, found, 1)[::-1]
    theory = (beta / 2, float(np.log(2 * np.pi / beta)) / 2)
    metrics = {
        "slope": float(slope),
        "half_precision": theory[0],
        "constant": float(constant),
        "half_log_of_2_pi_over_precision": theory[1],
        "degree_of_least_error": int(degrees[mse.argmin()]),
        "degree_of_largest_likelihood": int(degrees[found.argmin()]),
        "n_rows": int(test.size),
    }
    columns = {
        "degree": degrees,
        "mse": mse,
        "cross_entropy": found,
        "line": theory[0] * mse + theory[1],
    }
    return metrics, columns
