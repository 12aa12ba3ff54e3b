"""Batch and layer normalisation (section 7.3) with a leading member axis."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from mlcli.neural.shared_normalisation import shared_batch_norm
from mlcli.neural.shares import Share

EPSILON = 1e-5
# The weight of the newest minibatch in the moving averages.
MOMENTUM = 0.1


def batch_norm(
    A: Tensor,
    gamma: Tensor,
    beta: Tensor,
    mean: Tensor,
    var: Tensor,
    training: bool,
    share: Share | None = None,
) -> Tensor:
    """(7.24): x_hat = (a - mu_B) / sqrt(sigma_B^2 + eps), gamma x_hat + beta.

    In training mu_B and sigma_B^2 (divided by m_B) are the minibatch's, and the moving averages
    take them in, the variance as m_B/(m_B - 1) sigma_B^2; in evaluation the averages serve.

    Args:
        A: (M, B, n).
        gamma: (M, 1, n).
        beta: (M, 1, n).
        mean: moving average, (M, n), changed in place in training.
        var: moving average, (M, n), changed in place in training.
        training: whether the minibatch's own statistics serve.
        share: which rows of the minibatch A has; None: all.

    Returns:
        (M, B, n).
    """
    if not training:
        scale = gamma * torch.rsqrt(var + EPSILON).unsqueeze(1)  # (M, 1, n)
        return (A - mean.unsqueeze(1)) * scale + beta
    n_members, n_rows, n = A.shape
    # Statistics are per channel, so members and neurons together are the channels.
    channels = A.transpose(0, 1).reshape(n_rows, -1)  # (B, M n)
    out = batch_norm_channels(channels, gamma, beta, mean, var, True, share)
    return out.view(n_rows, n_members, n).transpose(0, 1)  # (M, B, n)


def batch_norm_channels(
    Z: Tensor,
    gamma: Tensor,
    beta: Tensor,
    mean: Tensor,
    var: Tensor,
    training: bool,
    share: Share | None = None,
) -> Tensor:
    """The same of channels side by side, (B, M c, ...); gamma and the others have M c entries."""
    averages = mean.view(-1), var.view(-1)
    if training and share is not None and share.split:
        out, *found = shared_batch_norm(Z, gamma.reshape(-1), beta.reshape(-1), EPSILON, share)
        with torch.no_grad():
            for average, new in zip(averages, found, strict=True):
                average.mul_(1 - MOMENTUM).add_(new, alpha=MOMENTUM)
        return out
    return functional.batch_norm(
        Z,
        *averages,
        gamma.reshape(-1),
        beta.reshape(-1),
        training=training,
        momentum=MOMENTUM,
        eps=EPSILON,
    )


def layer_norm(A: Tensor, gamma: Tensor, beta: Tensor) -> Tensor:
    """(7.24) with mean and variance over the n inputs of each row instead of over the minibatch.

    Args:
        A: (M, B, n).
        gamma: (M, 1, n).
        beta: (M, 1, n).

    Returns:
        (M, B, n).
    """
    return functional.layer_norm(A, A.shape[-1:], eps=EPSILON) * gamma + beta
