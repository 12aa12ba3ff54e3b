"""pytest-benchmark's JSON -> reports/benchmarks.md: every bar, the figure, its spread, the machine.

python -m tests.benchmarks.page FILE.json reports/benchmarks.md
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import suppress
from itertools import groupby
from pathlib import Path
from typing import Any

from tests.benchmarks.bars import BARS, Bar

HEAD = """# Speed

Written by `make bench`; not part of the pipeline, since no two runs give the same times.

Every figure is a median with the range over rounds in which all works took turns, so that a machine
that drifts drifts for all of them. A ratio with "at least" is the other's time over ours, one with
"at most" ours over the other's.
"""
LIBRARIES = (
    "numpy",
    "scipy",
    "scikit-learn",
    "torch",
    "pandas",
    "pyarrow",
    "lightning",
    "skorch",
    "typer",
    "dvc",
)


def figures(found: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """The figures of each bar; none where its benchmark failed."""
    measured: dict[str, list[dict[str, Any]]] = {key: [] for key in BARS}
    for one in found["benchmarks"]:
        for figure in one["extra_info"].get("figures", []):
            measured[figure["key"]].append(figure)
    return measured


def machine(found: dict[str, Any]) -> Iterator[str]:
    """What was measured on, without the host's name."""
    from importlib.metadata import PackageNotFoundError, version

    versions = []
    for name in LIBRARIES:
        # A peer that is missing is a benchmark that failed.
        with suppress(PackageNotFoundError):
            versions.append(f"{name} {version(name)}")
    info = found["machine_info"]
    cpu = info["cpu"]
    yield f"- {cpu['brand_raw']}, {cpu['count']} cores, {info['system']} {info['release']}"
    yield f"- Python {info['python_version']}, " + ", ".join(versions)
    yield f"- measured {found['datetime'][:10]}"


def row(bar: Bar, figure: dict[str, Any]) -> str:
    """One line of a table."""
    values = [f"{figure[key]:.3g}" for key in ("median", "low", "high")]
    unit = " s" if bar.seconds else ""
    verdict = {True: "yes", False: "**no**", None: ""}[bar.met(figure["median"])]
    cells = [
        bar.work,
        figure["peer"],
        f"{values[0]}{unit}",
        f"{values[1]} to {values[2]}",
        str(figure["rounds"]),
        bar.asked,
        verdict,
        figure["note"],
    ]
    return f"| {' | '.join(cells)} |"


def missing_row(bar: Bar) -> str:
    """The line of a bar whose benchmark failed."""
    return (
        f"| {bar.work} |  | not measured |  |  | {bar.asked} | {'**no**' if bar.asked else ''} |  |"
    )


def page(found: dict[str, Any]) -> str:
    """The whole page."""
    measured = figures(found)
    lines = [HEAD, *machine(found)]
    for group, members in groupby(BARS.items(), key=lambda item: item[1].group):
        lines += [
            "",
            f"## {group}",
            "",
            "| what | against | figure | range | rounds | asked | met | seen besides |",
            "| --- | --- | --- | --- | --- | --- | --- | --- |",
        ]
        for key, bar in members:
            lines += [row(bar, figure) for figure in measured[key]] or [missing_row(bar)]
    failed = found.get("failed", {})
    if failed:
        lines += ["", "## Not measured", ""]
        lines += [f"- `{test}`: {reason}" for test, reason in failed.items()]
    judged = [bar.met(figure["median"]) for key, bar in BARS.items() for figure in measured[key]]
    asked = [one for one in judged if one is not None]
    asked += [False for key, bar in BARS.items() if not measured[key] and bar.asked]
    lines += ["", f"{sum(asked)} of {len(asked)} figures reach what was asked."]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    source, target = map(Path, sys.argv[1:])
    if not source.is_file():
        sys.exit("no benchmark gave a figure; the page was left as it was")
    target.write_text(page(json.loads(source.read_text(encoding="utf-8"))), encoding="utf-8")
