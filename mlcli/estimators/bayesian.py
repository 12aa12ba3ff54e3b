"""`bayes` as an estimator."""

from __future__ import annotations

import warnings
from typing import Any, Literal, overload

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.validation import check_is_fitted

from mlcli.certificate import Certificate
from mlcli.errors import NoAnswerError
from mlcli.estimators.base import Floats, RegressorEstimator, warn_uncertified
from mlcli.estimators.parameters import ParameterError, default
from mlcli.experiments.bayes.columns import basis_of, in_memory, model_degree, r_factor_of
from mlcli.experiments.bayes.config import BayesConfig
from mlcli.experiments.bayes.fit import PosteriorFit, fit
from mlcli.linear.basis import Basis
from mlcli.linear.r_factor import RFactor

# With a target of zeros both precisions are undetermined, and these are used.
ZEROS = {"noise_precision": 1.0, "prior_precision": 1.0}
# The assumed noise of data that the columns fit exactly, relative to the target's RMS.
NO_NOISE = 1e-8


class BayesianRegressor(RegressorEstimator):
    """Bayesian linear regression with precisions by evidence maximisation (appendix B).

    Under the prior N(w | 0, alpha^-1 I), eq (B.14), the posterior is N(w | m_N, S_N), eq (B.19),
    with S_N^-1 = alpha I + beta Phi^T Phi and m_N = beta S_N Phi^T t, eq (B.20) with its missing
    S_N. A new target at x is normal with mean m_N^T phi(x), eq (B.23), and variance
    1 / beta + phi(x)^T S_N phi(x), eq (B.24). alpha and beta, where not given, are those that make
    the targets most probable.

    Where the columns fit the target exactly that has no answer: beta then grows without bound. It
    is held at a noise of 1e-8 of the target's root mean square, with a `ConvergenceWarning`.

    Args:
        degree: highest total degree, harmonic or number of centres.
        basis: legendre, chebyshev, monomial, fourier, gaussian, sigmoid or linear; the prior
            belongs to the weights of this basis, over the range of the training rows.
        intercept: have the constant phi_0 = 1; the prior covers its weight too.
        prior: isotropic, or ard for one precision per column.
        prior_precision: alpha, or None for the best.
        noise_precision: beta, or None for the best.
        noise: gaussian, or student for an unknown beta that is integrated over; prior_precision
            is then in units of beta.
        noise_shape, noise_rate: a_0 and b_0 of the student noise.

    Attributes:
        coef_: m_N of the columns, the constant's left out, (M,).
        intercept_: m_N of the constant, or 0 without one.
        terms_: names of the columns, (M,).
        sigma_: covariance of the weights, the constant's first, (M + 1, M + 1).
        alpha_: alpha, or with ard one per column, (M + 1,), infinite where the column is dropped.
        beta_: beta, or with student noise its posterior mean. (scikit-learn's BayesianRidge calls
            this alpha_ and the other lambda_.)
        log_evidence_: ln p(t), in nats.
        effective_parameters_: gamma, how many weights the data determine.
        certificate_: the gradient of the log evidence at the precisions that were estimated, with
            the tolerance; None if all were given.

    Raises:
        ParameterError: a parameter is not allowed; from `fit`.

    Example:
        >>> import numpy as np
        >>> from mlcli.estimators import BayesianRegressor
        >>> x = np.linspace(0, 1, 20)[:, None]
        >>> t = np.sin(6 * x[:, 0]) + 0.1 * np.cos(97 * np.arange(20))
        >>> model = BayesianRegressor(degree=5).fit(x, t)
        >>> mean, std = model.predict([[0.5], [2.0]], return_std=True)
        >>> bool(std[1] > 10 * std[0])  # far from the data it knows that it knows little
        True
    """

    def __init__(
        self,
        degree: int = default(BayesConfig, "degree"),
        basis: str = default(BayesConfig, "basis"),
        *,
        intercept: bool = default(BayesConfig, "intercept"),
        prior: str = default(BayesConfig, "prior"),
        prior_precision: float | None = default(BayesConfig, "prior_precision"),
        noise_precision: float | None = default(BayesConfig, "noise_precision"),
        noise: str = default(BayesConfig, "noise"),
        noise_shape: float = default(BayesConfig, "noise_shape"),
        noise_rate: float = default(BayesConfig, "noise_rate"),
    ) -> None:
        self.degree = degree
        self.basis = basis
        self.intercept = intercept
        self.prior = prior
        self.prior_precision = prior_precision
        self.noise_precision = noise_precision
        self.noise = noise
        self.noise_shape = noise_shape
        self.noise_rate = noise_rate

    def fit(self, X: Any, y: Any) -> BayesianRegressor:
        """Fit to rows X (N, D) and targets y (N,)."""
        if self.prior == "general":
            raise ParameterError(
                "BayesianRegressor: prior", must="isotropic or ard", got="'general'"
            )
        config: BayesConfig = self._config(BayesConfig)
        if not config.intercept and config.degree == 0:
            raise ParameterError(
                "BayesianRegressor: degree", must="at least 1 without an intercept", got="0"
            )
        X, t = self._training_rows(X, y)
        data = in_memory(X, t)
        self._basis: Basis = basis_of(
            config, data.low, data.high, model_degree(config), data.redundant
        )
        self._model: PosteriorFit = _fit(config, r_factor_of(self._basis, data))
        self.certificate_: Certificate | None = self._model.certificate
        warn_uncertified(self.certificate_, "given precisions, or a lower degree")
        return self

    @overload
    def predict(self, X: Any) -> Floats: ...
    @overload
    def predict(self, X: Any, return_std: Literal[False]) -> Floats: ...
    @overload
    def predict(self, X: Any, return_std: Literal[True]) -> tuple[Floats, Floats]: ...
    def predict(self, X: Any, return_std: bool = False) -> Floats | tuple[Floats, Floats]:
        """Mean (B.23) at rows X (n, D), (n,), and on request the standard deviation (B.24) of t."""
        Phi = self._columns(X)
        if not return_std:
            # For the mean alone the covariance of the weights is not needed.
            return np.asarray(Phi @ self._model.posterior.mean)
        mean, std, _ = self._model.predict(Phi)
        return mean, std

    def predict_interval(self, X: Any, level: float = 0.95) -> tuple[Floats, Floats]:
        """Ends of the central interval that has t with this probability, (n,) each."""
        mean, _, half = self._model.predict(self._columns(X), level)
        return mean - half, mean + half

    def _columns(self, X: Any) -> Floats:
        rows = self._rows(X)
        return self._basis.evaluate(rows)  # (n, M + 1)

    @property
    def coef_(self) -> Floats:
        """Posterior means of the weights, (M,)."""
        return self._weights()[int(self.intercept) :]

    @property
    def intercept_(self) -> float:
        """Posterior mean of the constant, or 0 without one."""
        return float(self._weights()[0]) if self.intercept else 0.0

    @property
    def terms_(self) -> list[str]:
        """Names of the columns, (M,)."""
        check_is_fitted(self)
        return self._basis.terms(self._feature_names())[int(self.intercept) :]

    @property
    def sigma_(self) -> Floats:
        """Covariance of the weights, (M + 1, M + 1)."""
        check_is_fitted(self)
        return self._model.posterior.covariance

    @property
    def alpha_(self) -> float | Floats | None:
        """Precision of the prior, one number or one per column."""
        check_is_fitted(self)
        one = self._model.prior_precision
        return self._model.prior_precisions if one is None else one

    @property
    def beta_(self) -> float:
        """Precision of the noise."""
        check_is_fitted(self)
        return self._model.noise_precision

    @property
    def log_evidence_(self) -> float:
        """ln p(t), in nats."""
        check_is_fitted(self)
        return self._model.log_evidence

    @property
    def effective_parameters_(self) -> float:
        """gamma."""
        check_is_fitted(self)
        return self._model.effective_parameters

    def _weights(self) -> Floats:
        check_is_fitted(self)
        return self._model.posterior.mean


def _fit(config: BayesConfig, r_factor: RFactor) -> PosteriorFit:
    """The posterior; with next to no noise where the evidence has no finite maximum."""
    try:
        return fit(config, r_factor)
    except NoAnswerError:
        if config.noise_precision is not None:
            raise
        square = float(r_factor.R[:, -1] @ r_factor.R[:, -1]) / r_factor.n_rows
    warnings.warn(
        "the columns fit the target exactly, so the noise is taken as "
        f"{NO_NOISE:g} of its root mean square; try a lower degree or more rows",
        ConvergenceWarning,
        stacklevel=3,
    )
    given = {"noise_precision": 1.0 / (NO_NOISE**2 * square)} if square else ZEROS
    kept = config.model_copy(update={"prior": "isotropic", "noise": "gaussian", **given})
    return fit(kept, r_factor)
