"""Whole files of every kind that mlcli reads, to be damaged: small, and the same each time."""

from __future__ import annotations

import gzip
import io
import shutil
import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

Readers = Iterator[tuple[str, Callable[[], object]]]
PROJECT = Path(__file__).parents[3]
COLUMNS = ("x", "z", "t", "kind")
RUNS: Mapping[str, Sequence[str]] = {
    "fit-poly": ("fit-poly", "--target", "t", "--degrees", "1,2", "--n-seeds", "2"),
    "lapack": (
        "fit-poly",
        "--target",
        "t",
        "--degrees",
        "1,2",
        "--n-seeds",
        "2",
        "--solver",
        "lapack",
    ),
    "lasso": ("fit-poly", "--target", "t", "--degrees", "2", "--n-seeds", "2", "--penalty", "l1"),
    "kfold": ("kfold", "--target", "t", "--degrees", "1,2", "--n-seeds", "1", "--n-nested", "0"),
    "kfold-classes": (
        "kfold",
        "--target",
        "kind",
        "--degrees",
        "1",
        "--n-seeds",
        "1",
        "--n-nested",
        "0",
        "--model",
        "logistic",
        "--loss",
        "zero-one",
        "--penalty",
        "l2",
        "--n-strengths",
        "2",
    ),
    "bayes": ("bayes", "--target", "t", "--degree", "2", "--degrees", "1,2", "--n-seeds", "1"),
    "bayes-student": (
        "bayes",
        "--target",
        "t",
        "--degrees",
        "1",
        "--n-seeds",
        "1",
        "--noise",
        "student",
    ),
    "logistic": ("logistic", "--target", "kind", "--n-seeds", "2", "--n-study", "10"),
    "train-mlp": (
        "train-mlp",
        "--target",
        "t",
        "--n-epochs",
        "2",
        "--n-seeds",
        "2",
        "--hidden",
        "5",
        "--batch-size",
        "16",
        "--init",
        "xavier,he",
    ),
    "mlp-classes": (
        "train-mlp",
        "--target",
        "kind",
        "--n-epochs",
        "2",
        "--n-seeds",
        "2",
        "--hidden",
        "5",
        "--batch-size",
        "16",
    ),
    "train-cnn": (
        "train-cnn",
        "--data",
        "images.npz",
        "--n-epochs",
        "1",
        "--n-seeds",
        "2",
        "--batch-size",
        "8",
        "--max-shift",
        "0",
        "--no-equal-mlp",
    ),
}

# What makes text no table, or another one.
CSV_TOKENS = (
    b'"',
    b'""',
    b",",
    b"\t",
    b"\n\n",
    b"\r\n",
    b"\r",
    b";",
    b"\0",
    b"\xff",
    b"\xef\xbb\xbf",
    b"nan",
    b"1e999",
    b"0x1F",
    b"1_000",
    b"true",
    b"-",
    b"=cmd|' /C calc'!A0",
    b"NA",
    b"t,t",
    b"x,x\n",
    b'"a\nb"',
    b"9" * 400,
    b"2020-01-01",
    b"31/12/2020",
    b"\x1b[2J",
    b"<script>",
    b" ",
    b"," * 50,
    b"inf",
    b"-inf",
    b"a" * 20_000,
    b"99999-12-31",
    b"0000-00-00",
    b"\xc2\xa0",
    b"1,2,3\n",
)


@cache
def seed(folder: Path, name: str) -> bytes:
    """A whole file."""
    return (folder / name).read_bytes()


def table(n: int = 60) -> dict[str, Any]:
    """A table of two inputs, a number to predict and a class."""
    import numpy as np

    rng = np.random.default_rng(0)
    x, z = rng.normal(size=(2, n)).round(6)
    t = (1 + 2 * x - z + 0.3 * rng.normal(size=n)).round(6)
    return {"x": x, "z": z, "t": t, "kind": (x + z > 0).astype(np.int64)}


def csv_text(columns: Mapping[str, Any], comma: str = ",") -> str:
    """Columns as text."""
    rows = zip(*(list(column) for column in columns.values()), strict=True)
    lines = [comma.join(columns), *(comma.join(str(cell) for cell in row) for row in rows)]
    return "\n".join(lines) + "\n"


def npz_bytes(arrays: Mapping[str, Any]) -> bytes:
    """Arrays as NPZ."""
    import numpy as np

    file = io.BytesIO()
    np.savez(file, **dict(arrays))
    return file.getvalue()


def images(n: int = 24) -> dict[str, Any]:
    """Grey images with their classes."""
    import numpy as np

    rng = np.random.default_rng(1)
    X = rng.integers(256, size=(n, 8, 8)).astype(np.uint8)
    return {"X": X, "y": np.arange(n) % 3}


def picture(kind: str, mode: str, size: tuple[int, int] = (9, 7)) -> bytes:
    """A PNG or JPEG picture of noise."""
    from PIL import Image

    rng, file = __import__("numpy").random.default_rng(2), io.BytesIO()
    raw = rng.integers(256, size=(size[1], size[0], 4)).astype("uint8")
    Image.fromarray(raw, "RGBA").convert(mode).save(file, kind)
    return file.getvalue()


