"""Logistic regression against scikit-learn's: ratios, never a gate."""

from __future__ import annotations

import numpy as np

from mlcli.classification.newton import LogisticFit, fit_newton
from mlcli.classification.objective import Objective, even_weights
from mlcli.classification.softmax import sigmoid
from tests.benchmarks.conftest import Stopwatch

N_ROWS, N_FEATURES, L2 = 100_000, 50, 1e-4


def test_a_hundred_thousand_rows_of_fifty_features(stopwatch: Stopwatch) -> None:
    import sklearn
    from sklearn.linear_model import LogisticRegression

    rng = np.random.default_rng(0)
    X = rng.normal(size=(N_ROWS, N_FEATURES))
    labels = (rng.uniform(size=N_ROWS) < sigmoid(X @ rng.normal(size=N_FEATURES) / 3)).astype(int)

    def ours() -> LogisticFit:
        Phi = np.column_stack([np.ones(N_ROWS), X])
        return fit_newton(Objective(Phi, labels, 2, even_weights(N_ROWS), l2=L2, free=(0,)))

    def peer(**settings: object) -> LogisticRegression:
        strength = 1 / (2 * L2 * N_ROWS)
        return LogisticRegression(C=strength, **settings).fit(X, labels)

    exact = peer(tol=1e-12, max_iter=1000, solver="newton-cholesky")
    np.testing.assert_allclose(ours().W[1:, 0], exact.coef_[0], atol=1e-6)
    times = stopwatch.rounds([ours, peer, lambda: peer(solver="newton-cholesky")], 9)
    name = f"LogisticRegression of scikit-learn {sklearn.__version__}"
    stopwatch.keep("logistic", [t[0] / t[1] for t in times], f"{name} as shipped")
    stopwatch.keep("logistic-newton", [t[0] / t[2] for t in times], f"{name}, newton-cholesky")
