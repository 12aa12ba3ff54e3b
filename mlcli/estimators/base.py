"""Base classes of the estimators: validation of rows, and when one counts as fitted."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from mlcli.certificate import Certificate
from mlcli.config.fields import Section
from mlcli.estimators.parameters import ParameterError, configured

Array = NDArray[Any]
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class Estimator(BaseEstimator):  # type: ignore[misc]
    """Base class: an estimator is fitted once it has a `_model`.

    Attributes:
        n_features_in_: D.
        feature_names_in_: of the columns, (D,), where X was a data frame.
    """

    n_features_in_: int
    feature_names_in_: NDArray[np.object_]

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "_model")

    def _config(self, model: type[Section], **values: Any) -> Any:
        """The config with the values of the parameters that it shares, and with `values`."""
        shared = {k: v for k, v in self.get_params(deep=False).items() if k in model.model_fields}
        return configured(model, type(self).__name__, shared | values)

    def _feature_names(self) -> list[str]:
        """The names of the columns: those of a data frame, else x for one, x1, x2, ... for more."""
        if hasattr(self, "feature_names_in_"):
            return [str(name) for name in self.feature_names_in_]
        n = self.n_features_in_
        return ["x"] if n == 1 else [f"x{i}" for i in range(1, n + 1)]

    def _rows(self, X: Any, dtype: Any = np.float64) -> Array:
        """Rows to predict, (n, D), validated against those of the fit."""
        check_is_fitted(self)
        found: Array = validate_data(self, X, reset=False, dtype=dtype)
        return found


def warn_uncertified(certificate: Certificate | None, hint: str) -> None:
    """Issue a `ConvergenceWarning` at the caller of `fit` if the fit is not certified."""
    if certificate is not None and not certificate.converged:
        warnings.warn(
            f"the fit has not converged: {certificate}; try {hint}",
            ConvergenceWarning,
            stacklevel=3,
        )


class RegressorEstimator(RegressorMixin, Estimator):  # type: ignore[misc]
    """Base class of the regressors."""

    def _training_rows(self, X: Any, y: Any, dtype: Any = np.float64) -> tuple[Array, Floats]:
        """Validated X (N, D) and t (N,), with at least two rows."""
        X, y = validate_data(self, X, y, dtype=dtype, y_numeric=True, ensure_min_samples=2)
        return X, np.asarray(y, dtype=np.float64)


class ClassifierEstimator(ClassifierMixin, Estimator):  # type: ignore[misc]
    """Base class of the classifiers; labels may be of any sortable type.

    Attributes:
        classes_: the labels, sorted, (K,).
    """

    classes_: Array

    def _training_rows(self, X: Any, y: Any, dtype: Any = np.float64) -> tuple[Array, Ints]:
        """Validated X (N, D) and the class of each row, 0..K-1, (N,); sets `classes_`.

        Raises:
            ParameterError: there is only one class.
        """
        X, y = validate_data(self, X, y, dtype=dtype, ensure_min_samples=2)
        check_classification_targets(y)
        return X, self._labels(y)

    def _weighted_rows(
        self, X: Any, y: Any, sample_weight: Any
    ) -> tuple[Array, Ints, Floats | None]:
        """`_training_rows` without rows of weight 0, and the weights of the rest, (N,) or None.

        Raises:
            ParameterError: only rows of one class have a weight above 0.
            ValueError: a weight is negative, or their shape is not (N,).
        """
        if sample_weight is None:
            return *self._training_rows(X, y), None
        X, y = validate_data(self, X, y, ensure_min_samples=2)
        check_classification_targets(y)
        weights = _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
        used = weights > 0
        return X[used].astype(np.float64), self._labels(y[used]), weights[used]

    def _labels(self, y: Array) -> Ints:
        """The class of each row, 0..K-1, (N,); sets `classes_`."""
        self.classes_, labels = np.unique(y, return_inverse=True)
        if self.classes_.size < 2:
            raise ParameterError("y", must="of two classes or more", got="1 class")
        return np.asarray(labels, dtype=np.int64)
