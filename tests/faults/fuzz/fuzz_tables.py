"""Hostile CSV, NPZ and Parquet files, notes beside them, and the readers they come in by."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random
from typing import Any

import fuzz_mutators as mutators
from fuzz_seeds import COLUMNS, CSV_TOKENS, Readers, csv_text, seed, table


def make_csv(rng: Random, seeds: Path, folder: Path) -> None:
    columns = table(rng.choice((1, 2, 3, 30)))
    comma = rng.choice(",,,\t")
    if rng.random() < 0.4:
        odd = [str(mutators.odd(rng)) for _ in range(3)]
        cells = [rng.choice(odd) if rng.random() < 0.4 else cell for cell in columns["z"]]
        columns[rng.choice((*COLUMNS, *odd))] = [
            '"' + c.replace('"', '""') + '"' if comma in c else c for c in map(str, cells)
        ]
    content = csv_text(columns, comma).encode("utf-8", "surrogatepass")
    content = mutators.damaged(rng, content, CSV_TOKENS) if rng.random() < 0.8 else content
    if rng.random() < 0.03:
        content = content.decode("utf-8", "replace").encode("utf-16")
    (folder / ("table.tsv" if comma == "\t" else "table.csv")).write_bytes(content)


def make_npz(rng: Random, seeds: Path, folder: Path) -> None:
    name = rng.choice(("table.npz", "table.npz", "images.npz"))
    if rng.random() < 0.4:
        content = mutators.damaged(rng, seed(seeds, name))
    else:
        import numpy as np

        with np.load(seeds / name) as archive:
            content = mutators.odd_npz(rng, dict(archive))
    (folder / name).write_bytes(content)


def make_parquet(rng: Random, seeds: Path, folder: Path) -> None:
    names = sorted(path.name for path in seeds.glob("*.parquet"))
    content = seed(seeds, rng.choice(names))
    if rng.random() < 0.9:
        # The footer says what all the rest is; half of the damage is done there.
        cut = max(0, len(content) - 600) if rng.random() < 0.5 else 0
        content = content[:cut] + mutators.damaged(rng, content[cut:])
    (folder / "table.parquet").write_bytes(content)


def table_readers(folder: Path, rng: Random) -> Readers:
    import pandas  # noqa: F401  imported by a reader on first use, which no file is blamed for

    from mlcli.console import print_displays
    from mlcli.datasets.describe import describe_table, holds_images
    from mlcli.datasets.describe_columns import OUTLIER_Z
    from mlcli.datasets.rows import ModelInputs, batches
    from mlcli.datasets.source import open_source
    from mlcli.run.files import strict
    from mlcli.run.manifest import run_hash

    (path,) = (one for one in folder.iterdir() if one.suffix != ".json")
    given: dict[str, Any] = {"drop_missing": rng.random() < 0.7}
    if rng.random() < 0.3:
        given |= {"features": ["x", "z"], "target": rng.choice(("t", "kind"))}
    if rng.random() < 0.1:
        given["group_column"] = "kind"
    stream_rows = rng.choice((10, 10, 10**6))

    def opened() -> None:
        source = open_source(str(path), **given, stream_rows=stream_rows)
        run_hash({"data": source.identity})
        if source.streamed:
            for X, t in source.batches(7):  # type: ignore[attr-defined]
                assert len(X) == len(t)
        else:
            source.replicate(0, 0)

    def described() -> None:
        from mlcli.commands.data import displays

        if not holds_images(path):
            found = strict(describe_table(path))
            json.dumps(found, allow_nan=False)
            print_displays(displays(found, OUTLIER_Z))

    def predicted() -> None:
        image = (8, 8) if path.name == "images.npz" else None
        names = tuple(f"pixel_{i}" for i in range(64)) if image else ("x", "z")
        wanted = ModelInputs(names, rng.choice((None, "y" if image else "t")), image)
        for batch in batches(str(path), wanted, 16):
            assert batch.X.shape[1] == len(names)

    yield "open", opened
    yield "describe", described
    yield "predict", predicted


def make_note(rng: Random, seeds: Path, folder: Path) -> None:
    from mlcli.datasets.make import SUFFIX, write_draws

    path = folder / "table.csv"
    write_draws("noisy-cubic", path, n_draws=2, seed=0, n_samples=5)
    note = json.loads(path.with_suffix(SUFFIX).read_text())
    kept = note["sha256"]
    content = mutators.json_bytes(rng, note)
    try:
        found = json.loads(content)
        # The right hash on the wrong note: otherwise it would not be looked at.
        content = json.dumps(found | {"sha256": kept}).encode()
    except (ValueError, TypeError, RecursionError):
        pass
    path.with_suffix(SUFFIX).write_bytes(content)
