"""The one metric of a command: what a sweep is ranked by, and what a list of runs shows."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from mlcli.errors import ConfigError
from mlcli.experiments import about
from mlcli.experiments.experiment import OTHER, TEST, VALIDATION, Headline
from mlcli.review.gates import nearest_path
from mlcli.run.details import is_number, is_summary, quantities

MORE_IS_BETTER = (
    "accuracy",
    "r2",
    "evidence",
    "likelihood",
    "f1",
    "auc",
    "precision",
    "recall",
    "coverage",
    "converged",
)
LESS_IS_BETTER = (
    "loss",
    "mse",
    "error",
    "brier",
    "entropy",
    "excess",
    "distance",
    "mistakes",
    "variance",
    "bias_squared",
    "gcv",
    "steps",
    "n_diverged",
)


# Whole words of other programs' names.
MORE_WORDS = frozenset({"acc", "bleu", "dice", "iou", "map", "ndcg", "return", "reward", "rouge"})
LESS_WORDS = frozenset({"mae", "nll", "perplexity", "regret", "seconds", "latency", "wer"})


def largest_is_best(metric: str) -> bool | None:
    """Whether more of a metric is better, by its name; None if that does not tell.

    Args:
        metric: its path, whose last key counts.
    """
    leaf = metric.rpartition(".")[2].lower()
    words = set(re.split(r"[^a-z0-9]+", leaf))
    more = any(word in leaf for word in MORE_IS_BETTER) or bool(words & MORE_WORDS)
    less = any(word in leaf for word in LESS_IS_BETTER) or bool(words & LESS_WORDS)
    return None if more == less else more


def headline_of(section: str, asked: str | None, best: str | None) -> tuple[Headline, ...]:
    """What to rank by, in order of preference.

    Args:
        section: of the command.
        asked: the user's metric, if one was named.
        best: largest or smallest, if the user said so.

    Raises:
        ConfigError: there is no default, or it is not clear which end is the better.
    """
    if asked is None:
        known = about(section).headlines
        if not known:
            raise ConfigError(
                f"{section} has no one number that a sweep is ranked by",
                hint="--metric PATH --best largest",
            )
        return tuple(Headline(one.name, _largest(best, one.largest), one.rows) for one in known)
    leaf = asked.rpartition(".")[2]
    more = largest_is_best(asked)
    if best is None and more is None:
        raise ConfigError(f"--metric {asked} does not say which end is better", hint="--best")
    rows = next((kind for kind in (VALIDATION, TEST) if leaf.startswith(kind)), OTHER)
    return (Headline(asked, _largest(best, bool(more)), rows),)


def _largest(best: str | None, usual: bool) -> bool:
    return usual if best is None else best == "largest"


def find(
    headlines: tuple[Headline, ...],
    runs: Mapping[str, Mapping[str, Any]],
    variants: Mapping[str, str] | None = None,
) -> tuple[Headline, dict[str, str]]:
    """The first headline that every run has, and its path in each: others can't be ranked together.

    Args:
        headlines: in order of preference.
        runs: name -> metrics of each run.
        variants: name -> the part of a run's metrics that it was asked for, as `variant_of` says;
            it goes before other parts that have a headline's name too.

    Raises:
        ConfigError: there is none, or several paths of a run end in its name.
    """
    known = {name: _known(metrics) for name, metrics in runs.items()}
    first: dict[str, str] = {}
    for one in headlines:
        paths = {
            name: _path(one, values, (variants or {}).get(name, ""), known.values())
            for name, values in known.items()
        }
        if None not in paths.values():
            return one, {name: path for name, path in paths.items() if path is not None}
        first = {name: path for name, path in paths.items() if path is not None} | first
    for name, values in known.items():
        if name not in first:
            raise _nowhere(headlines[0].name, values, f"run {name}" if first else "the runs")
    leaves: dict[str, str] = {}
    for name in known:
        leaves.setdefault(first[name].rpartition(".")[2], name)
    has = ", ".join(f"{name} has {leaf}" for leaf, name in leaves.items())
    raise ConfigError(f"no one metric ranks every point: {has}", hint="--metric PATH")


@dataclass(frozen=True)
class ShownScore:
    """The number that stands for a run.

    Attributes:
        path: in details.json.
        value: the mean, where it is one.
        n_compared: how many variants of the run have it, of which this is the best.
    """

    path: str
    value: float
    n_compared: int


def shown_score(section: str, metrics: Mapping[str, Any]) -> ShownScore | None:
    """The first headline that a run has, that of test rows before others; of variants the best."""
    known = {path: _mean(value) for path, value in _known(metrics).items()}
    # Along a path of strengths there are other models than those that the run compares.
    numbers = {
        path: value
        for path, value in known.items()
        if value is not None and not path.startswith("path.")
    }
    headlines = [*about(section).headlines, *about(section).shown]
    for one in sorted(headlines, key=lambda one: one.rows != TEST):
        paths = [one.name] if one.name in numbers else _ending_in(one.name, numbers)
        if paths:
            best = (max if one.largest else min)(paths, key=lambda path: numbers[path])
            return ShownScore(best, numbers[best], len(paths))
    return None


def _mean(value: Any) -> float | None:
    mean = value["mean"] if is_summary(value) else value
    return float(mean) if is_number(mean) else None


def _ending_in(name: str, known: Iterable[str]) -> list[str]:
    return _shallowest([path for path in known if path.endswith(f".{name}")])


def variant_of(config: Mapping[str, Any]) -> str:
    """The part of a run's metrics that its one degree has; empty where there are several.

    Args:
        config: of the manifest, key -> {"value": ...}.
    """
    degrees = config.get("degrees", {}).get("value")
    return f"degree_{degrees[0]}" if isinstance(degrees, list) and len(degrees) == 1 else ""


def _known(metrics: Mapping[str, Any]) -> dict[str, Any]:
    return {
        path: value
        for path, value in quantities(metrics).items()
        if is_summary(value) or is_number(value) or value is None
    }


def _path(
    headline: Headline, known: Mapping[str, Any], variant: str, every: Collection[Mapping[str, Any]]
) -> str | None:
    """The path of a headline in a run; None if it is not there."""
    if headline.name in known:
        return headline.name
    ending = _ending_in(headline.name, known)
    if len(ending) > 1 and f"{variant}.{headline.name}" in ending:
        return f"{variant}.{headline.name}"
    if len(ending) > 1:
        # Only what every point has ranks them.
        shared = next((path for path in ending if all(path in one for one in every)), None)
        raise ConfigError(
            f"{headline.name} is there {len(ending)} times, since a point compares several "
            "variants",
            hint="one value of each" + (f", or --metric {shared}" if shared else ""),
        )
    return ending[0] if ending else None


def _nowhere(name: str, known: dict[str, Any], where: str) -> ConfigError:
    leaves = {path.rpartition(".")[2]: path for path in reversed(known)}
    near = nearest_path(name, known) or leaves.get(nearest_path(name, leaves) or "")
    return ConfigError(f"no metric of {where} is {name}", hint=f"--metric {near or 'PATH'}")


def _shallowest(paths: list[str]) -> list[str]:
    """Those with the fewest keys: a part of a run repeats names of the whole further down."""
    fewest = min((path.count(".") for path in paths), default=0)
    return [path for path in paths if path.count(".") == fewest]


def scores(path: str, metrics: Mapping[str, Any]) -> dict[str, Any]:
    """The test scores beside a metric: what it was not chosen by."""
    prefix = path.rpartition(".")[0]
    beside = quantities(metrics)
    return {
        key: value
        for key, value in beside.items()
        if key.rpartition(".")[0] == prefix
        and key.rpartition(".")[2].startswith("test_")
        and key != path
    }
