"""Many files of one kind through worker processes; one that dies is a fault, and the rest go on."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

WORKER = Path(__file__).with_name("fuzz_worker.py")


@dataclass
class Found:
    """What a campaign saw.

    Attributes:
        files: read so far.
        outcomes: how many readers gave a value, refused, or did wrong.
        faults: what went wrong, with the command that reads that file again.
        most_mib, most_seconds: the most that one file took.
    """

    files: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    most_mib: float = 0.0
    most_seconds: float = 0.0


def campaign(targets: Sequence[str], seed: int, count: int, seeds: Path, work: Path) -> Found:
    """Read files 0 to count - 1 of a series, the targets in turn."""
    found = Found()
    work.mkdir(parents=True, exist_ok=True)
    first, at = 0, work / "at"
    while first < count:
        which = ["+".join(targets), str(seed), str(first), str(count - first)]
        words = [sys.executable, str(WORKER), *which, str(seeds), str(work)]
        quiet = {"PYTHONDONTWRITEBYTECODE": "1", "OMP_NUM_THREADS": "1", "MPLBACKEND": "agg"}
        at.unlink(missing_ok=True)
        done = subprocess.run(
            words, capture_output=True, text=True, check=False, env=os.environ | quiet
        )
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        figures = lines.pop() if lines and "files" in lines[-1] else None
        for line in lines:
            found.faults.append(_told(line["number"], line, words))
        if figures is not None:
            _count(found, figures)
            break
        if not at.exists():
            raise RuntimeError(f"no file was read: {done.stderr[-1500:]}")
        number = int(at.read_text())
        end = {
            "reader": "the process",
            "fault": f"ended with {done.returncode}: {done.stderr[-1500:]}",
        }
        found.faults.append(_told(number, end, words))
        found.files += number + 1 - first
        first = number + 1
    return found


def _count(found: Found, figures: dict[str, Any]) -> None:
    found.files += figures["files"]
    found.outcomes.update(figures["outcomes"])
    found.most_mib = max(found.most_mib, figures["most_mib"])
    found.most_seconds = max(found.most_seconds, figures["most_seconds"])


def _told(number: int, line: dict[str, Any], words: list[str]) -> str:
    again = [*words[1:4], str(number), "1", *words[6:]]
    return f"{' '.join(again)}\n{line['reader']}: {line['fault']}"
