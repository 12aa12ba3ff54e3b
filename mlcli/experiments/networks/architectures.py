"""The two kinds of network, MLP and CNN, for a problem and a variant."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Protocol

import numpy as np

from mlcli.errors import InputError
from mlcli.experiments.networks.problem import Problem
from mlcli.experiments.networks.variants import Variant
from mlcli.neural import architecture
from mlcli.neural.architecture import CNNLayer
from mlcli.neural.batched_module import BatchedModule
from mlcli.neural.cnn import CNN
from mlcli.neural.layer_spec import parse
from mlcli.neural.mlp import MLP, count_parameters


class Architecture(Protocol):
    """The shape of a network, the same for all members of a group.

    Attributes:
        kind: its name in model.json, mlp or cnn.
        n_parameters: of one member.
        multiplications: of a forward pass of one row.
        n_values: numbers per row that the backward pass needs.
        n_hidden: hidden layers for which there are layer statistics.
    """

    @property
    def kind(self) -> str: ...
    @property
    def n_parameters(self) -> int: ...
    @property
    def multiplications(self) -> int: ...
    @property
    def n_values(self) -> int: ...
    @property
    def n_hidden(self) -> int: ...

    def build(
        self,
        variants: Sequence[Variant],
        generators: Sequence[np.random.Generator],
        device: Any,
        dtype: Any,
    ) -> BatchedModule:
        """Members of these variants with initial weights."""

    def info(self) -> dict[str, Any]:
        """Its entry in model.json."""


@dataclass(frozen=True)
class Perceptron:
    """A multilayer perceptron of D, n^(1), ..., n^(L), K."""

    sizes: tuple[int, ...]
    normalisation: str
    dropout: float
    learns_slopes: bool
    kind = "mlp"

    @property
    def n_parameters(self) -> int:
        """Weights, biases, gamma, beta and slopes."""
        return count_parameters(self.sizes, self.normalisation, self.learns_slopes)

    @property
    def multiplications(self) -> int:
        """The entries of all W."""
        return sum(n_in * n_out for n_in, n_out in pairwise(self.sizes))

    @property
    def n_values(self) -> int:
        """Four arrays per hidden layer: a, z and their derivatives."""
        return 4 * sum(self.sizes[1:-1])

    @property
    def n_hidden(self) -> int:
        """L."""
        return len(self.sizes) - 2

    def build(
        self,
        variants: Sequence[Variant],
        generators: Sequence[np.random.Generator],
        device: Any,
        dtype: Any,
    ) -> BatchedModule:
        """See `Architecture`."""
        return MLP(
            self.sizes,
            generators,
            activation=[str(variant.h) for variant in variants],
            scheme=[variant.init for variant in variants],
            normalisation=self.normalisation,
            dropout=self.dropout,
            device=device,
            dtype=dtype,
        )

    def info(self) -> dict[str, Any]:
        """See `Architecture`."""
        return {"sizes": list(self.sizes), "normalisation": self.normalisation}


@dataclass(frozen=True)
class Convolutional:
    """Layers on images of one size."""

    lines: tuple[str, ...]
    layers: tuple[CNNLayer, ...]
    kind = "cnn"
    n_hidden = 0

    @property
    def n_parameters(self) -> int:
        """Filters, weights, biases, gamma and beta."""
        return architecture.count_parameters(self.layers)

    @property
    def multiplications(self) -> int:
        """Each weight once for every output pixel of its layer."""
        found = 0
        for layer in self.layers:
            pixels = math.prod(layer.output[1:])
            weights = [shape for name, shape in layer.parameters.items() if name.startswith("W")]
            found += pixels * sum(math.prod(shape) for shape in weights)
        return found

    @property
    def n_values(self) -> int:
        """The sum over the layers."""
        return sum(layer.n_values for layer in self.layers)

    def build(
        self,
        variants: Sequence[Variant],
        generators: Sequence[np.random.Generator],
        device: Any,
        dtype: Any,
    ) -> BatchedModule:
        """See `Architecture`."""
        return CNN(
            parse(self.lines),
            self.layers[0].input,
            self.layers[-1].output[0],
            generators,
            scheme=[variant.init for variant in variants],
            device=device,
            dtype=dtype,
        )

    def info(self) -> dict[str, Any]:
        """See `Architecture`."""
        return {"layers": list(self.lines), "input_shape": list(self.layers[0].input)}


def architecture_of(problem: Problem, variant: Variant) -> Architecture:
    """The network of a variant on the rows of a problem.

    Raises:
        InputError: the rows are not images, or a layer does not fit its input.
    """
    if "hidden" in variant.values:
        sizes = (problem.X.shape[1], *variant.hidden_sizes, problem.n_outputs)
        slopes = variant.learns_slopes
        return Perceptron(sizes, variant.normalisation, variant.dropout, slopes)
    shape = image_shape_of(problem)
    try:
        layers = architecture.shapes(parse(variant.lines), shape, problem.n_outputs)
    except ValueError as error:
        raise InputError(f"architecture {variant.architecture}: {error}") from None
    return Convolutional(tuple(variant.lines), layers)


def image_shape_of(problem: Problem) -> tuple[int, int, int]:
    """(c, h, w) of the images of a problem.

    Raises:
        InputError: its rows are not images.
    """
    shape = problem.image_shape
    if shape is None:
        raise InputError(
            "the rows of a convolutional network",
            must="images",
            got="columns of a table",
            hint="--data digits, an NPZ file with X of shape (n, h, w), or a folder of images",
        )
    c, h, w = (1, *shape) if len(shape) == 2 else shape
    return c, h, w
