"""Gradient descent, momentum, Adam and AdamW on one buffer (M, P), and averaged weights.

Each member has its own learning rate and penalties."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mlcli.neural.batched_module import BatchedModule
from mlcli.neural.device import on_device, to_numpy

Rates = float | Sequence[float]


class Optimiser(ABC):
    """Base class of the optimisers: learning rates, penalties, and the state by name.

    The penalised loss is E + l2 |w|^2 + l1 |w|_1, as in (3.13), so torch's weight_decay of SGD and
    Adam is 2 l2. Penalties act on weights only, where `decays` is 1.
    """

    def __init__(
        self,
        theta: Tensor,
        decays: Tensor,
        learning_rate: Rates,
        *,
        l2: Rates = 0.0,
        l1: Rates = 0.0,
    ) -> None:
        """Start with zero velocity and moments.

        `minus_eta` (M, 1) is -eta of each member, 0 where it is frozen.

        Args:
            theta: parameters of all members, (M, P), changed in place.
            decays: 1 where a penalty acts, else 0, (P,).
            learning_rate: eta, one number or one per member.
            l2: strength of the penalty on |w|^2, one number or one per member.
            l1: strength of the penalty on |w|_1, one number or one per member.

        Raises:
            ValueError: a learning rate is not positive, or a strength is negative.
        """
        self.theta = theta.detach()
        self.learning_rate = self._column(learning_rate)  # (M, 1)
        if not bool((self.learning_rate > 0).all()):
            raise ValueError(f"learning rates must be positive, got {learning_rate}")
        self.minus_eta = -self.learning_rate  # (M, 1)
        self.n_steps = 0
        self._l2 = self._strength(l2, decays, factor=2.0)
        self._l1 = self._strength(l1, decays)

    def _column(self, values: Rates) -> Tensor:
        given = torch.as_tensor(values, dtype=torch.float64).reshape(-1, 1)
        return on_device(given.expand(len(self.theta), 1), self.theta)  # (M, 1)

    def _strength(self, values: Rates, decays: Tensor, factor: float = 1.0) -> Tensor | None:
        """factor * value where a penalty acts, (M, P), or None if there is no penalty at all."""
        column = self._column(values)
        if bool((column < 0).any()):
            raise ValueError(f"strengths must not be negative, got {values}")
        return factor * column * decays if bool(column.any()) else None  # (M, P)

    def freeze(self, members: Tensor) -> None:
        """Change the parameters of these members, (M,), no more."""
        self.minus_eta = self.minus_eta.masked_fill(members.unsqueeze(1), 0.0)  # (M, 1)

    def step(self, gradient: Tensor, factor: float = 1.0) -> None:
        """Change theta by one step down the gradient.

        Args:
            gradient: dE/dtheta, (M, P); not changed.
            factor: of the schedule, on every learning rate.
        """
        if self._l2 is not None:
            gradient = torch.addcmul(gradient, self._l2, self.theta)
        if self._l1 is not None:
            gradient = torch.addcmul(gradient, self._l1, self.theta.sign())
        self.n_steps += 1
        self._update(gradient, self.minus_eta * factor)

    @abstractmethod
    def _update(self, gradient: Tensor, minus_eta: Tensor) -> None:
        """Change theta in place by a step with the rates `minus_eta` (M, 1)."""

    def buffers(self) -> dict[str, Tensor]:
        """Velocity or moments by name, each (M, P); not copied."""
        return {}

    def state_dict(self) -> dict[str, Tensor]:
        """A copy of everything that the next step depends on besides theta and the settings."""
        copies = {name: tensor.clone() for name, tensor in self.buffers().items()}
        return {"n_steps": torch.tensor(self.n_steps), **copies}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Load a state that `state_dict` returned."""
        self.n_steps = int(state["n_steps"])
        for name, mine in self.buffers().items():
            mine.copy_(state[name])


class SGD(Optimiser):
    """theta <- theta - eta v with v <- mu v + g; without momentum (4.6) with (4.8).

    Nesterov: theta <- theta - eta (g + mu v), the gradient looked up ahead, as torch writes it.
    """

    def __init__(
        self,
        theta: Tensor,
        decays: Tensor,
        learning_rate: Rates,
        *,
        momentum: float = 0.0,
        nesterov: bool = False,
        l2: Rates = 0.0,
        l1: Rates = 0.0,
    ) -> None:
        """See `Optimiser`; the momentum mu is at least 0 and below 1."""
        if not 0 <= momentum < 1:
            raise ValueError(f"the momentum must be at least 0 and below 1, got {momentum}")
        super().__init__(theta, decays, learning_rate, l2=l2, l1=l1)
        self.momentum, self.nesterov = momentum, nesterov
        self._velocity = torch.zeros_like(self.theta) if momentum else None

    def _update(self, gradient: Tensor, minus_eta: Tensor) -> None:
        direction = gradient
        if self._velocity is not None:
            v = self._velocity
            torch.add(gradient, v, alpha=self.momentum, out=v)
            direction = gradient.add(v, alpha=self.momentum) if self.nesterov else v
        self.theta.addcmul_(direction, minus_eta)

    def buffers(self) -> dict[str, Tensor]:
        """The velocity."""
        return {} if self._velocity is None else {"velocity": self._velocity}


