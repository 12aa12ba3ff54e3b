"""Class densities in a plane, the posterior from them by Bayes' theorem, and the fit beside it.

Where the law of the rows is known, the posterior of (5.3) and (5.16) is exact, and the fit is
measured against it. Where it isn't, normal classes of one covariance are another route from the
same training rows to a posterior, whose log odds are linear as (5.8) has them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from contourpy import contour_generator
from numpy.typing import NDArray

from mlcli.certificate import Certificate
from mlcli.classification.classifier import LogisticModel
from mlcli.classification.generative import class_scores, fit_normal_classes, posterior
from mlcli.classification.information import expected_excess, information
from mlcli.classification.softmax import n_columns
from mlcli.datasets.class_law import ClassLaw
from mlcli.datasets.source import Source
from mlcli.experiments.logistic.classes import TargetClasses, fit_from_config
from mlcli.experiments.logistic.config import LogisticConfig
from mlcli.experiments.summary import summary
from mlcli.result import Columns, Metrics
from mlcli.scores import accuracy, mean_cross_entropy

Array = NDArray[np.float64]
Ints = NDArray[np.int64]
# Numbers of the grid's sides, and the most classes and seeds that are drawn over it.
SIDE = 51
MAX_CLASSES = 25
MAX_SEEDS = 16
KNOWN, NORMAL = "known", "normal"


@dataclass(frozen=True)
class Plane:
    """Two features and the range of the first seed's rows in them.

    Attributes:
        of: their indices.
        low, high: the range, (2,).
    """

    of: tuple[int, int]
    low: Array
    high: Array

    def grid(self, side: int, margin: float = 0.0) -> tuple[Array, Array, Array]:
        """Even places along both features, (side,), and the points of all pairs, (side^2, 2)."""
        edge = margin * (self.high - self.low)
        x, y = (np.linspace(self.low[i] - edge[i], self.high[i] + edge[i], side) for i in range(2))
        return x, y, np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)


@dataclass(frozen=True)
class PlaneOutcome:
    """Result of one seed in the plane.

    Attributes:
        borders: lines between the areas of predicted classes, (n, 2) each.
        scores: of the fit and of the law on the test rows, by name; empty without a law.
        certificate: of the fit to the two features.
    """

    borders: list[Array]
    scores: dict[str, float]
    certificate: Certificate


def activations(model: LogisticModel, X: Array) -> Array:
    """a_k at X (n, D) -> (n, K), eq (5.19); of two classes 0 and the log odds of C_1, (5.8)."""
    A = model.columns(X) @ model.fit.W
    return np.column_stack([np.zeros(len(A)), A]) if A.shape[1] == 1 else A


def fit_in_plane(
    config: LogisticConfig, X: Array, classes: TargetClasses, train: Ints, plane: Plane
) -> LogisticModel:
    """A model of the two features alone, on the training rows."""
    return fit_from_config(config, X[train][:, plane.of], classes.labels[train], classes.size)


def law_of(
    config: LogisticConfig,
    source: Source,
    X: Array,
    classes: TargetClasses,
    train: Ints,
    plane: Plane,
) -> tuple[str, ClassLaw] | None:
    """The law of the classes in the plane, known or of normal classes; None if there is neither."""
    known = source.class_law
    if known is not None and X.shape[1] == 2:
        if config.positive is not None:
            known = known.against_others(int(float(config.positive)))
        if known.priors.size == classes.size:
            log_densities, places = known.log_densities, np.argsort(plane.of)
            return KNOWN, ClassLaw(lambda P: log_densities(P[:, places]), known.priors)
    normal = fit_normal_classes(X[train][:, plane.of], classes.labels[train], classes.size)
    return None if normal is None else (NORMAL, ClassLaw(normal.log_densities, normal.priors))


def plane_outcome(
    config: LogisticConfig,
    source: Source,
    X: Array,
    classes: TargetClasses,
    parts: tuple[Ints, Ints],
    plane: Plane,
) -> PlaneOutcome:
    """Fit the two features of a seed's training rows, and compare with the law on its test rows.

    Args:
        config: validated parameters.
        source: of the rows.
        X: rows, (N, D).
        classes: of the rows.
        parts: training and test rows.
        plane: the two features.
    """
    train, test = parts
    model = fit_in_plane(config, X, classes, train, plane)
    x, y, points = plane.grid(SIDE)
    lines = border_lines(x, y, activations(model, points), level_of(config, classes.size))
    found = law_of(config, source, X, classes, train, plane)
    scores = {}
    if found is not None:
        t, places = classes.labels[test], X[test][:, plane.of]
        scores = _scores(found[1], model, places, t)
    return PlaneOutcome(lines, scores, model.fit.certificate)


def _scores(law: ClassLaw, model: LogisticModel, X: Array, t: Ints) -> dict[str, float]:
    """How far the fit is from the posterior of the law, over test rows X (n, 2), t (n,)."""
    P, Q = posterior(law.log_densities(X), law.priors), model.predict(X)
    Q = np.maximum(Q, np.finfo(np.float64).tiny)
    of_law, of_fit = mean_cross_entropy(t, P), mean_cross_entropy(t, Q)
    return {
        "law_cross_entropy": of_law,
        "fit_cross_entropy": of_fit,
        "excess": of_fit - of_law,
        "divergence": information(P / t.size, Q / t.size).divergence,
        # Half the sum over the classes: of two classes |p(C_1|x) - q(C_1|x)|.
        "absolute_difference": float(np.abs(P - Q).sum(axis=1).mean()) / 2,
        "law_accuracy": accuracy(t, P.argmax(axis=1)),
        "fit_accuracy": accuracy(t, Q.argmax(axis=1)),
    }


def level_of(config: LogisticConfig, n_classes: int) -> float:
    """ln p_0 / (1 - p_0), where the log odds of two classes are on the boundary (5.9)."""
    return float(np.log(config.threshold / (1 - config.threshold))) if n_classes == 2 else 0.0


def border_lines(x: Array, y: Array, A: Array, level: float) -> list[Array]:
    """Lines where the largest activation is that of two classes at once.

    Each class and those before it are set against the classes after it, so that every border is
    found, whatever the number of classes.

    Args:
        x, y: places of the grid, (side,) each.
        A: activations at its points, (side^2, K), x running fastest.
        level: by how much those after must be larger.

    Returns:
        Points (n, 2) of each line.
    """
    lines: list[Array] = []
    for k in range(1, A.shape[1]):
        margin = A[:, k:].max(axis=1) - A[:, :k].max(axis=1) - level
        if np.isfinite(margin).all():
            lines += contour_generator(x, y, margin.reshape(y.size, x.size)).lines(0.0)  # type: ignore[arg-type]
    return lines


def densities_table(
    law: tuple[str, ClassLaw] | None,
    model: LogisticModel | None,
    classes: TargetClasses,
    plane: Plane | None,
) -> Columns:
    """p(x|C_k), a_k (5.17) and the posterior over the plane, and that of the first seed's fit."""
    names = ("law", "class", "x", "y", "log_density", "score", "posterior", "fitted")
    if law is None or model is None or plane is None or classes.size > MAX_CLASSES:
        return {name: [] for name in names}
    kind, of = law
    points = plane.grid(SIDE)[2]
    log_densities = of.log_densities(points)
    values = (
        log_densities,
        class_scores(log_densities, of.priors),
        posterior(log_densities, of.priors),
        model.predict(points),
    )
    K = classes.size
    columns: dict[str, Any] = {
        "law": [kind] * (K * len(points)),
        "class": [name for name in classes.names for _ in points],
        "x": np.tile(points[:, 0], K),
        "y": np.tile(points[:, 1], K),
    }
    return columns | {
        name: short(one.T.ravel()) for name, one in zip(names[4:], values, strict=True)
    }


