"""The basic convnet of section 8.4 put together from the pieces, against torch."""

from __future__ import annotations

import numpy as np

from mlcli.backpropagation.activations import relu
from mlcli.backpropagation.backpropagation import backward, forward
from mlcli.backpropagation.layers import new_network
from mlcli.backpropagation.losses import softmax_cross_entropy
from mlcli.convolution.convolution import convolve, convolve_backward, flatten
from mlcli.convolution.pooling import pool_max, pool_max_backward


def test_a_convnet_has_the_loss_and_the_gradients_of_torch() -> None:
    import torch
    from torch.nn import functional

    torch.set_num_threads(1)
    rng, h = np.random.default_rng(0), relu()
    Z, labels = rng.normal(size=(5, 1, 8, 8)), rng.integers(0, 3, 5)
    F, b = 0.5 * rng.normal(size=(4, 1, 3, 3)), rng.normal(size=4)
    dense = new_network(rng, [4 * 4 * 4, 6, 3], h)

    z = h.value(convolve(Z, F, b, padding=1))  # (5, 4, 8, 8)
    pooled = pool_max(z, 2, 2)  # (5, 4, 4, 4)
    outputs, kept = forward(dense, flatten(pooled))
    E, delta = softmax_cross_entropy(outputs, labels)
    gradients = backward(dense, kept, delta)
    delta = (gradients[0].delta @ dense[0].W).reshape(pooled.shape)
    delta = pool_max_backward(z, delta, 2, 2) * h.derivative(z)
    found = [
        *convolve_backward(Z, F, delta, padding=1),
        *(array for layer in gradients for array in layer.arrays),
    ]

    arrays = [Z, F, b, *(array for layer in dense for array in (layer.W, layer.b))]
    t = [torch.tensor(array, requires_grad=True) for array in arrays]
    peer = functional.max_pool2d(functional.conv2d(t[0], t[1], t[2], padding=1).relu(), 2)
    peer = functional.linear(peer.flatten(1), t[3], t[4]).relu()
    E_torch = functional.cross_entropy(functional.linear(peer, t[5], t[6]), torch.tensor(labels))
    E_torch.backward()
    np.testing.assert_allclose(E, E_torch.item(), rtol=1e-13)
    for ours, tensor in zip(found, t, strict=True):
        np.testing.assert_allclose(ours, tensor.grad.numpy(), atol=1e-14)
