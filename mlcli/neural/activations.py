"""Activation functions h of hidden layers (sections 7.1.2 and 7.2), by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from types import MappingProxyType

import torch
from torch import Tensor
from torch.nn import functional

from mlcli.neural.data_parallel import Share, draw

LEAKY_SLOPE = 0.01
PRELU_START = 0.25
# The slope of RReLU is U(1/8, 1/3) in training and the mean of that in evaluation.
RRELU_BOUNDS = (1 / 8, 1 / 3)


@dataclass(frozen=True)
class Activation:
    """An activation function z = h(a).

    Attributes:
        name: what the field calls it.
        value: a to h(a), any shape to the same shape. None where h needs more than a: a slope
            that is learnt (prelu) or drawn (rrelu).
        slope: of h on the left, which the gain of He's initialisation takes in.
        steepest: the largest h', to which saturation is relative.
        errors: (dE/dz, a, z) to dE/da = dE/dz h'(a), where that is a line; may overwrite dE/dz.
    """

    name: str
    value: Callable[[Tensor], Tensor] | None
    slope: float = 0.0
    steepest: float = 1.0
    errors: Callable[[Tensor, Tensor, Tensor], Tensor] | None = None


def _cut(D: Tensor, a: Tensor, z: Tensor) -> Tensor:
    """dE/da of relu; the sign of z is 0 or 1, and a product is faster than a choice."""
    return D.mul_(z.sign())


# (7.20) relu, (7.21) leaky-relu with its variants, (7.22) elu with alpha = 1, the only alpha for
# which it is differentiable at 0. gelu = a Phi(a), silu = a sigma(a), selu is a scaled elu.
ACTIVATIONS: Mapping[str, Activation] = MappingProxyType(
    {
        h.name: h
        for h in (
            Activation(
                "sigmoid",
                torch.sigmoid,
                steepest=0.25,
                errors=lambda D, a, z: D.mul_(torch.addcmul(z, z, z, value=-1)),
            ),
            Activation(
                "tanh", torch.tanh, errors=lambda D, a, z: torch.addcmul(D, D, z * z, value=-1)
            ),
            Activation("relu", torch.relu, errors=_cut),
            Activation(
                "leaky-relu",
                lambda a: functional.leaky_relu(a, LEAKY_SLOPE),
                LEAKY_SLOPE,
                errors=lambda D, a, z: torch.where(a > 0, D, LEAKY_SLOPE * D),
            ),
            Activation("rrelu", None, sum(RRELU_BOUNDS) / 2),
            Activation("prelu", None, PRELU_START),
            Activation("elu", functional.elu),
            Activation("gelu", functional.gelu),
            Activation("silu", functional.silu),
            Activation("selu", functional.selu),
            Activation("linear", lambda a: a, slope=1.0, errors=lambda D, a, z: D),
        )
    }
)


def find_activation(name: str) -> Activation:
    """The activation of a name.

    Raises:
        ValueError: there is no such activation.
    """
    if name not in ACTIVATIONS:
        raise ValueError(f"activation must be one of {', '.join(ACTIVATIONS)}, got {name!r}")
    return ACTIVATIONS[name]


def activate(
    names: Sequence[str],
    A: Tensor,
    slopes: Tensor | None = None,
    generators: Sequence[torch.Generator] | None = None,
    share: Share | None = None,
) -> Tensor:
    """Z = h(A), each member with its own h.

    Args:
        names: activation of each member, M names.
        A: preactivations, (M, B, ...).
        slopes: what prelu has learnt in this layer, (M, 1, ...); needed only there.
        generators: one per member for the slopes of rrelu in training; None in evaluation.
        share: which rows of a minibatch A has; None: all.
    """
    parts, start = [], 0
    for name, run in groupby(names):
        members = slice(start, start + len(list(run)))
        start = members.stop
        whole = members == slice(0, len(names))
        part = A if whole else A[members]
        own = None if generators is None else generators[members]
        own_slopes = None if slopes is None else slopes[members]
        parts.append(_activate_run(name, part, own_slopes, own, share))
    return parts[0] if len(parts) == 1 else torch.cat(parts)  # (M, B, ...)


def _activate_run(
    name: str,
    A: Tensor,
    slopes: Tensor | None,
    generators: Sequence[torch.Generator] | None,
    share: Share | None,
) -> Tensor:
    """h(A) for a run of members with the same h."""
    value = ACTIVATIONS[name].value
    if value is not None:
        return value(A)
    if name == "prelu":
        assert slopes is not None
        return torch.where(A > 0, A, slopes * A)
    if generators is None:
        return functional.leaky_relu(A, ACTIVATIONS[name].slope)
    slope = draw(A, generators, share, lambda own, g: own.uniform_(*RRELU_BOUNDS, generator=g))
    return torch.where(A > 0, A, slope * A)
