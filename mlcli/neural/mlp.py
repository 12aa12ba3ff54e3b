"""The multilayer perceptron of section 6.2, with the building blocks of section 7."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from mlcli.neural.activations import PRELU_START, activate, find_activation
from mlcli.neural.batched_module import BatchedModule
from mlcli.neural.data_parallel import draw_noise
from mlcli.neural.device import on_device
from mlcli.neural.initialisation import draw_weights
from mlcli.neural.normalisation import batch_norm, layer_norm

NORMALISATIONS = ("none", "batch", "layer")
# Products with fewer columns than this are twice as fast transposed.
NARROW = 16


class LayerOutputs(NamedTuple):
    """Outputs of a hidden layer.

    Attributes:
        layer: l = 1, ..., L.
        a: preactivations as they enter h, after normalisation, (M, B, n).
        z: activations, before dropout, (M, B, n).
    """

    layer: int
    a: Tensor
    z: Tensor


def per_member(value: str | Sequence[str], n_members: int) -> list[str]:
    """One name for all members, or one name per member, as M names."""
    names = [value] * n_members if isinstance(value, str) else list(value)
    if len(names) != n_members:
        raise ValueError(f"give one name or one per member ({n_members}), got {len(names)}")
    return names


class MLP(BatchedModule):
    """M perceptrons of the same sizes. A hidden layer: affine, normalise, h, dropout.

    Attributes:
        sizes: D, n^(1), ..., n^(L), K.
        activations: of each member, M names.
    """

    def __init__(
        self,
        sizes: Sequence[int],
        generators: Sequence[np.random.Generator],
        *,
        activation: str | Sequence[str] = "relu",
        scheme: str | Sequence[str] = "he",
        normalisation: str = "none",
        dropout: float = 0.0,
        device: torch.device | str = "cpu",
        dtype: torch.dtype = torch.float32,
    ) -> None:
        """Draw the weights; biases start at zero.

        Args:
            sizes: D, n^(1), ..., n^(L), K.
            generators: for the weights, one per member.
            activation: h of the hidden layers, one name or one per member.
            scheme: of initialisation, one name or one per member.
            normalisation: none, batch or layer, before h.
            dropout: probability that an activation is dropped in training.
            device: of every parameter and buffer.
            dtype: of every parameter and buffer.

        Raises:
            ValueError: a size, a name or the probability is not allowed.
        """
        if len(sizes) < 2 or min(sizes) < 1:
            raise ValueError(f"sizes must be at least two positive numbers, got {list(sizes)}")
        if normalisation not in NORMALISATIONS:
            raise ValueError(
                f"normalisation must be one of {', '.join(NORMALISATIONS)}, got {normalisation!r}"
            )
        if not 0 <= dropout < 1:
            raise ValueError(f"dropout must be at least 0 and below 1, got {dropout}")
        n_members = len(generators)
        activations = per_member(activation, n_members)
        learns_slopes = any(find_activation(name).learns_slope for name in activations)
        shapes = _shapes(sizes, normalisation, learns_slopes)
        weights = [name for name in shapes if name.startswith("W")]
        super().__init__(n_members, shapes, weights, torch.device(device), dtype)
        self.sizes, self.activations = tuple(sizes), activations
        self.normalisation, self.dropout = normalisation, dropout
        self._tape: list[LayerCache] = []
        if normalisation == "batch":
            for layer, n in enumerate(self.sizes[1:-1], start=1):
                self.register_buffer(f"mean{layer}", self.theta.new_zeros(n_members, n))
                self.register_buffer(f"var{layer}", self.theta.new_ones(n_members, n))
        self._start(generators, per_member(scheme, n_members))

    @torch.no_grad()
    def _start(self, generators: Sequence[np.random.Generator], schemes: Sequence[str]) -> None:
        """Weights by each member's scheme, gamma = 1, slopes of prelu at their start."""
        every = [find_activation(name) for name in self.activations]
        slopes = [h.negative_slope for h in every]
        # Members without learnt slopes have them too where others learn theirs.
        starts = [h.negative_slope if h.learns_slope else PRELU_START for h in every]
        for name, parameter in self.leaves.items():
            if name.startswith("gamma"):
                parameter.fill_(1.0)
            elif name.startswith("slope"):
                parameter.copy_(on_device(np.array(starts), parameter).view(-1, 1, 1))
            elif name.startswith("W"):
                n_in, n_out = shape = self.shapes[name]
                for W, rng, scheme, slope in zip(
                    parameter, generators, schemes, slopes, strict=True
                ):
                    W.copy_(torch.from_numpy(draw_weights(rng, scheme, shape, n_in, n_out, slope)))

    def forward(self, X: Tensor, seen: list[LayerOutputs] | None = None) -> Tensor:
        """Outputs before the output activation, (6.12)-(6.15).

        Args:
            X: inputs, (M, B, D).
            seen: if given, takes what each hidden layer computed.

        Returns:
            (M, B, K).
        """
        p = self.leaves
        n_layers = len(self.sizes) - 1
        generators = self.noise if self.training else None
        Z = X
        for layer in range(1, n_layers):
            A = self._normalise(self._affine(Z, layer), layer, p)  # (M, B, n)
            Z = activate(self.activations, A, p.get(f"slope{layer}"), generators, self.shard)
            if seen is not None:
                seen.append(LayerOutputs(layer, A, Z))
            if self.training and self.dropout > 0:
                Z = Z * self._mask(Z)
        return self._affine(Z, n_layers)  # (M, B, K)

    @torch.no_grad()
    def propagate(self, X: Tensor) -> Tensor:
        """`forward` in training, which stores each layer instead of a graph.

        Args:
            X: inputs, (M, B, D).

        Returns:
            (M, B, K), without a graph.
        """
        self._tape = []
        Z = X
        for layer in range(1, len(self.sizes) - 1):
            Z = self._hidden_layer(Z, layer)
        self._tape.append(LayerCache(Z))
        return self._affine(Z, len(self.sizes) - 1)  # (M, B, K)

    def _hidden_layer(self, Z: Tensor, layer: int) -> Tensor:
        """Output of a hidden layer in training: (M, B, n_in) to (M, B, n)."""
        p, a = self.leaves, self._affine(Z, layer)
        slopes, graph = p.get(f"slope{layer}"), None
        if self.normalisation == "none" and has_analytic_gradient(self.activations):
            z = activate(self.activations, a, slopes, self.noise, self.shard)
        else:
            with torch.enable_grad():
                a.requires_grad_()
                N = self._normalise(a, layer, p)
                graph = a, activate(self.activations, N, slopes, self.noise, self.shard)
            z = graph[1].detach()
        mask = self._mask(z) if self.dropout > 0 else None
        self._tape.append(LayerCache(Z, a, z, mask, graph))
        return z if mask is None else z * mask

    @torch.no_grad()
    def backward(self, A: Tensor, grad_output: Tensor) -> Tensor:
        """`gradient` (M, P) by the recursion (6.40); through the graph if the outputs have one."""
        if A.requires_grad:
            return super().backward(A, grad_output)
        return self.pack(backpropagate(self.activations, self._tape, grad_output, self.leaves))

    def _affine(self, Z: Tensor, layer: int) -> Tensor:
        """a of a layer, (M, B, n_in) to (M, B, n_out)."""
        return affine(Z, self.leaves[f"W{layer}"], self.leaves.get(f"b{layer}"))

    def _normalise(self, A: Tensor, layer: int, p: dict[str, Tensor]) -> Tensor:
        """(7.24) of a layer, (M, B, n) to (M, B, n)."""
        if self.normalisation == "none":
            return A
        gamma, beta = p[f"gamma{layer}"], p[f"beta{layer}"]
        if self.normalisation == "layer":
            return layer_norm(A, gamma, beta)
        mean, var = self.get_buffer(f"mean{layer}"), self.get_buffer(f"var{layer}")
        return batch_norm(A, gamma, beta, mean, var, self.training, self.shard)

    def _mask(self, Z: Tensor) -> Tensor:
        """1/(1 - p) with probability 1 - p, else 0, from each member's own noise; as Z."""
        keep = 1.0 - self.dropout
        return draw_noise(
            Z, self.noise, self.shard, lambda own, g: own.bernoulli_(keep, generator=g)
        ).div_(keep)


