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

    X, t = cubic(1_000_000)
    data, config = in_memory(X, t), BayesConfig()
    basis = basis_of(config, data.low, data.high, 10)
    columns = basis.evaluate(X)

    def ours() -> EvidenceMaximum:
        return maximise_evidence(spectrum(triangle_of(basis, data)))

    # They get the columns ready made; ours are made from x within the time.
    def theirs() -> BayesianRidge:
        return BayesianRidge(fit_intercept=False).fit(columns, t)

    found, peer = ours(), theirs()
    assert found.noise_precision == pytest.approx(peer.alpha_, rel=1e-6)
    assert found.prior_precision == pytest.approx(peer.lambda_, rel=1e-3)
    ratios = pairs(ours, theirs, 7)
    print(
        f"\nevidence maximisation, 1,000,000 rows, degree 10: BayesianRidge takes "
        f"{median(ratios):.0f} ({ratios[0]:.0f}-{ratios[-1]:.0f}) times as long"
    )
