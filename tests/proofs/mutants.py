"""How many small faults in the mathematics do the tests notice? A seeded sample of all mutants.

python -m tests.proofs.mutants [N]

mutmut changes one operator, number or word of a function at a time and runs the tests that reach
it. All of them take hours; N of them, drawn at random, tell the share with its interval.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

from statsmodels.stats.proportion import proportion_confint

PROJECT = Path(__file__).parents[2]
MUTMUT = str(Path(sys.executable).with_name("mutmut"))
# mutmut's own codes: 0 the tests passed, 33 no test reaches it; the rest are ways to fail.
SURVIVED = {0, 33}
N_MUTANTS = 1500
CHUNK = 250
BAR = 0.85


def codes() -> dict[str, int | None]:
    """What became of each mutant; None: it was not tried yet."""
    found: dict[str, int | None] = {}
    for path in sorted((PROJECT / "mutants").rglob("*.meta")):
        found |= json.loads(path.read_text(encoding="utf-8"))["exit_code_by_key"]
    return found


def run(names: list[str]) -> None:
    """Try mutants, on both cores, without what mutmut shows."""
    subprocess.run(
        [MUTMUT, "run", "--max-children", "2", *names],
        cwd=PROJECT,
        stdout=subprocess.DEVNULL,
        check=False,
    )


def main(n_mutants: int) -> int:
    """Print the share of each room, all survivors, and whether the bar is reached."""
    run(["none.of.them"])
    every = sorted(codes())
    if not every:
        sys.exit("mutmut made no mutants: the tests must pass without them")
    sample = random.Random(0).sample(every, min(n_mutants, len(every)))
    for start in range(0, len(sample), CHUNK):
        run(sample[start : start + CHUNK])
        print(f"{min(start + CHUNK, len(sample))} of {len(sample)}", file=sys.stderr, flush=True)
    done = codes()
    rooms: dict[str, list[bool]] = defaultdict(list)
    for name in sample:
        code = done[name]
        assert code is not None, f"{name} was not tried"
        rooms[name.split(".")[1]].append(code not in SURVIVED)
        if code in SURVIVED:
            print(f"survived: {name}")
    everything = [one for members in rooms.values() for one in members]
    print(f"\n{len(sample)} of {len(every)} mutants, drawn with seed 0")
    for room, members in [*sorted(rooms.items()), ("all", everything)]:
        low, high = proportion_confint(sum(members), len(members), method="wilson")
        print(
            f"{room:10} {sum(members)}/{len(members)} noticed: {sum(members) / len(members):.3f} "
            f"(95 % interval {low:.3f} to {high:.3f})"
        )
    return int(sum(everything) < BAR * len(everything))


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if sys.argv[1:] else N_MUTANTS))
