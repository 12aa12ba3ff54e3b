"""`scan` learns a rule of whole rows and columns; a perceptron of its size does not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any


def test_scan_learns_what_a_perceptron_of_its_size_does_not(
    mlcli: Callable[..., Any], empty_folder: Path
) -> None:
    done = mlcli(
        "train-cnn",
        "--data",
        "imbalance",
        "--architecture",
        "scan",
        "--n-epochs",
        "60",
        "--optimiser",
        "adamw",
        "--weight-decay",
        "1",
        "--max-shift",
        "0",
        "--round-metric",
        "--n-seeds",
        "3",
        "--no-plots",
        "--quiet",
        "--json",
    )
    assert done.code == 0, done.err
    own, other = done.json, done.json["equal_mlp"]
    print(f"\nscan {own['test_rounded_accuracy']}\nperceptron {other['test_rounded_accuracy']}")
    assert abs(own["n_parameters"] - other["n_parameters"]) < 200
    assert own["test_rounded_accuracy"]["ci_low"] >= 0.97
    assert other["test_rounded_accuracy"]["ci_high"] < 0.5
