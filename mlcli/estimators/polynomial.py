"""`fit-poly` as an estimator."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral
from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from mlcli.certificate import Certificate, worst_of
from mlcli.estimators.base import Floats, RegressorEstimator, warn_uncertified
from mlcli.estimators.parameters import ParameterError, default
from mlcli.experiments.bayes.config import BayesConfig
from mlcli.experiments.fit_poly.config import FitPolyConfig
from mlcli.experiments.fit_poly.prepare import spec_of
from mlcli.experiments.linear_fits import Coefficients, LinearFits, fit


class PolynomialRegressor(RegressorEstimator):
    """Linear basis-function regression in closed form (sections 3 and 4 of the notes).

    The prediction is y(x; w) = sum_j w_j phi_j(x), eq (3.9), with phi of (3.8) or another basis;
    w minimises E(w) = 1/2N sum_a (t_a - y(x_a; w))^2 + l1 sum_j |w_j| + l2 sum_j w_j^2, eq (3.13),
    the constant w_0 left out of both sums. Without a penalty the minimum is that of (4.5), found
    in an orthonormal basis, so that degree 300 is as safe as degree 3. Several features get all
    products up to the total degree; with the bases fourier, gaussian and sigmoid, a sum over the
    features.

    Args:
        degree: highest total degree, harmonic or number of centres; linear has only one size.
        basis: polynomial, legendre, chebyshev, fourier, gaussian, sigmoid or linear.
        intercept: fit the constant w_0.
        penalty: none, l1, l2 or elastic.
        l1, l2: strengths in (3.13), each used by its own penalty and by elastic.
        standardize: penalise the coefficients of standardised columns.
        solver: arnoldi, lapack (standardised columns, small singular values cut off, as the notes
            did) or certified (every digit right; raw monomials).
        rcond: where lapack cuts off, as a share of the largest; None: machine epsilon.

    Attributes:
        coef_: weights of the columns phi_j in x itself, the constant's left out, (M,); for the
            bases polynomial and linear these are powers of x.
        intercept_: w_0, or 0 without one.
        terms_: the names of the columns, (M,), as ``x1^2`` and ``x1*x2``.
        std_error_: standard errors of `coef_`, (M,); None under a penalty and where N = M + 1.
        effective_rank_: independent columns that were used, the constant included.
        degrees_of_freedom_: trace of the hat matrix.
        certificate_: how far the fit can be from the minimum of (3.13), with the tolerance at
            which it counts as converged; None for fits in closed form.

    Raises:
        ParameterError: a parameter is not allowed; from `fit`.

    Example:
        >>> import numpy as np
        >>> from mlcli.estimators import PolynomialRegressor
        >>> x = np.linspace(-1, 1, 5)[:, None]
        >>> model = PolynomialRegressor(degree=2).fit(x, 1 + 2 * x[:, 0] ** 2)
        >>> (model.coef_.round(12) + 0.0).tolist(), round(model.intercept_, 12)  # 0.0 for -0.0
        ([0.0, 2.0], 1.0)
        >>> model.predict([[2.0]]).round(12).tolist()
        [9.0]
    """

    def __init__(
        self,
        degree: int = default(BayesConfig, "degree"),
        basis: str = default(FitPolyConfig, "basis"),
        *,
        intercept: bool = default(FitPolyConfig, "intercept"),
        penalty: str = default(FitPolyConfig, "penalty"),
        l1: float = default(FitPolyConfig, "l1"),
        l2: float = default(FitPolyConfig, "l2"),
        standardize: bool = default(FitPolyConfig, "standardize"),
        solver: str = default(FitPolyConfig, "solver"),
        rcond: float | None = default(FitPolyConfig, "rcond"),
    ) -> None:
        self.degree = degree
        self.basis = basis
        self.intercept = intercept
        self.penalty = penalty
        self.l1 = l1
        self.l2 = l2
        self.standardize = standardize
        self.solver = solver
        self.rcond = rcond

    def fit(self, X: Any, y: Any) -> PolynomialRegressor:
        """Fit to rows X (N, D) and targets y (N,)."""
        degree, lowest = self.degree, 0 if self.intercept else 1
        if not isinstance(degree, Integral) or isinstance(degree, bool) or degree < lowest:
            must = f"an integer at least {lowest}"
            raise ParameterError("PolynomialRegressor: degree", must=must, got=repr(degree))
        config: FitPolyConfig = self._config(FitPolyConfig, degrees=(int(degree),))
        if config.solver == "certified" and config.basis not in ("polynomial", "linear"):
            raise ParameterError(
                "PolynomialRegressor: solver certified",
                must="with the basis polynomial or linear",
                got=config.basis,
                hint="solver arnoldi",
            )
        X, t = self._training_rows(X, y)
        self._model: LinearFits = fit(spec_of(config), X, t, self._feature_names())
        self._n_rows: int = t.size
        self.certificate_: Certificate | None = worst_of(*self._model.certificates)
        warn_uncertified(self.certificate_, "a larger l1 or l2, or a lower degree")
        return self

    def predict(self, X: Any) -> Floats:
        """y(x; w) of (3.9) at rows X (n, D): (n,)."""
        rows = self._rows(X)
        return self._model.predict(rows)[:, 0]

    @property
    def coef_(self) -> Floats:
        """Weights of the columns in x itself, (M,)."""
        return self._coefficients().estimate[int(self.intercept) :]

    @property
    def intercept_(self) -> float:
        """w_0, or 0 without one."""
        return float(self._coefficients().estimate[0]) if self.intercept else 0.0

    @property
    def terms_(self) -> Sequence[str]:
        """Names of the columns, (M,)."""
        return self._coefficients().terms[int(self.intercept) :]

    @property
    def std_error_(self) -> Floats | None:
        """sigma sqrt(diag (Phi^T Phi)^-1) with sigma^2 = rss / (N - rank), (M,)."""
        unit = self._coefficients().unit_std_error
        left = self._n_rows - self.effective_rank_
        if unit is None or left <= 0:
            return None
        sigma = np.sqrt(self._model.train_rss[0] / left)
        return np.asarray(sigma * unit[int(self.intercept) :])

    @property
    def effective_rank_(self) -> int:
        """Independent columns that were used."""
        check_is_fitted(self)
        return int(self._model.effective_rank[0])

    @property
    def degrees_of_freedom_(self) -> float:
        """Trace of the hat matrix."""
        check_is_fitted(self)
        return float(self._model.degrees_of_freedom[0])

    def _coefficients(self) -> Coefficients:
        # Not part of the fit: at high degrees the change to raw powers takes longer than that.
        check_is_fitted(self)
        return self._model.coefficients(0)
