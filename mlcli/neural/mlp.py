"""The multilayer perceptron of section 6.2, with the building blocks of section 7."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from mlcli.neural.activations import PRELU_START, activate, find_activation
from mlcli.neural.backpropagation import Past, affine, gradients_of, in_lines
from mlcli.neural.initialisation import draw_weights
from mlcli.neural.members import Members
from mlcli.neural.normalisation import batch_norm, layer_norm
from mlcli.neural.shares import draw

NORMALISATIONS = ("none", "batch", "layer")


class Seen(NamedTuple):
    """What a hidden layer computed.

    Attributes:
        layer: l = 1, ..., L.
        a: preactivations as they enter h, after normalisation, (M, B, n).
        z: activations, before dropout, (M, B, n).
    """

    layer: int
    a: Tensor
    z: Tensor


def per_member(value: str | Sequence[str], n_members: int) -> list[str]:
    """One name for all members, or one name each, as M names."""
    names = [value] * n_members if isinstance(value, str) else list(value)
    if len(names) != n_members:
        raise ValueError(f"give one name or one per member ({n_members}), got {len(names)}")
    return names


class MLP(Members):
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
            device: where the network lives.
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
        shapes = _shapes(sizes, normalisation, "prelu" in activations)
        weights = [name for name in shapes if name.startswith("W")]
        super().__init__(n_members, shapes, weights, torch.device(device), dtype)
        self.sizes, self.activations = tuple(sizes), activations
        self.normalisation, self.dropout = normalisation, dropout
        self._tape: list[Past] = []
        if normalisation == "batch":
            for layer, n in enumerate(self.sizes[1:-1], start=1):
                self.register_buffer(f"mean{layer}", self.theta.new_zeros(n_members, n))
                self.register_buffer(f"var{layer}", self.theta.new_ones(n_members, n))
        self._start(generators, per_member(scheme, n_members))

    @torch.no_grad()
    def _start(self, generators: Sequence[np.random.Generator], schemes: Sequence[str]) -> None:
        """Weights by each member's scheme, gamma = 1, slopes of prelu at their start."""
        slopes = [find_activation(name).slope for name in self.activations]
        for name, parameter in self.leaves.items():
            if name.startswith("gamma"):
                parameter.fill_(1.0)
            elif name.startswith("slope"):
                parameter.fill_(PRELU_START)
            elif name.startswith("W"):
                n_in, n_out = shape = self.shapes[name]
                for W, rng, scheme, slope in zip(
                    parameter, generators, schemes, slopes, strict=True
                ):
                    W.copy_(torch.from_numpy(draw_weights(rng, scheme, shape, n_in, n_out, slope)))

    def forward(self, X: Tensor, seen: list[Seen] | None = None) -> Tensor:
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
            Z = activate(self.activations, A, p.get(f"slope{layer}"), generators, self.share)
            if seen is not None:
                seen.append(Seen(layer, A, Z))
            if self.training and self.dropout > 0:
                Z = Z * self._mask(Z)
        return self._affine(Z, n_layers)  # (M, B, K)

    @torch.no_grad()
    def propagate(self, X: Tensor) -> Tensor:
        """`forward` in training, remembering each layer instead of a graph of them.

        Args:
            X: inputs, (M, B, D).

        Returns:
            (M, B, K), without a graph.
        """
        self._tape = []
        Z = X
        for layer in range(1, len(self.sizes) - 1):
            Z = self._hidden_layer(Z, layer)
        self._tape.append(Past(Z))
        return self._affine(Z, len(self.sizes) - 1)  # (M, B, K)

    def _hidden_layer(self, Z: Tensor, layer: int) -> Tensor:
        """What a hidden layer makes of z^(l-1), in training: (M, B, n_in) to (M, B, n)."""
        p, a = self.leaves, self._affine(Z, layer)
        slopes, graph = p.get(f"slope{layer}"), None
        if self.normalisation == "none" and in_lines(self.activations):
            z = activate(self.activations, a, slopes, self.noise, self.share)
        else:
            with torch.enable_grad():
                a.requires_grad_()
                N = self._normalise(a, layer, p)
                graph = a, activate(self.activations, N, slopes, self.noise, self.share)
            z = graph[1].detach()
        mask = self._mask(z) if self.dropout > 0 else None
        self._tape.append(Past(Z, a, z, mask, graph))
        return z if mask is None else z * mask

    @torch.no_grad()
    def backward(self, A: Tensor, errors: Tensor) -> Tensor:
        """`gradient` (M, P) by the recursion of (6.40); of outputs with a graph, through that."""
        if A.requires_grad:
            return super().backward(A, errors)
        return self.pack(gradients_of(self.activations, self._tape, errors, self.leaves))

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
        return batch_norm(A, gamma, beta, mean, var, self.training, self.share)

    def _mask(self, Z: Tensor) -> Tensor:
        """1/(1 - p) with probability 1 - p, else 0, from each member's own noise; as Z."""
        keep = 1.0 - self.dropout
        return draw(
            Z, self.noise, self.share, lambda own, g: own.bernoulli_(keep, generator=g)
        ).div_(keep)


def count_parameters(sizes: Sequence[int], normalisation: str, learns_slopes: bool) -> int:
    """Learnt numbers of one member: weights, biases, gamma, beta, slopes."""
    return sum(math.prod(shape) for shape in _shapes(sizes, normalisation, learns_slopes).values())


def _shapes(
    sizes: Sequence[int], normalisation: str, learns_slopes: bool
) -> dict[str, tuple[int, ...]]:
    """Shapes of the parameters of layers 1, ..., L + 1 without the member axis, in order."""
    shapes: dict[str, tuple[int, ...]] = {}
    for layer, (n_in, n_out) in enumerate(pairwise(sizes), start=1):
        shapes[f"W{layer}"] = (n_in, n_out)
        last = layer == len(sizes) - 1
        # (7.24) takes the mean away, and a bias with it: beta stands in its place.
        if last or normalisation != "batch":
            shapes[f"b{layer}"] = (1, n_out)
        if last:
            break
        if normalisation != "none":
            shapes[f"gamma{layer}"] = shapes[f"beta{layer}"] = (1, n_out)
        if learns_slopes:
            shapes[f"slope{layer}"] = (1, 1)
    return shapes
