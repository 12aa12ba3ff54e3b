"""Engine numpy: the steps of an epoch by the NumPy network of `backpropagation`, member by member.

Everything else, from the initial weights to the evaluation, is the same as with torch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcli.backpropagation.activations import (
    ACTIVATIONS,
    ActivationFunction,
    Leaky,
    PReLU,
    RReLU,
    elu,
    identity,
    leaky_relu,
)
from mlcli.backpropagation.layers import BatchNorm, DenseLayer, Network, parameters
from mlcli.backpropagation.losses import softmax_cross_entropy, square
from mlcli.backpropagation.training import DivergedError, train
from mlcli.errors import InputError
from mlcli.experiments.networks.variants import Variant
from mlcli.neural.activations import ACTIVATIONS as TORCH_ACTIVATIONS
from mlcli.neural.activations import find_activation
from mlcli.neural.batches import MemberRows, batch_bounds
from mlcli.neural.device import to_numpy
from mlcli.neural.losses import Loss
from mlcli.neural.mlp import MLP
from mlcli.neural.optimisers import Optimiser
from mlcli.neural.training import RunEpoch, TrainingSettings
from mlcli.rng import stream

Floats = NDArray[Any]
# Values of each compared parameter that the NumPy network supports.
KNOWN: Mapping[str, tuple[Any, ...]] = {
    "activation": tuple(
        name
        for name, h in TORCH_ACTIVATIONS.items()
        if name.replace("-", "_") in ACTIVATIONS or h.learns_slope or h.draws_slope
    ),
    "optimiser": ("sgd", "momentum"),
    "normalisation": ("none", "batch"),
    "dropout": (0.0,),
    "l1": (0.0,),
    "l2": (0.0,),
}


def check_engine(config: Any, variants: Sequence[Variant]) -> None:
    """Refuse settings that the NumPy network does not support.

    Raises:
        InputError: naming the first such value.
    """
    if config.engine != "numpy":
        return
    if config.device not in ("auto", "cpu"):
        raise InputError("--device", must="auto or cpu for --engine numpy", got=config.device)
    if (
        config.precision == "bf16"
        or config.clip_norm is not None
        or config.average_decay is not None
    ):
        raise InputError(
            "--engine numpy has no bf16, no --clip-norm and no --average-decay",
            hint="--engine torch",
        )
    for variant in variants:
        for name, known in KNOWN.items():
            if variant.values[name] not in known:
                choices = ", ".join(
                    f"{value:g}" if isinstance(value, float) else value for value in known
                )
                raise InputError(
                    f"--{name} for --engine numpy",
                    must=choices if len(known) == 1 else f"one of {choices}",
                    got=f"{variant.values[name]}",
                    hint="--engine torch",
                )


def run_epoch_of(config: Any) -> RunEpoch | None:
    """The function that takes the steps of an epoch; None: torch's."""
    if config.engine != "numpy":
        return None
    return partial(_run_epoch, config)


def _run_epoch(
    config: Any,
    net: Any,
    optimiser: Optimiser,
    loss: Loss,
    part: MemberRows,
    order: Any,
    settings: TrainingSettings,
    n_steps: int,
) -> Floats:
    """See `neural.training.train`; on a CPU torch's tensors and these arrays share their memory."""
    n_before = optimiser.n_steps
    cuts = batch_bounds(order.shape[1], settings.batch_size)[: n_steps - n_before]
    losses = np.full((len(cuts), net.n_members), np.nan)
    for m in range(net.n_members):
        if float(optimiser.minus_eta[m, 0]) == 0.0:
            continue  # frozen
        X, t = (to_numpy(array)[0, 0] for array in part.gather(order[None, m : m + 1]))
        eta = float(optimiser.learning_rate[m, 0])
        losses[:, m] = _train_member(
            net,
            m,
            optimiser,
            X,
            t,
            [slice(*cut) for cut in cuts],
            lambda step, eta=eta: eta * settings.schedule(n_before + step, n_steps),
            config,
            loss.labelled,
        )
    optimiser.n_steps = n_before + len(cuts)
    return losses


