"""Every kind of data with every command that leaves a model: what trains also predicts.

A pair is refused before any training, or its run predicts, is evaluated and, where a file of its
model is offered, exported, on the very data that it was trained on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

Run = Callable[..., Any]
N, SIDE = 60, 4
PREPARED = ("words.csv", "dates.csv", "gaps.csv")


def _lines(path: Path, columns: dict[str, Any]) -> None:
    rows = zip(*columns.values(), strict=True)
    text = "\n".join([",".join(columns), *(",".join(map(str, row)) for row in rows)])
    path.write_text(text + "\n", encoding="utf-8")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small one of every kind of data, with numbers and with classes for targets."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    folder = tmp_path_factory.mktemp("pairs")
    rng = np.random.default_rng(0)
    x, z = rng.normal(size=(2, N)).round(4)
    t, y = (2 * x - z + 0.1 * rng.normal(size=N)).round(4), (x + z > 0).astype(int)
    for name, target in (("numbers", t), ("classes", y)):
        table = {"x": x, "z": z, "t": target}
        _lines(folder / f"{name}.csv", table)
        (folder / f"{name}.tsv").write_text((folder / f"{name}.csv").read_text().replace(",", "\t"))
        pq.write_table(pa.table(table), folder / f"{name}.parquet")
        np.savez(folder / f"{name}.npz", **table)
        parts = folder / f"{name}_parts"
        parts.mkdir()
        for k in (0, 1):
            _lines(parts / f"{k}.csv", {key: v[k::2] for key, v in table.items()})
    _lines(folder / "named.csv", {"x": x, "z": z, "t": np.array(["oak", "elm"])[y]})
    _lines(folder / "words.csv", {"x": x, "who": np.array(["a", "b"])[np.arange(N) % 2], "t": t})
    days = [f"2026-{1 + k % 12:02d}-{1 + k % 28:02d}" for k in range(N)]
    _lines(folder / "dates.csv", {"x": x, "when": days, "t": t})
    gaps = ["" if k % 7 == 0 else v for k, v in enumerate(z)]
    _lines(folder / "gaps.csv", {"x": x, "z": gaps, "t": t})
    labels = np.arange(N) % 2
    pixels = rng.integers(0, 80, (N, SIDE, SIDE), dtype=np.uint8)
    pixels[labels == 1, :2] += 100
    np.savez(folder / "images.npz", X=pixels, y=labels)
    np.savez(folder / "colours.npz", X=np.stack([pixels] * 3, axis=1), y=labels)
    np.savez(folder / "measured.npz", X=pixels, y=pixels.mean(axis=(1, 2)) + x)
    for k in (0, 1):
        (folder / "folder" / "ab"[k]).mkdir(parents=True)
        for i, image in enumerate(pixels[labels == k]):
            Image.fromarray(image).save(folder / "folder" / "ab"[k] / f"{i}.png")
    return folder


FEW = ("--n-epochs", "1", "--n-seeds", "1", "--batch-size", "16")
MODELS: dict[str, tuple[str, ...]] = {
    "fit-poly": (
        "--degrees",
        "1",
        "--n-seeds",
        "1",
        "--path-penalty",
        "none",
        "--penalty",
        "l2",
        "--compare-solver",
        "none",
    ),
    "kfold": (
        "--degrees",
        "1",
        "--n-folds",
        "3",
        "--n-seeds",
        "1",
        "--n-coverage",
        "0",
        "--n-nested",
        "0",
        "--n-strengths",
        "2",
        "--penalty",
        "l2",
    ),
    "kfold zero-one": (
        "--degrees",
        "1",
        "--n-folds",
        "3",
        "--n-seeds",
        "1",
        "--n-coverage",
        "0",
        "--n-nested",
        "0",
        "--n-strengths",
        "2",
        "--penalty",
        "l2",
        "--loss",
        "zero-one",
    ),
    "bayes": (
        "--degree",
        "1",
        "--degrees",
        "1",
        "--n-seeds",
        "1",
        "--n-calibration",
        "0",
        "--n-surface",
        "2",
        "--basis",
        "linear",
    ),
    "logistic": ("--n-seeds", "1", "--n-study", "10"),
    "train-mlp": (*FEW, "--hidden", "4", "--n-statistics", "0"),
    "train-mlp numbers": (*FEW, "--hidden", "4", "--n-statistics", "0", "--task", "regression"),
    "train-cnn": (
        *FEW,
        "--layers",
        "conv 2 2x2,relu,flatten",
        "--no-equal-mlp",
        "--max-shift",
        "0",
    ),
}
TABLES = [
    f"{name}{kind}"
    for name in ("numbers", "classes")
    for kind in (".csv", ".tsv", ".parquet", ".npz", "_parts")
]
DATA: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(TABLES, ()),
    "named.csv": (),
    "words.csv": ("--categorical", "who"),
    "dates.csv": ("--dates", "when"),
    "gaps.csv": ("--impute", "mean"),
    **dict.fromkeys(("images.npz", "colours.npz", "measured.npz", "folder"), ()),
    **dict.fromkeys(("iris", "diabetes", "digits", "noisy-cubic", "two-planes"), ()),
}
FRESH = ("noisy-cubic", "two-planes")


# Those that differ most; `make proofs` takes all of them.
QUICK = (
    "numbers.csv",
    "classes_parts",
    "named.csv",
    "words.csv",
    "gaps.csv",
    "images.npz",
    "colours.npz",
    "folder",
)


@pytest.mark.parametrize("data", QUICK)
@pytest.mark.parametrize("model", MODELS)
def test_what_trains_predicts_and_is_scored(
    mlcli: Run, home: Path, empty_folder: Path, model: str, data: str
) -> None:
    check_pair(mlcli, home, model, data, ("safetensors",))


def check_pair(mlcli: Run, home: Path, model: str, data: str, formats: Sequence[str]) -> None:
    """A pair is refused before any work, or does all that a model does."""
    given = str(home / data) if (home / data).exists() else data
    command = model.split()[0]
    trained = mlcli(
        command,
        "--data",
        given,
        *DATA[data],
        *MODELS[model],
        "--no-plots",
        "--quiet",
        "--jobs",
        "1",
        "--out",
        "run",
    )
    assert "bug" not in trained.err
    if trained.code != 0:
        # An error before any work, of one sentence.
        assert trained.code == 2, trained.err
        assert trained.err.count("\n") == 1, trained.err
        assert not Path("run").exists()
        return
    if data in FRESH:
        made = mlcli(
            "data", "make", "--names", data, "--n-draws", "1", "--n-samples", "20", "--quiet"
        )
        if made.code != 0:
            return
        given = f"data/{data.replace('-', '_')}.csv"
    predicted = mlcli("predict", "run", given, "--quiet")
    assert predicted.code == 0, predicted.err
    scored = mlcli("evaluate", "run", given, "--json")
    assert scored.code == 0, scored.err
    assert scored.json["n_rows"] > 0
    for to in formats:
        exported = mlcli("export", "run", "--to", to)
        if data in PREPARED:
            assert (exported.code, "whose inputs are prepared" in exported.err) == (2, True)
        else:
            assert exported.code == 0, exported.err
