"""Activation functions h of hidden layers (sections 7.1.2 and 7.2): the one list of them.

To add one, add its entry to `ACTIVATIONS` and its name to `config.networks.ActivationName`, the
choices of the flag. Layer specifications, initial weights, the backward pass, the theory of wide
networks, `propagate` and TorchScript derive theirs from the entry. The NumPy network has those of
`backpropagation.activations`, and exported files need an operation of the same name in
`export.operations`. Torch is imported when a function is first called, so that names are cheap.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from itertools import groupby
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from mlcli.neural.data_parallel import Shard

LEAKY_SLOPE = 0.01
PRELU_START = 0.25
# The slope of RReLU is U(1/8, 1/3) in training and the mean of that in evaluation.
RRELU_BOUNDS = (1 / 8, 1 / 3)


@dataclass(frozen=True)
class Activation:
    """An activation function z = h(a).

    Attributes:
        name: what flags and layer specifications call it.
        function: h by its full name in torch; empty for a straight line on either side of 0.
        negative_slope: h'(a) for large negative a. Decides the gain of He's initialisation:
            Var(w) = 2 / ((1 + negative_slope^2) n).
        reference_derivative: h' of a neuron that is not saturated, relative to which saturation is
            measured: the largest h' of sigmoid, 1 for the others.
        backward: (dE/dz, a, z) to dE/da = dE/dz h'(a), written out; it may overwrite dE/dz.
            None: left to autograd.
        learns_slope: whether the slope on the left is a parameter (prelu), which starts at
            `negative_slope`.
        draws_slope: whether that slope is random in training (rrelu), with mean `negative_slope`.
    """

    name: str
    function: str = ""
    negative_slope: float = 0.0
    reference_derivative: float = 1.0
    backward: Callable[[Tensor, Tensor, Tensor], Tensor] | None = None
    learns_slope: bool = False
    draws_slope: bool = False

    @cached_property
    def value(self) -> Callable[[Tensor], Tensor] | None:
        """a to h(a), any shape to the same shape; None where h needs a slope that a lacks."""
        if self.learns_slope or self.draws_slope:
            return None
        if not self.function:
            return self._piecewise_linear
        module, _, name = self.function.rpartition(".")
        found: Callable[[Tensor], Tensor] = getattr(import_module(module), name)
        return found

    def _piecewise_linear(self, a: Tensor) -> Tensor:
        if self.negative_slope == 1.0:
            return a
        from torch.nn import functional

        return functional.leaky_relu(a, self.negative_slope)

    @property
    def is_leaky(self) -> bool:
        """Whether h is a leaky ReLU: a straight line on either side of 0."""
        return not self.function and self.negative_slope < 1.0


def _sigmoid_backward(grad_output: Tensor, a: Tensor, z: Tensor) -> Tensor:
    """h' = z (1 - z)."""
    import torch

    return grad_output.mul_(torch.addcmul(z, z, z, value=-1))


def _tanh_backward(grad_output: Tensor, a: Tensor, z: Tensor) -> Tensor:
    """h' = 1 - z^2."""
    import torch

    return torch.addcmul(grad_output, grad_output, z * z, value=-1)


def _relu_backward(grad_output: Tensor, a: Tensor, z: Tensor) -> Tensor:
    """h' = 1 if z > 0, else 0: the sign of z. A product is faster than a choice."""
    return grad_output.mul_(z.sign())


def _leaky_relu_backward(grad_output: Tensor, a: Tensor, z: Tensor) -> Tensor:
    """h' = 1 if a > 0, else the slope on the left."""
    import torch

    return torch.where(a > 0, grad_output, LEAKY_SLOPE * grad_output)


def _identity_backward(grad_output: Tensor, a: Tensor, z: Tensor) -> Tensor:
    """h' = 1."""
    return grad_output


# (7.20) relu, (7.21) leaky-relu with its variants, (7.22) elu with alpha = 1, the only alpha for
# which it is differentiable at 0. gelu = a Phi(a), silu = a sigma(a), selu is a scaled elu.
ACTIVATIONS: Mapping[str, Activation] = MappingProxyType(
    {
        h.name: h
        for h in (
            Activation(
                "sigmoid", "torch.sigmoid", reference_derivative=0.25, backward=_sigmoid_backward
            ),
            Activation("tanh", "torch.tanh", backward=_tanh_backward),
            Activation("relu", "torch.relu", backward=_relu_backward),
            Activation("leaky-relu", negative_slope=LEAKY_SLOPE, backward=_leaky_relu_backward),
            Activation("rrelu", negative_slope=sum(RRELU_BOUNDS) / 2, draws_slope=True),
            Activation("prelu", negative_slope=PRELU_START, learns_slope=True),
            Activation("elu", "torch.nn.functional.elu"),
            Activation("gelu", "torch.nn.functional.gelu"),
            Activation("silu", "torch.nn.functional.silu"),
            Activation("selu", "torch.nn.functional.selu"),
            Activation("linear", negative_slope=1.0, backward=_identity_backward),
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
    shard: Shard | None = None,
) -> Tensor:
    """Z = h(A), each member with its own h.

    Args:
        names: activation of each member, M names.
        A: preactivations, (M, B, ...).
        slopes: learnt slopes of this layer, (M, 1, ...); needed by prelu only.
        generators: one per member for the slopes of rrelu in training; None in evaluation.
        shard: which rows of a minibatch A has; None: all.
    """
    import torch

    parts, start = [], 0
    for name, run in groupby(names):
        members = slice(start, start + len(list(run)))
        start = members.stop
        whole = members == slice(0, len(names))
        part = A if whole else A[members]
        own = None if generators is None else generators[members]
        own_slopes = None if slopes is None else slopes[members]
        parts.append(_activate_alike(ACTIVATIONS[name], part, own_slopes, own, shard))
    return parts[0] if len(parts) == 1 else torch.cat(parts)  # (M, B, ...)


def _activate_alike(
    h: Activation,
    A: Tensor,
    slopes: Tensor | None,
    generators: Sequence[torch.Generator] | None,
    shard: Shard | None,
) -> Tensor:
    """h(A) for members with the same h."""
    import torch
    from torch.nn import functional

    from mlcli.neural.data_parallel import draw_noise

    if h.value is not None:
        return h.value(A)
    if h.learns_slope:
        assert slopes is not None
        return torch.where(A > 0, A, slopes * A)
    if generators is None:
        return functional.leaky_relu(A, h.negative_slope)
    drawn = draw_noise(
        A, generators, shard, lambda own, g: own.uniform_(*RRELU_BOUNDS, generator=g)
    )
    return torch.where(A > 0, A, drawn * A)
