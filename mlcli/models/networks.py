"""The models of train-mlp and train-cnn: a trained network, or an ensemble over seeds."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcli.errors import ConfigError, DataError
from mlcli.linear.student import student_t_quantile
from mlcli.models.parts import ModelFiles
from mlcli.models.prediction import (
    Array,
    ClassPredictions,
    ModelDescription,
    NumberPredictions,
    Prediction,
    described_with,
)
from mlcli.preparation.columns import preparation_from_dict
from mlcli.preparation.filling import Filling, filling_from_dict

ENSEMBLE = (
    "Student's quantile times the root of one network's held-out mean squared error plus the "
    "networks' variance at the row"
)
SINGLE = "Student's quantile times the root of the network's held-out mean squared error"


@dataclass(frozen=True)
class Program:
    """Networks of one shape, which compute side by side.

    Attributes:
        restored: `neural.restored.Restored`.
        n_members: the number of requested members, the first ones.
        output_shift, output_scale: units of their outputs, (M, 1).
        fillings: how gaps of the inputs are filled, one per member; empty if there are none.
    """

    restored: Any
    n_members: int
    output_shift: Array
    output_scale: Array
    fillings: tuple[Filling, ...] = ()

    def outputs(self, X: Array) -> Array:
        """Outputs of each member before the output activation, (M, n, K)."""
        if self.fillings:
            X = np.stack([filling(X) for filling in self.fillings])  # (M, n, D)
        found: Array = self.restored.outputs(X)[: self.n_members]
        return found

    def values(self, X: Array) -> Array:
        """Predicted targets of each member, (M, n)."""
        return self.outputs(X)[:, :, 0] * self.output_scale + self.output_shift


@dataclass(frozen=True)
class Networks:
    """An ensemble of networks, or one.

    Attributes:
        described: their description.
        programs: all of their networks.
        held_out_mse: of one network, in the units of the target; None if there is none.
        n_held_out: number of held-out rows.
    """

    described: ModelDescription
    programs: tuple[Program, ...]
    held_out_mse: float | None
    n_held_out: int

    @property
    def batch_rows(self) -> int:
        """See `Model`."""
        return math.lcm(*(one.restored.batch_rows for one in self.programs))

    def predict(self, X: Array, level: float) -> Prediction:
        """See `Model`."""
        if self.described.classes:
            return self._classes(X)
        values = np.concatenate([one.values(X) for one in self.programs])  # (M, n)
        many = len(values) > 1
        mean = values.mean(axis=0) if many else values[0]
        spread = values.std(axis=0, ddof=1) if many else None
        if self.held_out_mse is None or not self.n_held_out:
            return NumberPredictions(mean, spread=spread)
        std = np.sqrt(self.held_out_mse + (np.zeros(len(X)) if spread is None else spread**2))
        half = student_t_quantile((1 + level) / 2, self.n_held_out) * std
        return NumberPredictions(mean, std, mean - half, mean + half, spread)

    def _classes(self, X: Array) -> ClassPredictions:
        from mlcli.classification.softmax import softmax

        every = [softmax(A) for one in self.programs for A in one.outputs(X)]
        P = np.mean(every, axis=0) if len(every) > 1 else every[0]
        predicted = P.argmax(axis=1)
        spread = None
        if len(every) > 1:
            rows = np.arange(len(X))
            spread = np.std([one[rows, predicted] for one in every], axis=0, ddof=1)
        return ClassPredictions(self.described.classes, predicted, P, spread)


def load_networks(
    parts: ModelFiles,
    info: Mapping[str, Any],
    command: str,
    variant: str | None,
    seed_index: int | None,
    device: str,
) -> Networks:
    """The networks of one variant, by default the one with the least validation loss.

    Raises:
        ConfigError: there is no such variant or seed.
        DataError: every network diverged.
    """
    entry = _variant(info, variant)
    wanted = _members(info, entry["variant"], seed_index)
    name = f"model/{info['judged']}.safetensors"
    tensors = parts.tensors(name, finite=False)
    programs, n_lost = [], 0
    for number, places in wanted.items():
        prefix = f"program{number}."
        own = {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
        good = [m for m in places if all(np.isfinite(array[m]).all() for array in own.values())]
        n_lost += len(places) - len(good)
        if good:
            programs.append(_program(info, info["programs"][number], own, good, device))
    if not programs:
        raise DataError(f"every network of {parts.folder} diverged", hint="another --variant")
    described = _described(info, command, entry, wanted, seed_index, n_lost, variant)
    if "preparation" in info:
        described = described_with(described, info, programs[0].fillings[0])
    return Networks(described, tuple(programs), entry["held_out_mse"], int(entry["n_held_out"]))


def _variant(info: Mapping[str, Any], label: str | None) -> Mapping[str, Any]:
    entries = list(info["variants"])
    if label is None:
        found: Mapping[str, Any] = entries[int(info["best_variant"])]
        return found
    names = {name: entry for entry in entries for name in (entry["label"], entry["variant"])}
    if label not in names:
        labels = [entry["label"] for entry in entries]
        near = get_close_matches(label, names, n=1, cutoff=0.4)
        raise ConfigError(
            "--variant",
            must=f"one of {', '.join(labels)}",
            got=repr(label),
            hint=near[0] if near else labels[0],
        )
    return dict(names[label])


def _members(info: Mapping[str, Any], variant: str, seed_index: int | None) -> dict[int, list[int]]:
    """Positions of the requested members in each program, by its number."""
    found: dict[int, list[int]] = {}
    seeds = set()
    for number, program in enumerate(info["programs"]):
        for place, member in enumerate(program["members"]):
            if member["variant"] == variant:
                seeds.add(int(member["seed_index"]))
                if seed_index in (None, member["seed_index"]):
                    found.setdefault(number, []).append(place)
    if not found:
        raise ConfigError(
            "--seed-index",
            must="one of " + ", ".join(map(str, sorted(seeds))),
            got=str(seed_index),
            hint="--keep-weights all in the training" if len(seeds) == 1 else None,
        )
    return found


def _program(
    info: Mapping[str, Any],
    program: Mapping[str, Any],
    tensors: Mapping[str, NDArray[Any]],
    places: Sequence[int],
    device: str,
) -> Program:
    from mlcli.neural import restored
    from mlcli.neural.augmentation import Pixels
    from mlcli.neural.device import choose_device
    from mlcli.scale.threads import n_threads

    n_trained, n_features = int(program["n_trained"]), len(info["features"])
    # BLAS computes one matrix product with another algorithm than a batch of several. A network
    # that was evaluated beside others is therefore duplicated, which keeps its last bits.
    n_requested = len(places)
    if n_requested == 1 < n_trained:
        places = [*places, *places]
    members = [program["members"][m] for m in places]
    own = {name: array[places] for name, array in tensors.items()}
    size = int(program["multiplications"]), n_trained, int(program["batch_size"])
    place = choose_device(device, math.prod(size), _dtype(own)).device
    views = None
    if info["kind"] == "mlp":
        sizes = [int(n) for n in program["sizes"]]
        activations = [str(one["activation"]) for one in members]
        net = restored.restore_mlp(sizes, activations, str(program["normalisation"]), own, place)
    else:
        shape = tuple(int(n) for n in program["input_shape"])
        lines = [str(line) for line in program["layers"]]
        net = restored.restore_cnn(lines, shape, len(info["classes"]) or 1, own, place)
        if info["views"]:
            pixels = Pixels(shape, float(info["views"]["ground"]))  # type: ignore[arg-type]
            views = (pixels, bool(info["views"]["flips"]))
    threads = n_threads(*size)
    autocast = info["precision"] == "bf16"
    origin = None
    if "input_origin" in members[0]:
        origin = _units(members[:1], "input_origin", n_features)[0]
    fillings: tuple[Filling, ...] = ()
    if "preparation" in info:
        preparation = preparation_from_dict(info["preparation"])
        fillings = tuple(filling_from_dict(preparation, one["filling"]) for one in members)
    shift = _units(members, "input_shift", n_features)
    scale = _units(members, "input_scale", n_features)
    return Program(
        restored.RestoredNetworks(net, shift, scale, n_trained, threads, autocast, views, origin),
        n_requested,
        _units(members[:n_requested], "output_shift", 1),
        _units(members[:n_requested], "output_scale", 1),
        fillings,
    )


def _dtype(tensors: Mapping[str, NDArray[Any]]) -> str:
    return str(next(iter(tensors.values())).dtype)


def _units(members: Sequence[Mapping[str, Any]], name: str, width: int) -> Array:
    """The values of each member, (M, width), whether it has a number or a list."""
    return np.stack([np.broadcast_to(np.asarray(one[name], float), (width,)) for one in members])


def _described(
    info: Mapping[str, Any],
    command: str,
    entry: Mapping[str, Any],
    wanted: Mapping[int, Sequence[int]],
    seed_index: int | None,
    n_lost: int,
    variant: str | None,
) -> ModelDescription:
    n_members = sum(map(len, wanted.values())) - n_lost
    description = []
    if len(info["variants"]) > 1:
        why = "the least validation loss" if variant is None else "as chosen"
        description.append(f"variant {entry['label']} of {len(info['variants'])} ({why})")
    if seed_index is not None:
        description.append(f"the network of seed {seed_index}")
    elif n_members > 1:
        description.append(f"the mean of {n_members} networks")
    warnings = (f"{n_lost} networks diverged and are left out",) if n_lost else ()
    shape, resize = info["image_shape"], info["resize"]
    interval = (
        ""
        if info["classes"] or entry["held_out_mse"] is None
        else (ENSEMBLE if n_members > 1 else SINGLE)
    )
    return ModelDescription(
        command,
        tuple(info["features"]),
        str(info["target"]),
        ", ".join(description),
        interval,
        tuple(info["classes"]),
        tuple(float(value) for value in info["class_values"]),
        None if shape is None else tuple(int(n) for n in shape),
        None if resize is None else (int(resize[0]), int(resize[1])),
        warnings,
    )
