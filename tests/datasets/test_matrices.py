"""Matrices whose rows and columns mean something: the rule, the defaults, its noise."""

from __future__ import annotations

import numpy as np
import pytest

from mlcli.datasets.registry import DATASETS, describe
from mlcli.datasets.source import open_source
from mlcli.datasets.synthetic import SHAPE, SYNTHETIC, MatricesSpec
from mlcli.errors import DataError


def test_the_rule_entry_by_entry() -> None:
    spec = SYNTHETIC["imbalance"]
    assert isinstance(spec, MatricesSpec)
    A = np.random.default_rng(0).integers(0, 3, (4, *SHAPE))
    expected = [
        sum(abs(sum(row[:7]) - sum(row[8:])) for row in matrix)
        + sum(abs(sum(column[:6]) - sum(column[6:])) for column in matrix.T)
        for matrix in A
    ]
    np.testing.assert_array_equal(spec.truth(A.reshape(4, -1).astype(float)), expected)


def test_draws_are_whole_numbers_and_images() -> None:
    source = open_source("imbalance", n_samples=500)
    data = source.replicate(0, 0)
    assert (source.image_shape, source.task, source.n_rows) == (SHAPE, "regression", 500)
    assert DATASETS["imbalance"].image_shape == SHAPE
    assert set(np.unique(data.X)) == {0.0, 1.0, 2.0}
    np.testing.assert_array_equal(data.t, np.round(data.t))
    np.testing.assert_array_equal(data.X, source.replicate(0, 0).X)
    assert not np.array_equal(data.X, source.replicate(1, 0).X)
    assert describe("imbalance")["parameters"] == {"n_samples": 20_000, "noise_std": 0.0}


def test_noise_is_added_to_the_target() -> None:
    loud = open_source("imbalance", n_samples=4000, noise_std=0.5).replicate(0, 0)
    quiet = open_source("imbalance", n_samples=4000).replicate(0, 0)
    np.testing.assert_array_equal(loud.X, quiet.X)
    assert np.std(loud.t - quiet.t) == pytest.approx(0.5, rel=0.05)
    with pytest.raises(DataError, match="range of x"):
        open_source("imbalance", x_min=0.0)