def _train_member(
    net: MLP,
    m: int,
    optimiser: Optimiser,
    X: Floats,
    t: Floats,
    batches: Sequence[Any],
    eta: Any,
    config: Any,
    labelled: bool,
) -> Floats:
    """Train one member in place; losses of each step."""
    named = net.named_arrays(net.state_dict())
    network = as_network(named, net.activations[m], m)
    velocity = optimiser.buffers().get("velocity")
    moving = None if velocity is None else net.named_arrays({"theta": velocity})
    start = None if moving is None else as_vector(moving, network, m)
    losses = np.full(len(batches), np.nan)
    try:
        done = train(
            network,
            X,
            t,
            softmax_cross_entropy if labelled else square,
            batches,
            learning_rate=eta,
            momentum=getattr(optimiser, "momentum", 0.0),
            velocity=start,
            rng=stream(config.seed, "rrelu", m, optimiser.n_steps),
        )
    except DivergedError as error:
        # Steps before it had finite losses, which are not needed.
        losses[: error.step - 1] = 0.0
        losses[error.step - 1] = error.loss
        return losses
    write_back(named, done.network, m)
    if moving is not None:
        write_vector(moving, done.network, done.velocity, m)
    return done.losses


def as_network(named: Mapping[str, Floats], activation: str, m: int) -> Network:
    """Member m as a network of `backpropagation`, with copies of its parameters.

    Args:
        named: parameters and running statistics by name, (M, ...).
        activation: of the hidden layers.
        m: which member.
    """
    n_layers = sum(name.startswith("W") for name in named)
    layers = []
    for i in range(1, n_layers + 1):
        W = named[f"W{i}"][m].T.copy()  # (n_out, n_in)
        b = named[f"b{i}"][m, 0].copy() if f"b{i}" in named else np.zeros(len(W), W.dtype)
        norm = None
        if f"gamma{i}" in named:
            arrays = (named[f"{key}{i}"][m] for key in ("gamma", "beta", "mean", "var"))
            norm = BatchNorm(*(array.reshape(-1).copy() for array in arrays))
        h: ActivationFunction | Leaky = identity()
        if i < n_layers:
            h = _activation(activation, named.get(f"slope{i}"), m)
        layers.append(DenseLayer(W, b, h, norm))
    return tuple(layers)


def _activation(name: str, slopes: Floats | None, m: int) -> ActivationFunction | Leaky:
    h = find_activation(name)
    if h.draws_slope:
        return RReLU()
    if h.learns_slope:
        assert slopes is not None
        return PReLU(slopes[m].reshape(-1).copy())
    if h.alpha is not None:
        return leaky_relu(h.alpha) if h.is_leaky else elu(h.alpha)
    return ACTIVATIONS[name.replace("-", "_")]


def _names(network: Network) -> list[list[str]]:
    """Names of the parameters of each layer, in the order of `layers.parameters`."""
    found = []
    for i, layer in enumerate(network, start=1):
        names = [f"W{i}", f"b{i}"]
        names += [f"gamma{i}", f"beta{i}"] if layer.norm is not None else []
        found.append(names + ([f"slope{i}"] if isinstance(layer.h, PReLU) else []))
    return found


def as_vector(named: Mapping[str, Floats], network: Network, m: int) -> Floats:
    """Member m's parameters or velocities as one vector, in the order of `on_one_vector`."""
    parts = []
    for names, layer in zip(_names(network), network, strict=True):
        for name, array in zip(names, parameters((layer,)), strict=True):
            # Before batch normalisation torch's layers have no bias.
            mine = named[name][m] if name in named else np.zeros_like(array)
            parts.append((mine.T if name.startswith("W") else mine).ravel())
    return np.concatenate(parts)  # (n_w,)


def write_vector(named: Mapping[str, Floats], network: Network, vector: Floats, m: int) -> None:
    """The inverse of `as_vector`: write a vector into the arrays of member m."""
    start = 0
    for names, layer in zip(_names(network), network, strict=True):
        for name, array in zip(names, parameters((layer,)), strict=True):
            mine = vector[start : start + array.size].reshape(array.shape)
            start += array.size
            if name in named:
                place = named[name][m]
                place[...] = mine.T if name.startswith("W") else mine.reshape(place.shape)


def write_back(named: Mapping[str, Floats], network: Network, m: int) -> None:
    """Write parameters and running statistics of a network into the arrays of member m."""
    write_vector(named, network, np.concatenate([a.ravel() for a in parameters(network)]), m)
    for i, layer in enumerate(network, start=1):
        if layer.norm is not None:
            named[f"mean{i}"][m] = layer.norm.running_mean
            named[f"var{i}"][m] = layer.norm.running_var