def short(values: Array) -> list[float | None]:
    """Six significant digits; None for what isn't finite, as ln 0."""
    return [float(f"{value:.6g}") if np.isfinite(value) else None for value in values]


def borders_table(found: Sequence[PlaneOutcome]) -> Columns:
    """The boundaries of the fits of several seeds in the plane, point by point."""
    columns: dict[str, list[Any]] = {name: [] for name in ("seed", "line", "x", "y")}
    for seed, one in enumerate(found[:MAX_SEEDS]):
        for number, points in enumerate(one.borders):
            columns["seed"] += [seed] * len(points)
            columns["line"] += [number] * len(points)
            columns["x"] += points[:, 0].tolist()
            columns["y"] += points[:, 1].tolist()
    return columns


def densities_metrics(
    kind: str | None,
    found: Sequence[PlaneOutcome],
    names: Sequence[str],
    n_weights: int,
    n_train: int,
    n_test: int,
) -> Metrics:
    """The scores of all seeds beside d / (2 n); empty where there is no law.

    Args:
        kind: `KNOWN` or `NORMAL`.
        found: one per seed.
        names: of the two features.
        n_weights: d.
        n_train, n_test: rows of the parts.
    """
    if kind is None or not all(one.scores for one in found):
        return {}
    metrics: Metrics = {"law": kind, "features": list(names), "n_weights": n_weights}
    for name in found[0].scores:
        rows = n_test if name.endswith("_accuracy") else None
        metrics[name] = summary([one.scores[name] for one in found], name, rows)
    if kind == KNOWN:
        metrics["expected_excess"] = expected_excess(n_weights, n_train)
    return {"densities": metrics}


def count_weights(model: LogisticModel, n_classes: int) -> int:
    """d: weights of a fit; of K > 2 classes K - 1 a column, as softmax leaves one free."""
    per_column = 1 if n_columns(n_classes) == 1 else n_classes - 1
    return int(model.fit.W.shape[0] * per_column)
