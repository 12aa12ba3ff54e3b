"""One harness for every speed: pairs in one run under pytest-benchmark, kept with their spread.

`make bench` runs them with ``--benchmark-json`` and makes `reports/benchmarks.md` of the file.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median
from typing import Any

import pytest

from tests.benchmarks.bars import BARS

Work = Callable[[], Any]


def seconds(work: Work) -> float:
    """Wall time of one call."""
    t_start = time.perf_counter()
    work()
    return time.perf_counter() - t_start


# Benchmark -> why it gave no figure, for the page.
FAILED: dict[str, str] = {}


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Note the first line of what a failed or skipped benchmark said."""
    if report.passed:
        return
    if isinstance(report.longrepr, tuple):
        said = report.longrepr[2]
    else:
        said = getattr(getattr(report.longrepr, "reprcrash", None), "message", report.outcome)
    name = report.nodeid.rpartition("/")[2]
    first = next((line for line in said.splitlines() if line.strip()), report.outcome)
    # A failure is followed by one of the tear-down, which says less.
    FAILED.setdefault(name, first)


def pytest_benchmark_update_json(config: pytest.Config, output_json: dict[str, Any]) -> None:
    """Write the failures beside the figures."""
    output_json["failed"] = FAILED


class Stopwatch:
    """Times works in turn, so that a machine that drifts drifts for all of them.

    Args:
        benchmark: pytest-benchmark's fixture, which switches the collector off and keeps the
            machine's description.
    """

    def __init__(self, benchmark: Any) -> None:
        self._benchmark = benchmark
        benchmark.extra_info["figures"] = self.figures = []

    def rounds(self, works: list[Work], n: int, *, warm: bool = True) -> list[list[float]]:
        """Times in seconds, (n, len(works)), after one round that doesn't count."""
        found: list[list[float]] = []
        self._benchmark.pedantic(
            lambda: found.append([seconds(work) for work in works]),
            rounds=n,
            warmup_rounds=int(warm),
        )
        return found[int(warm) :]

    def keep(self, key: str, values: list[float], peer: str, note: str = "") -> None:
        """Put down ratios, or seconds, of one bar.

        Args:
            key: of `BARS`.
            values: one a round.
            peer: against what, with its version.
            note: what else was seen.
        """
        bar = BARS[key]
        middle = median(values)
        self.figures.append(
            {
                "key": key,
                "peer": peer,
                "median": middle,
                "low": min(values),
                "high": max(values),
                "rounds": len(values),
                "note": note,
            }
        )
        verdict = {True: "met", False: "MISSED", None: "no bar"}[bar.met(middle)]
        unit = " s" if bar.seconds else ""
        print(
            f"\n{bar.work}; {peer}: {middle:.3g} ({min(values):.3g}-{max(values):.3g}){unit}; "
            f"{bar.asked or 'for knowing'}: {verdict}{'; ' + note if note else ''}"
        )

    def pair(
        self, key: str, ours: Work, theirs: Work, peer: str, n: int = 7, note: str = ""
    ) -> list[float]:
        """Time both in turn and keep the ratio that the bar is about."""
        times = self.rounds([ours, theirs], n)
        inverse = BARS[key].at_most is not None
        ratios = [a / b if inverse else b / a for a, b in times]
        self.keep(key, ratios, peer, note)
        return ratios


@pytest.fixture
def stopwatch(benchmark: Any) -> Stopwatch:
    """The harness of one benchmark; it may be used for one set of rounds."""
    return Stopwatch(benchmark)
