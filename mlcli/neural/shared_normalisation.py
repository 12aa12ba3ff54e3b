"""Batch normalisation (7.24) over a minibatch whose rows several processes have."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from mlcli.neural.shares import Share


def shared_batch_norm(
    Z: Tensor, gamma: Tensor, beta: Tensor, epsilon: float, share: Share
) -> tuple[Tensor, Tensor, Tensor]:
    """Each channel with the mean and variance of all processes' rows.

    Args:
        Z: this process's rows, (B, C, ...).
        gamma: (C,).
        beta: (C,).
        epsilon: what is added to the variance.
        share: which rows they are.

    Returns:
        gamma z_hat + beta as Z, and of the whole minibatch the mean (C,) and the variance (C,),
        divided by one less than its numbers.
    """
    found: tuple[Tensor, Tensor, Tensor] = _BatchNorm.apply(Z, gamma, beta, epsilon, share)  # type: ignore[no-untyped-call]
    return found


class _BatchNorm(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, Z: Tensor, gamma: Tensor, beta: Tensor, epsilon: float, share: Share
    ) -> tuple[Tensor, Tensor, Tensor]:
        values = Z.to(gamma.dtype)
        axes = (0, *range(2, Z.dim()))
        n = share.n_rows * Z[0, 0].numel()
        mean = values.sum(dim=axes) / n  # (C,)
        share.group.add(mean)
        centred = values - _along(mean, Z)
        # About the mean: a difference of squares would lose the digits of the variance.
        total = centred.square().sum(dim=axes)  # (C,)
        share.group.add(total)
        rate = torch.rsqrt(total / n + epsilon)  # (C,)
        normal = centred.mul_(_along(rate, Z))
        ctx.save_for_backward(normal, gamma, rate)
        ctx.share, ctx.axes, ctx.n = share, axes, n
        var = total / max(n - 1, 1)
        ctx.mark_non_differentiable(mean, var)
        return (normal * _along(gamma, Z) + _along(beta, Z)).to(Z.dtype), mean, var

    @staticmethod
    def backward(ctx: Any, *errors: Tensor) -> Any:
        normal, gamma, rate = ctx.saved_tensors
        D = errors[0].to(gamma.dtype)
        # Those of this process's rows: the gradients of all processes are added up later.
        d_beta, d_gamma = D.sum(dim=ctx.axes), (D * normal).sum(dim=ctx.axes)  # (C,) each
        sums = torch.stack([d_beta, d_gamma]) / ctx.n  # (2, C)
        ctx.share.group.add(sums)
        inner = D - _along(sums[0], D) - normal * _along(sums[1], D)
        d_Z = inner * _along(gamma * rate, D)
        return d_Z.to(errors[0].dtype), d_gamma, d_beta, None, None


def _along(channels: Tensor, like: Tensor) -> Tensor:
    """(C,) as (C, 1, ...), which goes with (B, C, ...)."""
    return channels.view(-1, *[1] * (like.dim() - 2))