def pictures() -> dict[str, bytes]:
    """Pictures of every mode that is read, and some that are not."""
    modes = {"PNG": ("L", "RGB", "RGBA", "LA", "P", "1", "I;16"), "JPEG": ("L", "RGB", "CMYK")}
    found = {}
    for kind, names in modes.items():
        for mode in names:
            if mode != "I;16":
                found[f"{mode}.{'png' if kind == 'PNG' else 'jpg'}"] = picture(kind, mode)
    return found


def parquets() -> dict[str, bytes]:
    """Tables of every type that Parquet has a place for."""
    from datetime import date, datetime
    from decimal import Decimal

    import numpy as np
    import pyarrow as pa
    from pyarrow import parquet

    n = 20
    x = np.linspace(-1, 1, n)
    odd: dict[str, Any] = {
        "plain": pa.array(x),
        "ints": pa.array(range(n)),
        "unsigned": pa.array([2**64 - 1 - i for i in range(n)], pa.uint64()),
        "bools": pa.array([i % 2 == 0 for i in range(n)]),
        "texts": pa.array([f"{i}" if i % 3 else "word" for i in range(n)]),
        "numbers_as_text": pa.array([f"{i}.5" for i in range(n)]).dictionary_encode(),
        "nulls": pa.nulls(n),
        "some_nulls": pa.array([None if i % 4 == 0 else i for i in range(n)]),
        "dates": pa.array([date(2020, 1, 1 + i) for i in range(n)]),
        "times": pa.array([datetime(2020, 1, 1, i) for i in range(n)], pa.timestamp("ns", "UTC")),
        "far_times": pa.array([2**62 + i for i in range(n)], pa.timestamp("us")),
        "durations": pa.array(range(n), pa.duration("us")),
        "clock": pa.array(range(n), pa.time64("us")),
        "decimals": pa.array([Decimal(f"{i}.25") for i in range(n)], pa.decimal256(60, 2)),
        "lists": pa.array([[1.0] * (i % 3) for i in range(n)]),
        "structs": pa.array([{"a": i, "b": None} for i in range(n)]),
        "maps": pa.array([[("k", i)] for i in range(n)], pa.map_(pa.string(), pa.int64())),
        "bytes": pa.array([bytes([i]) for i in range(n)]),
        "half": pa.array(x.astype(np.float16)),
        "bad_text": pa.array([b"\xff\xfe" for _ in range(n)]),
        "view": pa.array([f"{i}" for i in range(n)]).cast(pa.string_view()),
        "run_ends": pa.array([1] * n).dictionary_encode(),
        "empty": pa.array(["" for _ in range(n)]),
        "numbered_text": pa.array([1.0] * n).dictionary_encode(),
    }
    found = {}
    for i, (name, column) in enumerate(odd.items()):
        file = io.BytesIO()
        whole = pa.table({"x": x, "z": x[::-1], name: column, "t": x**2})
        packing = ("snappy", "none", "zstd", "gzip", "brotli", "lz4")[i % 6]
        parquet.write_table(
            whole,
            file,
            compression=packing,
            use_dictionary=i % 2 == 0,
            row_group_size=(7, 20)[i % 2],
        )
        found[f"{name}.parquet"] = file.getvalue()
    for name, whole in {
        "no_rows": pa.table({"x": pa.array([], pa.float64()), "t": pa.array([], pa.float64())}),
        "no_columns": pa.table({}),
        "twice": pa.Table.from_arrays([pa.array(x)] * 3, ["x", "x", "t"]),
        "odd_names": pa.table({"": x, "a.b": x, "\x1b[2J": x, "t": x}),
        "dotted": pa.table({"a.b": x, "a": pa.array([{"b": 1.0}] * n), "t": x}),
    }.items():
        file = io.BytesIO()
        parquet.write_table(whole, file)
        found[f"{name}.parquet"] = file.getvalue()
    return found


def idx_bytes(shape: Sequence[int], n_bytes: int | None = None) -> bytes:
    """An IDX file of unsigned bytes."""
    import math

    head = b"\0\0\x08" + bytes([len(shape)]) + struct.pack(f">{len(shape)}I", *shape)
    n = math.prod(shape) if n_bytes is None else n_bytes
    return head + bytes(i % 251 for i in range(n))


def write_seeds(folder: Path, runs: Sequence[str]) -> None:
    """Write every seed below `folder`, and a run of each of the named ones of `RUNS`."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("params.yaml", "dvc.yaml"):
        shutil.copyfile(PROJECT / name, folder / name)
    (folder / "table.csv").write_text(csv_text(table()))
    (folder / "table.npz").write_bytes(npz_bytes(table()))
    (folder / "images.npz").write_bytes(npz_bytes(images()))
    for name, content in (pictures() | parquets()).items():
        (folder / name).write_bytes(content)
    (folder / "images.idx").write_bytes(idx_bytes((5, 4, 4)))
    (folder / "images.idx.gz").write_bytes(gzip.compress(idx_bytes((5, 4, 4)), mtime=0))
    write_runs(folder, runs)


def write_runs(folder: Path, runs: Sequence[str]) -> None:
    """Train a small model for each name, by the command itself."""
    from contextlib import chdir, redirect_stdout

    from mlcli.__main__ import call

    with chdir(folder), redirect_stdout(io.StringIO()):
        for name in runs:
            command, *flags = RUNS[name]
            data = [] if "--data" in flags else ["--data", "table.csv", "--features", "x,z"]
            quiet = ["--no-plots", "--quiet", "--out", name]
            assert call([command, *data, *flags, *quiet]) == 0, name
