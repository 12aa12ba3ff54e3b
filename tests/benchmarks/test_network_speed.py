"""The NumPy network against scikit-learn's MLPClassifier: ratios, never a gate."""

from __future__ import annotations

import warnings
from statistics import median

import numpy as np
import pytest

from mlcli.backpropagation.activations import relu
from mlcli.backpropagation.layers import new_network
from mlcli.backpropagation.losses import softmax_cross_entropy
from mlcli.backpropagation.training import minibatches, train
from tests.benchmarks.conftest import Stopwatch
from tests.benchmarks.data import digits

N_EPOCHS = 5
N_SAMPLES = 6400


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_an_epoch_against_scikit_learn(stopwatch: Stopwatch, dtype: type) -> None:
    import sklearn
    from sklearn.neural_network import MLPClassifier

    X, labels = digits(N_SAMPLES, dtype)
    start = new_network(np.random.default_rng(1), [64, 128, 128, 10], relu(), dtype=dtype)

    def ours() -> None:
        batches = minibatches(np.random.default_rng(2), N_SAMPLES, 64, N_EPOCHS)
        train(start, X, labels, softmax_cross_entropy, batches, learning_rate=0.01, momentum=0.9)

    def theirs() -> None:
        peer = MLPClassifier(
            (128, 128),
            solver="sgd",
            alpha=0.0,
            batch_size=64,
            learning_rate_init=0.01,
            momentum=0.9,
            nesterovs_momentum=False,
            max_iter=N_EPOCHS,
            tol=0.0,
            n_iter_no_change=N_EPOCHS + 1,
            random_state=0,
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            peer.fit(X, labels)
        assert peer.n_iter_ == N_EPOCHS

    times = stopwatch.rounds([ours, theirs], 7)
    a_step = 1e3 * median(ours for ours, _ in times) / (N_EPOCHS * N_SAMPLES // 64)
    stopwatch.keep(
        f"numpy-network-{np.dtype(dtype).name}",
        [b / a for a, b in times],
        f"MLPClassifier of scikit-learn {sklearn.__version__}",
        f"{a_step:.2f} ms a step",
    )
