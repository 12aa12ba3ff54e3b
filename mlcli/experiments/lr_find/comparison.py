"""Trainings with the suggested one-cycle schedule, compared with fixed rates and schedules."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from mlcli.errors import NoAnswerError
from mlcli.experiments.lr_find.answer import cycle_of
from mlcli.experiments.lr_find.config import LrFindConfig, training_of
from mlcli.experiments.lr_find.recipes import ONE_CYCLE, RECIPES
from mlcli.experiments.networks.fitting import FittedGroup, fit_all
from mlcli.experiments.networks.member_groups import member_groups_of
from mlcli.experiments.networks.metrics import (
    headline,
    outcomes_of_variant,
    paired_tests,
    variant_metrics,
)
from mlcli.experiments.networks.outcome import MemberOutcome, outcomes_of
from mlcli.experiments.networks.problem import Problem
from mlcli.experiments.networks.variants import Variant
from mlcli.result import Progress

# Scores that the comparison reports.
PARTS = ("validation", "test")


@dataclass(frozen=True)
class Recipe(Variant):
    """A variant that trains by one of `RECIPES`."""

    recipe: str = ""

    @property
    def path(self) -> tuple[str, ...]:
        """Keys of its metrics."""
        return (self.recipe,)

    @property
    def label(self) -> str:
        """Its label in figures."""
        return RECIPES[self.recipe][2]


@dataclass(frozen=True)
class RecipeComparison:
    """The trainings of one variant.

    Attributes:
        problem: rows and splits.
        variant: the network.
        ways: how it was trained.
        fitted: groups with their curves.
        outcomes: of every member.
        metrics: scores of each way, and the differences between them.
    """

    problem: Problem
    variant: Variant
    recipes: tuple[Recipe, ...]
    fitted: tuple[FittedGroup, ...]
    outcomes: tuple[MemberOutcome, ...]
    metrics: dict[str, Any]


def recipes_of(variant: Variant, eta_max: float) -> tuple[Recipe, ...]:
    """The variant with each recipe."""
    found = []
    for name, (schedule, share, _) in RECIPES.items():
        rate = float(f"{share * eta_max:.6g}")
        values = {**variant.values, "schedule": schedule, "learning_rate": rate}
        found.append(Recipe(values, variant.compared, name))
    return tuple(found)


def compare_recipes(
    config: LrFindConfig, problem: Problem, variant: Variant, eta_max: float, progress: Progress
) -> RecipeComparison:
    """Train the seeds of a variant by every recipe, with the same splits and initial weights.

    Args:
        config: validated parameters.
        problem: rows and splits.
        variant: the network.
        eta_max: what is suggested.
        progress: called with the epochs that are done.

    Raises:
        NoAnswerError: every training diverged.
        Interrupted: Ctrl-C.
    """
    cycle = cycle_of(config, eta_max)
    # No statistics of layers here.
    unseen = {"n_statistics": 0} if config.network == "mlp" else {}
    training = training_of(config, n_epochs=config.compare_epochs, **unseen, **cycle)
    recipes = recipes_of(variant, eta_max)
    groups = member_groups_of(training, problem, recipes)
    try:
        fitted = fit_all(training, problem, groups, checkpoint=None, progress=progress)
    except NoAnswerError:
        raise NoAnswerError(
            "every training of the comparison diverged", hint="--compare-epochs 0"
        ) from None
    outcomes = [_fewer_scores(one) for one in outcomes_of(training, problem, fitted)]
    return RecipeComparison(
        problem,
        variant,
        recipes,
        tuple(fitted),
        tuple(outcomes),
        _metrics(problem, recipes, outcomes),
    )


def _fewer_scores(outcome: MemberOutcome) -> MemberOutcome:
    names = {f"{part}_{name}" for part in PARTS for name in ("loss", "accuracy", "mse", "r2")}
    return replace(outcome, scores={k: v for k, v in outcome.scores.items() if k in names})


def _metrics(
    problem: Problem, recipes: Sequence[Recipe], outcomes: Sequence[MemberOutcome]
) -> dict[str, Any]:
    extra = {recipe.path: {"learning_rate": recipe.learning_rate} for recipe in recipes}
    found = variant_metrics(problem, recipes, outcomes, extra)
    found["differences"] = paired_tests(problem, recipes, outcomes, with_first=True)
    for recipe in recipes[1:]:
        better = _n_better(problem, outcomes, recipes[0], recipe)
        found["differences"][f"{ONE_CYCLE} - {recipe.name}"]["n_better"] = better
    return found


def _n_better(problem: Problem, outcomes: Sequence[MemberOutcome], a: Recipe, b: Recipe) -> int:
    """Seeds in which a beats b on the test rows; a diverged training loses to any other.

    Unlike the mean difference it is defined where some seeds diverged.
    """
    name, sign = headline(problem), 1.0 if problem.labelled else -1.0
    pairs = zip(outcomes_of_variant(outcomes, a), outcomes_of_variant(outcomes, b), strict=True)
    return sum(
        not one.diverged_at
        and (bool(other.diverged_at) or sign * (one.scores[name] - other.scores[name]) > 0)
        for one, other in pairs
    )
