"""The examples of the guide, run from end to end: they print what the guide shows.

Every shown line is looked for in what the command prints. Numbers may differ a little, since other
processors compute other last digits, and hashes of runs are not compared.
"""

from __future__ import annotations

import math
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.project.documents import GUIDE, code_blocks

SCRIPTS = Path(sys.executable).parent
NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:e[+-]?\d+)?")
HASH = re.compile(r"\b(?=[0-9a-f]*\d)[0-9a-f]{10}\b")
# Largest relative differences; of trainings, other last digits become other numbers.
CLOSED_FORM, TRAINING = 1e-5, 0.2
NEGLIGIBLE = 1e-9


def write_rivers(folder: Path) -> None:
    """240 days of two stations, with gaps, a copy of a column and the target in other units."""
    rng = np.random.default_rng(0)
    rain = rng.gamma(2.0, 2.5, 240).round(2) + 0.4
    temp = rng.normal(11.0, 5.0, 240).round(2)
    flow = (1.5 + 1.6 * rain + rng.normal(0.0, 1.5, 240) ** 2).round(3)
    table = pd.DataFrame(
        {
            "day": pd.date_range("2024-01-01", periods=240).strftime("%Y-%m-%d"),
            "station": ["mill", "weir"] * 120,
            "rain": rain.round(2),
            "temp": temp,
            "temp_f": (temp * 1.8 + 32).round(3),
            "flow_litres": (flow * 1000).round().astype(int),
            "flow": flow,
        }
    )
    table.loc[[17, 60, 133, 201], "temp"] = np.nan
    table.to_csv(folder / "rivers.csv", index=False)


def write_months(folder: Path) -> None:
    """The resistance of a part against temperature and load, in two months."""
    rng = np.random.default_rng(0)
    for name, n_rows in (("march", 240), ("april", 120)):
        temperature, load = rng.uniform(10, 30, n_rows), rng.uniform(0, 1, n_rows)
        u = (temperature - 20) / 10
        resistance = 1 - 0.4 * u + 0.15 * u**2 + 0.2 * load + rng.normal(0, 0.05, n_rows)
        table = {"temperature": temperature, "load": load, "resistance": resistance}
        pd.DataFrame(table).round(4).to_csv(folder / f"{name}.csv", index=False)


def examples(topic: str) -> Iterator[tuple[str, list[str]]]:
    """Commands for a shell, and the lines that the guide shows of what they print."""
    before = None
    for block in code_blocks(GUIDE / f"{topic}.md"):
        if block.language == "console":
            for part in re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]:
                command, _, printed = part.partition("\n")
                yield command, printed.splitlines()
        elif block.language == "" and before is not None:
            yield before.text, block.text.splitlines()
        elif before is not None:
            yield before.text, []
        before = block if block.language == "sh" else None
    if before is not None:
        yield before.text, []


def printed_by(script: str, folder: Path) -> str:
    """What a script writes to the terminal."""
    environment = os.environ | {"PATH": f"{SCRIPTS}{os.pathsep}{os.environ['PATH']}"}
    return subprocess.run(
        ["bash", "-c", script],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    ).stdout


def is_like(shown: str, printed: str, tolerance: float) -> bool:
    """Whether two lines have the same words, and numbers that differ by no more than that."""
    shown, printed = (HASH.sub("#", " ".join(line.split())) for line in (shown, printed))
    if NUMBER.sub("0", shown) != NUMBER.sub("0", printed):
        return False
    pairs = zip(NUMBER.findall(shown), NUMBER.findall(printed), strict=True)
    return all(
        math.isclose(float(a), float(b), rel_tol=tolerance, abs_tol=NEGLIGIBLE) for a, b in pairs
    )


@pytest.mark.parametrize(
    ("topic", "tolerance"),
    [
        ("own-data", CLOSED_FORM),
        ("predictions", CLOSED_FORM),
        ("exporting", CLOSED_FORM),
        ("comparing", TRAINING),
        ("sweeps", TRAINING),
    ],
)
def test_the_examples_print_what_the_guide_shows(
    tmp_path: Path, topic: str, tolerance: float
) -> None:
    write_rivers(tmp_path)
    write_months(tmp_path)
    for script, shown in examples(topic):
        # The gates are tested where the reports are.
        if "dvc " in script or any(line.startswith("reports: ") for line in shown):
            continue
        printed = printed_by(script, tmp_path)
        lines = printed.splitlines()
        allowed = TRAINING if "mlcli baseline" in script else tolerance
        for line in shown:
            found = line.strip() in ("", "...") or any(is_like(line, p, allowed) for p in lines)
            assert found, f"{script}\nshows {line!r}, but prints\n{printed}"
