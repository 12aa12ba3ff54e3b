"""Data that several benchmarks share."""

from __future__ import annotations

import numpy as np


def cubic(n_rows: int) -> tuple[np.ndarray, np.ndarray]:
    """A noisy cubic of one input: X (n_rows, 1), t (n_rows,)."""
    rng = np.random.default_rng(0)
    x = rng.uniform(-2, 2, n_rows)
    return x[:, None], 0.5 * x**3 + 0.3 * x**2 - 0.25 * x + 1 + rng.normal(0, 1.95, n_rows)


def digits(n_samples: int, dtype: type = np.float32) -> tuple[np.ndarray, np.ndarray]:
    """Noisy copies of the 8 x 8 digits: (n_samples, 64) and labels."""
    from sklearn.datasets import load_digits

    X, labels = load_digits(return_X_y=True)
    rng = np.random.default_rng(0)
    rows = rng.integers(0, len(X), n_samples)
    noisy = X[rows] / 16 + rng.normal(0, 0.1, (n_samples, 64))
    return noisy.astype(dtype), labels[rows]
