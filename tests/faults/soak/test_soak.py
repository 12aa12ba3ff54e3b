"""Kills at random: of warm processes at their changes and moments, of real ones from their start.

`make soak` runs it. MLCLI_SOAK_KILLS and MLCLI_SOAK_SEED change how many and which.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator

import pytest
from fault_commands import CASES
from fault_processes import of_session, still_there
from fault_runs import ENVIRONMENT, Reference, Yard, goes_on, judge

N_KILLS = int(os.environ.get("MLCLI_SOAK_KILLS", "200"))
SEED = int(os.environ.get("MLCLI_SOAK_SEED", "0"))
# Of ten kills: at a change, at a moment of a warm process, at a moment of a real one.
KINDS = ("change",) * 6 + ("moment",) * 3 + ("process",)
WORDS = ("absent", "old", "between", "new")


def at_change(yard: Yard, reference: Reference, seconds: float, rng: random.Random) -> str:
    """Killed just before one of its changes of the file system."""
    number = rng.randint(1, len(reference.events))
    yard.run(yard.case.arguments, at=[number], signal=signal.SIGKILL)
    return f"before {reference.events[number - 1]}"


def at_moment(yard: Yard, reference: Reference, seconds: float, rng: random.Random) -> str:
    """Killed after a random share of its life."""
    delay = rng.uniform(0, seconds)
    pid = int(yard.run(yard.case.arguments, wait=False).code)
    time.sleep(delay)
    os.kill(pid, signal.SIGKILL)
    yard.server.reap(pid)
    return f"after {delay:.3f} s"


def real_process(yard: Yard, reference: Reference, seconds: float, rng: random.Random) -> str:
    """The same from the start of Python on, imports and all; none of its workers may be left."""
    hurt = yard.root / "hurt"
    process = subprocess.Popen(
        [sys.executable, "-m", "mlcli", *yard.case.arguments],
        cwd=yard.work,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        env={**os.environ, **ENVIRONMENT, "TMPDIR": str(hurt / "tmp")},
    )
    delay = rng.uniform(0, 2.5 + seconds)
    time.sleep(delay)
    process.kill()
    process.wait()
    left = still_there(lambda: of_session(process.pid))
    assert not left, f"{yard.case.name}: workers {left} outlived their parent"
    return f"after {delay:.3f} s of a process"


HOW = {"change": at_change, "moment": at_moment, "process": real_process}


@pytest.fixture(scope="module")
def totals() -> Iterator[Counter[str]]:
    """What all cases add up to, printed in the end."""
    total: Counter[str] = Counter()
    yield total
    print(f"{line('all', total)}; {total['violations']} violations")


@pytest.mark.parametrize("number", range(len(CASES)), ids=[one.name for one in CASES])
def test_killed_at_random(yard: Callable[..., Yard], number: int, totals: Counter[str]) -> None:
    one, place = CASES[number], yard(CASES[number])
    rng = random.Random(f"{SEED} {one.name}")
    seconds = {}
    for old in place.references:
        place.start(old=old)
        t_start = time.monotonic()
        place.succeed(one.arguments)
        seconds[old] = time.monotonic() - t_start
    counts: Counter[str] = Counter()
    violations = []
    for _ in range(N_KILLS // len(CASES) + (number < N_KILLS % len(CASES))):
        old = rng.choice(list(place.references))
        kind = rng.choice(KINDS)
        reference = place.references[old]
        if (kind == "change" and not reference.events) or (kind == "process" and not one.plain):
            kind = "moment"
        place.start(old=old)
        when = HOW[kind](place, reference, seconds[old], rng)
        word, wrong = judge(place, reference)
        wrong += goes_on(place, reference)
        counts.update([word, kind])
        violations += [f"{when}: {text}" for text in wrong]
    counts["violations"] = len(violations)
    totals.update(counts)
    print(line(one.name, counts), flush=True)
    assert violations == []


def line(name: str, counts: Counter[str]) -> str:
    """A row of the summary."""
    how = ", ".join(f"{counts[kind]} {kind}" for kind in HOW if counts[kind])
    left = ", ".join(f"{counts[word]} {word}" for word in WORDS if counts[word])
    return f"{name:<28} kills {sum(counts[word] for word in WORDS):>3} ({how}): {left}"
