"""Batch and layer normalisation (section 7.3) with a leading member axis."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from mlcli.neural.data_parallel import Shard

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
    shard: Shard | None = None,
) -> Tensor:
    """(7.24): x_hat = (a - mu_B) / sqrt(sigma_B^2 + eps), gamma x_hat + beta.

    In training mu_B and sigma_B^2 (divided by m_B) are those of the minibatch and update the moving
    averages, the variance as m_B/(m_B - 1) sigma_B^2. In evaluation the averages are used.

    Args:
        A: (M, B, n).
        gamma: (M, 1, n).
        beta: (M, 1, n).
        mean: moving average, (M, n), changed in place in training.
        var: moving average, (M, n), changed in place in training.
        training: whether to use the statistics of the minibatch.
        shard: which rows of the minibatch A has; None: all.

    Returns:
        (M, B, n).
    """
    if not training:
        scale = gamma * torch.rsqrt(var + EPSILON).unsqueeze(1)  # (M, 1, n)
        return (A - mean.unsqueeze(1)) * scale + beta
    n_members, n_rows, n = A.shape
    # Statistics are per channel, so members and neurons together are the channels.
    channels = A.transpose(0, 1).reshape(n_rows, -1)  # (B, M n)
    out = batch_norm_channels(channels, gamma, beta, mean, var, True, shard)
    return out.view(n_rows, n_members, n).transpose(0, 1)  # (M, B, n)


def batch_norm_channels(
    Z: Tensor,
    gamma: Tensor,
    beta: Tensor,
    mean: Tensor,
    var: Tensor,
    training: bool,
    shard: Shard | None = None,
) -> Tensor:
    """The same of channels side by side, (B, M c, ...); gamma and the others have M c entries."""
    averages = mean.view(-1), var.view(-1)
    if training and shard is not None and shard.split:
        out, *found = shared_batch_norm(Z, gamma.reshape(-1), beta.reshape(-1), EPSILON, shard)
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


def shared_batch_norm(
    Z: Tensor, gamma: Tensor, beta: Tensor, epsilon: float, shard: Shard
) -> tuple[Tensor, Tensor, Tensor]:
    """Normalise each channel with the mean and variance of all processes' rows.

    Args:
        Z: this process's rows, (B, C, ...).
        gamma: (C,).
        beta: (C,).
        epsilon: added to the variance.
        shard: which rows they are.

    Returns:
        gamma z_hat + beta, as Z; mean (C,) and unbiased variance (C,) of the whole minibatch.
    """
    found: tuple[Tensor, Tensor, Tensor] = _BatchNorm.apply(Z, gamma, beta, epsilon, shard)  # type: ignore[no-untyped-call]
    return found


class _BatchNorm(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, Z: Tensor, gamma: Tensor, beta: Tensor, epsilon: float, shard: Shard
    ) -> tuple[Tensor, Tensor, Tensor]:
        values = Z.to(gamma.dtype)
        axes = (0, *range(2, Z.dim()))
        n = shard.n_rows * Z[0, 0].numel()
        mean = values.sum(dim=axes) / n  # (C,)
        shard.group.add(mean)
        centred = values - _along(mean, Z)
        # Centred first: a difference of squares would lose digits of the variance.
        total = centred.square().sum(dim=axes)  # (C,)
        shard.group.add(total)
        rate = torch.rsqrt(total / n + epsilon)  # (C,)
        normal = centred.mul_(_along(rate, Z))
        ctx.save_for_backward(normal, gamma, rate)
        ctx.shard, ctx.axes, ctx.n = shard, axes, n
        var = total / max(n - 1, 1)
        ctx.mark_non_differentiable(mean, var)
        return (normal * _along(gamma, Z) + _along(beta, Z)).to(Z.dtype), mean, var

    @staticmethod
    def backward(ctx: Any, *grad_output: Tensor) -> Any:
        normal, gamma, rate = ctx.saved_tensors
        D = grad_output[0].to(gamma.dtype)
        # Of this process's rows: gradients of all processes are summed later.
        d_beta, d_gamma = D.sum(dim=ctx.axes), (D * normal).sum(dim=ctx.axes)  # (C,) each
        sums = torch.stack([d_beta, d_gamma]) / ctx.n  # (2, C)
        ctx.shard.group.add(sums)
        inner = D - _along(sums[0], D) - normal * _along(sums[1], D)
        d_Z = inner * _along(gamma * rate, D)
        return d_Z.to(grad_output[0].dtype), d_gamma, d_beta, None, None


def _along(channels: Tensor, like: Tensor) -> Tensor:
    """(C,) as (C, 1, ...), which goes with (B, C, ...)."""
    return channels.view(-1, *[1] * (like.dim() - 2))
