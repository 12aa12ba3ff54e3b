"""Convolutional networks of section 8 with a leading member axis.

Inside, the images of all members are the channels of one batch, (B, M c, h, w), and a convolution
is grouped, one group per member. Vectors are (M, B, n). On a CPU channels are last in memory.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from mlcli.neural.activations import activate, find_activation
from mlcli.neural.architecture import CNNLayer, Shape, shapes
from mlcli.neural.batched_module import BatchedModule
from mlcli.neural.data_parallel import draw_noise
from mlcli.neural.device import to_numpy
from mlcli.neural.initialisation import draw_weights
from mlcli.neural.layer_spec import LayerSpec, parse
from mlcli.neural.mlp import affine, per_member
from mlcli.neural.normalisation import batch_norm, batch_norm_channels


class CNN(BatchedModule):
    """M convolutional networks of the same layers.

    Parameters: filters W<l> (M, n_f, c, f_h, f_w), dense W<l> (M, n_in, n_out), biases b<l> (M, n),
    gamma<l> and beta<l> (M, n), slope<l> (M, 1), with the number l of the layer; a residual layer
    has W<l>_1, W<l>_2 and W<l>_skip, a scan W<l>_rows and W<l>_columns. A layer whose outputs are
    batch normalised has no bias: beta takes its place.

    Attributes:
        layers: with their shapes, the output layers included.
        input_shape: (c, h, w).
    """

    def __init__(
        self,
        specs: Sequence[LayerSpec] | Sequence[str],
        input_shape: Shape,
        n_outputs: int | None,
        generators: Sequence[np.random.Generator],
        *,
        scheme: str | Sequence[str] = "he",
        device: torch.device | str = "cpu",
        dtype: torch.dtype = torch.float32,
    ) -> None:
        """Draw the weights; biases start at zero.

        Args:
            specs: the layers, or their lines of text, without the output layers.
            input_shape: (c, h, w).
            n_outputs: K; None: the layers include the output layers.
            generators: for the weights, one per member.
            scheme: of initialisation, one name or one per member.
            device: of every parameter and buffer.
            dtype: of every parameter and buffer.

        Raises:
            ValueError: a line can't be parsed, a shape is impossible, or a name is not allowed.
        """
        lines = [one if isinstance(one, str) else one.line for one in specs]
        layers = shapes(parse(lines), input_shape, n_outputs)
        made = {name: shape for layer in layers for name, shape in layer.parameters.items()}
        weights = [name for name in made if name.startswith("W")]
        super().__init__(len(generators), made, weights, torch.device(device), dtype)
        self.layers, self.input_shape = layers, tuple(input_shape)
        for layer in layers:
            for name, n in layer.statistics.items():
                fill = 1.0 if name.startswith("var") else 0.0
                self.register_buffer(name, self.theta.new_full((self.n_members, n), fill))
        self._start(generators, per_member(scheme, self.n_members))

    @torch.no_grad()
    def _start(self, generators: Sequence[np.random.Generator], schemes: Sequence[str]) -> None:
        """Weights by each member's scheme, gamma = 1, slopes of prelu at their start."""
        for i, layer in enumerate(self.layers):
            slope = _slope_after(self.layers[i:])
            for name, shape in layer.parameters.items():
                parameter = self.leaves[name]
                if name.startswith("gamma"):
                    parameter.fill_(1.0)
                elif name.startswith("slope"):
                    parameter.fill_(find_activation(layer.spec.activation).negative_slope)
                elif name.startswith("W"):
                    n_in, n_out = _fans(shape)
                    for W, rng, scheme in zip(parameter, generators, schemes, strict=True):
                        drawn = draw_weights(rng, scheme, shape, n_in, n_out, slope)
                        W.copy_(torch.from_numpy(drawn))

    def forward(self, X: Tensor) -> Tensor:
        """Outputs before the output activation.

        Args:
            X: images, (M, B, c, h, w), or unrolled, (M, B, c h w). Without flatten, scan or a
                filter as large as the image they may be of another size than `input_shape`.

        Returns:
            (M, B, K).

        Raises:
            ValueError: the network can't take images of this size.
        """
        return self.through(X, len(self.layers))

    def through(self, X: Tensor, n_layers: int) -> Tensor:
        """Output of the first n layers: images (B, M c, h, w) or vectors (M, B, n)."""
        Z = self._images(X)  # (B, M c, h, w)
        for layer in self.layers[:n_layers]:
            Z = _STEPS[layer.spec.kind](self, layer, Z)
        return Z

    def _images(self, X: Tensor) -> Tensor:
        """(M, B, c, h, w) or (M, B, c h w) to (B, M c, h, w)."""
        if X.dim() == 3 and X.shape[2] == math.prod(self.input_shape):
            X = X.reshape(*X.shape[:2], *self.input_shape)  # (M, B, c, h, w)
        if tuple(X.shape[2:]) != self.input_shape:
            self._check_size(tuple(X.shape[2:]))
        images = X.transpose(0, 1).flatten(1, 2)  # (B, M c, h, w)
        return channels_innermost(images) if images.device.type == "cpu" else images

    def _check_size(self, shape: Shape) -> None:
        """Refuse images for which some layer would need weights of another shape."""
        there = shapes([layer.spec for layer in self.layers], shape, None)
        for mine, theirs in zip(self.layers, there, strict=True):
            if mine.parameters != theirs.parameters:
                raise ValueError(
                    f"layer {mine.number}, {mine.name!r}: the images must be "
                    f"{' x '.join(map(str, self.input_shape))} as in training, "
                    f"got {' x '.join(map(str, shape))}"
                )

    def convolve(self, Z: Tensor, suffix: str, spec: LayerSpec) -> Tensor:
        """a = z * F + b of each member, (8.9), (8.10) and (8.14).

        Args:
            Z: (B, M c, h, w).
            suffix: of the names of its weights.
            spec: with its stride and padding.

        Returns:
            (B, M n_f, o_h, o_w).
        """
        W, b = self.leaves[f"W{suffix}"], self.leaves.get(f"b{suffix}")
        return functional.conv2d(
            Z,
            W.flatten(0, 1),
            None if b is None else b.flatten(),
            stride=spec.stride,
            padding=spec.padding,
            groups=self.n_members,
        )

    def normalise(self, Z: Tensor, suffix: str) -> Tensor:
        """(7.24) over the rows of the minibatch and, for images, their pixels; shape of Z."""
        gamma, beta = self.leaves[f"gamma{suffix}"], self.leaves[f"beta{suffix}"]
        mean, var = self.get_buffer(f"mean{suffix}"), self.get_buffer(f"var{suffix}")
        if Z.dim() == 3:
            vectors = gamma.unsqueeze(1), beta.unsqueeze(1)
            return batch_norm(Z, *vectors, mean, var, self.training, self.shard)
        return batch_norm_channels(Z, gamma, beta, mean, var, self.training, self.shard)

    def activate(self, Z: Tensor, name: str, suffix: str) -> Tensor:
        """z = h(a) pointwise, (8.23); shape of Z."""
        value = find_activation(name).value
        if value is not None:
            return value(Z)
        # Each member has slopes of its own. The member axis goes first, as in `draw_noise`, so that
        # a member's noise is the same alone and beside others.
        A = self.by_member(Z).contiguous()  # (M, B, ...)
        slopes = self.leaves.get(f"slope{suffix}")
        if slopes is not None:
            slopes = slopes.view(-1, *[1] * (A.dim() - 1))  # (M, 1, ...)
        generators = self.noise if self.training else None
        return _back(activate([name] * self.n_members, A, slopes, generators, self.shard), Z)

    def by_member(self, Z: Tensor) -> Tensor:
        """Images (B, M c, h, w) as (M, B, c, h, w); vectors (M, B, n) as they are."""
        if Z.dim() == 3:
            return Z
        n_rows, channels, h, w = Z.shape
        members = Z.view(n_rows, self.n_members, channels // self.n_members, h, w)
        return members.transpose(0, 1)  # (M, B, c, h, w)


def _back(Z: Tensor, like: Tensor) -> Tensor:
    """The inverse of `by_member`, in the memory layout of `like`."""
    if like.dim() == 3:
        return Z
    images = Z.transpose(0, 1).flatten(1, 2)  # (B, M c, h, w)
    if like.is_contiguous(memory_format=torch.channels_last):
        return channels_innermost(images)
    return images


def _fans(shape: Shape) -> tuple[int, int]:
    """Connections into a neuron and out of one; for a filter times its area."""
    if len(shape) == 2:
        return shape[0], shape[1]
    n_out, n_in, *size = shape
    return n_in * math.prod(size), n_out * math.prod(size)


def _slope_after(layers: Sequence[CNNLayer]) -> float:
    """Slope on the left of the next h; 0 if the next weights come first."""
    for layer in layers:
        if layer.spec.kind in ("activation", "residual"):
            return find_activation(layer.spec.activation).negative_slope
        if layer is not layers[0] and layer.parameters.keys() & {f"W{layer.number}"}:
            break
    return 0.0


def _pool(net: CNN, layer: CNNLayer, Z: Tensor) -> Tensor:
    """(8.19), or the mean instead of the maximum."""
    if layer.spec.pooling == "max":
        return max_pool(Z, layer.spec.size, layer.spec.stride)
    return functional.avg_pool2d(Z, layer.spec.size, layer.spec.stride)


def _activation(net: CNN, layer: CNNLayer, Z: Tensor) -> Tensor:
    return net.activate(Z, layer.spec.activation, f"{layer.number}")


def _dropout(net: CNN, layer: CNNLayer, Z: Tensor) -> Tensor:
    """Z times 1/(1 - p) with probability 1 - p, else 0, from each member's own noise."""
    if not net.training or layer.spec.rate == 0:
        return Z
    keep = 1.0 - layer.spec.rate
    mask = draw_noise(
        net.by_member(Z), net.noise, net.shard, lambda own, g: own.bernoulli_(keep, generator=g)
    )
    return Z * _back(mask.div_(keep), Z)


def _global(net: CNN, layer: CNNLayer, Z: Tensor) -> Tensor:
    """The mean or maximum of each channel: (B, M c, h, w) to (M, B, c)."""
    pooled = Z.mean(dim=(2, 3)) if layer.spec.pooling == "avg" else Z.amax(dim=(2, 3))  # (B, M c)
    return pooled.view(len(Z), net.n_members, -1).transpose(0, 1)  # (M, B, c)


def _flatten(net: CNN, layer: CNNLayer, Z: Tensor) -> Tensor:
    """(8.24), channel outermost: (B, M c, h, w) to (M, B, c h w)."""
    return net.by_member(Z).flatten(2)


def _dense(net: CNN, layer: CNNLayer, Z: Tensor) -> Tensor:
    """(8.25): (M, B, n_in) to (M, B, n_out)."""
    W, b = net.leaves[f"W{layer.number}"], net.leaves.get(f"b{layer.number}")
    return affine(Z, W, None if b is None else b.unsqueeze(1))


def _residual(net: CNN, layer: CNNLayer, Z: Tensor) -> Tensor:
    """h(z + F(z)) with F = normalise conv h normalise conv, see `architecture`."""
    name, spec, h = f"{layer.number}", layer.spec, layer.spec.activation
    first = LayerSpec("", "conv", stride=spec.stride, padding=(1, 1))
    A = net.normalise(net.convolve(Z, f"{name}_1", first), f"{name}_1")  # (B, M n, h', w')
    A = net.convolve(net.activate(A, h, f"{name}_1"), f"{name}_2", _SAME)
    A = net.normalise(A, f"{name}_2")
    skip = Z
    if f"W{name}_skip" in layer.parameters:
        straight = LayerSpec("", "conv", stride=spec.stride)
        skip = net.normalise(net.convolve(Z, f"{name}_skip", straight), f"{name}_skip")
    return net.activate(A + skip, h, f"{name}_2")


def _scan(net: CNN, layer: CNNLayer, Z: Tensor) -> Tensor:
    """Whole rows, then whole columns, each channel outermost: (M, B, n h + n w)."""
    whole = LayerSpec("", "conv")
    rows = net.convolve(Z, f"{layer.number}_rows", whole)  # (B, M n, h, 1)
    columns = net.convolve(Z, f"{layer.number}_columns", whole)  # (B, M n, 1, w)
    return torch.cat([net.by_member(part).flatten(2) for part in (rows, columns)], dim=2)


_SAME = LayerSpec("", "conv", padding=(1, 1))
_STEPS: Mapping[str, Callable[[CNN, CNNLayer, Tensor], Tensor]] = MappingProxyType(
    {
        "conv": lambda net, layer, Z: net.convolve(Z, f"{layer.number}", layer.spec),
        "pool": _pool,
        "batch-norm": lambda net, layer, Z: net.normalise(Z, f"{layer.number}"),
        "activation": _activation,
        "dropout": _dropout,
        "global": _global,
        "flatten": _flatten,
        "dense": _dense,
        "residual": _residual,
        "scan": _scan,
    }
)


def channels_innermost(images: Tensor) -> Tensor:
    """The same images (B, C, h, w) in the channels-last memory format.

    It makes convolutions and pooling faster on a CPU. With a single channel torch can't tell the
    formats apart and would choose the slow one, so the strides are set.
    """
    found = images.contiguous(memory_format=torch.channels_last)
    n_rows, channels, h, w = found.shape
    return found.as_strided((n_rows, channels, h, w), (channels * h * w, 1, w * channels, channels))


def max_pool(Z: Tensor, size: tuple[int, int], stride: tuple[int, int]) -> Tensor:
    """(8.19) on images (B, C, h, w): the largest of each window.

    Without gradients the place of the maximum is not needed: then it is the maximum of strided
    views, one per pixel of the window, which is faster.
    """
    if torch.is_grad_enabled():
        pooled: Tensor = functional.max_pool2d(Z, size, stride)
        return pooled
    h, w = ((n - f) // s + 1 for n, f, s in zip(Z.shape[2:], size, stride, strict=True))
    largest: Tensor | None = None
    for i in range(size[0]):
        rows = slice(i, i + stride[0] * (h - 1) + 1, stride[0])
        for j in range(size[1]):
            view = Z[:, :, rows, j : j + stride[1] * (w - 1) + 1 : stride[1]]  # (B, C, h', w')
            largest = view if largest is None else torch.maximum(largest, view)
    assert largest is not None
    return largest


Floats = NDArray[np.float64]


@torch.no_grad()
def each_layer(net: CNN, X: Tensor) -> Iterator[tuple[CNNLayer, Tensor]]:
    """Each layer with its output in evaluation mode: (M, B, c, h, w) or (M, B, n).

    Args:
        net: M members.
        X: images (M, B, c, h, w), or unrolled (M, B, c h w).
    """
    net.eval()
    for i, layer in enumerate(net.layers, start=1):
        yield layer, net.by_member(net.through(X, i))


def relative_changes(net: CNN, X: Tensor, X_moved: Tensor) -> Floats:
    """||z(X_moved) - z(X)|| / ||z(X)|| of each layer and member, the mean over the rows.

    0: the layer is invariant; sqrt 2: the outputs are uncorrelated. Rows whose output is all zeros
    are left out.

    Args:
        net: M members.
        X: unrolled images, (M, B, c h w).
        X_moved: the same images after a change.

    Returns:
        (layers, M); NaN where the output is all zeros for every row.
    """
    found = []
    for (_, Z), (_, Z_moved) in zip(each_layer(net, X), each_layer(net, X_moved), strict=True):
        size = torch.linalg.vector_norm(Z.flatten(2), dim=2)  # (M, B)
        change = torch.linalg.vector_norm((Z_moved - Z).flatten(2), dim=2)  # (M, B)
        ratio = torch.where(size > 0, change / size, torch.nan)
        found.append(to_numpy(ratio.nanmean(dim=1)).astype(np.float64))
    return np.stack(found)