class Adam(Optimiser):
    """theta <- theta - eta m_hat / (sqrt(v_hat) + eps), Kingma and Ba 2015.

    With a weight decay, theta <- (1 - eta decay) theta first: AdamW, Loshchilov and Hutter 2019.
    """

    def __init__(
        self,
        theta: Tensor,
        decays: Tensor,
        learning_rate: Rates,
        *,
        betas: tuple[float, float] = (0.9, 0.999),
        epsilon: float = 1e-8,
        weight_decay: Rates = 0.0,
        l2: Rates = 0.0,
        l1: Rates = 0.0,
    ) -> None:
        """See `Optimiser`; betas are the shares of the two moving averages that are kept."""
        if not all(0 <= beta < 1 for beta in betas):
            raise ValueError(f"betas must be at least 0 and below 1, got {betas}")
        super().__init__(theta, decays, learning_rate, l2=l2, l1=l1)
        self.betas, self.epsilon = betas, epsilon
        self._decay = self._strength(weight_decay, decays)
        self._m, self._v = torch.zeros_like(self.theta), torch.zeros_like(self.theta)
        # Written anew at each step; to allocate it there would take a tenth of the step.
        self._scale = torch.empty_like(self.theta)

    def _update(self, gradient: Tensor, minus_eta: Tensor) -> None:
        (beta1, beta2), n = self.betas, self.n_steps
        if self._decay is not None:
            self.theta.addcmul_(self.theta * self._decay, minus_eta)
        self._m.lerp_(gradient, 1 - beta1)
        self._v.mul_(beta2).addcmul_(gradient, gradient, value=1 - beta2)
        # m_hat = m / (1 - beta1^n) and v_hat = v / (1 - beta2^n): both averages start at 0.
        scale = torch.sqrt(self._v, out=self._scale)
        scale.div_((1 - beta2**n) ** 0.5).add_(self.epsilon)
        direction = torch.div(self._m, scale, out=scale)
        self.theta.addcmul_(direction, minus_eta / (1 - beta1**n))

    def buffers(self) -> dict[str, Tensor]:
        """The moving averages m of the gradient and v of its square."""
        return {"m": self._m, "v": self._v}


OPTIMISERS: Mapping[str, Callable[..., Optimiser]] = MappingProxyType(
    {
        "sgd": SGD,
        "momentum": partial(SGD, momentum=0.9),
        "nesterov": partial(SGD, momentum=0.9, nesterov=True),
        "adam": Adam,
        "adamw": partial(Adam, weight_decay=0.01),
    }
)


def clip_norms(gradient: Tensor, largest: float) -> Tensor:
    """Clip the norm of each member's gradient (M, P) to `largest`, in place.

    A gradient that is not finite stays so.
    """
    norms = torch.linalg.vector_norm(gradient, dim=1, keepdim=True)  # (M, 1)
    return gradient.mul_((largest / (norms + 1e-6)).clamp(max=1.0))


class AveragedWeights:
    """The average of all members' states s_1, ..., s_n, running statistics included.

    s_bar_n = sum_k d^(n-k) s_k / sum_k d^(n-k), as s_bar += (s_n - s_bar) (1 - d) / (1 - d^n).
    The division by the sum of the weights removes the bias of the start (no warm-up needed).

    Attributes:
        decay: d.
        n_updates: n.
        state: the average by name, as `BatchedModule.state_dict`; empty before the first update.
    """

    def __init__(self, decay: float) -> None:
        """Nothing averaged yet.

        Args:
            decay: d, at least 0 (the last state alone) and below 1; 1/(1 - d) steps are averaged.

        Raises:
            ValueError: d is out of range.
        """
        if not 0 <= decay < 1:
            raise ValueError(f"the decay must be at least 0 and below 1, got {decay}")
        self.decay = decay
        self.n_updates = 0
        self.state: dict[str, Tensor] = {}

    @torch.no_grad()
    def update(self, net: BatchedModule) -> None:
        """Add the current state of the members to the average."""
        self.n_updates += 1
        if self.n_updates == 1:
            self.state = {name: tensor.clone() for name, tensor in net.state_dict().items()}
            return
        weight = (1 - self.decay) / (1 - self.decay**self.n_updates)
        for name, tensor in net.state_dict().items():
            self.state[name].lerp_(tensor, weight)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """A copy of the state as arrays by name."""
        copies = {f"average.{k}": to_numpy(tensor).copy() for k, tensor in self.state.items()}
        return {"n_updates": np.array(self.n_updates), **copies}

    def resume(self, arrays: Mapping[str, NDArray[Any]], net: BatchedModule) -> None:
        """Load what `arrays` returned, on the network's device."""
        self.n_updates = int(arrays["n_updates"])
        self.state = {
            name: on_device(arrays[f"average.{name}"].copy(), tensor)
            for name, tensor in net.state_dict().items()
            if f"average.{name}" in arrays
        }
