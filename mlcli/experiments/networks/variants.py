"""Variants: one per combination where a parameter has several values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from mlcli.config.fields import is_several
from mlcli.config.networks import (
    DEFAULT_RATES,
    CnnFields,
    FitFields,
    MlpFields,
    ScheduleFields,
    sizes_of,
)
from mlcli.errors import InputError
from mlcli.neural.activations import alpha_of_each, find_activation

# Parameters whose list is one value, such as the ends of a piecewise schedule.
NO_COMPARISON = ("piecewise_ends", "piecewise_factors", "layers")
MAX_MEMBERS = 20_000
# The name of the architecture where the user gives the layers.
OWN_LAYERS = "own"
# Parameters in which members of one group may differ.
PER_MEMBER = ("activation", "alpha", "init", "learning_rate", "l1", "l2")


@dataclass(frozen=True)
class Variant:
    """One combination of values.

    Attributes:
        values: the value of every parameter that may be compared.
        compared: names of those that differ between variants.
    """

    values: Mapping[str, Any]
    compared: tuple[str, ...]

    def __getattr__(self, name: str) -> Any:
        # copy and pickle look up methods before `values` is set.
        values = self.__dict__.get("values", {})
        try:
            return values[name]
        except KeyError:
            raise AttributeError(name) from None

    @property
    def path(self) -> tuple[str, ...]:
        """Keys of its metrics: ``init_xavier``, one for each compared parameter."""
        return tuple(f"{name}_{text(self.values[name])}" for name in self.compared)

    @property
    def name(self) -> str:
        """A name in tables: ``init_xavier``, or empty where nothing is compared."""
        return " ".join(self.path)

    @property
    def label(self) -> str:
        """Its label in figures: ``xavier``; where nothing is compared, its preset or ``all``."""
        named = ", ".join(text(self.values[name]) for name in self.compared)
        return named or str(self.values.get("architecture", "all"))

    @property
    def hidden_sizes(self) -> tuple[int, ...]:
        """n^(1), ..., n^(L)."""
        return sizes_of(self.values["hidden"])

    @property
    def group(self) -> tuple[Any, ...]:
        """Values that are the same for all members of a group."""
        common = [value for name, value in self.values.items() if name not in PER_MEMBER]
        # Learnt slopes are further parameters.
        return (*common, self.learns_slopes)

    @property
    def h(self) -> str | None:
        """Its activation with its alpha, as ``leaky-relu 0.3``; None of a convolutional network."""
        name = self.values.get("activation")
        return None if name is None else alpha_of_each([name], self.values.get("alpha"))[name]

    @property
    def learns_slopes(self) -> bool:
        """Whether the slopes of the activation are parameters."""
        return self.h is not None and find_activation(self.h).learns_slope


def text(value: Any) -> str:
    """A value as part of a name."""
    return f"{value:g}" if isinstance(value, float) else str(value)


def variants_of(config: Any) -> list[Variant]:
    """Every combination of the values in a config, in their order.

    If no learning rate is given, it is the default of the optimiser. One alpha is that of the
    activations which have one.

    Raises:
        InputError: alpha does not suit the activations.
    """
    shared = (MlpFields, CnnFields, FitFields, ScheduleFields)
    fields = {name: field for model in shared for name, field in model.model_fields.items()}
    names = [
        name
        for name, field in fields.items()
        if name in type(config).model_fields and is_several(field) and name not in NO_COMPARISON
    ]
    lists: list[Sequence[Any]] = [_listed(config, name) for name in names]
    compared = tuple(n for n, values in zip(names, lists, strict=True) if len(values) > 1)
    found = []
    if "activation" in names:
        _check_alphas(config.activation, config.alpha or ())
    for chosen in product(*lists):
        values = dict(zip(names, chosen, strict=True))
        if "alpha" in values and find_activation(values["activation"]).alpha is None:
            values["alpha"] = None
        if values["learning_rate"] is None:
            values["learning_rate"] = DEFAULT_RATES[values["optimiser"]]
        if "architecture" in values:
            values["lines"] = lines_of(config, values["architecture"])
        found.append(Variant(values, compared))
    return found


def _listed(config: Any, name: str) -> Sequence[Any]:
    """The values of a parameter; layers of the user replace the presets."""
    if name == "architecture" and config.layers:
        return (OWN_LAYERS,)
    return getattr(config, name) or (None,)


def _check_alphas(activations: Sequence[str], alphas: Sequence[float]) -> None:
    """Refuse an alpha that no activation has or takes, and several where some have none."""
    for alpha in alphas:
        try:
            alpha_of_each(activations, alpha)
        except ValueError as error:
            raise InputError(f"--{error}") from None
    without = [name for name in activations if find_activation(name).alpha is None]
    if len(alphas) > 1 and without:
        raise InputError(
            f"--alpha with {len(alphas)} values",
            must="for activations that all have one",
            got=f"{without[0]}, which has none",
        )


def lines_of(config: Any, architecture: str) -> tuple[str, ...]:
    """The layers of a convolutional network: the config's own, or those of a preset."""
    from mlcli.neural.architecture import PRESETS

    return tuple(config.layers) if architecture == OWN_LAYERS else PRESETS[architecture]


def check_members(variants: Sequence[Variant], n_seeds: int) -> None:
    """Refuse more than `MAX_MEMBERS` members.

    Raises:
        InputError: there are too many.
    """
    n_members = len(variants) * n_seeds
    if n_members > MAX_MEMBERS:
        raise InputError(
            f"{len(variants)} variants of {n_seeds} seeds",
            must=f"at most {MAX_MEMBERS:,} members",
            got=f"{n_members:,}",
            hint="fewer values or --n-seeds",
        )


def nest(entries: Sequence[tuple[Variant, Any]]) -> dict[str, Any]:
    """Metrics of each variant below its path; of a single variant, at the top."""
    tree: dict[str, Any] = {}
    for variant, entry in entries:
        place = tree
        for step in variant.path:
            place = place.setdefault(step, {})
        place.update(entry)
    return tree
