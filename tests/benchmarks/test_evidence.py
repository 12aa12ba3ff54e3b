"""Evidence maximisation against scikit-learn's, in one run."""

from __future__ import annotations

from statistics import median

import pytest

from mlcli.config.bayes import BayesConfig
from mlcli.experiments.bayes.columns import basis_of, in_memory, triangle_of
from mlcli.linear.bayes.evidence import EvidenceMaximum, maximise_evidence
from mlcli.linear.bayes.spectrum import spectrum
from tests.benchmarks.test_polynomial import pairs
from tests.benchmarks.test_selection import cubic


def test_evidence_of_a_million_rows() -> None:
    from sklearn.linear_model import BayesianRidge
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import PolynomialFeatures

    X, t = cubic(1_000_000)
    data, config = in_memory(X, t), BayesConfig()
    basis = basis_of(config, data.low, data.high, 10)
    columns = basis.evaluate(X)

    def ours() -> EvidenceMaximum:
        return maximise_evidence(spectrum(triangle_of(basis, data)))

    def theirs() -> BayesianRidge:
        return BayesianRidge(fit_intercept=False).fit(columns, t)

    found, peer = ours(), theirs()
    assert found.noise_precision == pytest.approx(peer.alpha_, rel=1e-6)
    assert found.prior_precision == pytest.approx(peer.lambda_, rel=1e-3)
    from_x = make_pipeline(PolynomialFeatures(10, include_bias=False), BayesianRidge())
    ready, whole = pairs(ours, theirs, 7), pairs(ours, lambda: from_x.fit(X, t), 5)
    print(
        f"\nevidence maximisation from x, 1,000,000 rows, degree 10: PolynomialFeatures + "
        f"BayesianRidge takes {median(whole):.0f} ({whole[0]:.0f}-{whole[-1]:.0f}) times as long, "
        f"BayesianRidge on ready-made columns {median(ready):.0f} "
        f"({ready[0]:.0f}-{ready[-1]:.0f}) times"
    )
