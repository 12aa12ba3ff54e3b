"""`BatchedModule`: M networks of one shape that train together, with a leading member axis."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mlcli.neural.data_parallel import ProcessGroup, Shard
from mlcli.neural.device import generators, on_device, to_numpy

# Random streams of one seed: ("order", 3) gives a generator, the same at every call.
Stream = Callable[..., np.random.Generator]

# Parameters start at multiples of so many numbers: a cache line of float32.
ALIGNED = 16


class BatchedModule(torch.nn.Module):
    """The base class of all networks: M members of one architecture.

    All parameters of all members are views of one buffer `theta` (M, P), so that one operation
    updates, clips, copies or freezes them; their gradients are views of another. A subclass gives
    the shapes of its parameters, draws them, and maps X (M, B, ...) to outputs (M, B, K). Running
    statistics are buffers with leading axis M. `state_dict` holds `theta` and these buffers.

    Attributes:
        theta: parameters, (M, P).
        gradient: dE/dtheta of the last backward pass, (M, P).
        leaves: each parameter by name, (M, ...), a view of `theta`.
        decays: 1 for weights, which are penalised; 0 for other parameters, (P,).
        noise: one generator per member, on the CPU, for dropout and the like in training.
        group: processes that train the same members on other rows; None: this process alone.
        shard: rows of the current minibatch that this process computes; None: all.
    """

    theta: Tensor
    decays: Tensor

    def __init__(
        self,
        n_members: int,
        shapes: Mapping[str, tuple[int, ...]],
        penalised: Sequence[str],
        device: torch.device,
        dtype: torch.dtype,
    ) -> None:
        """Make parameters of the given shapes (without the member axis), all zero.

        Args:
            n_members: M.
            shapes: of each parameter, by name.
            penalised: names of those on which a penalty acts.
            device: of all parameters and buffers.
            dtype: of all parameters and buffers.
        """
        super().__init__()
        self.n_members = n_members
        self.shapes = dict(shapes)
        counts = [math.prod(shape) for shape in self.shapes.values()]
        # Each parameter and the padding behind it, which stays zero.
        self._pieces = [n for count in counts for n in (count, -count % ALIGNED)]
        zeros = torch.zeros(n_members, sum(self._pieces), device=device, dtype=dtype)
        self.register_buffer("theta", zeros)
        self.gradient = torch.zeros_like(zeros)
        # Leaves of the graph, made once: new views at each step would cost more than the products
        # of a small layer, forward and backward.
        self.leaves = {name: part.requires_grad_() for name, part in self.unpack(zeros).items()}
        self._gaps = [zeros.new_zeros(n_members, n) for n in self._pieces[1::2]]
        on = [float(name in penalised) for name in shapes for _ in ("parameter", "gap")]
        decays = torch.tensor(on).repeat_interleave(torch.tensor(self._pieces))  # (P,)
        # Known from the architecture, so not part of the state.
        self.register_buffer("decays", on_device(decays, zeros), persistent=False)
        self.noise = generators(n_members)
        self.group: ProcessGroup | None = None
        self.shard: Shard | None = None

    def unpack(self, flat: Tensor) -> dict[str, Tensor]:
        """Each parameter's part of (M, P), as a view (M, ...), by name."""
        parts = torch.split(flat, self._pieces, dim=1)[::2]
        return {
            name: part.view(-1, *shape)
            for (name, shape), part in zip(self.shapes.items(), parts, strict=True)
        }

    def propagate(self, X: Tensor) -> Tensor:
        """Outputs (M, B, K) for X, storing what `backward` needs; here, the graph."""
        outputs: Tensor = self(X)
        return outputs

    def backward(self, A: Tensor, grad_output: Tensor) -> Tensor:
        """`gradient` (M, P), from outputs A and dE/dA, both (M, B, K), through the graph of A."""
        leaves = self.leaves
        found = torch.autograd.grad(
            A, list(leaves.values()), grad_output.to(A.dtype), allow_unused=True
        )
        return self.pack(dict(zip(leaves, found, strict=True)))

    def pack(self, gradients: Mapping[str, Tensor | None]) -> Tensor:
        """The gradient of each parameter, in its shape with the member axis, as `gradient`.

        Args:
            gradients: by name; None where no member's loss depends on the parameter.
        """
        parts = []
        for (name, leaf), gap in zip(self.leaves.items(), self._gaps, strict=True):
            gradient = gradients[name]
            flat = torch.zeros_like(leaf) if gradient is None else gradient
            parts += [flat.reshape(self.n_members, -1), gap]
        return torch.cat(parts, dim=1, out=self.gradient)

    def _apply(self, fn: Any, recurse: bool = True) -> Any:
        """Not supported: moved one by one, parameters would no longer be views of `theta`."""
        raise TypeError("say the device and the type when the network is made")

    def seed_noise(self, streams: Sequence[Stream], epoch: int) -> None:
        """Seed each member's noise for an epoch, so that a resumed run needs no generator state."""
        for generator, stream in zip(self.noise, streams, strict=True):
            generator.manual_seed(int(stream("noise", epoch).integers(2**63 - 1)))

    def named_arrays(self, state: Mapping[str, Tensor]) -> dict[str, NDArray[Any]]:
        """Each parameter and each buffer of a `state_dict` by name, (M, ...).

        On a CPU the arrays share their memory with the state.
        """
        parts = self.unpack(state["theta"]) | {k: v for k, v in state.items() if k != "theta"}
        return {name: to_numpy(tensor) for name, tensor in parts.items()}

    def state_arrays(self) -> dict[str, NDArray[Any]]:
        """A copy of `state_dict` as arrays, which outlives the network and its device."""
        return {name: to_numpy(tensor).copy() for name, tensor in self.state_dict().items()}

    def load_state_arrays(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Load what `state_arrays` returned, whatever type and device it came from."""
        self.load_state_dict({name: torch.from_numpy(array) for name, array in arrays.items()})
