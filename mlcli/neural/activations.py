"""Activation functions h of hidden layers (sections 7.1.2 and 7.2): the one list of them.

To add one, add its entry to `ACTIVATIONS` and its name to `config.networks.ActivationName`, the
choices of the flag. Layer specifications, initial weights, the backward pass, the theory of wide
networks, `propagate` and TorchScript derive theirs from the entry. The NumPy network has those of
`backpropagation.activations`, and exported files need an operation of the same name in
`export.operations`. Torch is imported when a function is first called, so that names are cheap.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache, partial
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
# Of elu. Beyond, its left side has little to do with the right one.
LARGEST_ALPHA = 100.0
# The slope of RReLU is U(1/8, 1/3) in training and the mean of that in evaluation.
RRELU_BOUNDS = (1 / 8, 1 / 3)


@dataclass(frozen=True)
class Activation:
    """An activation function z = h(a).

    Attributes:
        name: what flags and layer specifications call it; with another alpha than the usual one,
            both, as in ``leaky-relu 0.3``.
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
        alpha: of (7.21) or (7.22): the slope on the left of leaky-relu, the one that prelu starts
            from, and minus the limit on the left of elu. None: h has no alpha.
    """

    name: str
    function: str = ""
    negative_slope: float = 0.0
    reference_derivative: float = 1.0
    backward: Callable[[Tensor, Tensor, Tensor], Tensor] | None = None
    learns_slope: bool = False
    draws_slope: bool = False
    alpha: float | None = None

    def with_alpha(self, alpha: float) -> Activation:
        """The same h with another alpha.

        Raises:
            ValueError: h has none, or it is not positive, or a slope is not below 1.
        """
        if self.alpha is None:
            having = ", ".join(h.name for h in ACTIVATIONS.values() if h.alpha is not None)
            raise ValueError(f"alpha is no parameter of {self.name}; {having} have one")
        is_slope = not self.function
        if not 0 < alpha < (1.0 if is_slope else LARGEST_ALPHA):
            most = "1" if is_slope else f"{LARGEST_ALPHA:g}"
            raise ValueError(
                f"alpha must be above 0 and below {most} for {self.name}, got {alpha:g}"
            )
        if alpha == self.alpha:
            return self
        # repr has all digits.
        changed = replace(self, name=f"{self.name} {float(alpha)!r}", alpha=float(alpha))
        if not is_slope:
            return changed
        backward = partial(_leaky_relu_backward, slope=alpha) if self.backward else None
        return replace(changed, negative_slope=float(alpha), backward=backward)

    @cached_property
    def value(self) -> Callable[[Tensor], Tensor] | None:
        """a to h(a), any shape to the same shape; None where h needs a slope that a lacks."""
        if self.learns_slope or self.draws_slope:
            return None
        if not self.function:
            return self._piecewise_linear
        module, _, name = self.function.rpartition(".")
        found: Callable[..., Tensor] = getattr(import_module(module), name)
        return found if self.alpha is None else partial(found, alpha=self.alpha)

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


def _leaky_relu_backward(grad_output: Tensor, a: Tensor, z: Tensor, slope: float) -> Tensor:
    """h' = 1 if a > 0, else the slope on the left."""
    import torch

    return torch.where(a > 0, grad_output, slope * grad_output)


def _identity_backward(grad_output: Tensor, a: Tensor, z: Tensor) -> Tensor:
    """h' = 1."""
    return grad_output


# (7.20) relu, (7.21) leaky-relu with its variants, (7.22) elu; alpha = 1 is the only one for which
# it is differentiable at 0. gelu = a Phi(a), silu = a sigma(a), selu is a scaled elu.
ACTIVATIONS: Mapping[str, Activation] = MappingProxyType(
    {
        h.name: h
        for h in (
            Activation(
                "sigmoid", "torch.sigmoid", reference_derivative=0.25, backward=_sigmoid_backward
            ),
            Activation("tanh", "torch.tanh", backward=_tanh_backward),
            Activation("relu", "torch.relu", backward=_relu_backward),
            Activation(
                "leaky-relu",
                negative_slope=LEAKY_SLOPE,
                backward=partial(_leaky_relu_backward, slope=LEAKY_SLOPE),
                alpha=LEAKY_SLOPE,
            ),
            Activation("rrelu", negative_slope=sum(RRELU_BOUNDS) / 2, draws_slope=True),
            Activation("prelu", negative_slope=PRELU_START, learns_slope=True, alpha=PRELU_START),
            Activation("elu", "torch.nn.functional.elu", alpha=1.0),
            Activation("gelu", "torch.nn.functional.gelu"),
            Activation("silu", "torch.nn.functional.silu"),
            Activation("selu", "torch.nn.functional.selu"),
            Activation("linear", negative_slope=1.0, backward=_identity_backward),
        )
    }
)


@lru_cache(maxsize=1024)
def find_activation(text: str) -> Activation:
    """The activation of a name, or of a name and an alpha, as ``leaky-relu 0.3``.

    Raises:
        ValueError: there is no such activation, or alpha is not one of its.
    """
    name, _, alpha = text.partition(" ")
    if name not in ACTIVATIONS:
        raise ValueError(f"activation must be one of {', '.join(ACTIVATIONS)}, got {name!r}")
    return ACTIVATIONS[name].with_alpha(float(alpha)) if alpha else ACTIVATIONS[name]


def alpha_of_each(names: Sequence[str], alpha: float | None) -> dict[str, str]:
    """Each name with the activation that it means where alpha is given: those that have one get it.

    Raises:
        ValueError: none of them has an alpha, or it is not in its range.
    """
    if alpha is None:
        return {name: name for name in names}
    having = [name for name in names if find_activation(name).alpha is not None]
    for name in having or names:
        find_activation(name).with_alpha(alpha)
    return {
        name: find_activation(name).with_alpha(alpha).name if name in having else name
        for name in names
    }


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
        parts.append(_activate_alike(find_activation(name), part, own_slopes, own, shard))
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
