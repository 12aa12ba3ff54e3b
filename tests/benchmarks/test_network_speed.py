"""The NumPy network against scikit-learn's MLPClassifier, in one run: ratios, never a gate."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from statistics import median
from typing import Any

import numpy as np
import pytest

from mlcli.scratch.network.activations import relu
from mlcli.scratch.network.layers import new_network
from mlcli.scratch.network.losses import softmax_cross_entropy
from mlcli.scratch.network.training import minibatches, train

N_EPOCHS = 5
N_SAMPLES = 6400


def seconds(work: Callable[[], Any]) -> float:
    t_start = time.perf_counter()
    work()
    return time.perf_counter() - t_start


def digits(dtype: type) -> tuple[np.ndarray, np.ndarray]:
    """Noisy copies of the 8 x 8 digits: (N_SAMPLES, 64) and labels."""
    from sklearn.datasets import load_digits

    X, labels = load_digits(return_X_y=True)
    rng = np.random.default_rng(0)
    rows = rng.integers(0, len(X), N_SAMPLES)
    noisy = X[rows] / 16 + rng.normal(0, 0.1, (N_SAMPLES, 64))
    return noisy.astype(dtype), labels[rows]


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_an_epoch_against_scikit_learn(dtype: type) -> None:
    from sklearn.neural_network import MLPClassifier

    X, labels = digits(dtype)
    start = new_network(np.random.default_rng(1), [64, 128, 128, 10], relu(), dtype=dtype)

    def ours() -> None:
        batches = minibatches(np.random.default_rng(2), N_SAMPLES, 64, N_EPOCHS)
        train(start, X, labels, softmax_cross_entropy, batches, learning_rate=0.01, momentum=0.9)

    def theirs() -> None:
        peer = MLPClassifier(
            (128, 128), solver="sgd", alpha=0.0, batch_size=64, learning_rate_init=0.01,
            momentum=0.9, nesterovs_momentum=False, max_iter=N_EPOCHS, tol=0.0,
            n_iter_no_change=N_EPOCHS + 1, random_state=0,
        )  # fmt: skip
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            peer.fit(X, labels)
        assert peer.n_iter_ == N_EPOCHS

    ours(), theirs()
    times = [(seconds(ours), seconds(theirs)) for _ in range(7)]
    found = sorted(theirs / ours for ours, theirs in times)
    a_step = 1e3 * median(ours for ours, _ in times) / (N_EPOCHS * N_SAMPLES // 64)
    print(
        f"\n64-128-128-10, batch 64, {np.dtype(dtype).name}: {a_step:.2f} ms a step; scikit-learn "
        f"takes {median(found):.2f} ({found[0]:.2f}-{found[-1]:.2f}) times as long"
    )
