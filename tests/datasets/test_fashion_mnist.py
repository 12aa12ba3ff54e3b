"""The real Fashion-MNIST, where this machine has it."""

from __future__ import annotations

import numpy as np
import pytest

from mlcli.datasets.fetch import find
from mlcli.datasets.source import open_source

WITHOUT = "Fashion-MNIST is not on this machine; `mlcli data fetch fashion-mnist`"


@pytest.mark.skipif(find("fashion-mnist") is None, reason=WITHOUT)
def test_it_opens_at_once_and_holds_its_test_rows_last() -> None:
    """Both parts have as many images of each class: 6,000 and 1,000."""
    source = open_source("fashion-mnist")
    assert (source.n_rows, source.n_own_test) == (70_000, 10_000)
    assert (source.task, source.image_shape) == ("classification", (28, 28))
    data = source.replicate(0, 0)
    assert (data.X.shape, data.X.dtype, data.n_own_test) == ((70_000, 784), np.float64, 10_000)
    assert (data.X[:100].min(), data.X[:100].max()) == (0, 255)
    np.testing.assert_array_equal(np.bincount(data.t[:-10_000].astype(int)), [6000] * 10)
    np.testing.assert_array_equal(np.bincount(data.t[-10_000:].astype(int)), [1000] * 10)
