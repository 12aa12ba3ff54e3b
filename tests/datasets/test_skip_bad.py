"""A corrupt image among many: named, or left out and named with --skip-bad."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

Run = Callable[..., Any]
TRAIN = ("train-cnn", "--data", "shapes", "--layers", "conv 2 3x3, relu, global avg")
QUICK = ("--no-equal-mlp", "--n-epochs", "1", "--n-seeds", "1", "--no-plots", "--batch-size", "8")


@pytest.fixture
def shapes(empty_folder: Path) -> Path:
    """Two classes of twenty images of 6 x 6, one of them no image."""
    rng = np.random.default_rng(0)
    for name, dark in (("dark", 0), ("light", 120)):
        (empty_folder / "shapes" / name).mkdir(parents=True)
        for i in range(20):
            pixels = rng.integers(dark, dark + 120, (6, 6)).astype(np.uint8)
            Image.fromarray(pixels).save(empty_folder / "shapes" / name / f"{i:02d}.png")
    (empty_folder / "shapes" / "dark" / "07.png").write_bytes(b"no image")
    return empty_folder / "shapes"


def test_training_leaves_it_out_by_name(mlcli: Run, shapes: Path) -> None:
    refused = mlcli(*TRAIN, *QUICK)
    assert refused.code == 2
    assert "07.png can't be read" in refused.err
    assert "--skip-bad" in refused.err
    assert not Path("runs").exists()
    done = mlcli(*TRAIN, *QUICK, "--skip-bad", "--out", "run")
    assert done.code == 0, done.err
    assert done.err.count("left out: ") == 1
    manifest = json.loads(Path("run/manifest.json").read_text())
    assert manifest["data"]["skipped"] == ["dark/07.png"]
    (shapes / "dark" / "07.png").unlink()
    again = mlcli(*TRAIN, *QUICK, "--out", "without")
    assert again.code == 0, again.err
    assert Path("run/metrics.json").read_bytes() == Path("without/metrics.json").read_bytes()


def test_predictions_and_scores_leave_it_out_by_name(mlcli: Run, shapes: Path) -> None:
    assert mlcli(*TRAIN, *QUICK, "--skip-bad", "--out", "run").code == 0
    for command in ("predict", "evaluate"):
        refused = mlcli(command, "run", "shapes")
        assert (refused.code, refused.out) == (2, "")
        assert "07.png can't be read" in refused.err
        done = mlcli(command, "run", "shapes", "--skip-bad")
        assert done.code == 0, done.err
        assert done.err.count("left out: ") == 1
        if command == "predict":
            assert len(done.out.splitlines()) == 1 + 39
            assert "dark/07.png" not in done.out


def test_a_folder_of_bad_images_is_refused(mlcli: Run, shapes: Path) -> None:
    assert mlcli(*TRAIN, *QUICK, "--skip-bad", "--out", "run").code == 0
    for path in (shapes / "dark").iterdir():
        path.write_bytes(b"no image")
    refused = mlcli(*TRAIN, *QUICK, "--skip-bad")
    assert refused.code == 2
    assert "dark holds no image that can be read" in refused.err
    none = mlcli("predict", "run", "shapes/dark", "--skip-bad")
    assert none.code == 2
    assert "holds no image that can be read" in none.err
