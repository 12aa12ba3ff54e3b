"""A graph as a scikit-learn estimator, for models that scikit-learn itself cannot express.

Its state is JSON and arrays, and it computes in NumPy.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted, validate_data

from mlcli.errors import InputError
from mlcli.export.graph import Graph, Tensor, description, read_description, run

# Rows that go through the steps at a time, so that memory stays small.
ROWS = 1024


class _Exported(BaseEstimator):  # type: ignore[misc]
    """A trained model: it predicts and can't be fitted.

    Attributes:
        graph_: its steps, JSON.
        tensors_: arrays by name.
        n_features_in_: D.
        feature_names_in_: of the columns, (D,).
    """

    graph_: str
    tensors_: dict[str, Tensor]

    def fit(self, X: Any, y: Any = None) -> Any:
        """Refused: the command that made the run does that.

        Raises:
            InputError: always.
        """
        raise InputError(
            "an exported model can't be fitted",
            hint="the estimators of mlcli.estimators, or the command that made the run",
        )

    def all_outputs(self, X: Any) -> dict[str, Tensor]:
        """Every output of the graph at rows X (n, D), by name."""
        check_is_fitted(self, "graph_")
        X = validate_data(self, X, reset=False, dtype=np.float64)
        graph = read_description(self.graph_, self.tensors_)
        parts = [
            run(graph, X[start : start + ROWS].reshape(-1, *graph.input_shape))
            for start in range(0, len(X), ROWS)
        ]
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


class ExportedRegressor(RegressorMixin, _Exported):  # type: ignore[misc]
    """A trained model of a number."""

    def predict(self, X: Any, return_std: bool = False) -> Any:
        """The prediction at rows X (n, D), (n,); with `return_std` its standard deviation too.

        Raises:
            InputError: a standard deviation of a model that has none.
        """
        found = self.all_outputs(X)
        if return_std and "std" not in found:
            raise InputError("return_std", must="False for a model without intervals", got="True")
        return (found["prediction"], found["std"]) if return_std else found["prediction"]

    def predict_interval(self, X: Any) -> tuple[Tensor, Tensor]:
        """Ends of the interval for new targets at rows X (n, D), (n,) each.

        Raises:
            InputError: the model has none.
        """
        found = self.all_outputs(X)
        if "low" not in found:
            raise InputError(
                "predict_interval", must="called on a model with intervals", got="one without"
            )
        return found["low"], found["high"]


class ExportedClassifier(ClassifierMixin, _Exported):  # type: ignore[misc]
    """A trained model of a class.

    Attributes:
        classes_: names of the classes, (K,).
    """

    classes_: Tensor

    def _has_probabilities(self) -> bool:
        return '"probabilities"' in self.graph_

    @available_if(_has_probabilities)  # type: ignore[untyped-decorator]
    def predict_proba(self, X: Any) -> Tensor:
        """Probabilities at rows X (n, D): (n, K); absent where the model has none."""
        return self.all_outputs(X)["probabilities"]

    def predict(self, X: Any) -> Tensor:
        """Name of the class at rows X (n, D): (n,)."""
        return np.asarray(self.classes_[self.all_outputs(X)["class"]])


def exported(
    graph: Graph, features: tuple[str, ...], classes: tuple[str, ...]
) -> ExportedRegressor | ExportedClassifier:
    """The estimator of a graph."""
    model: Any = ExportedClassifier() if classes else ExportedRegressor()
    model.graph_, model.tensors_ = description(graph, {}), dict(graph.tensors)
    model.n_features_in_ = len(features)
    if classes:
        model.classes_ = np.array(classes)
    return model  # type: ignore[no-any-return]
