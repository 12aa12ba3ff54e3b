"""Random numbers that are the same every time."""

from __future__ import annotations

import numpy as np

from mlcli.rng import one_of_each


def test_one_of_each_run_and_each_level_within_the_one_below() -> None:
    below = np.arange(5000)
    for level in range(8):
        chosen = one_of_each(level, 0, 5000)
        assert (np.diff(chosen) > 0).all()
        runs = chosen >> level
        assert np.isin(chosen, below).all()
        np.testing.assert_array_equal(np.unique(runs), runs)
        # The last run may be cut off before its number.
        assert set(range(5000 >> level)) <= set(runs.tolist())
        parts = [one_of_each(level, a, min(a + 77, 5000)) for a in range(0, 5000, 77)]
        np.testing.assert_array_equal(np.concatenate(parts), chosen)
        below = chosen


def test_no_place_in_a_run_is_preferred() -> None:
    places = one_of_each(4, 0, 2**20) % 16
    counts = np.bincount(places, minlength=16) / (2**16 / 16)
    # Each count has a standard deviation of 0.015.
    assert abs(counts - 1).max() < 0.06
    assert abs(np.corrcoef(places[:-1], places[1:])[0, 1]) < 0.02
