"""The parameters of `mlcli propagate` (sections 7.1 to 7.3 of the notes)."""

from __future__ import annotations

from typing import Annotated

from pydantic import field_validator

from mlcli.config.common import SeedFields, SourceFields
from mlcli.config.fields import Degrees, Float, Floats, Int, Names, Unset, param
from mlcli.neural.activations import alpha_of_each


class PropagateConfig(SourceFields, SeedFields):
    """Vanishing and exploding gradients: signals forward, errors backward, what trains."""

    data: str = param(
        "digits", "Rows with classes, on which deep networks are trained.", example="digits"
    )
    activations: Names = param(
        ("sigmoid", "tanh", "relu", "leaky-relu", "elu", "gelu", "silu", "selu"),
        "Activation functions, as relu,tanh.",
        example="relu,tanh",
    )
    alpha: Annotated[Float | None, Unset] = param(
        None,
        "alpha of (7.21) and (7.22): slope of leaky-relu on the left, depth of elu (default: "
        "leaky-relu 0.01, elu 1).",
        example="0.3",
        optional=True,
        gt=0,
    )
    inits: Names = param(
        ("normal", "uniform", "xavier", "he", "lecun", "orthogonal"),
        "Initialisations of the weights; normal is N(0, 1).",
        example="he,xavier",
    )
    depths: Degrees = param((10, 50), "Hidden layers of the measured networks.", example="10,50")
    width: Int = param(128, "Neurons of each layer of these.", unit="neurons", ge=2, le=2048)
    n_rows: Int = param(
        64,
        "Rows that go through them; batch normalisation takes its statistics from these.",
        unit="rows",
        ge=2,
        le=4096,
    )
    sign_counts: Degrees = param(
        (2, 3, 5, 10), "Weights of one neuron whose gradients are compared in sign.", example="2,3"
    )
    batch_sizes: Degrees = param(
        (1, 8, 64), "Rows over which these gradients are summed.", example="1,64"
    )
    n_batches: Int = param(8, "Minibatches of each seed for the signs.", ge=1, le=1000)
    train_depth: Int = param(50, "Hidden layers of the trained networks.", ge=1, le=200)
    train_width: Int = param(
        32, "Neurons of each hidden layer of these.", unit="neurons", ge=2, le=512
    )
    train_steps: Int = param(240, "Steps of training.", unit="steps", ge=1, le=100_000)
    train_batch: Int = param(32, "Rows of a minibatch of training.", unit="rows", ge=2)
    train_rates: Floats = param(
        (1.5e-3, 5e-4),
        "Largest learning rates of Adam's cycle; each is tried for a third of the steps, and the "
        "best is used.",
        example="0.01,0.001",
    )
    train_rows: Int = param(320, "Rows to train on, at most.", unit="rows", ge=4, le=100_000)
    train_seeds: Int = param(5, "Trainings of each pair at its best rate.", ge=1, le=1000)
    threshold: Float = param(
        0.25,
        "A pair trains if the interval of its training accuracy lies above this.",
        example="0.25",
        gt=0,
        lt=1,
    )
    n_seeds: Int = param(8, "Networks that are drawn for each measurement.", ge=1, le=1000)

    def h(self, name: str) -> str:
        """One of the activations with its alpha, as ``leaky-relu 0.3``.

        Raises:
            ValueError: alpha is given, and no activation has one, or it is not in its range.
        """
        return alpha_of_each(self.activations, self.alpha)[name]

    @field_validator("activations", "inits")
    @classmethod
    def _each_once(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(names)) < len(names):
            raise ValueError(f"must name each once, got {','.join(names)}")
        return names

    @field_validator("depths")
    @classmethod
    def _a_factor_needs_two_layers(cls, depths: tuple[int, ...]) -> tuple[int, ...]:
        if min(depths) < 2 or max(depths) > 200:
            raise ValueError(f"must be from 2 to 200 each, got {','.join(map(str, depths))}")
        return tuple(sorted(set(depths)))

    @field_validator("sign_counts", "batch_sizes")
    @classmethod
    def _counts_are_positive(cls, counts: tuple[int, ...]) -> tuple[int, ...]:
        if min(counts) < 1:
            raise ValueError(f"must be at least 1 each, got {min(counts)}")
        return tuple(sorted(set(counts)))
