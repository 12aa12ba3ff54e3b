"""Runs side by side: settings, metrics, and tests of their differences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcli.datasets.names import canonical
from mlcli.datasets.registry import DATASETS
from mlcli.errors import ConfigError
from mlcli.experiments.paired import holm, paired_test, welch_test
from mlcli.linear.statistics import Range
from mlcli.review.runs import Run, per_seed
from mlcli.review.scores import Seed, range_for
from mlcli.run.details import is_measured, is_number, is_summary, quantities

# Settings that decide which rows a seed trains on and is tested on.
SPLIT_KEYS = (
    "seed",
    "n_seeds",
    "test_fraction",
    "validation_fraction",
    "task",
    "scheme",
    "n_folds",
    "group_column",
)


# Of these a seed of two commands must have the same for the same rows to be tested on.
SHARED_KEYS = ("seed", "n_seeds", "test_fraction", "scheme", "n_folds", "group_column")

Places = Sequence[Mapping[str, Run]]
Values = Mapping[Seed, float]


def matched(places: Places) -> tuple[list[list[Run]], list[str]]:
    """The runs of each command that every place has, and the commands that some place lacks.

    Places with one run each are compared whatever their commands.

    Raises:
        ConfigError: no command has a run in every place.
    """
    common = [section for section in places[0] if all(section in place for place in places)]
    every = sorted({section for place in places for section in place})
    if not common and all(len(place) == 1 for place in places):
        return [[run for place in places for run in place.values()]], []
    if not common:
        made = "; ".join(_commands(place) for place in places)
        raise ConfigError(
            "runs must be of one command, or one run in each place, to be compared", got=made
        )
    left_out = [section for section in every if section not in common]
    return [[place[section] for place in places] for section in common], left_out


def _commands(place: Mapping[str, Run]) -> str:
    runs = list(place.values())
    names = ", ".join(run.command for run in runs[:3])
    return f"{names if len(runs) <= 3 else names + ', ...'} ({runs[0].name})"


def compare(runs: Sequence[Run], unpaired: bool = False) -> dict[str, Any]:
    """A comparison in JSON's types: each run against the first.

    Args:
        runs: of one command; or of several, of which the metrics of the same names are compared.
        unpaired: whether seeds of the same number have nothing in common.

    Returns:
        ``command``; ``runs``, one ``{name, run, seeds}`` each; ``config``, ``data`` and
        ``versions`` with the values of each key that differs, one a run; ``tests``, one
        ``{test, why, overlaps}`` for each run but the first; and ``metrics``: path ->
        ``{values, differences}``, where ``values`` has one summary, scalar or null a run and
        ``differences`` one ``{mean, ci_low, ci_high, p_value, p_holm, test}`` or null for each run
        but the first. ``mean`` is that run's minus the first's, and p_holm allows for all tests.

    Raises:
        ConfigError: runs of several commands have no metric of the same name.
    """
    pairings = [pairing(runs[0], run, unpaired) for run in runs[1:]]
    found = [quantities(run.metrics) for run in runs]
    paths = dict.fromkeys(path for one in found for path in one)
    commands = list(dict.fromkeys(run.command for run in runs))
    across = len(commands) > 1 or runs[0].is_foreign
    if across:
        paths = {path: None for path in paths if all(is_summary(one.get(path)) for one in found)}
        if not paths:
            names = " and ".join(run.name for run in runs)
            raise ConfigError(
                f"{names} have no metric of the same name", hint="RUN:variant, or FILE:variant"
            )
    seeds = [per_seed(run) for run in runs]
    metrics: dict[str, Any] = {}
    for path in paths:
        metrics[path] = {
            "values": [one.get(path) for one in found],
            "differences": [
                _difference(
                    (found[0].get(path), one.get(path)),
                    (seeds[0].get(path), own.get(path)),
                    how.paired,
                    (overlap(runs[0], path), overlap(run, path)),
                    path,
                )
                for run, one, own, how in zip(runs[1:], found[1:], seeds[1:], pairings, strict=True)
            ],
        }
    every = {
        f"{path} {i}": one
        for path, entry in metrics.items()
        for i, one in enumerate(entry["differences"])
        if one is not None
    }
    holm(every)
    return {
        "command": "+".join(commands),
        "runs": [_about(run) for run in runs],
        "config": _unequal([run.config for run in runs], across),
        "data": _unequal([run.manifest["data"] for run in runs], across),
        "versions": _unequal([run.manifest["versions"] for run in runs], across),
        "tests": [{"test": p.test, "why": p.why, "overlaps": list(p.overlaps)} for p in pairings],
        "metrics": metrics,
    }


def _about(run: Run) -> dict[str, Any]:
    return {"name": run.name, "run": run.manifest["run"], "seeds": run.manifest["seeds"]}


def _unequal(
    mappings: Sequence[Mapping[str, Any]], only_common: bool = False
) -> dict[str, list[Any]]:
    keys = dict.fromkeys(key for one in mappings for key in one)
    if only_common:
        keys = {key: None for key in keys if all(key in one for one in mappings)}
    values = {key: [one.get(key) for one in mappings] for key in keys}
    return {key: found for key, found in values.items() if any(v != found[0] for v in found)}


def _difference(
    pair: tuple[Any, Any],
    seeds: tuple[Values | None, Values | None],
    paired: bool,
    overlaps: tuple[float, float],
    path: str,
) -> dict[str, Any] | None:
    """The second minus the first, tested where both are means over seeds."""
    a, b = pair
    nothing = dict.fromkeys(("ci_low", "ci_high", "p_value", "test"))
    if is_number(a) and is_number(b):
        return {"mean": b - a} | nothing
    if not (is_measured(a) and is_measured(b)):
        return None
    if a == b:
        return {"mean": 0.0} | nothing
    within = range_of_difference(path, pair, seeds)
    differences = paired_differences(*seeds) if paired else None
    if differences is not None:
        tested = paired_test(differences, max(overlaps), within)
        kept = {key: tested[key] for key in ("mean", "ci_low", "ci_high", "p_value")}
        return kept | {"test": PAIRED}
    welch = welch_test(a, b, overlaps, within)
    return welch | {"test": None if welch["ci_low"] is None else WELCH}


def paired_differences(a: Values | None, b: Values | None) -> NDArray[np.float64] | None:
    """The second minus the first, seed by seed; None unless both have the same seeds."""
    if not a or not b or a.keys() != b.keys():
        return None
    return np.array([b[seed] - a[seed] for seed in a])


def range_of_difference(
    path: str, pair: tuple[Any, Any], seeds: tuple[Values | None, Values | None]
) -> Range:
    """Of a metric; any where its name is not known, or stands for something else."""
    groups = [
        [one["mean"]] if values is None else values.values()
        for one, values in zip(pair, seeds, strict=True)
    ]
    return range_for(path, *groups).of_difference


PAIRED, WELCH = "paired", "Welch"


@dataclass(frozen=True)
class Pairing:
    """How two runs are compared.

    Attributes:
        paired: whether seed i of one is seed i of the other: the same rows, split alike.
        overlaps: n_test / n_train of each where its seeds are splits of the same rows, else 0.
        why: in one sentence.
    """

    paired: bool
    overlaps: tuple[float, float]
    why: str

    @property
    def test(self) -> str:
        """The name of the test."""
        return PAIRED if self.paired else WELCH


def pairing(a: Run, b: Run, unpaired: bool = False) -> Pairing:
    """How run b is compared with run a."""
    overlaps = overlap(a), overlap(b)
    shared = (
        " Seeds are splits of the same rows, so the variance is Nadeau and Bengio's,"
        " std^2 (1/n + n_test/n_train)."
        if any(overlaps)
        else ""
    )
    if min(int(run.manifest["seeds"].get("n_seeds", 0)) for run in (a, b)) < 2:
        return Pairing(False, overlaps, "Without a test, since one seed has no spread.")
    reason = "--unpaired is given" if unpaired else _why_not(a, b)
    if reason:
        why = f"Not seed by seed, but by Welch's test, since {reason}.{shared}"
        return Pairing(False, overlaps, why)
    same = "data, seeds and splits"
    if a.is_foreign or b.is_foreign:
        same = "the numbers of the seeds"
    elif a.command != b.command:
        same = "data, seeds and the share of test rows"
    why = (
        f"Seed by seed, by the paired t test, since {same} are the same; by Welch's "
        f"where no table of the run holds the value of each seed.{shared}"
    )
    if a.is_foreign or b.is_foreign:
        why = f"Seed by seed, by the paired t test, since {same} are the same (else --unpaired)."
        why += shared
    return Pairing(True, overlaps, why)


def _why_not(a: Run, b: Run) -> str:
    if a.is_foreign or b.is_foreign:
        seeds = [{seed for values in per_seed(run).values() for seed in values} for run in (a, b)]
        n_shared = len(seeds[0] & seeds[1])
        if seeds[0] == seeds[1]:
            return ""
        return f"the seeds differ ({len(seeds[0])} and {len(seeds[1])}, {n_shared} in both)"
    if a.manifest["data"] != b.manifest["data"]:
        return "the data differ"
    for key in SPLIT_KEYS if a.command == b.command else SHARED_KEYS:
        if a.config.get(key) != b.config.get(key):
            return f"{key} differs"
    return ""


def overlap(run: Run, metric: str = "") -> float:
    """n_test / n_train where the seeds of a run are splits of the same rows, else 0.

    Args:
        run: the run.
        metric: its path; one of validation rows takes their number for n_test.
    """
    if run.is_foreign:
        known = run.scores.overlaps if run.scores else {}
        return known.get(metric, 0.0) if metric else max(known.values(), default=0.0)
    data = run.manifest["data"]
    fresh = data.get("kind") == "synthetic" or bool(data.get("draw_column"))
    if fresh:
        return 0.0
    judged = "validation" if metric.rpartition(".")[2].startswith("validation_") else "test"
    named = DATASETS.get(canonical(str(data.get("name", ""))))
    has_own = data.get("kind") != "file" and named is not None and named.n_own_test > 0
    if has_own and judged == "test":
        return 0.0
    for sizes in (run.metrics.get("data"), run.metrics):
        share = _share(sizes, f"n_{judged}") if isinstance(sizes, Mapping) else None
        if share is not None:
            return share
    fraction = run.config.get(f"{judged}_fraction")
    if isinstance(fraction, float) and 0 < fraction < 1:
        return fraction / (1 - fraction)
    return 0.0


def _share(sizes: Mapping[str, Any], judged: str) -> float | None:
    n, n_train = sizes.get(judged), sizes.get("n_train")
    return float(n / n_train) if is_number(n) and is_number(n_train) and n and n_train else None
