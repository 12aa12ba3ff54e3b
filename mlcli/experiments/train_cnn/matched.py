"""The perceptron that has about as many parameters as the network, at the rate that suits it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcli.experiments.networks.fitting import FittedGroup
from mlcli.experiments.networks.member_groups import (
    MemberGroup,
    group_kernels,
    loss_of,
    network_of,
    view_of,
)
from mlcli.experiments.networks.metrics import rows_of
from mlcli.experiments.networks.problem import Problem
from mlcli.experiments.networks.variants import Variant
from mlcli.experiments.summary import summary
from mlcli.neural.batches import member_rows
from mlcli.neural.evaluation import evaluate
from mlcli.result import Columns

Floats = NDArray[np.float64]
# The key of the metrics of the perceptron with about as many parameters.
MATCHED_PATH = ("equal_mlp",)
# Its rates, as shares of the rate of the convolutional network. Batch normalisation, which the
# perceptron lacks, stands larger ones.
SHARES_OF_RATE = (1.0, 0.5, 0.25, 0.125)


@dataclass(frozen=True)
class ParameterMatchedMLP(Variant):
    """The perceptron that has about as many parameters as a convolutional network."""

    @property
    def path(self) -> tuple[str, ...]:
        """Keys of its metrics."""
        return MATCHED_PATH

    @property
    def label(self) -> str:
        """Its label in figures."""
        return "perceptron"


def parameter_matched_mlps(
    problem: Problem, variant: Variant, n_parameters: int
) -> tuple[ParameterMatchedMLP, ...]:
    """One hidden layer of as many neurons as give the nearest number of parameters, at each rate.

    It has the same optimiser and schedule, and dropout if the other network has some. Without
    validation rows, on which a rate could be chosen, there is only that of the other network.
    """
    n_features, n_outputs = problem.X.shape[1], problem.n_outputs
    n_hidden = max(1, round((n_parameters - n_outputs) / (n_features + n_outputs + 1)))
    drops = any(line.split()[0] == "dropout" for line in variant.lines)
    own = {
        "hidden": str(n_hidden),
        "activation": "relu",
        "normalisation": "none",
        "dropout": 0.25 if drops else 0.0,
    }
    shared = {k: v for k, v in variant.values.items() if k not in ("architecture", "lines")}
    watched = problem.splits[0].validation.size > 0
    rates = [share * variant.learning_rate for share in SHARES_OF_RATE[: None if watched else 1]]
    return tuple(
        ParameterMatchedMLP({**shared, **own, "learning_rate": rate}, ("hidden",)) for rate in rates
    )


@dataclass(frozen=True)
class RateChoice:
    """The rates of the perceptron on the validation rows, and the one that is taken.

    Attributes:
        rates: that were tried.
        losses: of each rate and seed, (rates, S); empty where there was nothing to choose.
        accuracies: the same; None of a regression.
        chosen: the index of the rate that is taken.
    """

    rates: tuple[float, ...]
    losses: Floats
    accuracies: Floats | None
    chosen: int


def choose_rate(config: Any, problem: Problem, fitted: Sequence[FittedGroup]) -> RateChoice:
    """The rate with the highest mean accuracy on validation rows; of equals, the least loss.

    Of a regression, that with the least loss. One rate for all seeds; test rows are not used.

    Args:
        config: has precision and n_seeds.
        problem: rows and splits.
        fitted: the groups of the perceptron, at every rate.
    """
    members = [(one, m) for one in fitted for m in range(len(one.group.members))]
    rates = tuple(dict.fromkeys(one.group.members[m].variant.learning_rate for one, m in members))
    if len(rates) == 1:
        return RateChoice(rates, np.empty((0, 0)), None, 0)
    found: dict[int, tuple[Floats, Floats | None]] = {}
    for one in fitted:
        loss = loss_of(problem)
        with group_kernels(one.group, one.net.theta.device):
            view = view_of(problem, one.group, "validation")
            part = member_rows(one.net, loss, problem.X, problem.t, view)
            found[id(one)] = evaluate(one.net, loss, part, config.precision == "bf16")
    losses = np.full((len(rates), config.n_seeds), np.inf)
    accuracies = np.zeros_like(losses)
    for one, m in members:
        member, (E, share) = one.group.members[m], found[id(one)]
        place = rates.index(member.variant.learning_rate), member.seed_index
        if not one.trained.diverged_at[m] and np.isfinite(E[m]):
            losses[place] = E[m]
            accuracies[place] = 0.0 if share is None else share[m]
    order = np.lexsort((losses.mean(axis=1), -accuracies.mean(axis=1).round(12)))
    return RateChoice(rates, losses, accuracies if problem.labelled else None, int(order[0]))


def only_rate(config: Any, fitted: FittedGroup, rate: float) -> FittedGroup | None:
    """A group without the members of other rates; None if none is left."""
    kept = [
        m for m, member in enumerate(fitted.group.members) if member.variant.learning_rate == rate
    ]
    if not kept:
        return None
    group = MemberGroup(tuple(fitted.group.members[m] for m in kept), fitted.group.architecture)
    net, trained = network_of(config, group), fitted.trained

    def part(state: Mapping[str, Any]) -> dict[str, Any]:
        return {name: tensor[kept] for name, tensor in state.items()}

    net.load_state_dict(part(fitted.net.state_dict()))
    history = {name: curve[:, kept] for name, curve in trained.history.items()}
    own = replace(
        trained,
        history=history,
        stopped=trained.stopped[kept],
        best_epoch=trained.best_epoch[kept],
        diverged_at=trained.diverged_at[kept],
        last=part(trained.last),
        best=part(trained.best),
    )
    return FittedGroup(group, net, own, fitted.moments, fitted.layers[..., kept])


def rate_metrics(problem: Problem, choice: RateChoice) -> dict[str, Any]:
    """The rate that is taken, and the scores of each on the validation rows, over the seeds.

    Accuracies are left out of a regression; all of it where there was nothing to choose.
    """
    found: dict[str, Any] = {"learning_rate": choice.rates[choice.chosen]}
    scores = {"validation_loss": choice.losses}
    if choice.accuracies is not None:
        scores["validation_accuracy"] = choice.accuracies
    rates = {
        f"rate_{i}": {
            "rate": choice.rates[i],
            "is_chosen": i == choice.chosen,
            **{
                name: summary(values[i], name, rows_of(problem, name))
                for name, values in scores.items()
            },
        }
        for i in range(len(choice.losses))
    }
    return found | {"rates": rates} if rates else found


def rates_table(problem: Problem, choice: RateChoice | None) -> Columns:
    """The same in rows: each rate with its mean scores, and whether it is taken."""
    columns: dict[str, list[Any]] = {"rate": [], "is_chosen": []}
    rates = {} if choice is None else rate_metrics(problem, choice).get("rates", {})
    for row in rates.values():
        columns["rate"].append(row["rate"])
        columns["is_chosen"].append(row["is_chosen"])
        for name in ("validation_loss", "validation_accuracy"):
            for key in ("mean", "ci_low", "ci_high") if name in row else ():
                end = "" if key == "mean" else f"_{key}"
                columns.setdefault(f"{name}{end}", []).append(row[name][key])
    return columns
