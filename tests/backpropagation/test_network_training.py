"""Training: the same 100 steps as torch, a closed form, minibatches, divergence."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from mlcli.backpropagation.activations import ACTIVATIONS, identity, tanh
from mlcli.backpropagation.backpropagation import predict
from mlcli.backpropagation.layers import Network, new_network, parameters
from mlcli.backpropagation.losses import LOSSES, softmax_cross_entropy, square
from mlcli.backpropagation.training import DivergedError, minibatches, train
from mlcli.errors import NoAnswerError


def in_torch(network: Network) -> Any:
    """The same network in torch, with copies of the parameters."""
    import torch
    from torch import nn

    peers = {
        "identity": nn.Identity,
        "sigmoid": nn.Sigmoid,
        "tanh": nn.Tanh,
        "relu": nn.ReLU,
        "leaky_relu": nn.LeakyReLU,
        "elu": nn.ELU,
        "selu": nn.SELU,
    }
    modules: list[Any] = []
    for layer in network:
        n_out, n_in = layer.W.shape
        dense = nn.Linear(n_in, n_out, dtype=torch.float64)
        dense.load_state_dict({"weight": torch.tensor(layer.W), "bias": torch.tensor(layer.b)})
        modules.append(dense)
        if layer.norm is not None:
            modules.append(nn.BatchNorm1d(n_out, dtype=torch.float64))
        modules.append(peers[layer.h.name]())
    return nn.Sequential(*modules)


@pytest.mark.parametrize("normalised", [False, True])
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_100_steps_follow_torch(activation: str, loss: str, normalised: bool) -> None:
    import torch
    from torch.nn import functional

    torch.set_num_threads(1)
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 5))
    labels = (X @ rng.normal(size=(5, 3))).argmax(axis=1)
    t = labels if loss == "softmax_cross_entropy" else np.eye(3)[labels]
    start = new_network(rng, [5, 8, 7, 3], ACTIVATIONS[activation], normalised=normalised)
    batches = list(minibatches(rng, 60, 16, 25))
    assert len(batches) == 100
    peer = in_torch(start)
    ours = train(start, X, t, LOSSES[loss], batches, learning_rate=0.05, momentum=0.9)

    optimiser = torch.optim.SGD(peer.parameters(), lr=0.05, momentum=0.9)
    losses = []
    X_torch, t_torch = torch.tensor(X), torch.tensor(t)
    for rows in batches:
        outputs, target = peer(X_torch[rows]), t_torch[rows]
        if loss == "square":
            E = 0.5 * ((outputs - target) ** 2).sum(1).mean()
        elif loss == "softmax_cross_entropy":
            E = functional.cross_entropy(outputs, target)
        else:
            E = 3 * functional.binary_cross_entropy_with_logits(outputs, target)
        optimiser.zero_grad()
        E.backward()
        optimiser.step()
        losses.append(E.item())
    np.testing.assert_allclose(ours.losses, losses, rtol=1e-8)
    for found, expected in zip(parameters(ours.network), peer.parameters(), strict=True):
        np.testing.assert_allclose(found, expected.detach().numpy(), rtol=1e-8, atol=1e-8)
    peer.eval()
    with torch.no_grad():
        np.testing.assert_allclose(predict(ours.network, X), peer(X_torch).numpy(), atol=1e-8)
    assert np.mean(losses[-4:]) < np.mean(losses[:4])


def test_a_linear_network_finds_least_squares() -> None:
    rng = np.random.default_rng(0)
    X, t = rng.normal(size=(40, 3)), rng.normal(size=(40, 2))
    everything = [np.arange(40)] * 400
    found = train(
        new_network(rng, [3, 2], identity()),
        X,
        t,
        square,
        everything,
        learning_rate=0.3,
        momentum=0.5,
    )
    w, *_ = np.linalg.lstsq(np.column_stack([X, np.ones(40)]), t, rcond=None)
    np.testing.assert_allclose(found.network[0].W, w[:3].T, atol=1e-12)
    np.testing.assert_allclose(found.network[0].b, w[3], atol=1e-12)


def test_without_momentum_a_step_is_minus_eta_times_the_gradient() -> None:
    rng = np.random.default_rng(0)
    X, t = rng.normal(size=(4, 2)), rng.normal(size=(4, 1))
    start = new_network(rng, [2, 1], identity())
    end = train(start, X, t, square, [np.arange(4)], learning_rate=0.1).network
    residual = X @ start[0].W.T - t
    np.testing.assert_allclose(end[0].W, start[0].W - 0.1 * residual.T @ X / 4, rtol=1e-14)
    np.testing.assert_allclose(end[0].b, -0.1 * residual.mean(axis=0), rtol=1e-14)


def test_the_start_is_not_changed() -> None:
    rng = np.random.default_rng(0)
    start = new_network(rng, [2, 3, 2], tanh(), normalised=True)
    norm = start[0].norm
    assert norm is not None
    before = [a.copy() for a in (*parameters(start), norm.running_mean, norm.running_var)]
    X = rng.normal(size=(10, 2))
    batches = minibatches(rng, 10, 4, 3)
    train(start, X, np.arange(10) % 2, softmax_cross_entropy, batches, learning_rate=0.1)
    after = (*parameters(start), norm.running_mean, norm.running_var)
    for old, new in zip(before, after, strict=True):
        np.testing.assert_array_equal(old, new)


def test_a_network_learns_xor() -> None:
    X = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    labels = np.array([0, 1, 1, 0])
    start = new_network(np.random.default_rng(0), [2, 8, 2], tanh())
    found = train(
        start,
        X,
        labels,
        softmax_cross_entropy,
        [np.arange(4)] * 500,
        learning_rate=0.3,
        momentum=0.9,
    )
    assert predict(found.network, X).argmax(axis=1).tolist() == labels.tolist()
    assert found.losses[-1] < 0.01


@pytest.mark.parametrize(
    ("n_samples", "batch_size", "sizes"),
    [(10, 4, [4, 4, 2]), (9, 4, [4, 5]), (8, 4, [4, 4]), (3, 8, [3]), (1, 4, [1]), (3, 1, [1] * 3)],
)
def test_every_epoch_visits_each_row_once(
    n_samples: int, batch_size: int, sizes: list[int]
) -> None:
    found = list(minibatches(np.random.default_rng(0), n_samples, batch_size, 2))
    assert [len(rows) for rows in found] == sizes * 2
    half = len(sizes)
    for epoch in (found[:half], found[half:]):
        assert sorted(np.concatenate(epoch)) == list(range(n_samples))
    if n_samples > 3:
        assert np.concatenate(found[:half]).tolist() != np.concatenate(found[half:]).tolist()


def test_the_same_generator_gives_the_same_network() -> None:
    def trained() -> np.ndarray:
        rng = np.random.default_rng(7)
        start = new_network(rng, [3, 4, 1], tanh())
        X = rng.normal(size=(20, 3))
        batches = minibatches(rng, 20, 6, 4)
        return train(start, X, X[:, :1], square, batches, learning_rate=0.1).losses

    np.testing.assert_array_equal(trained(), trained())


@pytest.mark.parametrize("loss", ["square", "softmax_cross_entropy"])
def test_divergence_has_no_answer_and_no_warning(loss: str) -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(20, 3))
    t = np.arange(20) % 2 if loss == "softmax_cross_entropy" else 10 * rng.normal(size=(20, 2))
    start = new_network(rng, [3, 10, 10, 2], ACTIVATIONS["relu"], scheme="unit")
    with pytest.raises(NoAnswerError, match=r"the loss at step .* smaller learning rate"):
        train(start, X, t, LOSSES[loss], [np.arange(20)] * 300, learning_rate=1e200)


def test_invalid_learning_rates_and_momenta_are_rejected() -> None:
    start, X = new_network(np.random.default_rng(0), [1, 1], tanh()), np.zeros((2, 1))
    with pytest.raises(ValueError, match="learning rate must be positive, got 0"):
        train(start, X, X, square, [], learning_rate=0)
    with pytest.raises(ValueError, match="below 1, got 1"):
        train(start, X, X, square, [], learning_rate=1, momentum=1)
    with pytest.raises(ValueError, match="at least 1, got 0"):
        list(minibatches(np.random.default_rng(0), 3, 0, 1))


def test_a_network_learns_digits() -> None:
    from sklearn.datasets import load_digits

    X, labels = load_digits(return_X_y=True)
    X = (X / 16).astype(np.float32)
    rng = np.random.default_rng(0)
    order = rng.permutation(len(X))
    kept_back, rows = order[:400], order[400:]
    start = new_network(rng, [64, 32, 10], ACTIVATIONS["relu"], scheme="he", dtype=np.float32)
    batches = minibatches(rng, len(rows), 32, 15)
    found = train(
        start,
        X[rows],
        labels[rows],
        softmax_cross_entropy,
        batches,
        learning_rate=0.05,
        momentum=0.9,
    )
    right = predict(found.network, X[kept_back]).argmax(axis=1) == labels[kept_back]
    # Nearest neighbours get 0.98 to 0.99 here, chance 0.10.
    assert right.mean() > 0.94


def test_training_continues_with_a_given_velocity() -> None:
    rng = np.random.default_rng(5)
    X, t = rng.normal(size=(20, 2)), rng.normal(size=(20, 1))
    start = new_network(rng, [2, 3, 1], tanh())
    batches = list(minibatches(rng, 20, 5, 6))
    given = {"learning_rate": 0.05, "momentum": 0.9}
    whole = train(start, X, t, square, batches, **given)  # type: ignore[arg-type]
    first = train(start, X, t, square, batches[:11], **given)  # type: ignore[arg-type]
    kept = first.velocity.copy()
    rest = train(first.network, X, t, square, batches[11:], velocity=first.velocity, **given)  # type: ignore[arg-type]
    for one, other in zip(parameters(whole.network), parameters(rest.network), strict=True):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(whole.velocity, rest.velocity)
    # It was taken over, not written into.
    np.testing.assert_array_equal(first.velocity, kept)


def test_a_single_remaining_row_joins_the_previous_batch() -> None:
    for n, sizes in ((9, [4, 5]), (5, [5]), (6, [4, 2]), (1, [1])):
        found = [rows.size for rows in minibatches(np.random.default_rng(0), n, 4, 1)]
        assert found == sizes, n
    assert [rows.size for rows in minibatches(np.random.default_rng(0), 3, 1, 1)] == [1, 1, 1]


def test_what_diverged_says_so() -> None:
    error = DivergedError(7, float("inf"))
    assert str(error) == "the loss at step 7 must be finite, got inf; try a smaller learning rate"
    assert (error.step, error.loss) == (7, float("inf"))
