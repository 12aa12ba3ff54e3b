"""One process that reads hostile files, one after the other, and says which were not refused well.

    python fuzz_worker.py TARGETS SEED FIRST COUNT SEEDS WORK

takes the targets, with + between their names, in turn, reads the files FIRST, FIRST + 1, ... of
the series SEED and prints one JSON object a line: each fault, and at the end the figures. A file is
a function of target, seed and number alone. WORK/at holds the number of the file that is being
read, should the process die of it.
"""

from __future__ import annotations

import io
import json
import os
import random
import shutil
import sys
import traceback
from collections import Counter
from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

from fuzz_guard import Guard, watched
from fuzz_targets import TARGETS, Target

# A sentence longer than this is no sentence; those of a whole params file are many.
MOST_CHARACTERS = 1000


def main(names: Sequence[str], seed: int, first: int, count: int, seeds: Path, work: Path) -> None:
    """Read `count` files, and print what went wrong with which."""
    real = sys.stdout
    work = Path(os.path.realpath(work))
    case, out = work / "case", work / "out"
    guard = Guard((str(case), str(Path(__file__).parents[3] / "mlcli")), (str(out),))
    # Once unwatched: what is imported on the way is no part of what a file takes.
    for number in range(-4 * len(names), 0):
        _prepare(names[number % len(names)], seed, number, seeds, case, out)
        with redirect_stdout(io.StringIO()):
            warm_up(TARGETS[names[number % len(names)]], case)
    guard.install()
    outcomes: Counter[str] = Counter()
    for number in range(first, first + count):
        (work / "at").write_text(str(number))
        name = names[number % len(names)]
        rng = _prepare(name, seed, number, seeds, case, out)
        for reader, fault in read(TARGETS[name], case, rng, guard, outcomes):
            outcomes["fault"] += 1
            print(
                json.dumps({"number": number, "reader": f"{name}, {reader}", "fault": fault}),
                file=real,
                flush=True,
            )
    figures = {
        "files": count,
        "outcomes": dict(outcomes),
        "most_mib": round(guard.most_bytes / 2**20, 1),
        "most_seconds": round(guard.most_seconds, 3),
    }
    print(json.dumps(figures), file=real)


def _prepare(
    name: str, seed: int, number: int, seeds: Path, case: Path, out: Path
) -> random.Random:
    rng = random.Random(f"{name} {seed} {number}")
    for folder in (case, out):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
    TARGETS[name].make(rng, seeds, case)
    return rng


def warm_up(target: Target, case: Path) -> None:
    """Import what the readers need."""
    for _, call in target.readers(case, random.Random(0)):
        try:
            call()
        except Exception:
            continue


def read(
    target: Target, case: Path, rng: random.Random, guard: Guard, outcomes: Counter[str]
) -> list[tuple[str, str]]:
    """Every reader and what went wrong behind it."""
    from mlcli.errors import MlcliError

    found: list[tuple[str, str]] = []
    for reader, call in target.readers(case, rng):
        faults: list[str] = []

        def attempt(call: Any = call, faults: list[str] = faults) -> None:
            try:
                call()
                outcomes["value"] += 1
            except MlcliError as error:
                outcomes["refused"] += 1
                faults += _judge(str(error))

        try:
            with redirect_stdout(_stream()), redirect_stderr(_stream()) as said:
                faults += watched(guard, attempt)
            if words := said.buffer.getvalue():  # type: ignore[attr-defined]
                faults.append(f"said: {words[:200]}")
        except BaseException:
            faults.append(traceback.format_exc(limit=-6))
        found += [(reader, fault) for fault in faults]
    return found


def _stream() -> io.TextIOWrapper:
    """A stream that takes what a terminal takes: no half of a surrogate pair, for one."""
    return io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True)


def _judge(sentence: str) -> list[str]:
    lines = sentence.splitlines()
    if not lines or not all(line.strip() for line in lines):
        return [f"refused without a sentence: {sentence!r}"]
    longest = max(map(len, lines))
    if longest > MOST_CHARACTERS:
        return [f"a sentence of {longest} characters: {sentence[:200]!r}"]
    return []


if __name__ == "__main__":
    targets_text, seed_text, first_text, count_text, seeds_text, work_text = sys.argv[1:]
    numbers = int(seed_text), int(first_text), int(count_text)
    main(targets_text.split("+"), *numbers, Path(seeds_text), Path(work_text))
