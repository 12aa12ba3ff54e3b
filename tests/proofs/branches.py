"""coverage.json -> branch coverage of each room, and whether what was asked is reached.

python -m tests.proofs.branches FILE.json
"""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from pathlib import Path

# Rooms whose mathematics is ours, and everything together.
ASKED = {
    "linear": 0.95,
    "selection": 0.95,
    "classification": 0.95,
    "optimisation": 0.95,
    "backpropagation": 0.95,
    "convolution": 0.95,
    "all": 0.90,
}
PARTS = ("covered_lines", "num_statements", "covered_branches", "num_branches")


def main(path: Path) -> int:
    """Print the shares; 1 if one is too small."""
    rooms: dict[str, list[int]] = defaultdict(lambda: [0] * len(PARTS))
    for name, found in json.loads(path.read_text(encoding="utf-8"))["files"].items():
        inside = Path(name).parts[Path(name).parts.index("mlcli") + 1 :]
        for room in (inside[0].removesuffix(".py"), "all"):
            for place, part in enumerate(PARTS):
                rooms[room][place] += found["summary"][part]
    too_small = []
    print(f"{'room':14}{'lines':>8}{'branches':>10}{'together':>10}{'asked':>8}")
    for room in sorted(rooms, key=lambda name: (name == "all", name)):
        lines, n_lines, branches, n_branches = rooms[room]
        together = (lines + branches) / max(n_lines + n_branches, 1)
        asked = ASKED.get(room)
        print(
            f"{room:14}{lines / max(n_lines, 1):8.3f}{branches / max(n_branches, 1):10.3f}"
            f"{together:10.3f}{'' if asked is None else f'{asked:8.2f}'}"
        )
        if asked is not None and min(together, branches / max(n_branches, 1)) < asked:
            too_small.append(room)
    if too_small:
        print(f"below what was asked: {', '.join(too_small)}")
    return int(bool(too_small))


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