def count_parameters(sizes: Sequence[int], normalisation: str, learns_slopes: bool) -> int:
    """Number of parameters of one member: weights, biases, gamma, beta, slopes."""
    return sum(math.prod(shape) for shape in _shapes(sizes, normalisation, learns_slopes).values())


def _shapes(
    sizes: Sequence[int], normalisation: str, learns_slopes: bool
) -> dict[str, tuple[int, ...]]:
    """Shapes of the parameters of layers 1, ..., L + 1 without the member axis, in order."""
    shapes: dict[str, tuple[int, ...]] = {}
    for layer, (n_in, n_out) in enumerate(pairwise(sizes), start=1):
        shapes[f"W{layer}"] = (n_in, n_out)
        last = layer == len(sizes) - 1
        # (7.24) subtracts the mean and with it a bias: beta takes its place.
        if last or normalisation != "batch":
            shapes[f"b{layer}"] = (1, n_out)
        if last:
            break
        if normalisation != "none":
            shapes[f"gamma{layer}"] = shapes[f"beta{layer}"] = (1, n_out)
        if learns_slopes:
            shapes[f"slope{layer}"] = (1, 1)
    return shapes


@dataclass(frozen=True)
class LayerCache:
    """What the backward pass needs from a layer.

    Attributes:
        Z_in: input of the affine map, (M, B, n_in).
        a: preactivations, (M, B, n), where h' is written out; None in the output layer.
        z: activations, before dropout, (M, B, n).
        mask: of dropout, or None.
        graph: preactivations before normalisation, and z with a graph back to them, where
            autograd computes the derivative.
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


def has_analytic_gradient(names: Sequence[str]) -> bool:
    """Whether all these activations have a derivative that is written out."""
    return all(find_activation(name).backward is not None for name in names)


def backpropagate(
    names: Sequence[str], tape: Sequence[LayerCache], grad_output: Tensor, p: Mapping[str, Tensor]
) -> dict[str, Tensor | None]:
    """dE/dW^(l) = z^(l-1)T delta^(l), dE/db^(l) = sum_alpha delta^(l), (6.39), of every layer.

    Args:
        names: activation of each member.
        tape: of each layer, first layer first; the last is the output layer.
        grad_output: delta^(L+1), (M, B, K).
        p: parameters by name.

    Returns:
        The gradients by the names of the parameters.
    """
    found: dict[str, Tensor | None] = dict.fromkeys(p)
    delta = grad_output
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
    past: LayerCache,
    D: Tensor,
    layer: int,
    p: Mapping[str, Tensor],
    found: dict[str, Tensor | None],
) -> Tensor:
    """dE/da of a layer from dE/dz, (M, B, n); gradients of gamma, beta, slopes go to `found`."""
    if past.graph is None:
        assert past.a is not None
        assert past.z is not None
        return _activation_backward(names, D, past.a, past.z)
    a, z = past.graph
    own = [name for name in (f"gamma{layer}", f"beta{layer}", f"slope{layer}") if name in p]
    derivatives = torch.autograd.grad(z, [a, *(p[name] for name in own)], D, allow_unused=True)
    found.update(zip(own, derivatives[1:], strict=True))
    return derivatives[0]


def _activation_backward(names: Sequence[str], D: Tensor, a: Tensor, z: Tensor) -> Tensor:
    """dE/da = dE/dz h'(a), each member with its own h, (M, B, n)."""
    parts, start = [], 0
    for name, run in groupby(names):
        members = slice(start, start + len(list(run)))
        start = members.stop
        backward = find_activation(name).backward
        assert backward is not None
        whole = members == slice(0, len(names))
        parts.append(backward(*((D, a, z) if whole else (D[members], a[members], z[members]))))
    return parts[0] if len(parts) == 1 else torch.cat(parts)  # (M, B, n)
