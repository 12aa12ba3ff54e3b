"""Evidence maximisation against scikit-learn's: ratios, never a gate."""

from __future__ import annotations

import pytest

from mlcli.experiments.bayes.columns import basis_of, in_memory, r_factor_of
from mlcli.experiments.bayes.config import BayesConfig
from mlcli.linear.bayes.evidence import EvidenceMaximum, maximise_evidence
from mlcli.linear.bayes.posterior import spectrum
from tests.benchmarks.conftest import Stopwatch
from tests.benchmarks.data import cubic


def test_evidence_of_a_million_rows(stopwatch: Stopwatch) -> None:
    import sklearn
    from sklearn.linear_model import BayesianRidge
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import PolynomialFeatures

    X, t = cubic(1_000_000)
    data, config = in_memory(X, t), BayesConfig()
    basis = basis_of(config, data.low, data.high, 10)
    columns = basis.evaluate(X)

    def ours() -> EvidenceMaximum:
        return maximise_evidence(spectrum(r_factor_of(basis, data)))

    def theirs() -> BayesianRidge:
        return BayesianRidge(fit_intercept=False).fit(columns, t)

    found, peer = ours(), theirs()
    assert found.noise_precision == pytest.approx(peer.alpha_, rel=1e-6)
    assert found.prior_precision == pytest.approx(peer.lambda_, rel=1e-3)
    from_x = make_pipeline(PolynomialFeatures(10, include_bias=False), BayesianRidge())
    times = stopwatch.rounds([ours, theirs, lambda: from_x.fit(X, t)], 5)
    name = f"BayesianRidge of scikit-learn {sklearn.__version__}"
    stopwatch.keep("evidence", [t[2] / t[0] for t in times], f"PolynomialFeatures + {name}")
    stopwatch.keep("evidence-ready", [t[1] / t[0] for t in times], name)
