"""Backpropagation (6.40) with a leading member axis, written out.

Autograd does the same; without its graph a step of a small network takes two thirds of the time.
What is no line, such as batch normalisation or a learnt slope, is left to a graph of that layer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

import torch
from torch import Tensor

from mlcli.neural.activations import ACTIVATIONS

# Products with fewer columns than this are twice as fast the other way round.
NARROW = 16


@dataclass(frozen=True)
class Past:
    """What the backward pass needs of a layer.

    Attributes:
        Z_in: what the affine map took in, (M, B, n_in).
        a: preactivations, (M, B, n), where h' is a line; they may be gone in the output layer.
        z: activations, before dropout, (M, B, n).
        mask: of dropout, or None.
        graph: preactivations before normalisation, and z with a graph back to them, where h' or
            the normalisation is left to autograd.
    """

    Z_in: Tensor
    a: Tensor | None = None
    z: Tensor | None = None
    mask: Tensor | None = None
    graph: tuple[Tensor, Tensor] | None = None


def affine(Z: Tensor, W: Tensor, b: Tensor | None) -> Tensor:
    """a = z W + b, (6.12), (M, B, n_in) to (M, B, n_out)."""
    if W.shape[2] < NARROW:
        A = torch.bmm(W.transpose(1, 2), Z.transpose(1, 2)).transpose(1, 2)  # (M, B, n_out)
    else:
        A = torch.bmm(Z, W)  # (M, B, n_out)
    # baddbmm would first write b to each row and then read it again.
    return A if b is None else A.add_(b)


def in_lines(names: Sequence[str]) -> bool:
    """Whether the derivatives of all these activations are written out."""
    return all(ACTIVATIONS[name].errors is not None for name in names)


def gradients_of(
    names: Sequence[str], tape: Sequence[Past], errors: Tensor, p: Mapping[str, Tensor]
) -> dict[str, Tensor | None]:
    """dE/dW^(l) = z^(l-1)T delta^(l), dE/db^(l) = sum_alpha delta^(l), (6.39), of every layer.

    Args:
        names: activation of each member.
        tape: of each layer, first layer first; the last is the output layer.
        errors: delta^(L+1), (M, B, K).
        p: parameters by name.

    Returns:
        By the names of the parameters.
    """
    found: dict[str, Tensor | None] = dict.fromkeys(p)
    delta = errors
    for layer in range(len(tape), 0, -1):
        past = tape[layer - 1]
        if layer < len(tape):
            # From dE/dz to dE/da: dropout, activation, normalisation.
            D = delta if past.mask is None else delta.mul_(past.mask)
            delta = _through(names, past, D, layer, p, found)
        found[f"W{layer}"] = _outer(past.Z_in, delta)
        if f"b{layer}" in p:
            found[f"b{layer}"] = delta.sum(dim=1, keepdim=True)  # (M, 1, n_out)
        if layer > 1:
            # sum_k delta_k w_kj, the sum of (6.34).
            delta = torch.bmm(delta, p[f"W{layer}"].transpose(1, 2))  # (M, B, n_in)
    return found


def _outer(Z_in: Tensor, delta: Tensor) -> Tensor:
    """z^T delta of each member, (M, n_in, n_out)."""
    if delta.shape[2] < NARROW:
        return torch.bmm(delta.transpose(1, 2), Z_in).transpose(1, 2)
    return torch.bmm(Z_in.transpose(1, 2), delta)


def _through(
    names: Sequence[str],
    past: Past,
    D: Tensor,
    layer: int,
    p: Mapping[str, Tensor],
    found: dict[str, Tensor | None],
) -> Tensor:
    """dE/da of a layer from dE/dz, (M, B, n); those of gamma, beta and slopes into `found`."""
    if past.graph is None:
        assert past.a is not None
        assert past.z is not None
        return _errors(names, D, past.a, past.z)
    a, z = past.graph
    own = [name for name in (f"gamma{layer}", f"beta{layer}", f"slope{layer}") if name in p]
    derivatives = torch.autograd.grad(z, [a, *(p[name] for name in own)], D, allow_unused=True)
    found.update(zip(own, derivatives[1:], strict=True))
    return derivatives[0]


def _errors(names: Sequence[str], D: Tensor, a: Tensor, z: Tensor) -> Tensor:
    """dE/da = dE/dz h'(a), each member with its own h, (M, B, n)."""
    parts, start = [], 0
    for name, run in groupby(names):
        members = slice(start, start + len(list(run)))
        start = members.stop
        line = ACTIVATIONS[name].errors
        assert line is not None
        whole = members == slice(0, len(names))
        parts.append(line(*((D, a, z) if whole else (D[members], a[members], z[members]))))
    return parts[0] if len(parts) == 1 else torch.cat(parts)  # (M, B, n)
