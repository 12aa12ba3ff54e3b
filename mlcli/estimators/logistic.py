"""`logistic` as an estimator."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.validation import check_is_fitted

from mlcli.classification.classifier import LogisticModel, coefficients
from mlcli.classification.softmax import probabilities
from mlcli.estimators.base import Array, ClassifierEstimator, Floats
from mlcli.estimators.parameters import ParameterError, default
from mlcli.experiments.logistic.classes import fit_from_config
from mlcli.experiments.logistic.config import LogisticConfig


class LogisticClassifier(ClassifierEstimator):
    """Logistic regression of two classes or more (section 5 and appendix C of the notes).

    Of two classes the second has the probability sigma(w^T phi(x)), eqs (5.6) to (5.8); of K
    classes the k-th has exp(a_k) / sum_j exp(a_j) with a_k = w_k^T phi(x), eqs (5.19) and (5.20),
    the latter corrected. The weights minimise the mean cross-entropy, (5.13) or (5.22) divided by
    N, plus l1 |w|_1 + l2 |w|^2 as in (3.13), by Newton's method. In scikit-learn's terms, with
    standardize=False, l2 = 1 / (2 C N).

    Args:
        basis, degree: columns phi, as `PolynomialRegressor` has them.
        intercept: fit the constant w_0, which no penalty touches.
        standardize: penalise the coefficients of standardised columns.
        penalty: none, l1, l2 or elastic. Classes that can be separated need one.
        l1, l2: strengths, each used by its own penalty and by elastic.
        class_weight: None, balanced (each class counts the same), or a weight for each label.
        loss: cross-entropy, or square for the mean square of (5.10).
        solver: newton; lbfgs, without l1; descent.
        learning_rate: of descent; None: one that never diverges.
        max_steps: steps at most.

    Attributes:
        classes_: the labels, sorted, (K,).
        coef_: weights of the columns in x itself, (1, M) for two classes, else (K, M); 0 for
            products that the fit leaves out, being combinations of other columns (of 0 and 1 the
            square is the column again).
        intercept_: constants, (1,), or (K,); these of the standardised columns add up to 0.
        n_iter_: steps taken.
        certificate_: how far the loss is from its minimum, a `mlcli.certificate.Certificate`; where
            it is above its tolerance, `fit` issues a ConvergenceWarning.

    Raises:
        ParameterError: a parameter is not allowed, or y has one class; from `fit`.
        NoAnswerError: descent diverged; from `fit`.

    Example:
        >>> from mlcli.estimators import LogisticClassifier
        >>> X = [[0.0], [1.0], [2.0], [3.0]]
        >>> model = LogisticClassifier(l2=0.1).fit(X, ["no", "no", "yes", "yes"])
        >>> model.predict([[0.5], [2.5]]).tolist()
        ['no', 'yes']
        >>> model.predict_proba([[1.5]]).round(6).tolist()
        [[0.5, 0.5]]
    """

    def __init__(
        self,
        basis: str = default(LogisticConfig, "basis"),
        degree: int = default(LogisticConfig, "degree"),
        *,
        intercept: bool = default(LogisticConfig, "intercept"),
        standardize: bool = default(LogisticConfig, "standardize"),
        penalty: str = default(LogisticConfig, "penalty"),
        l1: float = default(LogisticConfig, "l1"),
        l2: float = default(LogisticConfig, "l2"),
        class_weight: str | Mapping[Any, float] | None = None,
        loss: str = default(LogisticConfig, "loss"),
        solver: str = default(LogisticConfig, "solver"),
        learning_rate: float | None = default(LogisticConfig, "learning_rate"),
        max_steps: int = default(LogisticConfig, "max_steps"),
    ) -> None:
        self.basis = basis
        self.degree = degree
        self.intercept = intercept
        self.standardize = standardize
        self.penalty = penalty
        self.l1 = l1
        self.l2 = l2
        self.class_weight = class_weight
        self.loss = loss
        self.solver = solver
        self.learning_rate = learning_rate
        self.max_steps = max_steps

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> LogisticClassifier:
        """Fit to rows X (N, D) and labels y (N,).

        sample_weight (N,) says how often each row counts, in the loss and in the units of the
        columns: a weight of 2 is the row twice, 0 omits it.
        """
        X, labels, weights = self._weighted_rows(X, y, sample_weight)
        config: LogisticConfig = self._config(LogisticConfig, class_weights=self._class_weights())
        found = fit_from_config(config, X, labels, self.classes_.size, weights)
        if not found.fit.converged:
            advice = "try a larger max_steps or a penalty"
            if (separation := found.fit.separation) is not None:
                exception = separation.exception([str(one) for one in self.classes_])
                advice = (
                    f"the classes can be separated{exception}, so that no finite weights are best; "
                    "try a penalty"
                )
            warnings.warn(
                f"{config.solver} has not converged in {found.fit.n_steps} steps: "
                f"{found.fit.certificate}; {advice}",
                ConvergenceWarning,
                stacklevel=2,
            )
        self._model: LogisticModel = found
        weights, _ = coefficients(found)
        weights = found.design.basis.with_left_out(weights)  # (M + 1, K) or (M + 1, 1)
        first = int(config.intercept)
        # Adding one number to the constant of every class changes no probability: here they are
        # shifted so that they add up to 0.
        free = bool(first) and self.classes_.size > 2
        self._surplus = float(found.fit.W[0].mean()) if free else 0.0
        self.coef_: Floats = np.ascontiguousarray(weights[first:].T)
        self.intercept_: Floats = (
            weights[0] - self._surplus if first else np.zeros(weights.shape[1])
        )
        self.n_iter_ = found.fit.n_steps
        self.certificate_ = found.fit.certificate
        return self

    def decision_function(self, X: Any) -> Floats:
        """Activations at rows X (n, D): of the second of two classes, (n,), else (n, K)."""
        A = self._activations(X)
        return A[:, 0] if A.shape[1] == 1 else A

    def predict_proba(self, X: Any) -> Floats:
        """p(C_k|x) at rows X (n, D): (n, K)."""
        return probabilities(self._activations(X))

    def predict(self, X: Any) -> Array:
        """The likeliest class at rows X (n, D): (n,)."""
        A = self._activations(X)
        predicted = (A[:, 0] > 0).astype(np.int64) if A.shape[1] == 1 else A.argmax(axis=1)
        return np.asarray(self.classes_[predicted])

    def _activations(self, X: Any) -> Floats:
        check_is_fitted(self)
        return np.asarray(self._model.columns(self._rows(X)) @ self._model.fit.W - self._surplus)

    def _class_weights(self) -> str:
        """The class weights in the format of the config: a name, or one number per class."""
        given = self.class_weight
        if given is None:
            return "none"
        if isinstance(given, str):
            if given == "balanced":
                return given
        elif isinstance(given, Mapping):
            missing = [label for label in self.classes_.tolist() if label not in given]
            if not missing:
                return ",".join(repr(float(given[label])) for label in self.classes_.tolist())
        raise ParameterError(
            "LogisticClassifier: class_weight",
            must="None, 'balanced' or a weight for each label",
            got=repr(given),
        )
