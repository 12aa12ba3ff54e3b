"""Tests of differences and their adjustment, against SciPy and by simulation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from mlcli.selection.intervals import holm_adjusted, p_value


def test_independent_splits_give_the_paired_t_test() -> None:
    d = np.random.default_rng(0).normal(0.5, 1.0, size=12)
    mine = p_value(float(d.mean()), float(d.std(ddof=1)) / d.size**0.5, d.size - 1)
    assert mine == pytest.approx(stats.ttest_1samp(d, 0.0).pvalue)
    assert p_value(0.0, 0.0, 11) is None


def test_holm_by_hand() -> None:
    assert holm_adjusted([0.04, 0.01, None, 0.03]) == pytest.approx([0.06, 0.03, None, 0.06])
    assert holm_adjusted([0.9, 0.8]) == [1.0, 1.0]
    assert holm_adjusted([None]) == [None]


def test_holm_errs_in_5_percent_of_families_without_an_effect() -> None:
    rng = np.random.default_rng(1)
    wrong = sum(
        min(p for p in holm_adjusted(rng.uniform(size=8).tolist()) if p is not None) < 0.05
        for _ in range(4000)
    )
    assert 0.04 < wrong / 4000 < 0.06
