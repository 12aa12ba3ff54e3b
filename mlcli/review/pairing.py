"""Whether the values of two runs can be compared seed by seed, and how far splits overlap."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mlcli.datasets.names import canonical
from mlcli.datasets.registry import DATASETS
from mlcli.review.metrics import is_number
from mlcli.review.runs import Run

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


def pairing(a: Run, b: Run) -> Pairing:
    """How run b is compared with run a."""
    overlaps = overlap(a), overlap(b)
    shared = (
        " Seeds are splits of the same rows, so the variance is Nadeau and Bengio's,"
        " std^2 (1/n + n_test/n_train)."
        if any(overlaps)
        else ""
    )
    reason = _why_not(a, b)
    if reason:
        why = f"Not seed by seed, but by Welch's test, since {reason}.{shared}"
        return Pairing(False, overlaps, why)
    why = (
        "Seed by seed, by the paired t test, since data, seeds and splits are the same; by Welch's "
        f"where no table of the run holds the value of each seed.{shared}"
    )
    return Pairing(True, overlaps, why)


def _why_not(a: Run, b: Run) -> str:
    if a.manifest["data"] != b.manifest["data"]:
        return "the data differ"
    for key in SPLIT_KEYS:
        if a.config.get(key) != b.config.get(key):
            return f"{key} differs"
    return ""


def overlap(run: Run, metric: str = "") -> float:
    """n_test / n_train where the seeds of a run are splits of the same rows, else 0.

    Args:
        run: the run.
        metric: its path; one of validation rows takes their number for n_test.
    """
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
