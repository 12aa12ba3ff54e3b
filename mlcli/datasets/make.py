"""Independent draws of a synthetic set in one CSV file."""

from __future__ import annotations

from pathlib import Path
from typing import IO

import numpy as np

from mlcli.datasets.registry import lookup
from mlcli.datasets.sidecar import read_note, write_note
from mlcli.datasets.source import SyntheticSource
from mlcli.datasets.synthetic import SYNTHETIC, generator_of
from mlcli.errors import DataError
from mlcli.partials import replacing_file

DRAW_COLUMN = "draw"


def write_draws(
    name: str,
    path: Path,
    *,
    n_draws: int,
    seed: int,
    n_samples: int | None = None,
    x_min: float | None = None,
    x_max: float | None = None,
    noise_std: float | None = None,
) -> None:
    """Write replicates 0..n_draws-1 of a synthetic set to a CSV file with columns draw, x, t.

    Several features are columns x1, x2 and so on.
    Read back with ``draw_column="draw"``, draw i equals ``open_source(name).replicate(i, seed)``
    bit for bit; the same arguments give the same bytes. The file appears whole or not at all.

    Args:
        name: a synthetic set.
        path: the file; its folder is made.
        n_draws: how many data sets, at least 1.
        seed: of the streams.
        n_samples, x_min, x_max, noise_std: left out, the set's own; not every set has a range of x.

    Raises:
        DataError: the set isn't synthetic, a parameter is out of range, or writing fails.
    """
    named = lookup(name)
    if named.kind != "synthetic":
        raise DataError(
            f"{named.name}",
            must="a synthetic set",
            got=f"a {named.kind} one",
            hint=" or ".join(SYNTHETIC),
        )
    if n_draws < 1:
        raise DataError("n_draws", must="at least 1", got=str(n_draws))
    spec = SYNTHETIC[named.name]
    source = SyntheticSource(generator_of(spec, n_samples, x_min, x_max, noise_std))
    try:
        with replacing_file(path) as partial:
            with partial.open("w", encoding="utf-8", newline="\n") as file:
                _write(file, source, n_draws, seed)
            # Whichever of the two files a kill leaves new, one of the notes is that of the table.
            write_note(path, partial, DRAW_COLUMN, source.identity, before=read_note(path))
        write_note(path, path, DRAW_COLUMN, source.identity)
    except OSError as error:
        raise DataError(f"{path} can't be written: {(error.strerror or '').lower()}") from None


def _write(file: IO[str], source: SyntheticSource, n_draws: int, seed: int) -> None:
    file.write(",".join((DRAW_COLUMN, *source.feature_names, source.target_name)) + "\n")
    for index in range(n_draws):
        data = source.replicate(index, seed)
        # repr of a Python float is the shortest text that reads back as the same number.
        rows = np.column_stack([data.X, data.t]).tolist()
        file.writelines(f"{index},{','.join(map(repr, row))}\n" for row in rows)
